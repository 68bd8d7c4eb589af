//! How much of the machine other work takes: `/proc/stat` and the processes of our own.

use super::processes;
use std::fs::File;
use std::io::Read;

/// Most bytes of `/proc/stat` that are read; the first line, which has about eighty, is what counts.
const MOST: u64 = 4096;

/// The time of all processors since the machine started, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// All of it.
    total: u64,
    /// What somebody used of it: threads, interrupts, and other guests of the same host.
    used: u64,
    /// What this process and those below it used.
    ours: u64,
}

impl Reading {
    /// What it is now; nothing if the kernel does not tell.
    pub(super) fn now() -> Option<Self> {
        let mut text = String::new();
        File::open("/proc/stat").ok()?.take(MOST).read_to_string(&mut text).ok()?;
        let (total, used) = all(&text)?;
        let ours = processes::used(i32::try_from(std::process::id()).ok()?);
        Some(Self { total, used, ours })
    }

    /// The share of the machine that others left to us since an earlier reading, more than 0 and at most 1.
    pub(super) fn left_since(self, before: Self) -> f64 {
        let total = self.total.saturating_sub(before.total);
        let used = self.used.saturating_sub(before.used);
        // Who was counted a tick later than the others could have used more than all.
        let others = used.saturating_sub(self.ours.saturating_sub(before.ours)).min(total);
        // Nothing lasts for ever: of a tick there is always something left.
        (total - others).max(1) as f64 / total.max(1) as f64
    }
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

    #[test]
    fn the_share_is_what_others_left() {
        let before = Reading { total: 1000, used: 500, ours: 100 };
        let after = |total: u64, used: u64, ours: u64| {
            Reading { total: 1000 + total, used: 500 + used, ours: 100 + ours }.left_since(before)
        };
        assert_eq!(after(200, 0, 0), 1.0, "an idle machine");
        assert_eq!(after(200, 200, 200), 1.0, "busy, but with our own work");
        assert_eq!(after(200, 150, 50), 0.5);
        assert_eq!(after(200, 200, 10), 0.05);
        assert_eq!(after(200, 200, 0), 0.005);
        assert_eq!((after(0, 0, 0), after(0, 5, 0), after(200, 10, 90)), (1.0, 1.0, 1.0));
        assert_eq!(before.left_since(Reading { total: 2000, used: 900, ours: 300 }), 1.0);
    }

    #[test]
    fn this_machine_tells() {
        if let (Some(before), Some(after)) = (Reading::now(), Reading::now()) {
            assert!(after.total >= before.total);
            assert!((0.0..=1.0).contains(&after.left_since(before)));
        }
    }
}
