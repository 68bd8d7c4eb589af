//! W3C webrtc-pc §5.5.1: the state closed says that "the DTLS connection has been closed intentionally via an explicit close_notify alert"; failed is for
//! errors.

use super::alerts;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{DtlsState, PeerEvent};
use peerproof_captures::timeline::What;

pub(super) const CHECK: Check = Check {
    id: "dtls-transport-closed-on-close-notify",
    layer: Layer::Dtls,
    subject: "close_notify alerts of the other side",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Within which the state has to change, in microseconds: the catalogue's choice.
const WITHIN_US: u64 = 2_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let (Some(wire), Some(other)) = (&evidence.wire, evidence.other(peer)) else { return };
    if !wire.is_tapped(peer) {
        tally.not_applicable("it is not known when something reached the peer");
        return;
    }
    let received = alerts(evidence, peer, other)
        .find(|it| it.epoch > 0 && it.is_close_notify() && !evidence.is_faulted(it.packet.frame));
    let Some(received) = received else { return };
    let (since, place) = (received.packet.t_us, Place::Frame(received.packet.frame));
    let states = |event: &PeerEvent| match event {
        PeerEvent::DtlsStateChange { state, .. } => Some(*state),
        _ => None,
    };
    let events = evidence.events(peer);
    let mut seen = events.iter().filter_map(|it| Some((it, states(it.event)?)));
    let error_us = evidence.clock_error(peer);
    let ended = seen.find(|(it, state)| {
        matches!(state, DtlsState::Closed | DtlsState::Failed) && it.t_us.saturating_add(error_us) >= since
    });
    let last_us = evidence.timeline.last().map_or(0, |entry| entry.t_us).min(closed(evidence, peer));
    match ended {
        Some((it, DtlsState::Closed)) => tally.pass(Place::Entry(it.entry)),
        Some((it, _)) => tally.fail(
            Fault("failed"),
            "the DTLS transport became failed after a close_notify of the other side",
            [Place::Entry(it.entry), place],
        ),
        None => match Off::late(since, WITHIN_US, last_us) {
            Some(off) => {
                let off = off.by_clock_of(evidence, peer);
                let text = "the DTLS transport is not closed after a close_notify of the other side";
                tally.off(Fault("not-closed"), evidence, off, text, [place]);
            }
            None => tally.inconclusive("the recording ends before the state had to change", [place]),
        },
    }
}

/// When the peer is asked to close: from then on its states are not reported.
fn closed(evidence: &Evidence, peer: Peer) -> u64 {
    let own = evidence.name(peer);
    let is = |what: &What| matches!(what, What::Command { peer, name, .. } if peer == own && name == "close");
    evidence.timeline.iter().find(|entry| is(&entry.what)).map_or(u64::MAX, |entry| entry.t_us)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls, events};
    use crate::evidence::{Evidence, Peer};
    use peerproof_captures::event::{DtlsState, PeerEvent};

    const STACK: Peer = Peer(0);
    const CHROME: Peer = Peer(1);

    fn change(state: DtlsState) -> PeerEvent {
        PeerEvent::DtlsStateChange { state, reason: None }
    }

    /// Chrome says close_notify while the recording goes on, and the stack's transport is closed.
    fn close(evidence: &mut Evidence) {
        dtls::say(evidence, CHROME, 21, &[1, 0], 1_000);
        let t_us = evidence.wire.as_ref().unwrap().packets.last().unwrap().t_us;
        let is_state = |event: &PeerEvent| matches!(event, PeerEvent::DtlsStateChange { .. });
        let last = events::find_last(evidence, "alice", is_state);
        let mut entry = evidence.timeline[last].clone();
        entry.t_us = t_us + 1_000;
        evidence.timeline.retain(|it| it.t_us <= t_us);
        evidence.timeline.push(entry);
        *events::event(evidence, evidence.timeline.len() - 1) = change(DtlsState::Closed);
        let mut end = evidence.timeline.first().unwrap().clone();
        end.t_us = t_us + 20_000_000;
        evidence.timeline.push(end);
        assert_eq!(evidence.name(STACK), "alice");
    }

    /// Makes the state failed.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Data, close, |evidence| {
        let at = evidence.timeline.len() - 2;
        *events::event(evidence, at) = change(DtlsState::Failed);
    })
    .and(&[Mutation::new(Recording::Data, "is not closed", |evidence| {
        let at = evidence.timeline.len() - 2;
        evidence.timeline.remove(at);
    })
    .prepared(close)]);
}
