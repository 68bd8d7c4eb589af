//! What the clocks and the load of the machine leave open.
//!
//! The recording says how well each peer's clock is known ([`What::PeerClock`]) and how long threads that could run had to wait
//! ([`What::Stalls`]). A comparison of two times is decided only if the difference exceeds both.

use super::{Evidence, Peer, Wire};
use crate::case_file::CaseFile;
use peerproof_captures::timeline::{Entry, What};
use std::collections::BTreeMap;

/// How far the times in a recording can be relied on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timing {
    /// The delays window by window; `None` if the recording does not say.
    stalls: Option<Stalls>,
    /// By how much the times of each peer's events may be off, in the order of the peers.
    errors_us: Vec<u64>,
    /// By how much the clock of the capture may be ahead, for all that the recording shows.
    ahead_us: u64,
}

#[derive(Debug, Clone)]
struct Stalls {
    window_us: u64,
    waited_us: Vec<u64>,
}

impl Timing {
    pub(crate) fn of(peers: &[String], timeline: &[Entry]) -> Self {
        let mut timing = Self { stalls: None, errors_us: vec![0; peers.len()], ahead_us: 0 };
        for entry in timeline {
            match &entry.what {
                What::Stalls { window_us, waited_us } => {
                    let window_us = (*window_us).max(1);
                    timing.stalls = Some(Stalls { window_us, waited_us: waited_us.clone() });
                }
                What::PeerClock { peer, error_us, .. } => {
                    let place = peers.iter().position(|name| name == peer);
                    if let Some(error) = place.and_then(|place| timing.errors_us.get_mut(place)) {
                        *error = *error_us;
                    }
                }
                _ => {}
            }
        }
        timing
    }

    /// The same, with what nothing excludes of the clock of the capture. Where both taps were recorded, packets that passed both show whether
    /// their clocks differ; where one was, only what caused packets and what they caused can. `case.json` says when the frames were recorded, so
    /// this is for recordings of before.
    #[must_use]
    pub(crate) fn of_capture(self, case: &CaseFile, wire: Option<&Wire>, timeline: &[Entry]) -> Self {
        let Some(wire) = wire.filter(|_| case.captured.is_empty()) else { return self };
        let mut taps = wire.packets.iter().map(|packet| packet.tap);
        let first = taps.next();
        if first.is_none() || taps.any(|tap| Some(tap) != first) {
            return self;
        }
        Self { ahead_us: ahead_us(case.epoch_us, wire, timeline), ..self }
    }

    /// See [`Evidence::stalled`].
    pub(crate) fn stalled(&self, from_us: u64, to_us: u64) -> u64 {
        self.delayed(from_us, to_us).saturating_add(self.ahead_us)
    }

    /// Most that the machine may have delayed anything between two moments.
    pub(crate) fn delayed(&self, from_us: u64, to_us: u64) -> u64 {
        let (from, to) = (from_us.min(to_us), from_us.max(to_us));
        self.stalls.as_ref().map_or(u64::MAX, |stalls| stalls.between(from, to))
    }

    /// See [`Evidence::clock_error`].
    pub(crate) fn clock_error(&self, peer: Peer) -> u64 {
        self.errors_us.get(peer.0).copied().unwrap_or(0)
    }
}

/// The first packet of a step is not before the step began, and what a rule did to a packet is written behind it: the clock is ahead by no
/// more than the least of what they are apart.
fn ahead_us(epoch_us: u64, wire: &Wire, timeline: &[Entry]) -> u64 {
    let (mut began, mut acted): (BTreeMap<u64, u64>, BTreeMap<u64, u64>) = (BTreeMap::new(), BTreeMap::new());
    for entry in timeline {
        match &entry.what {
            What::StepBegan { step, .. } => {
                began.insert(*step as u64 + 1, entry.t_us);
            }
            What::Faulted { frame: Some(frame), .. } => {
                acted.insert(*frame, entry.t_us);
            }
            _ => {}
        }
    }
    let steps = wire.steps.iter().filter_map(|seen| {
        Some((seen.time_ns / 1_000).saturating_sub(epoch_us).saturating_sub(*began.get(&seen.step)?))
    });
    let rules = wire.packets.iter().filter_map(|it| Some(acted.get(&it.frame)?.saturating_sub(it.t_us)));
    steps.chain(rules).min().unwrap_or(0)
}

impl Stalls {
    fn between(&self, from_us: u64, to_us: u64) -> u64 {
        let window = |at_us: u64| usize::try_from(at_us / self.window_us).unwrap_or(usize::MAX);
        let (first, last) = (window(from_us), window(to_us));
        let count = last.saturating_sub(first).saturating_add(1);
        let touched = self.waited_us.iter().skip(first).take(count);
        let waited = touched.fold(0, |sum: u64, waited| sum.saturating_add(*waited));
        // Packets come while the peers are ended, when nobody measures any more. In virtual time nobody does at all.
        let known = self.waited_us.len();
        let unknown = if known == 0 { 0 } else { last.saturating_add(1).saturating_sub(first.max(known)) };
        waited.saturating_add(self.window_us.saturating_mul(unknown as u64))
    }
}

impl Evidence {
    /// Most that the machine may have delayed anything between two moments of the case, in microseconds. [`u64::MAX`] where the
    /// recording does not say, as in a capture that somebody else took. What is not known of the clock of the capture counts too.
    #[must_use]
    pub fn stalled(&self, from_us: u64, to_us: u64) -> u64 {
        self.timing.stalled(from_us, to_us)
    }

    /// The same of the machine alone.
    pub(crate) fn delayed(&self, from_us: u64, to_us: u64) -> u64 {
        self.timing.delayed(from_us, to_us)
    }

    /// Whether something that is `off_us` too late may be so because of this machine, between these moments.
    #[must_use]
    pub fn may_be_stall(&self, off_us: u64, from_us: u64, to_us: u64) -> bool {
        off_us <= self.stalled(from_us, to_us)
    }

    /// By how much the times of a peer's events may be off, either way, in microseconds.
    #[must_use]
    pub fn clock_error(&self, peer: Peer) -> u64 {
        self.timing.clock_error(peer)
    }

    /// By how much an event of a peer and a packet may seem to be in the wrong order, in microseconds: by the error of the peer's clock
    /// and by what delayed the recording of the packet.
    #[must_use]
    pub fn order_error(&self, peer: Peer, event_us: u64, packet_us: u64) -> u64 {
        self.clock_error(peer).saturating_add(self.stalled(event_us, packet_us))
    }
}

/// For tests: another record than that of the timeline.
#[cfg(test)]
impl Evidence {
    /// As if threads that could run had had to wait for this time in each window of 100 ms that is touched, and in no other.
    pub(crate) fn stall(&mut self, from_us: u64, to_us: u64, waited_us: u64) {
        let window_us = 100_000;
        let [from, to] = [from_us, to_us].map(|at| usize::try_from(at / window_us).unwrap());
        // Somebody measures for ten minutes.
        let is_touched = |window: usize| (from..=to).contains(&window);
        let waited_us =
            (0..=to.max(6_000)).map(|window| if is_touched(window) { waited_us } else { 0 }).collect();
        self.timing.stalls = Some(Stalls { window_us, waited_us });
    }

    /// As if the recording did not say how long the machine stalled.
    pub(crate) fn forget_stalls(&mut self) {
        self.timing.stalls = None;
    }

    /// As if nothing excluded that the clock of the capture is ahead by this.
    pub(crate) fn blur_capture(&mut self, ahead_us: u64) {
        self.timing.ahead_us = ahead_us;
    }

    /// As if the times of a peer's events were known within this uncertainty.
    pub(crate) fn blur_clock(&mut self, peer: Peer, error_us: u64) {
        self.timing.errors_us[peer.0] = error_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::Recording;
    use crate::evidence::StepSeen;
    use serde_json::json;

    fn evidence(what: Vec<What>) -> Evidence {
        let timeline = what.into_iter().map(|what| Entry { n: 0, t_us: 0, what }).collect();
        Evidence::new(vec!["alice".to_owned(), "bob".to_owned()], timeline, None)
    }

    #[test]
    fn all_windows_that_are_touched_count() {
        let stalls = What::Stalls { window_us: 100, waited_us: vec![1, 20, 300] };
        let evidence = evidence(vec![stalls]);
        assert_eq!(evidence.stalled(0, 99), 1);
        assert_eq!(evidence.stalled(150, 50), 21);
        assert_eq!(evidence.stalled(150, 299), 320);
        assert!(evidence.may_be_stall(20, 100, 199));
        assert!(!evidence.may_be_stall(21, 100, 199));
    }

    #[test]
    fn what_comes_when_nobody_measures_any_more_may_be_delayed() {
        let stalls = What::Stalls { window_us: 100, waited_us: vec![1, 20, 300] };
        let evidence = evidence(vec![stalls]);
        assert_eq!(evidence.stalled(150, 300), 420);
        assert_eq!(evidence.stalled(150, 499), 520);
        assert_eq!(evidence.stalled(1_000, 1_010), 100);
        assert_eq!(evidence.stalled(150, u64::MAX), u64::MAX);
    }

    #[test]
    fn without_a_record_everything_may_be_delayed() {
        assert_eq!(evidence(Vec::new()).stalled(0, 0), u64::MAX);
        let virtual_time = evidence(vec![What::Stalls { window_us: 100, waited_us: Vec::new() }]);
        assert_eq!(virtual_time.stalled(0, u64::MAX), 0);
    }

    #[test]
    fn the_error_of_a_clock_is_its_peers() {
        let clock = What::PeerClock { peer: "bob".to_owned(), offset_us: -7, drift_ppm: 0.0, error_us: 40 };
        let stalls = What::Stalls { window_us: 100, waited_us: vec![5] };
        let evidence = evidence(vec![clock, stalls]);
        assert_eq!((evidence.clock_error(Peer(0)), evidence.clock_error(Peer(1))), (0, 40));
        assert_eq!(evidence.order_error(Peer(1), 10, 20), 45);
    }

    /// The first packet of a step of a recording with one tap, and packets on which rules acted, show how much its clock can be ahead at most.
    #[test]
    fn what_is_not_known_of_the_clock_of_the_capture_leaves_as_much_open() {
        let of = |taps: usize, is_counted: bool, acted_us: Option<u64>| {
            let mut record = Recording::Call.record();
            let wire = record.wire.as_mut().unwrap();
            wire.packets.retain(|it| it.tap.0 < taps);
            let packet = wire.packets[20].clone();
            let began = |entry: &&Entry| matches!(entry.what, What::StepBegan { step: 0, .. });
            let began_us = record.timeline.iter().find(began).unwrap().t_us;
            let time_ns = (record.file.epoch_us + began_us + 70_000) * 1_000;
            wire.steps = vec![StepSeen { step: 1, frame: 1, time_ns, before_ns: 0 }];
            if let Some(acted_us) = acted_us {
                let faulted = json!({"peer": "alice", "action": "drop", "frame": packet.frame});
                let what = serde_json::from_value(json!({ "faulted": faulted })).unwrap();
                record.timeline.push(Entry { n: 0, t_us: packet.t_us + acted_us, what });
            }
            if is_counted {
                record.file.captured = wire.counted.clone();
            }
            let peers = vec!["alice".to_owned(), "bob".to_owned()];
            let evidence = Evidence::new(peers, record.timeline, record.wire).of_case(&record.file);
            evidence.stalled(0, 1_000_000) - evidence.delayed(0, 1_000_000)
        };
        assert_eq!(of(1, false, None), 70_000);
        assert_eq!(of(1, false, Some(50)), 50);
        assert_eq!(of(2, false, None), 0, "the other tap shows it");
        assert_eq!(of(1, true, None), 0, "the recording says when it was");
    }
}
