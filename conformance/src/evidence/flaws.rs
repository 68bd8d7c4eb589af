//! Whether a recording of ours is whole: its timeline holds all that was done, its capture all that the timeline speaks of. What is not whole
//! decides nothing and accuses nobody.

use super::{Evidence, Peer, Timing};
use super::{awaited, gone, handed_on, tls, ways};
use crate::case_file::{CaseFile, Runs};
use crate::verdict::Place;
use peerproof_captures::observe::Defect;
use peerproof_captures::timeline::{Entry, Note, StepOutcome, What};
use std::collections::BTreeMap;

/// By how much the times of entries of different sources may run back, and be beyond the end of the case, in microseconds, beside what the
/// machine delayed: a packet's entry is written when it is over.
const DISORDER: u64 = 1_000_000;
/// By how much a step and the comment of it may be apart, in microseconds, beside what the machine delayed: they are written one after the other.
const SLACK: u64 = 100_000;
/// By how much times that are taken one after the other by the same clock may seem to be in the other order, in microseconds: they are rounded.
const ROUNDING: u64 = 1_000;

/// Something that a recording lacks, or that contradicts itself in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// When, in microseconds since the case began.
    pub t_us: u64,
    /// What should be.
    pub claimed: String,
    /// What is.
    pub seen: String,
    /// Where.
    pub evidence: Vec<Place>,
}

impl Flaw {
    pub(super) fn at(entry: &Entry, claimed: impl Into<String>, seen: impl Into<String>) -> Self {
        let (claimed, seen) = (claimed.into(), seen.into());
        Self { t_us: entry.t_us, claimed, seen, evidence: vec![Place::Entry(entry.n)] }
    }

    pub(super) fn missing(claimed: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { t_us: 0, claimed: claimed.into(), seen: seen.into(), evidence: Vec::new() }
    }
}

impl Evidence {
    /// The same evidence of a recording of ours, once it is known whether that is whole. If it is not, no check accuses anyone.
    #[must_use]
    pub fn examined(mut self, case: &CaseFile) -> Self {
        // What was not played has a timeline that ends where it was given up; a run that was stopped says so.
        let interrupted =
            self.timeline.iter().any(|entry| matches!(entry.what, What::Note(Note::Interrupted)));
        if case.not_played.is_some() || interrupted {
            return self;
        }
        let mut flaws = std::mem::take(&mut self.flaws);
        flaws.extend(of_timeline(case, &self.timeline));
        flaws.extend(self.of_capture(case));
        if flaws.is_empty() {
            flaws.extend(gone::flaws(&self, case));
        }
        self.whole &= flaws.is_empty();
        self.flaws = flaws;
        self
    }

    /// What the capture shows of itself, and where the timeline speaks of packets that are not in it.
    fn of_capture(&self, case: &CaseFile) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        // Secrets that a peer invented are its fault (`claims/keys.rs`).
        let is_known = |it: &&Defect| match it {
            Defect::Copies { .. } => true,
            Defect::WrongSecrets { .. } => self.has_false_secrets(),
            _ => false,
        };
        for defect in self.defects.iter().filter(|it| !is_known(it)) {
            let evidence = match *defect {
                Defect::Cut { first: frame, .. }
                | Defect::ClockRunsBack { frame, .. }
                | Defect::ClocksDiffer { frame, .. }
                | Defect::Renumbered { frame, .. } => vec![Place::Frame(frame)],
                _ => Vec::new(),
            };
            let flaw = Flaw::missing("the capture should hold all packets as they were", defect.to_string());
            flaws.push(Flaw { evidence, ..flaw });
        }
        for entry in &self.timeline {
            let What::Faulted { frame: Some(frame), .. } = &entry.what else { continue };
            if !self.ruled.contains(frame) {
                let claimed = format!("a rule acted on the packet of frame {frame}");
                let seen = "that frame of the capture does not say so: frames are missing or were added";
                flaws.push(Flaw::at(entry, claimed, seen));
                break;
            }
        }
        flaws.extend(self.of_acts());
        flaws.extend(self.of_counted(case));
        flaws.extend(self.of_repeated(case));
        flaws.extend(self.of_ways().or_else(|| ways::never_arrived(self)));
        flaws.extend(self.of_steps(case));
        let end = latest(case, &self.timing);
        let late = self.wire.iter().flat_map(|wire| &wire.packets).find(|packet| packet.t_us > end);
        if let Some(packet) = late {
            let claimed = format!("the case ended after {} ms", case.duration_us / 1_000);
            let seen = format!(
                "the packet of frame {} is of {} ms: a clock is wrong",
                packet.frame,
                packet.t_us / 1_000
            );
            let evidence = vec![Place::Frame(packet.frame)];
            flaws.push(Flaw { t_us: packet.t_us, claimed, seen, evidence });
        }
        flaws
    }
}

impl Evidence {
    /// Whether a peer reported secrets that are not those of the session.
    pub(super) fn has_false_secrets(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| !wire.false_secrets.is_empty())
    }

    /// No packet is recorded twice, and no peer sends the same datagram twice within a microsecond. In virtual time what a rule holds back or doubles is.
    fn of_repeated(&self, case: &CaseFile) -> Option<Flaw> {
        // Where frames were counted the count decides: TCP below TURN may acknowledge twice within a microsecond.
        let wire = self.wire.as_ref().filter(|_| case.time.is_real() || self.ruled.is_empty())?;
        let frame = wire.repeated.filter(|_| case.captured.is_empty())?;
        let claimed = format!("frame {frame} should be there once");
        let flaw = Flaw::missing(claimed, "one before it has its time and its content: frames were added");
        Some(Flaw { evidence: vec![Place::Frame(frame)], ..flaw })
    }

    /// What a rule did to a packet is written when the packet was recorded.
    fn of_acts(&self) -> Option<Flaw> {
        let acts = self.timeline.iter().filter_map(|entry| match entry.what {
            What::Faulted { frame: Some(frame), .. } => Some((frame, entry)),
            _ => None,
        });
        let acts: BTreeMap<u64, &Entry> = acts.collect();
        self.wire.iter().flat_map(|wire| &wire.packets).find_map(|packet| {
            let entry = acts.get(&packet.frame)?;
            let (at_us, t_us) = (packet.t_us, entry.t_us);
            let is_ahead = at_us > t_us.saturating_add(ROUNDING);
            let slack = SLACK.saturating_add(self.delayed(at_us, t_us));
            (is_ahead || at_us.saturating_add(slack) < t_us).then(|| {
                let claimed = format!("a rule acted on the packet of frame {} after {t_us} µs", packet.frame);
                let evidence = vec![Place::Entry(entry.n), Place::Frame(packet.frame)];
                let flaw = Flaw::at(entry, claimed, format!("that is of {at_us} µs: a clock is wrong"));
                Flaw { evidence, ..flaw }
            })
        })
    }

    /// What arrived at one tap left the other, unless a rule changed it. Rules may act while the peers close: the timeline has ended by then.
    fn of_ways(&self) -> Option<Flaw> {
        let acts = self.timeline.iter().any(|entry| matches!(entry.what, What::Faulted { .. }));
        let wire = self.wire.as_ref().filter(|wire| !acts && !wire.cut && !wire.hidden)?;
        let ended_us = self.timeline.last()?.t_us;
        let (frame, t_us) = wire.arrives_from_nowhere(&tls::relayed(&self.timeline), ended_us)?;
        let claimed = format!("the packet of frame {frame} arrived, and no rule made it");
        let (seen, evidence) = ("the capture has none that left".to_owned(), vec![Place::Frame(frame)]);
        Some(Flaw { t_us, claimed, seen, evidence })
    }

    /// The packet with the comment of a step is not before the step began, and the packets before it are not after that.
    fn of_steps(&self, case: &CaseFile) -> Option<Flaw> {
        let began = self.timeline.iter().filter_map(|entry| match entry.what {
            What::StepBegan { step, .. } => Some((step as u64 + 1, entry)),
            _ => None,
        });
        let began: BTreeMap<u64, &Entry> = began.collect();
        // Comments wait for the next packet. What comes before the first step is of the hosts, such as reports of multicast groups.
        let begins = self.steps.first().is_some_and(|seen| seen.step == 1);
        if self.wire.is_some() && began.contains_key(&1) && !begins {
            let claimed = "the first packet should have the comment of the first step";
            return Some(Flaw::missing(claimed, "it has none: frames before it are missing"));
        }
        let us = |ns: u64| (ns / 1_000).saturating_sub(case.epoch_us);
        self.steps.iter().find_map(|seen| {
            let Some(entry) = began.get(&seen.step) else {
                let claimed = format!("frame {} has the comment of step {}", seen.frame, seen.step);
                let flaw = Flaw::missing(claimed, "the timeline does not say that it began");
                return Some(Flaw { evidence: vec![Place::Frame(seen.frame)], ..flaw });
            };
            let (at_us, before_us) = (us(seen.time_ns), us(seen.before_ns));
            let slack = SLACK.saturating_add(self.delayed(at_us, entry.t_us));
            let is_early = at_us.saturating_add(slack) < entry.t_us;
            // The comment is given before the step is written down, and packets that are recorded before it have the time of that.
            let is_late = before_us > entry.t_us.saturating_add(ROUNDING);
            (is_early || is_late).then(|| {
                let claimed = format!("step {} began after {} ms", seen.step, entry.t_us / 1_000);
                let packet = if is_early { "the packet of" } else { "a packet before" };
                let text = format!("{packet} frame {} is of another time: a clock is wrong", seen.frame);
                Flaw {
                    evidence: vec![Place::Entry(entry.n), Place::Frame(seen.frame)],
                    ..Flaw::at(entry, claimed, text)
                }
            })
        })
    }
}

/// What a timeline lacks.
pub(super) fn of_timeline(case: &CaseFile, timeline: &[Entry]) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let incomplete = timeline.iter().find_map(|entry| match &entry.what {
        What::Note(Note::CaptureIncomplete { error }) => Some((entry, error)),
        _ => None,
    });
    if let Some((entry, error)) = incomplete {
        flaws.push(Flaw::at(
            entry,
            "the capture should hold all packets",
            format!("it could not be written: {error}"),
        ));
    }
    numbers(timeline, &mut flaws);
    times(case, timeline, &mut flaws);
    peers(case, timeline, &mut flaws);
    steps(timeline, &mut flaws);
    answers(timeline, &mut flaws);
    // Where entries are missing, none of those that are left need fit.
    if flaws.is_empty() {
        flaws.extend(handed_on::flaw(timeline).or_else(|| awaited::flaw(timeline)));
    }
    if !timeline.iter().any(|entry| matches!(entry.what, What::Stalls { .. })) {
        let claimed = "the timeline should end with the stalls of the machine";
        flaws.push(Flaw::missing(claimed, "it breaks off before"));
    }
    flaws
}

/// Entries are numbered from zero, without a gap; so are the events of each peer.
fn numbers(timeline: &[Entry], flaws: &mut Vec<Flaw>) {
    if let Some((entry, expected)) = timeline.iter().zip(0..).find(|(entry, n)| entry.n != *n) {
        let claimed = format!("entry {expected} of the timeline should be there");
        flaws.push(Flaw::at(entry, claimed, format!("entry {} follows", entry.n)));
    }
    let mut next: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in timeline {
        let What::Event { peer, seq, .. } = &entry.what else { continue };
        let expected = next.entry(peer).or_default();
        if seq != expected {
            let claimed = format!("event {expected} of {peer} should be there");
            flaws.push(Flaw::at(entry, claimed, format!("event {seq} follows")));
            return;
        }
        *expected += 1;
    }
}

/// The latest time that anything in a recording may have, in microseconds: what comes at the end is written a little later.
fn latest(case: &CaseFile, timing: &Timing) -> u64 {
    let end = case.duration_us.saturating_add(DISORDER);
    end.saturating_add(timing.stalled(case.duration_us, end))
}

/// Nothing is later than the end, or runs back by more than what entries of different sources may.
fn times(case: &CaseFile, timeline: &[Entry], flaws: &mut Vec<Flaw>) {
    let timing = Timing::of(&[], timeline);
    let end = latest(case, &timing);
    let (mut newest, mut of_peer): (u64, BTreeMap<&str, u64>) = (0, BTreeMap::new());
    for entry in timeline {
        let (before, may_differ) = match &entry.what {
            What::Event { peer, .. } => (of_peer.entry(peer).or_default(), 0),
            What::Note(_) => continue,
            _ => {
                let stalled = timing.stalled(entry.t_us, newest);
                (&mut newest, DISORDER.saturating_add(stalled))
            }
        };
        let seen = if entry.t_us > end {
            format!("the case ended after {} µs", case.duration_us)
        } else if entry.t_us.saturating_add(may_differ) < *before {
            format!("what is before it is of {before} µs")
        } else {
            *before = entry.t_us.max(*before);
            continue;
        };
        flaws.push(Flaw::at(entry, format!("entry {} is of {} µs", entry.n, entry.t_us), seen));
        return;
    }
}

/// The peers are those of the case, and each was given a command. The clock of each that has one of its own is known.
fn peers(case: &CaseFile, timeline: &[Entry], flaws: &mut Vec<Flaw>) {
    let named = |entry: &Entry| -> Vec<String> {
        match &entry.what {
            What::Command { peer, .. }
            | What::Answer { peer, .. }
            | What::Event { peer, .. }
            | What::Faulted { peer, .. }
            | What::Stats { peer, .. }
            | What::PeerClock { peer, .. } => vec![peer.clone()],
            What::Carried { from, to, .. } | What::CarriedCandidate { from, to, .. } => {
                vec![from.clone(), to.clone()]
            }
            _ => Vec::new(),
        }
    };
    let stranger = timeline.iter().find_map(|entry| {
        let unknown = |name: &String| case.peers.iter().all(|peer| peer.name != *name);
        Some((entry, named(entry).into_iter().find(unknown)?))
    });
    if let Some((entry, name)) = stranger {
        let claimed = format!("entry {} is about {name}", entry.n);
        flaws.push(Flaw::at(entry, claimed, "case.json has no peer of that name"));
    }
    for peer in &case.peers {
        let name = &peer.name;
        let commanded = |entry: &Entry| matches!(&entry.what, What::Command { peer, .. } if peer == name);
        if !timeline.iter().any(commanded) {
            let claimed = format!("case.json has a peer {name}");
            flaws.push(Flaw::missing(claimed, "the timeline has no command for it"));
        } else if peer.runs == Runs::Driven && !has_clock(timeline, name) {
            let claimed = format!("the timeline should say how well the clock of {name} is known");
            flaws.push(Flaw::missing(claimed, "it breaks off before"));
        }
    }
}

/// Whether a peer is in a process of its own: then its clock is recorded.
pub(super) fn has_clock(timeline: &[Entry], name: &str) -> bool {
    timeline.iter().any(|entry| matches!(&entry.what, What::PeerClock { peer, .. } if peer == name))
}

/// Steps begin one after the other, and each ends once; the last one, too, unless the run was stopped.
fn steps(timeline: &[Entry], flaws: &mut Vec<Flaw>) {
    let (mut next, mut open): (usize, Option<(usize, &Entry)>) = (0, None);
    for entry in timeline {
        match &entry.what {
            What::StepBegan { step, .. } => {
                if let Some((open, _)) = open {
                    let claimed = format!("step {} should end before the next begins", open + 1);
                    flaws.push(Flaw::at(entry, claimed, format!("step {} begins", step + 1)));
                    return;
                }
                if *step != next {
                    let claimed = format!("step {} should come", next + 1);
                    flaws.push(Flaw::at(entry, claimed, format!("step {} begins", step + 1)));
                    return;
                }
                (next, open) = (step + 1, Some((*step, entry)));
            }
            What::StepEnded { step, outcome } => {
                let began = open.take().is_some_and(|(open, _)| open == *step);
                // A step that broke may do so before it began.
                if !began && !matches!(outcome, StepOutcome::Broken { .. }) {
                    let claimed = format!("step {} ended", step + 1);
                    flaws.push(Flaw::at(entry, claimed, "the timeline does not say that it began"));
                    return;
                }
            }
            _ => {}
        }
    }
    if let Some((step, entry)) = open {
        let claimed = format!("step {} began", step + 1);
        flaws.push(Flaw::at(entry, claimed, "the timeline does not say how it ended"));
    }
}

/// The commands of a peer are numbered from zero, and each has one answer.
fn answers(timeline: &[Entry], flaws: &mut Vec<Flaw>) {
    let mut asked: BTreeMap<&str, BTreeMap<u64, (&Entry, u32)>> = BTreeMap::new();
    for entry in timeline {
        match &entry.what {
            What::Command { peer, id, name, .. } => {
                let before = asked.entry(peer).or_default().insert(*id, (entry, 0));
                if before.is_some() {
                    let claimed = format!("{peer} was asked for {name}");
                    flaws.push(Flaw::at(entry, claimed, format!("command {id} was given before")));
                    return;
                }
            }
            What::Answer { peer, id, .. } => {
                let command = asked.get_mut(peer.as_str()).and_then(|of| of.get_mut(id));
                let seen = match command {
                    None => "the timeline has no command of that number",
                    Some((_, 1..)) => "the timeline has an answer to it before",
                    Some((_, answers)) => {
                        *answers += 1;
                        continue;
                    }
                };
                flaws.push(Flaw::at(entry, format!("{peer} answered command {id}"), seen));
                return;
            }
            _ => {}
        }
    }
    for (peer, commands) in &asked {
        for ((id, (entry, answers)), expected) in commands.iter().zip(0..) {
            if *id != expected {
                let claimed = format!("command {expected} of {peer} should be there");
                flaws.push(Flaw::at(entry, claimed, format!("command {id} follows")));
                return;
            }
            if *answers == 0 {
                let claimed = format!("{peer} was given command {id}");
                flaws.push(Flaw::at(entry, claimed, "the timeline has no answer to it"));
                return;
            }
        }
    }
}

/// For tests: evidence whose capture has a defect.
#[cfg(test)]
impl Evidence {
    pub(crate) fn with_defect(mut self, defect: Defect) -> Self {
        self.defects.push(defect);
        self
    }
}

/// The peers whose packets must be in the capture wherever they went: those in this process, and those in the lab.
pub(super) fn tapped<'a>(
    evidence: &'a Evidence,
    case: &'a CaseFile,
) -> impl Iterator<Item = (Peer, &'a str)> + 'a {
    evidence.each_peer().filter_map(move |peer| {
        let of = case.peers.get(peer.0)?;
        let is_here = of.runs == Runs::Independent && !has_clock(&evidence.timeline, &of.name);
        (is_here || evidence.hosts.contains(&peer)).then_some((peer, of.name.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case_file::Time;
    use crate::checks::controls::Recording;
    use crate::evidence::StepSeen;
    use serde_json::{Value, json};

    fn case() -> CaseFile {
        let peer = |name: &str, role: &str, runs: &str| json!({"name": name, "implementation": "x", "version": "1", "role": role, "runs": runs, "refuses_the_impossible": true});
        let file = json!({
            "format": 3, "name": "data/echo/x-x", "title": "t", "seed": 1, "scenario_hash": "", "epoch_us": 0, "duration_us": 20_000,
            "peers": [peer("alice", "offerer", "by-itself"), peer("bob", "answerer", "driven")],
        });
        serde_json::from_value(file).unwrap()
    }

    fn command(peer: &str, id: u64) -> Value {
        json!({"command": {"peer": peer, "id": id, "name": "close", "args": {}}})
    }

    fn answer(peer: &str, id: u64) -> Value {
        json!({"answer": {"peer": peer, "id": id, "answer": {"ok": null}}})
    }

    fn event(peer: &str, seq: u64) -> Value {
        json!({"event": {"peer": peer, "seq": seq, "event": {"event": "negotiationneeded"}}})
    }

    fn began(step: usize) -> Value {
        json!({"step_began": {"step": step, "definition": {"action": {"harness": {"step": "quiet", "args": {}}}}}})
    }

    fn ended(step: usize) -> Value {
        json!({"step_ended": {"step": step, "outcome": "done"}})
    }

    fn whole() -> Vec<Value> {
        vec![
            command("alice", 0),
            answer("alice", 0),
            began(0),
            command("bob", 0),
            event("bob", 0),
            answer("bob", 0),
            ended(0),
            began(1),
            command("bob", 1),
            answer("bob", 1),
            event("bob", 1),
            ended(1),
            json!({"stalls": {"window_us": 100_000, "waited_us": []}}),
            json!({"peer_clock": {"peer": "bob", "offset_us": 0, "drift_ppm": 0.0, "error_us": 1}}),
        ]
    }

    fn entries(what: &[Value]) -> Vec<Entry> {
        let entry = |(n, what)| json!({"n": n, "t_us": 1_000 * n, "what": what});
        what.iter().enumerate().map(entry).map(|it| serde_json::from_value(it).unwrap()).collect()
    }

    fn flaws(timeline: &[Entry]) -> Vec<String> {
        let all = of_timeline(&case(), timeline);
        all.into_iter().map(|it| format!("{}, but {}", it.claimed, it.seen)).collect()
    }

    #[test]
    fn a_whole_timeline_has_no_flaw() {
        assert_eq!(flaws(&entries(&whole())), [""; 0]);
    }

    #[test]
    fn each_line_that_is_missing_is_a_flaw_even_if_the_others_are_numbered_anew() {
        for missing in 0..whole().len() {
            let mut what = whole();
            let gone = what.remove(missing);
            // The last event of a peer may be missed only by what it is about.
            let is_last = gone == event("bob", 1);
            assert_eq!(flaws(&entries(&what)).is_empty(), is_last, "{gone}");
            let mut timeline = entries(&whole());
            timeline.remove(missing);
            let is_end = missing + 1 == whole().len();
            assert!(!flaws(&timeline).is_empty() || is_end, "{gone}");
        }
        for length in 0..whole().len() {
            assert!(!flaws(&entries(&whole()[..length])).is_empty(), "{length} lines");
        }
    }

    #[test]
    fn each_line_that_is_there_twice_is_a_flaw() {
        for twice in 0..whole().len() - 2 {
            let mut what = whole();
            what.insert(twice, what[twice].clone());
            assert!(!flaws(&entries(&what)).is_empty(), "{}", what[twice]);
        }
    }

    #[test]
    fn a_peer_of_which_case_json_does_not_know_is_a_flaw() {
        let mut what = whole();
        what.extend([command("carol", 0), answer("carol", 0)]);
        assert!(flaws(&entries(&what))[0].contains("about carol, but case.json has no peer of that name"));
    }

    #[test]
    fn times_that_cannot_be_are_flaws() {
        let at = |n: usize, t_us: u64| {
            let mut timeline = entries(&whole());
            timeline[n].t_us = t_us;
            flaws(&timeline)
        };
        // A command, an event, the end.
        for n in [3, 10, 13] {
            assert!(at(n, 1 << 63)[0].contains("the case ended after 20000 µs"), "{:?}", at(n, 1 << 63));
        }
        assert!(at(10, 0)[0].contains("what is before it is of 4000 µs"), "events of a peer are in order");
        assert!(at(9, 0).is_empty(), "a packet's entry is written when it is over");
        let mut later = entries(&whole());
        later[3].t_us = 1_015_000;
        assert!(flaws(&later)[0].contains("what is before it"), "{:?}", flaws(&later));
    }

    #[test]
    fn what_lacks_anything_accuses_nobody() {
        let evidence = crate::checks::controls::Recording::Data.evidence();
        let broken = |evidence: &Evidence| {
            let check = crate::checks::of("sec-fingerprint-sha256-present").unwrap();
            check.run(evidence).into_iter().filter(|it| it.result == crate::checks::Status::Fail).count()
        };
        let mut mutated = evidence.clone();
        for description in &mut mutated.descriptions {
            let text = description.sdp.as_str().replace("sha-256", "sha-1");
            description.sdp = peerproof_captures::sdp::SessionDescription::parse(text);
        }
        assert_eq!((broken(&evidence), broken(&mutated)), (0, 2));
        // This recording is older than what its timeline is asked for.
        let examined = mutated.examined(&case());
        assert!(!examined.flaws.is_empty() && !examined.whole);
        assert_eq!(broken(&examined), 0);
    }

    #[test]
    fn a_capture_with_a_defect_is_not_whole() {
        let of = |defect: Defect| {
            let peers = vec!["alice".to_owned(), "bob".to_owned()];
            let evidence =
                Evidence::new(peers, entries(&whole()), None).with_defect(defect).examined(&case());
            evidence.flaws.iter().map(|it| it.seen.clone()).collect::<Vec<_>>()
        };
        assert!(of(Defect::Cut { frames: 3, first: 7 })[0].contains("3 frames cut off by the snap length"));
        let ends = Defect::Ends { frames: 3, cause: "cut off".to_owned() };
        assert!(of(ends)[0].contains("breaks off after 3 packets"));
        assert_eq!(of(Defect::Copies { frames: 1, first: 2 }), [""; 0], "copies count once");
    }

    /// On a machine that stalls a step and the packet with its comment may be apart, but no packet before it is later than the step.
    #[test]
    fn a_packet_before_a_step_is_not_later_however_busy_the_machine_is() {
        let is_flawed = |before_ms: i64, first_ms: i64| {
            let peers = vec!["alice".to_owned(), "bob".to_owned()];
            let mut evidence = Evidence::new(peers, entries(&whole()), None);
            let began = |entry: &Entry| matches!(entry.what, What::StepBegan { step: 1, .. });
            let at_us = evidence.timeline.iter().find(|it| began(it)).unwrap().t_us + 3_000_000;
            for entry in &mut evidence.timeline {
                entry.t_us += 3_000_000;
            }
            let ns = |ms: i64| at_us.saturating_add_signed(1_000 * ms) * 1_000;
            let (time_ns, before_ns) = (ns(first_ms), ns(before_ms));
            evidence.steps = vec![StepSeen { step: 2, frame: 9, time_ns, before_ns }];
            evidence.stall(0, 10_000_000, 30_000);
            evidence.of_steps(&case()).is_some()
        };
        assert!(!is_flawed(0, 0) && !is_flawed(-300, 300), "it was delayed");
        assert!(!is_flawed(-300, -90) && is_flawed(-2_000, -1_990), "the comment came first");
        assert!(!is_flawed(1, 5) && is_flawed(2, 5) && is_flawed(300, 300));
    }

    #[test]
    fn what_a_rule_did_is_written_when_the_packet_was_recorded() {
        let is_flawed = |later_us: i64| {
            let mut evidence = Recording::Call.evidence();
            let packet = &evidence.wire.as_ref().unwrap().packets[20];
            let (frame, t_us) = (packet.frame, packet.t_us.saturating_add_signed(later_us));
            let faulted = json!({"peer": "alice", "action": "drop", "frame": frame});
            let entry = json!({"n": 0, "t_us": t_us, "what": {"faulted": faulted}});
            evidence.timeline.push(serde_json::from_value(entry).unwrap());
            evidence.stall(0, 10_000_000, 0);
            evidence.of_acts().is_some()
        };
        assert!(!is_flawed(0) && !is_flawed(90_000) && !is_flawed(-1_000));
        assert!(is_flawed(-20_000), "the capture is ahead");
        assert!(is_flawed(3_000_000), "it is behind");
    }

    #[test]
    fn a_frame_that_is_there_twice_was_added_unless_a_rule_doubled_it_in_virtual_time() {
        let is_flawed = |is_real: bool, is_ruled: bool, repeated: Option<u64>| {
            let mut evidence = Recording::Call.evidence();
            let mut case = Recording::Call.record().file;
            case.time = if is_real { Time::Real } else { Time::Virtual };
            evidence.wire.as_mut().unwrap().repeated = repeated;
            evidence.ruled.extend(is_ruled.then_some(7));
            evidence.of_repeated(&case).is_some()
        };
        assert!(is_flawed(true, true, Some(9)) && is_flawed(false, false, Some(9)));
        assert!(!is_flawed(false, true, Some(9)) && !is_flawed(true, false, None));
    }

    #[test]
    fn where_frames_were_counted_the_count_decides() {
        let is_flawed = |is_counted: bool| {
            let mut evidence = Recording::Call.evidence();
            let mut case = Recording::Call.record().file;
            evidence.wire.as_mut().unwrap().repeated = Some(9);
            case.captured = if is_counted { evidence.counted.clone() } else { Default::default() };
            evidence.of_repeated(&case).is_some()
        };
        assert!(is_flawed(false) && !is_flawed(true));
    }

    /// Rules act on while the peers close.
    #[test]
    fn what_arrives_after_the_end_of_the_timeline_may_have_been_changed_by_a_rule() {
        let flaws = |is_late: bool| {
            let mut evidence = Recording::Call.evidence();
            let case = Recording::Call.record().file;
            let ended_us = evidence.timeline.last().unwrap().t_us;
            let wire = evidence.wire.as_mut().unwrap();
            let arrived =
                wire.packets.iter_mut().find(|it| it.tap == Peer(1) && it.sender == Peer(0)).unwrap();
            arrived.bytes[8] ^= 0xff;
            arrived.t_us = if is_late { ended_us + 1_000 } else { ended_us };
            let all = evidence.examined(&case).flaws;
            all.iter().any(|it| it.seen.contains("the capture has none that left"))
        };
        assert_eq!([false, true].map(flaws), [true, false]);
    }
}
