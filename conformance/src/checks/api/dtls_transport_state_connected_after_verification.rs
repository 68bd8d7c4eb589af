//! webrtc-pc §5.5.1: an `RTCDtlsTransport` goes from new over connecting to connected, and is connected only after the
//! other side's Finished has come and its fingerprint is known.

use super::moments;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{DtlsState, PeerEvent};

pub(super) const CHECK: Check = Check {
    id: "dtls-transport-state-connected-after-verification",
    layer: Layer::Dtls,
    subject: "states of DTLS transports",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let events = evidence.events(peer);
    let mut before: Option<DtlsState> = None;
    let mut connected = None;
    for happened in &events {
        let PeerEvent::DtlsStateChange { state, .. } = happened.event else { continue };
        let place = Place::Entry(happened.entry);
        // The states before the first that is reported are unknown: nobody may have listened yet.
        let back = match (before, *state) {
            (Some(DtlsState::Connecting), DtlsState::New) => true,
            (Some(DtlsState::Connected), next) => matches!(next, DtlsState::New | DtlsState::Connecting),
            _ => false,
        };
        match before {
            // What begins is another association.
            Some(_) if back && evidence.renews_association(peer, happened.t_us) => tally.pass(place),
            Some(before) if back && !has_one_transport(evidence, peer) => {
                tally.inconclusive(format!("{before} and {state} may be of two transports"), [place]);
            }
            Some(before) if back => {
                tally.fail(
                    Fault("order-of-states"),
                    format!("a DTLS transport went from {before} to {state}"),
                    [place],
                );
            }
            _ => tally.pass(place),
        }
        if *state == DtlsState::Connected && connected.is_none() {
            connected = Some(happened);
        }
        before = Some(*state);
    }
    let Some(connected) = connected else { return };
    let place = Place::Entry(connected.entry);
    match evidence.first_finished(peer, other) {
        Some((frame, t_us)) => {
            if let Some(off) = Off::early(evidence, peer, connected.t_us, t_us) {
                let ms = off.ms();
                let text =
                    format!("the DTLS transport was connected {ms} ms before the other side's Finished");
                tally.off(
                    Fault("connected-before-finished"),
                    evidence,
                    off,
                    text,
                    [place, Place::Frame(frame)],
                );
            }
        }
        None => tally.inconclusive("the other side's Finished is not in the recording", [place]),
    }
    match moments(evidence, peer, "setRemoteDescription").first() {
        Some((entry, t_us)) => {
            if let Some(off) = Off::early(evidence, peer, connected.t_us, *t_us) {
                let text = "the DTLS transport was connected before the other side's description was set";
                tally.off(
                    Fault("connected-before-description"),
                    evidence,
                    off,
                    text,
                    [place, Place::Entry(*entry)],
                );
            }
        }
        None => tally.inconclusive("when the other side's description was set is unknown", [place]),
    }
}

/// Whether a peer's descriptions leave it no choice: with one section there is one transport.
fn has_one_transport(evidence: &Evidence, peer: Peer) -> bool {
    evidence.made_by(peer).all(|made| made.sdp.media().len() < 2)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use peerproof_captures::event::{DtlsState, PeerEvent};

    /// Reports that it is connected long before the description was set.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let at = events::find(evidence, "bob", |event| {
            matches!(event, PeerEvent::DtlsStateChange { state: DtlsState::Connected, .. })
        });
        evidence.timeline[at].t_us = 0;
    })
    .and(&[Mutation::new(Recording::Data, "went from connected to new", |evidence| {
        events::push(evidence, "bob", PeerEvent::DtlsStateChange { state: DtlsState::New, reason: None });
    })]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::sdp::{change_fingerprints, renegotiate};
    use crate::checks::controls::{Recording, events};

    #[test]
    fn another_association_begins_anew() {
        let mut evidence = Recording::Data.evidence();
        renegotiate(&mut evidence);
        events::push(
            &mut evidence,
            "bob",
            PeerEvent::DtlsStateChange { state: DtlsState::New, reason: None },
        );
        let of_bob = |evidence: &Evidence| CHECK.run(evidence)[1].result;
        assert_eq!(of_bob(&evidence), Status::Fail);
        change_fingerprints(&mut evidence.descriptions[2]);
        assert_eq!(of_bob(&evidence), Status::Pass);
    }
}
