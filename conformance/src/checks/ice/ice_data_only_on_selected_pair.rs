//! RFC 8445 §12.1: once a pair is selected, media and data leave on that pair alone.

use super::nomination::{self, Nominated, Path, data, path};
use super::roles::{History, Says};
use super::stated;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Candidate;
use peerproof_captures::wire::demux::Class;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

pub(super) const CHECK: Check = Check {
    id: "ice-data-only-on-selected-pair",
    layer: Layer::Nomination,
    subject: "packets after the nomination",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// What is on its way out when a pair is selected may still leave on another, in microseconds: the catalogue's choice.
const GRACE_US: u64 = 500_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no pair was nominated");
    let history = History::new(evidence, peer);
    let mut sessions = Sessions::new(evidence, &history);
    let priorities = Priorities::new(evidence, peer, &history);
    // Only where several pairs were nominated.
    let answers = OnceCell::new();
    let answers = || answers.get_or_init(|| Answers::new(evidence, peer));
    for packet in data(evidence, peer) {
        let Some(Selected { pairs, last, since_us, frame }) = sessions.at(packet.t_us) else { continue };
        let used = path(packet);
        let places = [Place::Frame(packet.frame), Place::Frame(frame)];
        if used == last {
            tally.pass(places[0]);
        } else if pairs.contains(&used) {
            // "If more than one candidate pair is nominated …, the agents MUST … use the pairs with the highest priority" (§8.1.1).
            match priorities.highest(pairs) {
                Some(highest) if highest == used => tally.pass(places[0]),
                // A pair that lost its path is no pair to send on.
                Some(highest) if answers().is_silent(&highest, packet.t_us) => tally.pass(places[0]),
                Some(_) if Off::late(since_us, GRACE_US, packet.t_us).is_some() => {
                    let text = format!(
                        "a packet goes from {} to {}, which of the nominated pairs has neither the highest priority \
                         nor was nominated last",
                        packet.from, packet.to
                    );
                    tally.fail(Fault("not-the-highest"), text, places);
                }
                _ => tally.inconclusive(
                    "several pairs were nominated, and the last is not the one in use: their priorities are not known",
                    places,
                ),
            }
        } else if let Some(off) = Off::late(since_us, GRACE_US, packet.t_us) {
            let (fault, what) = if pairs.len() == 1 {
                (Fault("other-pair"), "not the nominated pair")
            } else {
                (Fault("pair-of-none"), "no nominated pair")
            };
            let text = format!("a packet goes from {} to {}, {what}", packet.from, packet.to);
            // Whoever answers checks in the meantime is not held up by the machine.
            if answers().gave_one(since_us.saturating_add(GRACE_US), packet.t_us) {
                tally.fail(fault, text, places);
            } else {
                tally.off(fault, evidence, off, text, places);
            }
        }
    }
}

/// The requests that a peer sent on each path, and all that came there, in order: when, and whether it came.
struct Answers {
    seen: BTreeMap<Path, Vec<(u64, bool)>>,
    /// When the peer answered a check itself, in the order of the recording.
    given: Vec<u64>,
}

impl Answers {
    fn new(evidence: &Evidence, peer: Peer) -> Self {
        let mut seen: BTreeMap<Path, Vec<(u64, bool)>> = BTreeMap::new();
        let mut given = Vec::new();
        for packet in evidence.wire.iter().flat_map(|wire| wire.at(peer)) {
            // A Binding request (RFC 8489 §5).
            let asks = packet.class() == Class::Stun && packet.bytes.starts_with(&[0, 1]);
            if packet.sender == peer && packet.class() == Class::Stun && packet.bytes.starts_with(&[1, 1]) {
                given.push(packet.t_us);
            }
            if packet.sender != peer || asks {
                seen.entry(path(packet)).or_default().push((packet.t_us, packet.sender != peer));
            }
        }
        Self { seen, given }
    }

    /// Whether the peer answered a check between two moments.
    fn gave_one(&self, from_us: u64, to_us: u64) -> bool {
        self.given.iter().any(|at| (from_us..to_us).contains(at))
    }

    /// Whether nothing has come on a path since the peer sent a request there, a while ago.
    fn is_silent(&self, path: &Path, t_us: u64) -> bool {
        let since = self.seen.get(path).into_iter().flatten().filter(|(at, _)| *at <= t_us);
        let unanswered =
            since.fold(None, |first: Option<u64>, (at, came)| if *came { None } else { first.or(Some(*at)) });
        unanswered.is_some_and(|at| at.saturating_add(GRACE_US) <= t_us)
    }
}

/// The priorities of candidates as they were signalled, by their addresses, and which agent controls.
struct Priorities {
    own: BTreeMap<SocketAddr, u64>,
    theirs: BTreeMap<SocketAddr, u64>,
    controls: bool,
}

impl Priorities {
    fn new(evidence: &Evidence, peer: Peer, history: &History<'_>) -> Self {
        let of = |peer: Option<Peer>| -> BTreeMap<SocketAddr, u64> {
            let all = peer.into_iter().flat_map(|peer| stated::candidates(evidence, peer));
            let read = all.filter_map(|stated| Candidate::parse(stated.text).ok());
            read.filter_map(|it| Some((SocketAddr::new(it.address.ip()?, it.port), it.priority))).collect()
        };
        let controls = nomination::nominated(evidence, history).last().is_some_and(|it| it.by == peer);
        Self { own: of(Some(peer)), theirs: of(evidence.other(peer)), controls }
    }

    /// The pair with the highest priority (§6.1.2.3), if all are known and one alone has it.
    fn highest(&self, pairs: &BTreeSet<Path>) -> Option<Path> {
        let mut ranked: Vec<(u128, Path)> = Vec::new();
        for path in pairs {
            let of = |own: &SocketAddr, theirs: &SocketAddr| self.own.get(own).zip(self.theirs.get(theirs));
            let (own, theirs) = of(&path.0, &path.1).or_else(|| of(&path.1, &path.0))?;
            let (controlling, controlled) = if self.controls { (*own, *theirs) } else { (*theirs, *own) };
            let (least, most) = (controlling.min(controlled), controlling.max(controlled));
            let priority =
                (u128::from(least) << 32) + 2 * u128::from(most) + u128::from(controlling > controlled);
            ranked.push((priority, *path));
        }
        ranked.sort_unstable();
        let (first, second) = (ranked.pop()?, ranked.pop());
        second.is_none_or(|second| second.0 < first.0).then_some(first.1)
    }
}

/// What is selected at a moment.
#[derive(Debug)]
struct Selected<'a> {
    /// All that were nominated in the session.
    pairs: &'a BTreeSet<Path>,
    /// The last of them, and when it was and by which frame.
    last: Path,
    since_us: u64,
    frame: u64,
}

/// The checks of one generation.
struct Session<'a> {
    /// When the first of them was seen.
    began_us: u64,
    nominated: Vec<Nominated<'a>>,
}

/// The generations of a session, one after the other.
struct Sessions<'a> {
    all: Vec<Session<'a>>,
    /// Which is in force at the moment last asked for, and the paths nominated in it so far.
    now: usize,
    taken: usize,
    paths: BTreeSet<Path>,
}

impl<'a> Sessions<'a> {
    fn new(evidence: &Evidence, history: &History<'a>) -> Self {
        let mut order = BTreeMap::new();
        let mut all: Vec<Session<'_>> = Vec::new();
        for stated in history.stated.iter().filter(|it| matches!(it.says, Says::Claims(..))) {
            let Some(generation) = nomination::generation(stated) else { continue };
            order.entry(generation).or_insert_with(|| {
                all.push(Session { began_us: stated.packet.t_us, nominated: Vec::new() });
                all.len() - 1
            });
        }
        for nominated in nomination::nominated(evidence, history) {
            let session = order.get(&nominated.generation).and_then(|at| all.get_mut(*at));
            session.into_iter().for_each(|session| session.nominated.push(nominated));
        }
        Self { all, now: 0, taken: 0, paths: BTreeSet::new() }
    }

    /// What is selected for good at a moment, which is not before the one asked for last. Nothing while a restart is under way.
    fn at(&mut self, t_us: u64) -> Option<Selected<'_>> {
        while self.all.get(self.now + 1).is_some_and(|session| session.began_us <= t_us) {
            (self.now, self.taken) = (self.now + 1, 0);
            self.paths.clear();
        }
        let nominated = &self.all.get(self.now)?.nominated;
        let fresh = nominated.iter().skip(self.taken).take_while(|it| it.t_us <= t_us);
        for Nominated { path, .. } in fresh {
            self.taken += 1;
            self.paths.insert(*path);
        }
        let Nominated { path: last, t_us: since_us, frame, .. } =
            *nominated.get(self.taken.checked_sub(1)?)?;
        let settled = t_us >= since_us.saturating_add(GRACE_US);
        settled.then_some(Selected { pairs: &self.paths, last, since_us, frame })
    }
}

#[cfg(test)]
mod control {
    use super::{GRACE_US, path};
    use crate::checks::controls::{Control, Mutation, Recording};
    use crate::checks::ice::nomination::is_data;
    use crate::evidence::{Evidence, Packet, Peer};
    use peerproof_captures::sdp::SessionDescription;
    use std::collections::BTreeSet;
    use std::net::SocketAddr;

    /// Has a packet go by the pair of before the restart, and late, when another one has long been nominated.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Restart,
        |evidence| {
            go_on(evidence);
            answer_no_more(evidence);
        },
        go_back,
    )
    .and(&[
        Mutation::new(Recording::Restart, "not the nominated pair", go_back).prepared(go_on),
        Mutation::new(Recording::Media, "has neither the highest priority", |evidence| {
            rank(evidence, false);
        })
        .prepared(|evidence| rank(evidence, true)),
        Mutation::new(Recording::Media, "no nominated pair", |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let last =
                packets.iter_mut().rfind(|it| is_data(it) && it.sender == Peer(1) && it.tap == Peer(1));
            last.unwrap().to.set_port(9);
        })
        .also_breaks(&["consent-no-data-before", "rtcp-mux-honoured"])
        .prepared(|evidence| {
            rank(evidence, true);
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let last = packets.iter().rfind(|it| is_data(it) && it.sender == Peer(1) && it.tap == Peer(1));
            let last = last.unwrap().clone();
            packets.push(Packet { t_us: last.t_us + 4_000_000, ..last });
        }),
    ]);

    /// Has Alice send twice more, seconds later.
    pub(super) fn go_on(evidence: &mut Evidence) {
        let last = own(evidence).pop().unwrap().clone();
        let later = [4_000_000, 4_100_000].map(|by_us| Packet { t_us: last.t_us + by_us, ..last.clone() });
        evidence.wire.as_mut().unwrap().packets.extend(later);
    }

    /// Takes out what is asked of Alice and what she answers, once the checks of the new pair are over.
    pub(super) fn answer_no_more(evidence: &mut Evidence) {
        let last = own(evidence).pop().map(|it| path(it)).unwrap();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let since_us = packets.iter().find(|it| path(it) == last).unwrap().t_us + GRACE_US / 2;
        packets.retain(|it| {
            let asked = it.sender != ALICE && it.bytes.starts_with(&[0, 1]);
            let answers = it.sender == ALICE && it.bytes.starts_with(&[1, 1]);
            it.t_us <= since_us || !(asked || answers)
        });
    }

    /// Has the last packet of Alice but one go by the pair of before the restart.
    pub(super) fn go_back(evidence: &mut Evidence) {
        let mut own = own(evidence);
        let (from, to) = (own[0].from, own[0].to);
        let late = own.iter_mut().nth_back(1).unwrap();
        assert_ne!((from, to), (late.from, late.to));
        (late.from, late.to) = (from, to);
    }

    /// Two pairs are nominated, and the first is in use. Describes the candidates of all, so that it has the highest priority or the least.
    pub(super) fn rank(evidence: &mut Evidence, highest: bool) {
        let packets = &evidence.wire.as_ref().unwrap().packets;
        let used = packets.iter().rfind(|it| is_data(it) && it.sender == Peer(1)).unwrap();
        let used = [used.from, used.to];
        let ends: BTreeSet<(Peer, SocketAddr)> = packets.iter().map(|it| (it.sender, it.from)).collect();
        for (n, (peer, end)) in ends.into_iter().enumerate() {
            let priority = 1_000 + n + if used.contains(&end) == highest { 1_000 } else { 0 };
            let (ip, port) = (end.ip(), end.port());
            let line = format!("a=candidate:7 1 udp {priority} {ip} {port} typ host\r\n");
            let made = evidence.descriptions.iter_mut().rfind(|it| it.by == peer).unwrap();
            let described = format!(" {ip} {port} typ host");
            let lines = made.sdp.as_str().split_inclusive("\r\n").filter(|it| !it.contains(&described));
            made.sdp = SessionDescription::parse(lines.collect::<String>() + &line);
        }
    }

    /// What Alice sent that is not STUN, as it left her.
    fn own(evidence: &mut Evidence) -> Vec<&mut Packet> {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.iter_mut().filter(|it| is_data(it) && it.tap == ALICE && it.sender == ALICE).collect()
    }

    const ALICE: Peer = Peer(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::Recording;

    #[test]
    fn a_busy_machine_is_no_excuse_for_who_answers_checks_meanwhile() {
        let judged = |answers: bool| {
            let mut evidence = Recording::Restart.evidence();
            control::go_on(&mut evidence);
            control::go_back(&mut evidence);
            if !answers {
                control::answer_no_more(&mut evidence);
            }
            evidence.stall(0, 60_000_000, 100_000);
            CHECK.run(&evidence)[0].result
        };
        assert_eq!([false, true].map(judged), [Status::Inconclusive, Status::Fail]);
    }

    #[test]
    fn a_pair_without_answers_is_left() {
        // All data goes when the checks are over, perhaps after a request on the highest pair that nobody answers.
        let judged = |asks: bool| {
            let mut evidence = Recording::Media.evidence();
            control::rank(&mut evidence, false);
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let used = packets.iter().rfind(|it| nomination::is_data(it) && it.sender == Peer(1)).map(path);
            let last_us = packets.iter().map(|it| it.t_us).max().unwrap();
            let is_request = |it: &&crate::evidence::Packet| {
                it.tap == Peer(1)
                    && it.sender == Peer(1)
                    && it.bytes.starts_with(&[0, 1])
                    && Some(path(it)) != used
            };
            let request = packets.iter().rfind(is_request).unwrap().clone();
            for packet in packets.iter_mut().filter(|it| nomination::is_data(it)) {
                packet.t_us += last_us + 2 * GRACE_US;
            }
            if asks {
                packets.push(crate::evidence::Packet { t_us: last_us, ..request });
            }
            CHECK.run(&evidence)[1].result
        };
        assert_eq!([false, true].map(judged), [Status::Fail, Status::Pass]);
    }
}
