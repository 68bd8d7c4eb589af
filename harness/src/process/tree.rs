//! Signals to processes, and what `/proc` says of them.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::PathBuf;

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
