//! webrtc-pc §4.3.3 and §4.4.1.3: connectionState becomes `connected` only after the other side's Finished has come,
//! and `failed` when DTLS fails.

use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{ConnectionState, DtlsState, PeerEvent};

pub(super) const CHECK: Check = Check {
    id: "connection-state-requires-dtls",
    layer: Layer::Dtls,
    subject: "connections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let events = evidence.events(peer);
    let connected = PeerEvent::ConnectionStateChange { state: ConnectionState::Connected };
    if let Some(first) = events.iter().find(|it| *it.event == connected) {
        let place = Place::Entry(first.entry);
        // Seen where it was sent, it came later still.
        match evidence.first_finished(peer, other) {
            Some((frame, t_us)) => match Off::early(evidence, peer, first.t_us, t_us) {
                Some(off) => {
                    let ms = off.ms();
                    let text =
                        format!("connectionState became connected {ms} ms before the other side's Finished");
                    tally.off(
                        Fault("connected-before-finished"),
                        evidence,
                        off,
                        text,
                        [place, Place::Frame(frame)],
                    );
                }
                None => tally.pass(place),
            },
            None => tally.inconclusive("the other side's Finished is not in the recording", [place]),
        }
    }
    let failed = events
        .iter()
        .position(|it| matches!(it.event, PeerEvent::DtlsStateChange { state: DtlsState::Failed, .. }));
    let Some((at, dtls)) = failed.and_then(|at| Some((at, events.get(at)?))) else { return };
    let place = Place::Entry(dtls.entry);
    // Which of the two events is reported first is chance.
    let states = events.iter().filter_map(|it| match it.event {
        PeerEvent::ConnectionStateChange { state } => Some((it.seq, *state)),
        _ => None,
    });
    let stated: Vec<_> = states.collect();
    if stated.iter().any(|(_, state)| matches!(state, ConnectionState::Failed | ConnectionState::Closed)) {
        tally.pass(place);
        return;
    }
    let last_us = events.iter().skip(at).map(|it| it.t_us).max().unwrap_or(dtls.t_us);
    match Off::late(dtls.t_us, super::PATIENCE_US, last_us) {
        Some(off) => {
            let state = stated.last().map_or("new", |(_, state)| state.as_str());
            let text = format!("DTLS failed, and connectionState stayed {state}");
            tally.off(Fault("not-failed-with-dtls"), evidence, off, text, [place]);
        }
        None => tally.inconclusive("the recording ends soon after DTLS failed", [place]),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use peerproof_captures::event::{ConnectionState, DtlsState, PeerEvent};
    use peerproof_captures::timeline::Entry;

    /// Reports `connected` a second before it did.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let connected = PeerEvent::ConnectionStateChange { state: ConnectionState::Connected };
        let at = events::find(evidence, "bob", |event| *event == connected);
        let entry: &mut Entry = &mut evidence.timeline[at];
        entry.t_us = entry.t_us.saturating_sub(1_000_000);
    })
    .and(&[Mutation::new(Recording::Data, "DTLS failed, and connectionState stayed", |evidence| {
        events::push(evidence, "bob", PeerEvent::DtlsStateChange { state: DtlsState::Failed, reason: None });
        events::push(evidence, "bob", PeerEvent::NegotiationNeeded);
        evidence.timeline.last_mut().unwrap().t_us += 60_000_000;
    })]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, events};

    const BOB: Peer = Peer(1);

    /// Firefox's events were placed too early by that much once, while the machine was under load.
    #[test]
    fn what_the_clock_leaves_open_is_no_fault() {
        let early_us = 111_000;
        let mut evidence = Recording::Conflict.evidence();
        let (_, finished_us) = evidence.first_handshake(BOB).finished(Peer(0)).unwrap();
        let connected = PeerEvent::ConnectionStateChange { state: ConnectionState::Connected };
        let at = events::find(&evidence, "bob", |event| *event == connected);
        evidence.timeline[at].t_us = finished_us - early_us;
        let mut result = |error_us| {
            evidence.blur_clock(BOB, error_us);
            CHECK.run(&evidence)[1].result
        };
        assert_eq!(result(0), Status::Fail);
        assert_eq!(result(early_us - 1), Status::Fail);
        assert_eq!(result(early_us), Status::Inconclusive);
        let finding = &CHECK.run(&evidence)[1];
        assert!(finding.sentence.contains("connected 111 ms before"), "{}", finding.sentence);
    }
}
