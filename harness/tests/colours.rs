//! Every subcommand on a terminal: with `NO_COLOR` it writes no colour, and without it those that have some do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, Stdio};

/// The command lines, in the order in which they are run, and whether they have colours. Each subcommand is in it.
const LINES: [(&str, bool); 26] = [
    ("run data/echo controls/no-fingerprint --peers stack --virtual --output one --force", true),
    ("init", false),
    ("new mine/echo", false),
    ("list data/echo", false),
    ("doctor", false),
    ("setup --dry-run", false),
    ("inspect one/cases/data/echo/stack-stack", true),
    ("inspect one/cases/data/echo/stack-stack --packets", false),
    ("judge one", true),
    ("judge one/cases/data/echo/stack-stack/capture.pcapng", true),
    ("accept one --scenarios nowhere", false),
    ("matrix one", true),
    ("merge one --output two --force", true),
    ("report one", false),
    ("diff one one", false),
    ("archive one --output one.json --force", false),
    ("check-server stun:127.0.0.1:1 --timeout 1", true),
    ("requirements rtp", true),
    ("coverage", true),
    ("adapter check -- false", true),
    ("adapter stack", false),
    ("schema", false),
    ("help", true),
    ("run --help", true),
    ("nonsense", true),
    ("inspect /nonexistent", false),
];

/// What it writes to a terminal, which `script` makes.
fn on_a_terminal(folder: &Path, line: &str, no_color: bool) -> String {
    let mut script = Command::new("script");
    script.args(["-qec", &format!("{} {line}", env!("CARGO_BIN_EXE_peerproof")), "/dev/null"]);
    script.current_dir(folder).stdin(Stdio::null()).env("TERM", "xterm").env_remove("NO_COLOR");
    if no_color {
        script.env("NO_COLOR", "1");
    }
    String::from_utf8_lossy(&script.output().unwrap().stdout).into_owned()
}

/// Whether something selects a colour or a weight (SGR, ECMA-48 §8.3.117). A bar of progress moves the cursor, which is no colour.
fn is_coloured(text: &str) -> bool {
    text.split("\u{1b}[").skip(1).any(|rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ';' | ':')).starts_with('m')
    })
}

#[test]
fn no_subcommand_writes_a_colour_with_no_color() {
    let folder = tempfile::tempdir().unwrap();
    for (line, has_colours) in LINES {
        let plain = on_a_terminal(folder.path(), line, true);
        assert!(!is_coloured(&plain), "{line}: {plain:?}");
        if has_colours {
            let shown = on_a_terminal(folder.path(), line, false);
            assert!(is_coloured(&shown), "{line}: {shown:?}");
        }
    }
}

#[test]
fn every_subcommand_is_among_them() {
    let output = Command::new(env!("CARGO_BIN_EXE_peerproof")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    // The lines of a text that is continued are indented further.
    let names =
        commands.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names: Vec<&str> = names.filter_map(|line| line.split(' ').next()).collect();
    assert!(names.len() > 15, "{names:?}");
    let lacking = |name: &&str| !LINES.iter().any(|(line, _)| line.split(' ').next() == Some(*name));
    assert_eq!(names.into_iter().filter(lacking).collect::<Vec<_>>(), Vec::<&str>::new());
}
