//! RFC 8863 §4: while the PAC timer runs an agent does not declare that ICE has failed; "the RECOMMENDED duration for the PAC timer is equal to the agent's
//! connectivity check timeout", 39.5 s.

use super::nomination;
use super::roles::History;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{IceState, PeerEvent};

pub(super) const CHECK: Check = Check {
    id: "ice-no-early-failure",
    layer: Layer::Checks,
    subject: "failures of ICE without any connection",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// What the timer is recommended to be, in microseconds.
const PAC_US: u64 = 39_500_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("ICE did not fail, or had a connection before");
    let Some(other) = evidence.other(peer) else { return };
    let state = |event: &PeerEvent| match event {
        PeerEvent::IceConnectionStateChange { state } | PeerEvent::IceTransportStateChange { state } => {
            Some(*state)
        }
        _ => None,
    };
    let events = evidence.events(peer);
    let mut states = events.iter().filter_map(|it| Some((it, state(it.event)?)));
    let decided = states.find(|(_, state)| {
        matches!(state, IceState::Connected | IceState::Completed | IceState::Failed | IceState::Closed)
    });
    let Some((failed, IceState::Failed)) = decided else { return };
    // The timer begins when the credentials of both sides are known (§4).
    let both = [evidence.made_by(peer).next(), evidence.made_by(other).next()];
    let [Some(own), Some(theirs)] = both else { return };
    let since_us = own.t_us.max(evidence.applied(peer, theirs).from_us);
    let place = Place::Entry(failed.entry);
    if !nomination::nominated(evidence, &History::new(evidence, peer)).is_empty() {
        tally.inconclusive("a pair was nominated before: what failed is not known", [place]);
        return;
    }
    match Off::soon(since_us, PAC_US, failed.t_us) {
        None => tally.pass(place),
        Some(off) => {
            let after = failed.t_us.saturating_sub(since_us) / 1_000;
            let text =
                format!("ICE fails {after} ms after both descriptions, before the PAC timer of 39.5 s");
            let off = off.by_clock_of(evidence, peer);
            tally.warn_off(Fault("before-pac-timer"), evidence, off, text, [place]);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use crate::evidence::Evidence;
    use peerproof_captures::event::{IceState, PeerEvent};

    fn is_state(event: &PeerEvent) -> bool {
        matches!(
            event,
            PeerEvent::IceConnectionStateChange { .. } | PeerEvent::IceTransportStateChange { .. }
        )
    }

    /// ICE of Alice's fails so long after everything, and nothing was ever sent.
    fn fail(evidence: &mut Evidence, after_us: u64) {
        evidence.wire.as_mut().unwrap().packets.clear();
        let last = events::find_last(evidence, "alice", is_state);
        let mut entry = evidence.timeline[last].clone();
        evidence.timeline.retain(|it| {
            let what = &it.what;
            !matches!(what, peerproof_captures::timeline::What::Event { event, .. } if is_state(event))
        });
        entry.t_us = evidence.timeline.last().unwrap().t_us + after_us;
        evidence.timeline.push(entry);
        let at = evidence.timeline.len() - 1;
        *events::event(evidence, at) = PeerEvent::IceConnectionStateChange { state: IceState::Failed };
    }

    /// Has ICE fail two seconds after the answer.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Conflict,
        |evidence| fail(evidence, 60_000_000),
        |evidence| {
            let made = evidence.descriptions.iter().map(|it| it.t_us).max().unwrap();
            evidence.timeline.last_mut().unwrap().t_us = made + 2_000_000;
        },
    );
}
