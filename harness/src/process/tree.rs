//! Which processes there are, read from `/proc`.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Every process of the machine that can be seen.
pub(super) fn all() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let mut pids: Vec<i32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// Parent and state (`Z` for a zombie) of a process, from `/proc/PID/stat`.
fn parent_and_state(pid: i32) -> Option<(i32, char)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may itself hold parentheses and spaces.
    let rest = stat.rsplit_once(')')?.1;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}

/// Every living process below `root`, children first met before their own children. Zombies do not count.
pub(super) fn descendants(root: i32) -> Vec<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    let mut zombies = Vec::new();
    for pid in all() {
        if let Some((parent, state)) = parent_and_state(pid) {
            children.entry(parent).or_default().push(pid);
            if state == 'Z' {
                zombies.push(pid);
            }
        }
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for &child in children.get(&parent).map_or(&[][..], Vec::as_slice) {
            if !found.contains(&child) {
                found.push(child);
                open.push(child);
            }
        }
    }
    found.retain(|pid| !zombies.contains(pid));
    found
}

/// Sends a signal; a process that is already gone is no error.
pub(super) fn send(pid: i32, signal: Signal) {
    // The only error that matters would be EPERM, and then nothing can be done: the survivor shows up in the next scan.
    let _ = kill(Pid::from_raw(pid), signal);
}

/// The scratch directory that a process is marked with.
pub(super) fn mark(pid: i32) -> Option<PathBuf> {
    let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let wanted = format!("{}=", super::SCRATCH_VARIABLE);
    environ
        .split(|&byte| byte == 0)
        .find_map(|entry| entry.strip_prefix(wanted.as_bytes()))
        .map(|value| PathBuf::from(String::from_utf8_lossy(value).into_owned()))
}

/// The command line of a process.
pub(super) fn command_line(pid: i32) -> Vec<String> {
    let Ok(bytes) = std::fs::read(format!("/proc/{pid}/cmdline")) else { return Vec::new() };
    bytes.split(|&byte| byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
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
        assert_eq!(parent_and_state(pid).unwrap().0, me);
        send(pid, Signal::SIGKILL);
        child.wait().unwrap();
        assert!(!descendants(me).contains(&pid));
    }
}
