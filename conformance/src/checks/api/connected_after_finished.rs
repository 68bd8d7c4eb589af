//! webrtc-pc §4.3.3 and §4.4.1.3: connectionState becomes `connected` only after the other side's Finished has come,
//! and `failed` when DTLS fails.

use super::CLOCKS_DIFFER_US;
use crate::checks::{Check, Place, Tally};
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
        match evidence.handshake(peer).finished(other) {
            Some((frame, t_us)) if first.t_us.saturating_add(CLOCKS_DIFFER_US) < t_us => tally.fault(
                format!(
                    "connectionState became connected {} ms before the other side's Finished",
                    t_us.saturating_sub(first.t_us) / 1000
                ),
                [place, Place::Frame(frame)],
            ),
            Some(_) => tally.good(place),
            None => tally.doubt("the other side's Finished is not in the recording", [place]),
        }
    }
    let failed = events
        .iter()
        .position(|it| matches!(it.event, PeerEvent::DtlsStateChange { state: DtlsState::Failed, .. }));
    let Some((at, dtls)) = failed.and_then(|at| Some((at, events.get(at)?))) else { return };
    let place = Place::Entry(dtls.entry);
    // Chance has it which of the two events is told first.
    let states = events.iter().filter_map(|it| match it.event {
        PeerEvent::ConnectionStateChange { state } => Some((it.seq, *state)),
        _ => None,
    });
    let told: Vec<_> = states.collect();
    if told.iter().any(|(_, state)| matches!(state, ConnectionState::Failed | ConnectionState::Closed)) {
        tally.good(place);
    } else if events.iter().skip(at).any(|it| it.t_us > dtls.t_us.saturating_add(super::PATIENCE_US)) {
        let state = told.last().map_or("new", |(_, state)| state.as_str());
        tally.fault(format!("DTLS failed, and connectionState stayed {state}"), [place]);
    } else {
        tally.doubt("the recording ends soon after DTLS failed", [place]);
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use peerproof_captures::event::{ConnectionState, PeerEvent};
    use peerproof_captures::timeline::Entry;

    /// Tells `connected` a second before it did.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let connected = PeerEvent::ConnectionStateChange { state: ConnectionState::Connected };
        let at = events::find(evidence, "bob", |event| *event == connected);
        let entry: &mut Entry = &mut evidence.timeline[at];
        entry.t_us = entry.t_us.saturating_sub(1_000_000);
    });
}
