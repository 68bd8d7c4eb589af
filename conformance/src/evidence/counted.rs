//! What each interface of a capture recorded: when the case has ended, `case.json` keeps it, and later nothing may be missing, added or of
//! another time.

use super::Evidence;
use super::flaws::Flaw;
use crate::case_file::{CaseFile, Counted};
use peerproof_captures::file::{Frame, Interface};
use std::collections::BTreeMap;

/// Most interfaces whose frames are counted: recordings of ours have some ten.
const MOST: usize = 4_096;

/// Counts frames by the index of their interface.
#[derive(Debug, Default)]
pub(super) struct Counts(Vec<Option<Counted>>);

impl Counts {
    /// Takes in a frame. `epoch_us` is the zero of the case's clock in microseconds since 1970.
    pub(super) fn frame(&mut self, frame: &Frame<'_>, epoch_us: u64) {
        let (Some(index), Some(time_ns)) = (frame.interface, frame.time_ns) else { return };
        if index >= MOST {
            return;
        }
        if index >= self.0.len() {
            self.0.resize(index + 1, None);
        }
        let t_us = (time_ns / 1_000).saturating_sub(epoch_us);
        let Some(of) = self.0.get_mut(index) else { return };
        let counted = of.get_or_insert(Counted { frames: 0, first_us: t_us, last_us: t_us });
        counted.frames += 1;
        counted.first_us = counted.first_us.min(t_us);
        counted.last_us = counted.last_us.max(t_us);
    }

    /// By the names of the interfaces: what has the same name counts together.
    pub(super) fn close(self, interfaces: &[Interface]) -> BTreeMap<String, Counted> {
        let mut named: BTreeMap<String, Counted> = BTreeMap::new();
        for (counted, interface) in self.0.into_iter().zip(interfaces) {
            let Some(counted) = counted else { continue };
            let sum = named
                .entry(interface.name.clone().unwrap_or_default())
                .or_insert(Counted { frames: 0, ..counted });
            sum.frames += counted.frames;
            sum.first_us = sum.first_us.min(counted.first_us);
            sum.last_us = sum.last_us.max(counted.last_us);
        }
        named
    }
}

impl Evidence {
    /// The first interface that has not what it had when the case ended, if the recording says what that was.
    pub(super) fn of_counted(&self, case: &CaseFile) -> Option<Flaw> {
        if case.captured.is_empty() {
            return None;
        }
        let added = self.counted.iter().find(|(name, _)| !case.captured.contains_key(*name));
        if let Some((name, is)) = added {
            let seen = format!("it has {} of {name}: frames were added", is.frames);
            return Some(Flaw::missing(
                "the capture should have the frames that it had when the case ended",
                seen,
            ));
        }
        case.captured.iter().find_map(|(name, was)| {
            let claimed = format!("{name} recorded {} frames", was.frames);
            let Some(is) = self.counted.get(name) else {
                return Some(Flaw::missing(claimed, "the capture has none of it"));
            };
            if is.frames != was.frames {
                let (what, n) = if is.frames < was.frames {
                    ("missing", was.frames - is.frames)
                } else {
                    ("too many", is.frames - was.frames)
                };
                return Some(Flaw::missing(claimed, format!("of these, {n} are {what}")));
            }
            let ends = [("first", was.first_us, is.first_us), ("last", was.last_us, is.last_us)];
            let (which, was_us, is_us) = ends.into_iter().find(|(_, was, is)| was != is)?;
            let claimed = format!("the {which} frame of {name} was of {was_us} µs");
            Some(Flaw::missing(claimed, format!("it is of {is_us} µs: a clock is wrong")))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::case_file::Counted;
    use crate::checks::controls::Recording;

    /// What is wrong with a recording whose capture was changed by this since the case ended.
    fn seen(change: impl FnOnce(&mut std::collections::BTreeMap<String, Counted>)) -> Option<String> {
        let mut evidence = Recording::Call.evidence();
        let mut case = Recording::Call.record().file;
        assert!(evidence.counted.values().all(|it| it.frames > 0 && it.first_us <= it.last_us));
        assert!(evidence.counted.len() >= 2, "both taps");
        case.captured = evidence.counted.clone();
        change(&mut evidence.counted);
        evidence.of_counted(&case).map(|it| it.seen)
    }

    #[test]
    fn what_an_interface_recorded_is_still_there_at_its_time() {
        assert_eq!(seen(|_| {}), None);
        let of = |change: fn(&mut Counted)| seen(|all| all.values_mut().for_each(change)).unwrap();
        assert_eq!(of(|it| it.frames -= 1), "of these, 1 are missing");
        assert_eq!(of(|it| it.frames += 2), "of these, 2 are too many");
        assert!(of(|it| it.first_us += 7).ends_with("a clock is wrong"));
        assert!(of(|it| it.last_us += 7).ends_with("a clock is wrong"));
        assert_eq!(seen(|all| drop(all.pop_first())).unwrap(), "the capture has none of it");
        let added = seen(|all| {
            let (name, counted) = all.pop_first().unwrap();
            all.insert(name.clone(), counted);
            all.insert(format!("{name} again"), counted);
        });
        assert!(added.unwrap().ends_with("frames were added"));
    }

    #[test]
    fn recordings_of_before_do_not_say_what_they_had() {
        let evidence = Recording::Call.evidence();
        assert!(Recording::Call.record().file.captured.is_empty());
        assert_eq!(evidence.of_counted(&Recording::Call.record().file), None);
    }
}
