//! The texts below the options of `--help`, laid out for the width of the terminal.
//!
//! In the source they are paragraphs, however broken, and examples with what they do behind two or more spaces. Broken lines would be broken
//! once more by clap.

use super::args::Args;
use crate::terminal::Style;
use clap::{Command, CommandFactory};
use peerproof_reports::wrap;

/// The most columns of a text: more are hard to read.
const WIDEST: usize = 100;
/// The fewest.
const NARROWEST: usize = 40;
/// The longest command with what it does beside it.
const BESIDE: usize = 46;
const INDENT: &str = "  ";
const BELOW: &str = "      ";

/// The command line, with its help as wide as the terminal.
pub(super) fn command() -> Command {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let width = Style::of_stdout().width.or_else(columns).unwrap_or(WIDEST);
    laid_out(Args::command(), width.clamp(NARROWEST, WIDEST))
}

fn laid_out(command: Command, width: usize) -> Command {
    each(command.term_width(width), width)
}

fn each(mut command: Command, width: usize) -> Command {
    if let Some(after) = command.get_after_help().map(ToString::to_string) {
        command = command.after_help(text(&after, width));
    }
    let names: Vec<String> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, |it| each(it, width)))
}

/// A text of several blocks.
fn text(text: &str, width: usize) -> String {
    let blocks = text.trim_end().split("\n\n").map(|block| match block.strip_prefix("Examples:\n") {
        Some(examples) => format!("Examples:\n{}", self::examples(examples, width)),
        None if block.starts_with(INDENT) => table(block, width),
        None => {
            let words: Vec<&str> = block.split_whitespace().collect();
            wrap::lines(Some(width), "", "", &words.join(" ")).join("\n")
        }
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// A line in two: what stands before two or more spaces, and behind them.
fn halves(line: &str) -> (&str, Option<&str>) {
    match line.trim().split_once("  ") {
        Some((first, rest)) => (first.trim(), Some(rest.trim())),
        None => (line.trim(), None),
    }
}

/// Examples, with what they do beside them if all of it has room there, else below.
fn examples(block: &str, width: usize) -> String {
    let whole = block.replace("\\\n", " ");
    let all: Vec<(String, Option<&str>)> = whole
        .lines()
        .map(|line| match halves(line) {
            // The spaces of a line that was continued are no comment.
            (_, Some(rest)) if rest.starts_with("--") => {
                (line.split_whitespace().collect::<Vec<_>>().join(" "), None)
            }
            (command, rest) => (command.to_owned(), rest),
        })
        .collect();
    let lengths = all.iter().filter(|(_, rest)| rest.is_some()).map(|(command, _)| command.chars().count());
    let column = lengths.filter(|length| *length <= BESIDE).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (command, rest) in all {
        let Some(rest) = rest else {
            lines.extend(continued(&command, width));
            continue;
        };
        let beside = format!("{INDENT}{command:column$}  {rest}");
        if command.chars().count() <= column && beside.chars().count() <= width {
            lines.push(beside);
        } else {
            lines.extend(continued(&command, width));
            lines.extend(wrap::lines(Some(width), BELOW, BELOW, rest));
        }
    }
    lines.join("\n")
}

/// A command, in several lines as a shell takes them if it is too long.
fn continued(command: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut is_empty = true;
    for word in command.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        // Room for the backslash.
        if !is_empty && line.chars().count() + 1 + word.chars().count() + 2 > width {
            line.push_str(" \\");
            lines.push(format!("{BELOW}{word}"));
            continue;
        }
        line.push_str(if is_empty { INDENT } else { " " });
        line.push_str(word);
        is_empty = false;
    }
    lines
}

/// Lines of a word and what it means.
fn table(block: &str, width: usize) -> String {
    let all: Vec<_> = block.lines().map(halves).collect();
    let column = all.iter().map(|(word, _)| word.chars().count()).max().unwrap_or_default();
    let below = " ".repeat(INDENT.len() + column + 2);
    let lines = all.iter().flat_map(|(word, rest)| {
        let first = format!("{INDENT}{word:column$}  ");
        wrap::lines(Some(width), &first, &below, rest.unwrap_or_default())
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command with its path.
    fn all(command: &Command, path: &str) -> Vec<(String, Command)> {
        let path = format!("{path} {}", command.get_name());
        let below = command.get_subcommands().flat_map(|it| all(it, &path)).collect::<Vec<_>>();
        [vec![(path, command.clone())], below].concat()
    }

    #[test]
    fn every_help_reads_well_at_80_and_at_100_columns() {
        for width in [80, 100] {
            let mut root = laid_out(Args::command(), width);
            root.build();
            let commands = all(&root, "");
            assert!(commands.len() > 20, "{}", commands.len());
            for (path, mut command) in commands {
                let help = command.render_long_help().to_string();
                let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(
                    help.contains(&after),
                    "clap breaks the lines of{path} once more at {width}:\n{help}"
                );
                for line in after.lines() {
                    assert!(line.chars().count() <= width, "{path} at {width}: {line}");
                }
                for block in after.split("\n\n").filter(|it| !it.starts_with(' ')) {
                    let lines: Vec<&str> = block.lines().collect();
                    for pair in lines.windows(2) {
                        let is_example = block.starts_with("Examples:");
                        let next = pair[1].split(' ').next().unwrap().chars().count();
                        let is_full = pair[0].chars().count() + 1 + next > width;
                        assert_eq!(pair[1].starts_with("  "), is_example, "{path} at {width}:\n{block}");
                        assert!(is_example || is_full, "{path} at {width}:\n{block}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_has_no_room_beside_an_example_stands_below_it() {
        let block = "  a run    short\n  a very-long-command --with this    what it does, in many words, more than there is room for\n  c --d \\\n      --e --f\n";
        let laid_out = examples(block, 60);
        let first = format!("  {:31}  short", "a run");
        let expected = "\n  a very-long-command --with this\n      what it does, in many words, more than there is room\n      for\n  c --d --e --f";
        assert_eq!(laid_out, format!("{first}{expected}"));
        assert_eq!(continued("one two three", 10), ["  one \\", "      two \\", "      three"]);
    }

    #[test]
    fn paragraphs_and_tables_fill_their_lines() {
        let given = "One two three\nfour five.\n\n  yes    a case can show it\n  no     no case\n\nEnd.\n";
        let expected =
            "One two three four\nfive.\n\n  yes  a case can\n       show it\n  no   no case\n\nEnd.";
        assert_eq!(text(given, 18), expected);
    }
}
