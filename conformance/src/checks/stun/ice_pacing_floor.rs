//! RFC 8445 §14.2: an agent begins no more than one STUN transaction in five milliseconds, over all that it asks.

use super::{Sent, sent};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{Class, Method};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "ice-pacing-floor",
    layer: Layer::Checks,
    subject: "transactions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The least interval (§14.2), in microseconds.
const INTERVAL_US: u64 = 5_000;
/// Number of intervals whose sum has no tolerance for the timers of the peer.
const MANY: usize = 20;
/// By how much a timer of the peer may be late by itself, so that what waited for it comes at once, in microseconds: a choice of ours, two of the
/// ticks of ten milliseconds that coarse timers have.
const TICK_US: u64 = 20_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut seen = BTreeSet::new();
    let mut begun: Vec<Sent<'_>> = sent(evidence, peer).filter(is_paced).collect();
    begun.sort_by_key(|sent| sent.t_us);
    begun.retain(|sent| seen.insert(sent.bytes.get(8..20)));
    for (at, first) in begun.iter().enumerate() {
        let place = Place::Frame(first.frame);
        match burst(evidence, &begun[at..]) {
            Some((count, off, last)) => {
                let within = last.t_us.saturating_sub(first.t_us) as f64 / 1e3;
                let text = format!("{count} transactions begin within {within:.1} ms");
                let places = [place, Place::Frame(last.frame)];
                let is_certain = off.doubt(evidence).is_none();
                tally.off(Fault("too-fast"), evidence, off, text, places);
                if is_certain {
                    return;
                }
            }
            None => tally.pass(place),
        }
    }
}

/// A run of transactions from the first one on that is faster than allowed: how many there are, by how much they come too soon, and the last
/// of them. The shortest that is so for certain; of others only the longest counts.
fn burst<'a, 'b>(evidence: &Evidence, begun: &'b [Sent<'a>]) -> Option<(usize, Off, &'b Sent<'a>)> {
    let first = begun.first()?;
    let mut uncertain = None;
    for (intervals, last) in begun.iter().enumerate().take(MANY + 1) {
        let least_us = INTERVAL_US * intervals as u64;
        let late_us = if intervals < MANY { TICK_US } else { 0 };
        let Some(off) = Off::soon(first.t_us, least_us.saturating_sub(late_us), last.t_us) else { continue };
        let run = Some((intervals + 1, off, last));
        if off.doubt(evidence).is_none() {
            return run;
        }
        // What a recording of ours says of the load of its machine excuses a few. Nothing is known of another's.
        if intervals == MANY || !evidence.whole {
            uncertain = run;
        }
    }
    uncertain
}

/// Whether it is of those that Ta is for: checks, and what gathers candidates (RFC 8445 §5.1.1.2, §6.1.4.2).
fn is_paced(sent: &Sent<'_>) -> bool {
    sent.message().is_some_and(|message| {
        let kind = message.kind.value;
        kind.class() == Class::Request && matches!(kind.method(), Method::Binding | Method::Allocate)
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::Peer;

    /// Puts 30 checks into 50 milliseconds, where the recording ends.
    pub(super) const CONTROL: Control = Control::new(Recording::Restart, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let end = packets.iter().map(|packet| packet.t_us).max().unwrap();
        let own = |it: &&mut crate::evidence::Packet| it.sender == Peer(1) && it.tap == Peer(1);
        let checks = packets.iter_mut().filter(own).filter(|packet| packet.bytes[..2] == [0, 1]);
        let mut last: Vec<_> = checks.rev().take(30).collect();
        assert_eq!(last.len(), 30);
        last.iter_mut().zip(0..).for_each(|(packet, n): (_, u64)| packet.t_us = end + 50_000 - n * 1_600);
    });
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::Recording;
    use crate::checks::{Status, of};
    use crate::evidence::{Packet, Peer};

    /// What is found of a capture of which nothing is known of the machine, with that many checks in one microsecond and no others.
    fn found(checks: usize) -> Status {
        let mut evidence = Recording::Restart.evidence();
        evidence.whole = false;
        evidence.forget_stalls();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.retain(|packet| packet.sender == Peer(1) && packet.bytes[..2] == [0, 1]);
        let mut seen = std::collections::BTreeSet::new();
        packets.retain(|packet: &Packet| packet.tap == Peer(1) && seen.insert(packet.bytes[8..20].to_vec()));
        packets.truncate(checks);
        assert_eq!(packets.len(), checks);
        packets.iter_mut().for_each(|packet| packet.t_us = 1_000_000);
        of("ice-pacing-floor").unwrap().run(&evidence).swap_remove(1).result
    }

    #[test]
    fn a_burst_in_a_capture_of_another_machine_is_in_doubt() {
        assert_eq!([found(2), found(5)], [Status::Pass; 2], "two ticks of a coarse timer");
        assert_eq!([found(6), found(20), found(21)], [Status::Inconclusive; 3]);
    }
}
