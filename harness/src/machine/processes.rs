//! Which processes there are, read from `/proc`.

use std::collections::BTreeMap;

/// For how long a thread ran, and for how long it waited for a processor although it could have run, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Turn {
    pub(super) ran: u64,
    pub(super) waited: u64,
}

/// What a process and everything below it did so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Work {
    /// The time of processors that they used, in ticks. It never decreases but when a process ends that nobody of them waits for.
    pub(super) used: u64,
    /// The first thread of each: those of a browser do what the browser is asked.
    pub(super) turns: BTreeMap<i32, Turn>,
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: i32,
    zombie: bool,
    /// The time of processors that it used, and those of its children that it has waited for, in ticks.
    used: u64,
}

/// Every process of the machine that can be seen.
pub(crate) fn all() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let mut pids: Vec<i32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// Every living process below `root`, children first met before their own children. Zombies do not count.
pub(crate) fn descendants(root: i32) -> Vec<i32> {
    let all = stats();
    below(root, &all).into_iter().filter(|pid| all.get(pid).is_some_and(|stat| !stat.zombie)).collect()
}

/// What a process and everything below it did so far.
pub(super) fn work(root: i32) -> Work {
    let all = stats();
    let mut work = Work::default();
    for pid in std::iter::once(root).chain(below(root, &all)) {
        let Some(stat) = all.get(&pid) else { continue };
        work.used = work.used.saturating_add(stat.used);
        let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok();
        if let Some(turn) = text.as_deref().and_then(parse_turn) {
            work.turns.insert(pid, turn);
        }
    }
    work
}

fn stats() -> BTreeMap<i32, Stat> {
    let stat = |pid| parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?);
    all().into_iter().filter_map(|pid| Some((pid, stat(pid)?))).collect()
}

fn below(root: i32, all: &BTreeMap<i32, Stat>) -> Vec<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (pid, stat) in all {
        children.entry(stat.parent).or_default().push(*pid);
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        // Each is taken out, so that a process whose parent changed meanwhile makes no circle.
        for child in children.remove(&parent).unwrap_or_default() {
            found.push(child);
            open.push(child);
        }
    }
    found
}

fn parse(stat: &str) -> Option<Stat> {
    // The second field is the name in parentheses and may itself hold parentheses and spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // Own and children's, each in user and in kernel mode.
    let used = fields.get(11..15)?.iter().try_fold(0_u64, |sum, field| {
        // The children's are signed.
        Some(sum.saturating_add(field.parse::<i64>().ok()?.unsigned_abs()))
    })?;
    Some(Stat { zombie: *fields.first()? == "Z", parent: fields.get(1)?.parse().ok()?, used })
}

/// `/proc/PID/schedstat`: the time on a processor, the time in the queue, and a number of turns.
fn parse_turn(schedstat: &str) -> Option<Turn> {
    let mut fields = schedstat.split_ascii_whitespace().map(str::parse);
    Some(Turn { ran: fields.next()?.ok()?, waited: fields.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_a_descendant_until_it_is_gone() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(descendants(me).contains(&pid));
        assert_eq!(stats()[&pid].parent, me);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!descendants(me).contains(&pid));
    }

    #[test]
    fn a_thread_shows_how_long_it_ran_and_waited() {
        assert_eq!(parse_turn("98727 1663379 1\n"), Some(Turn { ran: 98_727, waited: 1_663_379 }));
        for text in ["", "1", "1 x", "-1 1 1", "18446744073709551616 1 1"] {
            assert_eq!(parse_turn(text), None, "{text:?}");
        }
    }

    #[test]
    fn time_used_is_that_of_the_whole_tree() {
        let line = |name: &str| format!("7 ({name}) Z 3 7 7 0 -1 4 0 0 0 0 10 20 -3 4 20 0 1 0 99");
        for name in ["sleep", "a) R 1 (b", "é"] {
            assert_eq!(parse(&line(name)), Some(Stat { parent: 3, zombie: true, used: 37 }));
        }
        for text in [
            "",
            "7 (x",
            "7 (x) R",
            "7 (x) R y 0 0 0 0 0 0 0 0 0 1 1 1 1",
            "7 (x) R 1 7 7 0 -1 4 0 0 0 0 a 1 1 1",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        let all = [(1, 0), (2, 1), (3, 2), (4, 1), (5, 6), (6, 5)]
            .map(|(pid, parent)| (pid, Stat { parent, zombie: false, used: 1 }));
        let mut found = below(1, &all.into());
        found.sort_unstable();
        assert_eq!((found, below(9, &all.into())), (vec![2, 3, 4], vec![]));
        assert_eq!(below(5, &all.into()), [6, 5], "no circle goes on forever");
    }
}
