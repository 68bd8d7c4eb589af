//! Times that are habits of an implementation: when it first retransmits, how fast its checks follow one another, how often it reports. They
//! depend on the load of the machine, so they are kept as what all samples of a run spread over, and compared only where both runs have many
//! and the two do not overlap. How long the machine made a thread wait widens nothing: where several cases play, one waits nearly always,
//! and each time would have no lower bound.

use super::{Change, Comparison, Facts, Found, scenario};
use crate::checks::rtcp::is_reduced;
use crate::checks::sctp::transmissions;
use crate::evidence::{Evidence, Packet, Peer, Wire};
use peerproof_captures::wire::demux::Class as Datagram;
use peerproof_captures::wire::dtls::handshake::HandshakeType;
use peerproof_captures::wire::dtls::record::{ContentType, Record};
use peerproof_captures::wire::stun::{Class, Method};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Samples that each run must have: of twenty some are hardly delayed.
const FEWEST_SAMPLES: u64 = 20;
/// Gaps of which the middle one is a sample.
const FEWEST_GAPS: usize = 3;
/// How long after its first check an agent's checks count, in microseconds: later ones keep a pair alive or ask for consent.
const CONNECTING_US: u64 = 1_000_000;

/// What the samples of a time spread over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// How many samples.
    pub samples: u64,
    /// The shortest, in microseconds.
    pub least_us: u64,
    /// The longest, in microseconds.
    pub most_us: u64,
    /// The frame that ends the first sample.
    pub frame: u64,
}

impl Spread {
    fn and(self, other: Self) -> Self {
        Self {
            samples: self.samples.saturating_add(other.samples),
            least_us: self.least_us.min(other.least_us),
            most_us: self.most_us.max(other.most_us),
            frame: self.frame,
        }
    }

    fn is_apart(&self, other: &Self) -> bool {
        self.most_us < other.least_us || other.most_us < self.least_us
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |us: u64| us as f64 / 1e3;
        let Self { samples, least_us, most_us, .. } = self;
        write!(f, "{:.0} to {:.0} ms in {samples} samples", ms(*least_us), ms(*most_us))
    }
}

/// A time between two frames.
#[derive(Debug, Clone, Copy)]
struct Sample {
    from_us: u64,
    to_us: u64,
    frame: u64,
}

impl Sample {
    fn us(&self) -> u64 {
        self.to_us.saturating_sub(self.from_us)
    }

    fn spread(&self) -> Spread {
        Spread { samples: 1, least_us: self.us(), most_us: self.us(), frame: self.frame }
    }
}

pub(super) fn of(evidence: &Evidence, peer: Peer, found: &mut Found) {
    // The network may have delayed what was seen elsewhere.
    let Some(wire) = evidence.wire.as_ref().filter(|wire| wire.is_tapped(peer)) else { return };
    let (retransmitted, gaps) = checks(evidence, wire, peer);
    let all = [
        ("first retransmission of a check", retransmitted),
        ("interval of checks", middle(gaps).into_iter().collect()),
        ("first retransmission of a handshake message", handshake(evidence, wire, peer)),
        ("first retransmission of a DATA chunk", data(evidence, peer)),
        ("interval of RTCP reports", reports(wire, peer)),
    ];
    for (name, samples) in all {
        if let Some(spread) = samples.iter().map(Sample::spread).reduce(Spread::and) {
            found.times.insert(name.to_owned(), spread);
        }
    }
}

/// The sample in the middle, if there are enough: single ones are late or early by chance.
fn middle(mut gaps: Vec<Sample>) -> Option<Sample> {
    gaps.sort_by_key(Sample::us);
    gaps.get(gaps.len() / 2).copied().filter(|_| gaps.len() >= FEWEST_GAPS)
}

/// The first retransmission of each check, and the gaps between new ones while the agent connects.
fn checks(evidence: &Evidence, wire: &Wire, peer: Peer) -> (Vec<Sample>, Vec<Sample>) {
    let mut seen: BTreeMap<_, (u64, bool)> = BTreeMap::new();
    let (mut retransmitted, mut gaps) = (Vec::new(), Vec::new());
    let (mut first, mut last): (Option<u64>, Option<u64>) = (None, None);
    for (packet, message) in wire.stun(peer).filter(|(packet, _)| packet.sender == peer) {
        let kind = message.kind.value;
        let Some(id) = packet.bytes.get(8..20) else { continue };
        if kind.class() != Class::Request
            || kind.method() != Method::Binding
            || evidence.is_faulted(packet.frame)
        {
            continue;
        }
        let (to_us, frame) = (packet.t_us, packet.frame);
        if let Some((from_us, again)) = seen.get_mut(&(id, packet.from, packet.to)) {
            if !std::mem::replace(again, true) {
                retransmitted.push(Sample { from_us: *from_us, to_us, frame });
            }
            continue;
        }
        seen.insert((id, packet.from, packet.to), (to_us, false));
        if to_us.saturating_sub(*first.get_or_insert(to_us)) <= CONNECTING_US {
            gaps.extend(last.map(|from_us| Sample { from_us, to_us, frame }));
            last = Some(to_us);
        }
    }
    (retransmitted, gaps)
}

/// The first retransmission of each handshake message in clear; one sample a datagram, since a flight is sent as a whole.
fn handshake(evidence: &Evidence, wire: &Wire, peer: Peer) -> Vec<Sample> {
    let mut sent: BTreeMap<(HandshakeType, u16, u32), (u64, bool)> = BTreeMap::new();
    let mut samples = Vec::new();
    let packets = wire.sent(peer).filter(|packet| packet.class() == Datagram::Dtls);
    for packet in packets.filter(|packet| !evidence.is_faulted(packet.frame)) {
        let mut sample = None;
        for part in clear_fragments(packet) {
            match sent.get_mut(&part) {
                Some((from_us, again)) => {
                    if !std::mem::replace(again, true) {
                        sample = Some(Sample { from_us: *from_us, to_us: packet.t_us, frame: packet.frame });
                    }
                }
                None => {
                    sent.insert(part, (packet.t_us, false));
                }
            }
        }
        samples.extend(sample);
    }
    samples
}

/// Type, number and offset of the fragments of handshake messages in clear that a datagram holds.
pub(super) fn clear_fragments(packet: &Packet) -> BTreeSet<(HandshakeType, u16, u32)> {
    let records = packet.records().map_while(Result::ok).filter(|record| match record {
        Record::Plain(plain) => plain.kind.value == ContentType::Handshake && plain.epoch.value == 0,
        _ => false,
    });
    let fragments = records.flat_map(|it| it.fragments().into_iter().flatten().map_while(Result::ok));
    fragments.map(|it| (it.kind.value, it.message_seq.value, it.fragment_offset.value)).collect()
}

/// The first retransmission of each DATA chunk.
fn data(evidence: &Evidence, peer: Peer) -> Vec<Sample> {
    let mut samples = Vec::new();
    for pieces in transmissions(evidence, peer).values() {
        let [first, again, ..] = pieces.as_slice() else { continue };
        if !evidence.is_faulted(again.packet.frame) {
            let (from_us, to_us) = (first.packet.t_us, again.packet.t_us);
            samples.push(Sample { from_us, to_us, frame: again.packet.frame });
        }
    }
    samples
}

/// The middle one of the gaps between the reports of each source.
fn reports(wire: &Wire, peer: Peer) -> Vec<Sample> {
    let mut last: BTreeMap<Option<u32>, (u64, Vec<Sample>)> = BTreeMap::new();
    for (packet, compound) in wire.rtcp(peer).filter(|(_, compound)| !is_reduced(compound)) {
        let source = compound.packets.iter().next().and_then(|first| first.body?.sender());
        let (from_us, gaps) = last.entry(source).or_insert((packet.t_us, Vec::new()));
        if packet.t_us > *from_us {
            gaps.push(Sample { from_us: *from_us, to_us: packet.t_us, frame: packet.frame });
        }
        *from_us = packet.t_us;
    }
    last.into_values().filter_map(|(_, gaps)| middle(gaps)).collect()
}

/// Adds the times that do not overlap, where both runs have enough samples. What fewer than `fewest` recordings show is listed apart.
pub(super) fn compare(before: &[&Facts], after: &[&Facts], fewest: usize, comparison: &mut Comparison) {
    let (one, other) = (gathered(before), gathered(after));
    for ((implementation, name), (spread, recordings)) in &one {
        let Some((later, later_recordings)) = other.get(&(*implementation, *name)) else { continue };
        let enough = spread.samples >= FEWEST_SAMPLES && later.samples >= FEWEST_SAMPLES;
        if !enough || !spread.is_apart(later) {
            continue;
        }
        let scenarios: BTreeSet<&str> = later_recordings.values().map(|case| scenario(case)).collect();
        let change = Change {
            implementation: (*implementation).to_owned(),
            fact: (*name).to_owned(),
            added: vec![later.to_string()],
            removed: vec![spread.to_string()],
            order: None,
            scenarios: scenarios.len(),
            case: later_recordings.values().next().map(|case| (*case).to_owned()).unwrap_or_default(),
            first_run: false,
            frame: Some(later.frame),
            entry: None,
        };
        let seldom = recordings.len() < fewest || later_recordings.len() < fewest;
        if seldom { comparison.once.push(change) } else { comparison.changes.push(change) }
    }
    let of = |change: &Change| (change.implementation.clone(), change.fact.clone());
    comparison.once.sort_by_key(of);
    comparison.changes.sort_by_key(of);
}

/// What a time spreads over in all cases, and the cases by their recordings.
type Everywhere<'a> = (Spread, BTreeMap<usize, &'a str>);

/// The times of each implementation; the frame is one of the first case.
fn gathered<'a>(run: &[&'a Facts]) -> BTreeMap<(&'a str, &'a str), Everywhere<'a>> {
    let mut all: BTreeMap<(&str, &str), Everywhere<'_>> = BTreeMap::new();
    for (recording, case) in run.iter().enumerate() {
        for peer in &case.peers {
            for (name, spread) in &peer.times {
                let of = (peer.implementation.as_str(), name.as_str());
                let none = || (Spread { samples: 0, ..*spread }, BTreeMap::new());
                let (sum, recordings) = all.entry(of).or_insert_with(none);
                *sum = sum.and(*spread);
                recordings.insert(recording, case.case.as_str());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::About;
    use super::*;
    use crate::checks::controls::Recording;

    const NAME: &str = "first retransmission of a check";

    fn case(name: &str, samples: u64, least_us: u64, most_us: u64) -> Facts {
        let spread = Spread { samples, least_us, most_us, frame: 9 };
        let peer = About {
            implementation: "chrome".to_owned(),
            version: String::new(),
            facts: BTreeMap::new(),
            times: BTreeMap::from([(NAME.to_owned(), spread)]),
        };
        Facts { case: name.to_owned(), verdict: None, again: None, peers: vec![peer] }
    }

    /// How many changes there are, and how many that were seen once.
    fn compared(before: &[Facts], after: &[Facts]) -> (usize, usize) {
        let mut comparison = Comparison::default();
        let [before, after] = [before, after].map(|run| run.iter().collect::<Vec<_>>());
        super::compare(&before, &after, 2, &mut comparison);
        (comparison.changes.len(), comparison.once.len())
    }

    fn two(samples: u64, least_us: u64, most_us: u64) -> [Facts; 2] {
        ["ice/a/chrome-stack", "ice/b/chrome-stack"].map(|name| case(name, samples, least_us, most_us))
    }

    #[test]
    fn times_differ_where_they_do_not_overlap_and_are_enough() {
        let before = two(10, 100_000, 110_000);
        assert_eq!(compared(&before, &two(10, 110_001, 120_000)), (1, 0));
        assert_eq!(compared(&before, &two(10, 80_000, 99_999)), (1, 0));
        assert_eq!(compared(&before, &two(10, 110_000, 120_000)), (0, 0), "they touch");
        assert_eq!(compared(&before, &two(9, 200_000, 220_000)), (0, 0), "18 samples");
        assert_eq!(compared(&two(9, 200_000, 220_000), &before), (0, 0), "18 samples");
        assert_eq!(compared(&before, &two(30, 200_000, 220_000)[..1]), (0, 1), "one recording");
        // One that is late in one case widens all.
        let mut after = two(10, 200_000, 220_000);
        after[1] = case("ice/b/chrome-stack", 1, 105_000, 105_000);
        assert_eq!(compared(&before, &after), (0, 0));
    }

    #[test]
    fn a_change_of_a_time_says_both_spreads_and_where() {
        let mut comparison = Comparison::default();
        let [before, after] = [two(10, 100_000, 110_400), two(12, 250_000, 251_000)];
        let [before, after] = [&before, &after].map(|run| run.iter().collect::<Vec<_>>());
        super::compare(&before, &after, 2, &mut comparison);
        let change = &comparison.changes[0];
        assert_eq!(change.removed, ["100 to 110 ms in 20 samples"]);
        assert_eq!(change.added, ["250 to 251 ms in 24 samples"]);
        assert_eq!(
            (change.scenarios, change.case.as_str(), change.frame),
            (2, "ice/a/chrome-stack", Some(9))
        );
    }

    fn times(evidence: &Evidence, peer: usize) -> BTreeMap<String, Spread> {
        let mut found = Found::default();
        of(evidence, Peer(peer), &mut found);
        found.times
    }

    /// Each check of a peer, and each handshake message, again after that time.
    fn again(evidence: &mut Evidence, class: Datagram, after_us: u64) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let own = |it: &&Packet| it.sender == Peer(0) && it.tap == Peer(0) && it.class() == class;
        let mut twice: Vec<Packet> = packets.iter().filter(own).cloned().collect();
        twice.iter_mut().for_each(|packet| packet.t_us += after_us);
        packets.extend(twice);
        packets.sort_by_key(|packet| packet.t_us);
    }

    #[test]
    fn retransmissions_are_timed_from_what_they_repeat_whatever_the_machine_did() {
        for (class, name) in
            [(Datagram::Stun, NAME), (Datagram::Dtls, "first retransmission of a handshake message")]
        {
            let mut evidence = Recording::Call.evidence();
            evidence.stall(0, 0, 0);
            assert_eq!(times(&evidence, 0).get(name), None, "{name}");
            again(&mut evidence, class, 300_000);
            let spread = times(&evidence, 0)[name];
            assert_eq!((spread.least_us, spread.most_us), (300_000, 300_000), "{name}");
            again(&mut evidence, class, 900_000);
            let later = times(&evidence, 0)[name];
            assert_eq!((later.most_us, later.samples), (300_000, spread.samples), "{name}: the first counts");
            evidence.stall(0, 60_000_000, 1_000);
            assert_eq!(times(&evidence, 0)[name], later, "{name}");
        }
    }

    #[test]
    fn an_interval_is_the_middle_one_of_at_least_three() {
        let sample = |us: u64| Sample { from_us: 1_000, to_us: 1_000 + us, frame: 1 };
        assert_eq!(middle(vec![sample(5), sample(6)]).map(|it| it.us()), None);
        assert_eq!(middle(vec![sample(500), sample(5), sample(6)]).map(|it| it.us()), Some(6));
    }
}
