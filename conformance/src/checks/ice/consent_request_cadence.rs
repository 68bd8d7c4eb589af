//! RFC 7675 §5.1: on the pair in use a peer asks for consent no more often than every four seconds, at random intervals about five, each
//! time with a new transaction and once.

use super::nomination::{data, generation, nominated, path};
use super::roles::{History, Says};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "consent-request-cadence",
    layer: Layer::Nomination,
    subject: "intervals between checks of the pair in use",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Four seconds, and what a timer may be early by itself, in microseconds: the catalogue's choice.
const SHORTEST_US: u64 = 3_900_000;
/// What is under way when a pair is nominated is no check for consent.
const SETTLED_US: u64 = 1_000_000;
/// Fewer intervals prove nothing.
const ENOUGH: usize = 5;
/// "Each interval MUST be randomized from between 0.8 and 1.2 times the basic period": of ten that are, the longest and the shortest lie within a tenth
/// of that range once in a hundred million times.
const MANY: usize = 10;
/// That tenth: a twenty-fifth of the period.
const ALIKE: u64 = 25;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no pair was in use for long enough");
    if !evidence.wire.as_ref().is_some_and(|wire| wire.is_tapped(peer)) {
        return;
    }
    let history = History::new(evidence, peer);
    let nominated = nominated(evidence, &history);
    let Some(used) = data(evidence, peer).last().map(path) else { return };
    let Some(nomination) = nominated.iter().find(|it| it.path == used) else { return };
    let settled = |t_us: u64| Off::late(nomination.t_us, SETTLED_US, t_us);
    let mut asked: Vec<(u64, u64)> = Vec::new();
    let mut for_consent = BTreeSet::new();
    for (at, stated) in history.stated.iter().enumerate() {
        let packet = stated.packet;
        let ours = packet.sender == peer
            && path(packet) == used
            && settled(packet.t_us).is_some()
            && matches!(stated.says, Says::Claims(..))
            && generation(stated) == Some(nomination.generation);
        if !ours || evidence.is_faulted(packet.frame) {
            continue;
        }
        if !history.is_first(at) {
            // A check that began before the nomination may be repeated after it (RFC 8489 §6.2.1): it is none for consent.
            if for_consent.contains(&stated.transaction()) {
                tally.fail(
                    Fault("repeated"),
                    "a check for consent is sent twice",
                    [Place::Frame(packet.frame)],
                );
            }
            continue;
        }
        for_consent.insert(stated.transaction());
        asked.push((packet.t_us, packet.frame));
    }
    let gaps: Vec<[(u64, u64); 2]> = asked.windows(2).map(|pair| [pair[0], pair[1]]).collect();
    let Some([_, (_, last)]) = gaps.last() else { return };
    if gaps.len() < ENOUGH {
        tally.inconclusive(format!("too few intervals to decide: {}", gaps.len()), [Place::Frame(*last)]);
        return;
    }
    for [(before_us, _), (t_us, frame)] in &gaps {
        let place = Place::Frame(*frame);
        let Some(off) = Off::soon(*before_us, SHORTEST_US, *t_us) else {
            tally.pass(place);
            continue;
        };
        let gap_us = t_us.saturating_sub(*before_us);
        let text =
            format!("a check for consent follows the last after {} ms, less than 4000", gap_us / 1_000);
        match settled(*before_us).and_then(|off| off.doubt(evidence)) {
            Some(_) => {
                tally
                    .inconclusive_time("checks may still be under way that were for the nomination", [place]);
            }
            None => tally.off(Fault("too-soon"), evidence, off, text, [place]),
        }
    }
    let lengths = || gaps.iter().map(|[(before_us, _), (t_us, _)]| t_us.saturating_sub(*before_us));
    let (shortest, longest) = (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0));
    let mean = lengths().sum::<u64>() / gaps.len() as u64;
    let alike = gaps.len() >= MANY && longest - shortest < mean / ALIKE;
    if alike && !evidence.whole {
        tally.inconclusive("other intervals may be missing in the capture", [Place::Frame(*last)]);
    } else if alike {
        let spread = (longest - shortest) / 1_000;
        let text = format!("all {} intervals of {} ms are the same to {spread} ms", gaps.len(), mean / 1_000);
        tally.fail(Fault("not-random"), text, [Place::Frame(*last)]);
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};
    use crate::evidence::Peer;

    const BOB: Peer = Peer(1);

    /// Sends all checks for consent 2.5 seconds apart. That there are any had to be brought about.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Conflict,
        |evidence| stun::ask_again(evidence, BOB, |n| n * 4_700_000 + n * n % 7 * 40_000),
        |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let own = packets.iter_mut().filter(|it| it.frame > stun::AGAIN);
            own.for_each(|packet| {
                let first = packet.t_us;
                let n = packet.frame - stun::AGAIN;
                packet.t_us = first - (n * 4_700_000 + n * n % 7 * 40_000) + n * 2_500_000;
            });
        },
    )
    .and(&[Mutation::new(Recording::Conflict, "is sent twice", |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let mut again = packets.iter().find(|it| it.frame == stun::AGAIN + 5).unwrap().clone();
        again.frame = stun::AGAIN + 100;
        again.t_us = packets.last().unwrap().t_us + 10_000;
        packets.push(again);
    })
    .prepared(|evidence| stun::ask_again(evidence, BOB, |n| n * 4_700_000 + n * n % 7 * 40_000))]);

    /// Every five seconds, give or take so much.
    pub(super) fn every_five_seconds(evidence: &mut crate::evidence::Evidence, give_us: u64) {
        stun::ask_again(evidence, BOB, |n| n * 5_000_000 + n * n % 7 * give_us / 6);
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, stun};
    use crate::evidence::{Evidence, Packet, Peer};

    const BOB: Peer = Peer(1);

    /// What becomes of it that a check is repeated after the nomination.
    fn repeated(wanted: impl Fn(&Packet) -> bool) -> Status {
        let mut evidence: Evidence = Recording::Conflict.evidence();
        stun::ask_again(&mut evidence, BOB, |n| n * 4_700_000 + n * n % 7 * 40_000);
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let own = |it: &&Packet| it.bytes[..2] == [0, 1] && it.sender == BOB && it.tap == BOB && wanted(it);
        let mut again = packets.iter().rfind(own).unwrap().clone();
        again.frame = stun::AGAIN + 100;
        again.t_us = packets.last().unwrap().t_us + 10_000;
        packets.push(again);
        let findings = CHECK.run(&evidence);
        findings.into_iter().find(|it| it.endpoint == evidence.name(BOB)).unwrap().result
    }

    #[test]
    fn intervals_that_hardly_differ_are_not_random() {
        for (give_us, expected) in [(30_000, Status::Fail), (700_000, Status::Pass)] {
            let mut evidence = Recording::Conflict.evidence();
            super::control::every_five_seconds(&mut evidence, give_us);
            let findings = CHECK.run(&evidence);
            let bob = findings.into_iter().find(|it| it.endpoint == evidence.name(BOB)).unwrap();
            assert_eq!(bob.result, expected, "{give_us}: {}", bob.sentence);
        }
    }

    #[test]
    fn only_a_check_for_consent_must_not_be_repeated() {
        assert_eq!(repeated(|it| it.frame == stun::AGAIN + 5), Status::Fail);
        assert_eq!(repeated(|it| it.frame < stun::AGAIN), Status::Pass);
    }
}
