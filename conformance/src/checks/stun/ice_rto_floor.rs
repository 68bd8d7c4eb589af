//! RFC 8445 §14.3: a request is not repeated before half a second has passed.

use super::sent;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{Class, Method};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "ice-rto-floor",
    layer: Layer::Checks,
    subject: "repeated requests",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Half a second, and what a timer may be early by itself, in microseconds.
const FLOOR_US: u64 = 480_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    // Where a peer's own tap was not recorded the network may have brought the second one sooner.
    if !evidence.wire.as_ref().is_some_and(|wire| wire.is_tapped(peer)) {
        return;
    }
    let mut seen: BTreeMap<_, (u64, u64, bool)> = BTreeMap::new();
    for sent in sent(evidence, peer) {
        let is_request = sent.message().is_some_and(|it| it.kind.value.class() == Class::Request);
        let Some(id) = sent.bytes.get(8..20).filter(|_| is_request) else { continue };
        let Some((frame, t_us, again)) = seen.get_mut(&(id, sent.from, sent.to)) else {
            seen.insert((id, sent.from, sent.to), (sent.frame, sent.t_us, false));
            continue;
        };
        if std::mem::replace(again, true) {
            continue;
        }
        let after = sent.t_us.saturating_sub(*t_us);
        let places = [Place::Frame(sent.frame), Place::Frame(*frame)];
        match Off::soon(*t_us, FLOOR_US, sent.t_us) {
            Some(off) => {
                let text = format!("a request is repeated after {} ms, less than 500", after / 1000);
                // §14.3 is on gathering and checks; of other requests RFC 8489 §6.2.1 says SHOULD.
                let of_ice = |method| matches!(method, Method::Binding | Method::Allocate);
                if sent.message().is_some_and(|it| of_ice(it.kind.value.method())) {
                    tally.off(Fault("too-soon"), evidence, off, text, places);
                } else {
                    tally.warn_off(Fault("too-soon-for-others"), evidence, off, text, places);
                }
            }
            None => tally.pass(places[0]),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, turn};
    use crate::evidence::{Evidence, Peer};

    /// Sends one request again after 200 milliseconds. That another is repeated late enough had to be brought about: those
    /// who are recorded send each check once.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Restart,
        |evidence| repeat(evidence, 0, 600_000),
        |evidence| repeat(evidence, 2, 200_000),
    )
    .and(&[Mutation::new(Recording::Relay, "is repeated after 200 ms", |evidence| {
        turn::repeat_soon(evidence, turn::REFRESH);
    })
    .prepared(|evidence| turn::repeat_late(evidence, turn::ALLOCATE))]);

    fn repeat(evidence: &mut Evidence, nth: usize, after_us: u64) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let own = |it: &crate::evidence::Packet| {
            it.bytes[..2] == [0, 1] && it.sender == Peer(1) && it.tap == Peer(1)
        };
        let mut again = packets.iter().filter(|packet| own(packet)).nth(nth).unwrap().clone();
        again.t_us += after_us;
        let at = packets.iter().position(|packet| packet.t_us > again.t_us).unwrap_or(packets.len());
        packets.insert(at, again);
    }
}
