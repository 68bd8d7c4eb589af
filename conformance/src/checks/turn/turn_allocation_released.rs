//! RFC 8656 §8: a client that needs an allocation no longer gives it back by a Refresh request with a lifetime of zero.

use super::{Ends, said};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::timeline::What;
use peerproof_captures::wire::stun::{AttributeType, Class, Method};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "turn-allocation-released",
    layer: Layer::Gathering,
    subject: "allocations that were given back",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Within which it should come, in microseconds: a choice of ours.
const WITHIN_US: u64 = 10_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("the peer gave no allocation back, and was not closed with one");
    let name = evidence.name(peer);
    let is_close = |what: &What| matches!(what, What::Command { peer, name: call, .. } if peer == name && call == "close");
    let closed = evidence.timeline.iter().find(|entry| is_close(&entry.what));
    let last_us = evidence.timeline.last().map_or(0, |entry| entry.t_us);
    let mut held: BTreeMap<Ends, u64> = BTreeMap::new();
    for said in said(evidence, peer) {
        let zero = || said.message.number(AttributeType::Lifetime).is_some_and(|it| it.value == 0);
        if said.is_received(Method::Allocate, Class::Success) {
            held.insert(said.ends(), said.at.frame);
        } else if said.is_sent(Method::Refresh, Class::Request)
            && zero()
            && held.remove(&said.ends()).is_some()
        {
            tally.pass(Place::Frame(said.at.frame));
        }
    }
    // A peer that the recording does not see closed may need what it holds.
    let Some(closed) = closed else { return };
    for frame in held.into_values() {
        let places = [Place::Entry(closed.n), Place::Frame(frame)];
        match Off::late(closed.t_us, WITHIN_US, last_us) {
            Some(off) => {
                tally.warn_off(
                    Fault("not-released"),
                    evidence,
                    off,
                    "an allocation is not given back after close()",
                    places,
                );
            }
            None => {
                tally.inconclusive(
                    "the recording ends before an allocation would have to be given back",
                    places,
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, turn};
    use peerproof_captures::timeline::What;
    use serde_json::json;

    /// Takes out what gives an allocation back when the peer is closed, and has the recording go on for long enough.
    pub(super) const CONTROL: Control = Control::new(Recording::Relay, |evidence| {
        let servers = &mut evidence.wire.as_mut().unwrap().servers;
        let before = servers.len();
        servers.retain(|message| !(message.sent && message.bytes[1] == turn::REFRESH));
        assert!(servers.len() < before);
        let last = evidence.timeline.last().unwrap().clone();
        for (after_us, name) in [(0, "close"), (60_000_000, "getState")] {
            let mut entry = last.clone();
            entry.t_us += after_us;
            let (peer, name) = ("alice".to_owned(), name.to_owned());
            entry.what = What::Command { peer, id: u64::MAX, name, args: json!({}) };
            evidence.timeline.push(entry);
        }
    });
}
