//! How much of the machine other work takes from us: `/proc/stat`, and what `/proc` says of our own processes.

use super::processes::{self, Turn, Work};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

/// Most bytes of `/proc/stat` that are read; the first line, which has about eighty, is what counts.
const MOST: u64 = 4096;

/// The time of all processors since the machine started, in ticks, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// All of it.
    total: u64,
    /// What somebody used of it: threads, interrupts, and other guests of the same host.
    used: u64,
    /// What this process and those below it did.
    ours: Work,
}

impl Reading {
    /// What it is now; nothing if the kernel does not report it.
    pub(super) fn now() -> Option<Self> {
        let mut text = String::new();
        File::open("/proc/stat").ok()?.take(MOST).read_to_string(&mut text).ok()?;
        let (total, used) = all(&text)?;
        let ours = processes::work(i32::try_from(std::process::id()).ok()?);
        Some(Self { total, used, ours })
    }

    /// The share of the time since an earlier reading that other work left to us, more than 0 and at most 1.
    ///
    /// Others took no more than they used, and no more than our threads had to wait. The first alone would count what they
    /// used while we had nothing to do, the second what our own threads took from each other.
    pub(super) fn left_since(&self, before: &Self) -> f64 {
        let total = self.total.saturating_sub(before.total);
        let used = self.used.saturating_sub(before.used);
        // Who was counted a tick later than the others could have used more than all.
        let others = used.saturating_sub(self.ours.used.saturating_sub(before.ours.used)).min(total);
        // Nothing lasts forever: of a tick there is always something left.
        let left = (total - others).max(1) as f64 / total.max(1) as f64;
        left.max(share_that_ran(&before.ours.turns, &self.ours.turns))
    }
}

/// Of the time in which our threads could run, the share in which they did. All of it if they had nothing to do, or if the
/// kernel does not report it.
fn share_that_ran(before: &BTreeMap<i32, Turn>, after: &BTreeMap<i32, Turn>) -> f64 {
    let (mut ran, mut waited) = (0_u64, 0_u64);
    for (pid, turn) in after {
        let first = before.get(pid).copied().unwrap_or_default();
        ran = ran.saturating_add(turn.ran.saturating_sub(first.ran));
        waited = waited.saturating_add(turn.waited.saturating_sub(first.waited));
    }
    if waited == 0 { 1.0 } else { ran.max(1) as f64 / ran.saturating_add(waited).max(1) as f64 }
}

/// All time and what was used of it, from the line `cpu`: user, nice, system, idle, iowait, irq, softirq, steal. What follows, of
/// guests, is in the first two.
fn all(text: &str) -> Option<(u64, u64)> {
    let mut fields = text.lines().next()?.split_ascii_whitespace();
    if fields.next()? != "cpu" {
        return None;
    }
    let fields: Vec<u64> = fields.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    let total = fields.iter().try_fold(0_u64, |sum, field| sum.checked_add(*field))?;
    Some((total, total - fields.get(3)? - fields.get(4)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_idle_was_used() {
        assert_eq!(all("cpu  10 20 30 400 50 6 7 8 9 9\ncpu0 1 1 1 1\n"), Some((531, 81)));
        let texts = ["", "cpu", "cpu 1 2 3", "cpu0 1 2 3 4 5", "cpu 1 2 3 x 5", "cpu -1 2 3 4 5"];
        for text in texts.into_iter().chain(["cpu 18446744073709551615 1 1 1 1", "\u{1b}[1m"]) {
            assert_eq!(all(text), None, "{text:?}");
        }
    }

    fn reading(total: u64, used: u64, ours: u64, turns: &[(i32, u64, u64)]) -> Reading {
        let turns =
            turns.iter().map(|(pid, ran, waited)| (*pid, Turn { ran: *ran, waited: *waited })).collect();
        Reading { total, used, ours: Work { used: ours, turns } }
    }

    #[test]
    fn the_share_is_what_others_left() {
        let before = reading(1000, 500, 100, &[(7, 0, 0)]);
        // Our thread had to wait all the time.
        let after = |total: u64, used: u64, ours: u64| {
            reading(1000 + total, 500 + used, 100 + ours, &[(7, 0, 1_000_000_000)]).left_since(&before)
        };
        assert_eq!(after(200, 0, 0), 1.0, "an idle machine");
        assert_eq!(after(200, 200, 200), 1.0, "busy, but with our own work");
        assert_eq!(after(200, 150, 50), 0.5);
        assert_eq!(after(200, 200, 10), 0.05);
        assert_eq!(after(200, 200, 0), 0.005);
        assert_eq!((after(0, 0, 0), after(0, 5, 0), after(200, 10, 90)), (1.0, 1.0, 1.0));
        assert_eq!(before.left_since(&reading(2000, 900, 300, &[])), 1.0);
    }

    #[test]
    fn others_take_nothing_from_who_does_not_wait() {
        let before = reading(1000, 500, 100, &[(7, 10, 10), (8, 5, 5)]);
        // Others used all the processors.
        let left = |turns: &[(i32, u64, u64)]| reading(1200, 700, 100, turns).left_since(&before);
        assert_eq!(left(&[(7, 10, 10), (8, 5, 5)]), 1.0, "our threads had nothing to do");
        assert_eq!(left(&[(7, 40, 10)]), 1.0, "they ran at once");
        assert_eq!(left(&[(7, 30, 30), (9, 5, 55)]), 0.25, "they ran 25 of 100");
        assert_eq!(left(&[(7, 11, 1000)]), 0.005, "they hardly ran");
        assert_eq!(left(&[(7, 0, 0)]), 1.0, "another process of that number");
    }

    #[test]
    fn this_machine_reports_its_load() {
        if let (Some(before), Some(after)) = (Reading::now(), Reading::now()) {
            assert!(after.total >= before.total);
            assert!((0.0..=1.0).contains(&after.left_since(&before)));
        }
    }
}
