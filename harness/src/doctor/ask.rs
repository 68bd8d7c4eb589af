//! Asking a program something, within bounds.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long a program may take to print its version.
const DEADLINE: Duration = Duration::from_secs(15);

/// What a program prints, if it succeeds in time. It runs in a home of its own, which Firefox insists on.
pub(super) async fn output(program: &Path, args: &[&str]) -> Option<String> {
    let home = tempfile::tempdir().ok()?;
    let asked = Command::new(program)
        .args(args)
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(DEADLINE, asked).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What can stand before the digits of a version.
const BEFORE: [&str; 2] = ["iproute2-", "v"];

/// The first thing that looks like a version: it begins with a digit and has a dot in it.
pub(super) fn version_in(text: &str) -> Option<String> {
    text.split_whitespace()
        .map(|word| word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric()))
        .map(|word| BEFORE.iter().find_map(|before| word.strip_prefix(before)).unwrap_or(word))
        .find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()) && word.contains('.'))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (said, version) in [
            ("Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)", "156.0.8078.79"),
            ("ChromeDriver 156.0.8078.79 (a21ce95c-refs/branch-heads/8078@{#1704})", "156.0.8078.79"),
            ("Mozilla Firefox 153.7.0esr", "153.7.0esr"),
            ("geckodriver 0.37.1 (2025-01-01)\n\nThe source code", "0.37.1"),
            ("TShark (Wireshark) 4.0.17 (Git v4.0.17 packaged as 4.0.17-0+deb12u3).", "4.0.17"),
            ("4.6.1", "4.6.1"),
            ("nftables v1.0.6 (Lester Gooch #5)", "1.0.6"),
            ("ip utility, iproute2-6.1.0, libbpf 1.1.0", "6.1.0"),
        ] {
            assert_eq!(version_in(said).as_deref(), Some(version));
        }
        assert_eq!(version_in("no version 7 here"), None);
    }

    #[tokio::test]
    async fn a_program_that_fails_says_nothing() {
        assert_eq!(output(Path::new("/bin/false"), &[]).await, None);
        assert_eq!(output(Path::new("/nonexistent"), &[]).await, None);
        assert_eq!(output(Path::new("/bin/echo"), &["1.2"]).await.as_deref(), Some("1.2\n"));
    }
}
