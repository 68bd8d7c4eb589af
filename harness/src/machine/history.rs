//! How long threads had to wait in the last hour, window by window.
//!
//! All times are microseconds since the monitor began.

use std::collections::VecDeque;

/// Length of a window, of the monitor's and of those that a case gets.
pub const WINDOW_US: u64 = 100_000;
/// How far back the waiting times of threads are kept.
const KEPT_US: u64 = 3_600_000_000;
/// A time in which the pressure was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from_us: u64,
    pub(super) to_us: u64,
    /// For how long at least one thread waited for a processor; nothing if the machine does not report it.
    pub(super) cpu_us: Option<u64>,
    /// For how long at least one thread waited for the disk or for memory.
    pub(super) others_us: u64,
}

/// From when a timer was due until its thread or task ran.
pub(super) type Late = (u64, u64);

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Without gaps, the oldest first.
    windows: VecDeque<Window>,
    /// Without overlaps, the oldest first.
    late: VecDeque<Late>,
}

impl History {
    /// Takes up the window that follows the last one.
    pub(super) fn push(&mut self, window: Window) {
        while self.windows.front().is_some_and(|oldest| oldest.to_us + KEPT_US < window.to_us) {
            self.windows.pop_front();
        }
        self.windows.push_back(window);
    }

    /// Takes up that a timer was late until now.
    pub(super) fn push_late(&mut self, (mut from, to): Late) {
        while self.late.front().is_some_and(|(_, oldest)| oldest + KEPT_US < to) {
            self.late.pop_front();
        }
        // While one timer was late another was too.
        while let Some((begin, _)) = self.late.pop_back_if(|(_, end)| *end >= from) {
            from = from.min(begin);
        }
        self.late.push_back((from, to));
    }

    /// The share of the time up to `now_us` in which at least one thread waited for a processor; nothing if that is not known.
    pub(super) fn cpu_pressure(&self, now_us: u64, over_us: u64) -> Option<f64> {
        let since = now_us.saturating_sub(over_us);
        let recent = self.windows.iter().rev().take_while(|window| window.to_us > since);
        let (mut waited, mut length) = (0, 0);
        for window in recent {
            waited += window.cpu_us?;
            length += window.to_us - window.from_us;
        }
        (length > 0).then(|| (waited as f64 / length as f64).min(1.0))
    }

    /// For each window of [`WINDOW_US`] from one time to another, how long threads had to wait in it, never less; zeros at the end are
    /// left out. `pending` are the timers that are late already. What was not measured counts as waited.
    pub(super) fn waited(&self, from_us: u64, to_us: u64, pending: &[Late]) -> Vec<u64> {
        let late = self.all_late(from_us, to_us, pending);
        let mut waited = Vec::new();
        let mut begin = from_us;
        while begin < to_us {
            let end = (begin + WINDOW_US).min(to_us);
            waited.push(self.waited_within(begin, end, &late));
            begin = end;
        }
        let last = waited.iter().rposition(|waited| *waited > 0);
        waited.truncate(last.map_or(0, |last| last + 1));
        waited
    }

    fn waited_within(&self, from_us: u64, to_us: u64, late: &[Late]) -> u64 {
        let mut sum = 0;
        // The end of what has been looked at.
        let mut seen = from_us;
        let first = self.windows.partition_point(|window| window.to_us <= from_us);
        for window in self.windows.iter().skip(first).take_while(|window| window.from_us < to_us) {
            let (begin, end) = (window.from_us.max(seen), window.to_us.min(to_us));
            sum += begin - seen;
            // Where in the window the threads waited is not known, so each part of it gets all that it can have.
            let pressure = window.cpu_us.unwrap_or(0).saturating_add(window.others_us);
            sum += pressure.max(overlap(late, begin, end)).min(end - begin);
            seen = end;
        }
        sum + (to_us - seen)
    }

    /// When a timer was late between two times, in order, without overlaps.
    fn all_late(&self, from_us: u64, to_us: u64, pending: &[Late]) -> Vec<Late> {
        let since = self.late.partition_point(|(_, to)| *to <= from_us);
        let all = self.late.iter().skip(since).chain(pending);
        let mut late: Vec<Late> = all.copied().filter(|(from, to)| *from < to_us && *to > from_us).collect();
        late.sort_unstable();
        let mut merged: Vec<Late> = Vec::new();
        for (from, to) in late {
            match merged.last_mut() {
                Some((_, end)) if from <= *end => *end = to.max(*end),
                _ => merged.push((from, to)),
            }
        }
        merged
    }
}

/// How much of a time is in these times, which do not overlap.
fn overlap(late: &[Late], from_us: u64, to_us: u64) -> u64 {
    let first = late.partition_point(|(_, to)| *to <= from_us);
    let within = late.iter().skip(first).take_while(|(from, _)| *from < to_us);
    within.map(|(from, to)| (*to).min(to_us) - (*from).max(from_us)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows of the monitor with these pressures, one after the other from zero.
    fn history(pressures: &[u64]) -> History {
        let mut history = History::default();
        for (n, pressure) in pressures.iter().enumerate() {
            let from_us = n as u64 * WINDOW_US;
            let to_us = from_us + WINDOW_US;
            history.push(Window { from_us, to_us, cpu_us: Some(*pressure), others_us: 0 });
        }
        history
    }

    #[test]
    fn windows_of_a_case_are_those_of_the_monitor_if_they_begin_alike() {
        let history = history(&[0, 40_000, 0, 100_000, 7, 0, 0]);
        assert_eq!(history.waited(0, 700_000, &[]), [0, 40_000, 0, 100_000, 7]);
        assert_eq!(history.waited(100_000, 300_000, &[]), [40_000]);
        assert_eq!(history.waited(500_000, 700_000, &[]), [0; 0]);
        assert_eq!(history.waited(700_000, 700_000, &[]), [0; 0]);
    }

    #[test]
    fn each_window_gets_all_that_it_may_have_waited() {
        let history = history(&[0, 40_000, 0, 90_000, 0]);
        // The case began in the middle of the first window.
        assert_eq!(history.waited(30_000, 430_000, &[]), [30_000, 40_000, 30_000, 70_000]);
        assert_eq!(history.waited(50_000, 450_000, &[]), [40_000, 40_000, 50_000, 50_000]);
    }

    #[test]
    fn a_timer_that_was_late_over_several_windows_counts_in_each() {
        let mut history = history(&[0, 30_000, 0, 0, 0]);
        history.push_late((150_000, 320_000));
        // Another timer was late at the same time.
        history.push_late((180_000, 330_000));
        assert_eq!(history.waited(0, 500_000, &[]), [0, 50_000, 100_000, 30_000]);
        assert_eq!(
            history.waited(60_000, 500_000, &[(480_000, 500_000)]),
            [30_000, 100_000, 70_000, 0, 20_000]
        );
    }

    #[test]
    fn disk_and_memory_count_and_nothing_exceeds_its_window() {
        let mut history = History::default();
        history.push(Window { from_us: 0, to_us: 100_000, cpu_us: Some(60_000), others_us: 30_000 });
        history.push(Window { from_us: 100_000, to_us: 350_000, cpu_us: Some(240_000), others_us: 60_000 });
        history.push(Window { from_us: 350_000, to_us: 400_000, cpu_us: None, others_us: 0 });
        assert_eq!(history.waited(0, 400_000, &[]), [90_000, 100_000, 100_000, 50_000]);
    }

    #[test]
    fn what_was_not_measured_counts_as_waited() {
        let mut history = History::default();
        history.push(Window { from_us: 150_000, to_us: 250_000, cpu_us: Some(10), others_us: 0 });
        assert_eq!(history.waited(0, 350_000, &[]), [100_000, 50_010, 50_010, 50_000]);
        assert_eq!(History::default().waited(0, 150_000, &[]), [100_000, 50_000]);
    }

    #[test]
    fn pressure_is_that_of_the_last_second() {
        let history = history(&[100_000; 10]);
        assert_eq!(history.cpu_pressure(1_000_000, 1_000_000), Some(1.0));
        let mut history = history;
        for n in 10..15 {
            let from_us = n * WINDOW_US;
            history.push(Window { from_us, to_us: from_us + WINDOW_US, cpu_us: Some(0), others_us: 90_000 });
        }
        assert_eq!(history.cpu_pressure(1_500_000, 1_000_000), Some(0.5));
        assert_eq!(history.cpu_pressure(1_500_000, 100_000), Some(0.0));
        assert_eq!(history.cpu_pressure(9_000_000, 1_000_000), None);
        history.push(Window { from_us: 1_500_000, to_us: 1_600_000, cpu_us: None, others_us: 0 });
        assert_eq!(history.cpu_pressure(1_600_000, 1_000_000), None);
    }

    #[test]
    fn no_more_than_an_hour_is_kept() {
        let mut history = history(&[0; 40_000]);
        assert_eq!(history.windows.len(), 36_001);
        (0..40_000).for_each(|n| history.push_late((n * WINDOW_US, n * WINDOW_US + 1)));
        assert_eq!(history.late.len(), 36_001);
        history.push_late((3_999_500_000, 4_000_000_000));
        assert_eq!(history.late.back(), Some(&(3_999_500_000, 4_000_000_000)));
        assert_eq!(history.late.len(), 35_996);
    }
}
