//! The table at the end of a run, for people at a terminal.

use super::{ExportError, Exporter, outcome, remark};
use crate::escape;
use crate::findings::Grouped;
use crate::overview::{Overview, Tally};
use crate::run::RunReport;
use crate::time::span;
use crate::wrap;
use indexmap::IndexMap;
use peerproof_conformance::verdict::{Layer, Outcome};

/// Lines of text, with colours and broken at words only if asked for.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Whether to use ANSI colours.
    pub colour: bool,
    /// Columns, if sentences are to be broken.
    pub width: Option<usize>,
}

impl Exporter for Terminal {
    fn serialize(&self, report: &RunReport) -> Result<Vec<u8>, ExportError> {
        let mut text = String::new();
        self.matrix(&Overview::of(report), &mut text);
        for case in report.cases.iter().filter(|case| !case.standing.is_good()) {
            let verdict = &case.verdict;
            let mut place = Vec::new();
            place.extend(verdict.layer.map(Layer::as_str));
            place.extend(verdict.side.as_deref());
            text.push('\n');
            text.push_str(&self.paint(verdict.outcome, outcome(verdict.outcome)));
            text.push_str(&format!("  {}", clean(&case.name)));
            if !place.is_empty() {
                text.push_str(&format!("  at {}", clean(&place.join(", "))));
            }
            if let Some(remark) = remark(case.standing).filter(|remark| *remark != "unexpected") {
                text.push_str(&format!("  ({remark})"));
            }
            text.push('\n');
            self.wrapped(&mut text, ["    "; 2], &verdict.sentence);
            for piece in case.evidence.iter().filter(|piece| !piece.text.is_empty()) {
                self.wrapped(&mut text, ["    · ", "      "], &piece.text);
            }
            if let Some(folder) = &case.folder {
                text.push_str(&format!("    {}\n", clean(folder)));
            }
        }
        self.requirements(report, &mut text);
        text.push('\n');
        let counts: Vec<String> = report
            .counts
            .each()
            .map(|(which, count)| self.paint(which, &format!("{count} {}", outcome(which))))
            .collect();
        let all = match report.unexpected {
            0 => "all as expected".to_owned(),
            count => format!("{count} unexpected"),
        };
        let noun = if report.cases.len() == 1 { "case" } else { "cases" };
        text.push_str(&format!(
            "{} {noun} in {}: {}; {all}{}\n",
            report.cases.len(),
            span(report.duration_us),
            if counts.is_empty() { "nothing ran".to_owned() } else { counts.join(", ") },
            if report.interrupted { " (interrupted)" } else { "" }
        ));
        Ok(text.into_bytes())
    }
}

impl Terminal {
    /// The requirements that are broken: what nobody knew in full, with who broke it and where first, the rest in a line each.
    fn requirements(&self, report: &RunReport, text: &mut String) {
        let words = report.requirements.words();
        if words.is_empty() {
            return;
        }
        text.push_str(&format!("\nrequirements: {words}\n"));
        // A sentence that a case above has said is not said again.
        let listed = report.cases.iter().filter(|case| !case.standing.is_good());
        let said: Vec<&str> = listed.map(|case| case.verdict.sentence.as_str()).collect();
        let mut lines: IndexMap<(&str, &str), Vec<String>> = IndexMap::new();
        for Grouped { breach, case, cases } in report.breaches() {
            let implementation = clean(&breach.implementation);
            if breach.word() != "fail" {
                let line = lines.entry((breach.word(), &breach.requirement)).or_default();
                line.push(format!("{implementation} ({cases})"));
                continue;
            }
            let word = self.paint(Outcome::Fail, &pad(breach.word(), 5));
            let noun = if cases == 1 { "case" } else { "cases" };
            text.push_str(&format!(
                "  {word}  {}  {}  {}\n",
                clean(&breach.requirement),
                breach.level(),
                clean(&breach.source)
            ));
            let sentence = match said.iter().any(|said| said.contains(&breach.sentence)) {
                true => String::new(),
                false => format!(": {}", breach.sentence),
            };
            let what = format!("{implementation} in {cases} {noun}, first {case}{sentence}");
            self.wrapped(text, ["         "; 2], &what);
        }
        for ((word, requirement), peers) in lines {
            let begins = format!("  {}  ", pad(word, 5));
            let what = format!("{requirement}: {}", peers.join(", "));
            let mut all = wrap::lines(self.width, &begins, "         ", &what).into_iter();
            if let Some(first) = all.next() {
                let rest = first.strip_prefix(&begins).unwrap_or(&first);
                text.push_str(&format!("  {}  {rest}\n", self.paint(Outcome::Inconclusive, &pad(word, 5))));
            }
            all.for_each(|line| text.push_str(&format!("{line}\n")));
        }
    }

    /// Adds a text behind the first prefix; where it is broken the next lines stand behind the second.
    fn wrapped(&self, text: &mut String, [first, next]: [&str; 2], what: &str) {
        for line in wrap::lines(self.width, first, next, what) {
            text.push_str(&line);
            text.push('\n');
        }
    }

    fn matrix(&self, matrix: &Overview, text: &mut String) {
        let first = matrix.rows.keys().map(|family| width(family)).max().unwrap_or(0).max(6);
        let plain = |cell: &Tally| {
            let counts: Vec<String> =
                cell.counts.each().map(|(which, n)| format!("{n} {}", short(which))).collect();
            let text = if counts.is_empty() { "–".to_owned() } else { counts.join(" ") };
            if cell.unexpected > 0 { format!("{text} !") } else { text }
        };
        let widths: Vec<usize> = matrix
            .pairs
            .iter()
            .enumerate()
            .map(|(i, pair)| {
                let cells = matrix.rows.values().filter_map(|row| row.get(i)).map(|cell| width(&plain(cell)));
                cells.max().unwrap_or(0).max(width(pair))
            })
            .collect();
        let mut line = pad("family", first);
        for (pair, width) in matrix.pairs.iter().zip(&widths) {
            line.push_str("  ");
            line.push_str(&pad(&clean(pair), *width));
        }
        text.push_str(line.trim_end());
        text.push('\n');
        for (family, cells) in &matrix.rows {
            let mut line = pad(&clean(family), first);
            for (i, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let padded = pad(&plain(cell), *width);
                let padded = if i + 1 == cells.len() { padded.trim_end() } else { &padded };
                line.push_str("  ");
                let worst = cell.counts.each().map(|(which, _)| which).max_by_key(|which| severity(*which));
                match worst {
                    Some(worst) => line.push_str(&self.paint(worst, padded)),
                    None => line.push_str(padded),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }

    fn paint(&self, which: Outcome, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let colour = match which {
            Outcome::Pass => 32,
            Outcome::Fail => 31,
            Outcome::Unsupported => 90,
            Outcome::Inconclusive => 33,
            Outcome::HarnessError => 35,
        };
        format!("\u{1b}[{colour}m{text}\u{1b}[0m")
    }
}

fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Unsupported => 0,
        Outcome::Pass => 1,
        Outcome::Inconclusive => 2,
        Outcome::HarnessError => 3,
        Outcome::Fail => 4,
    }
}

fn short(which: Outcome) -> &'static str {
    match which {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Unsupported => "unsup",
        Outcome::Inconclusive => "inconcl",
        Outcome::HarnessError => "error",
    }
}

pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

pub(super) fn pad(text: &str, to: usize) -> String {
    let missing = to.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// A text as it may stand on one line of a terminal.
pub(super) fn clean(text: &str) -> String {
    escape::terminal(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::report;

    fn text(colour: bool) -> String {
        String::from_utf8(Terminal { colour, width: None }.serialize(&report()).unwrap()).unwrap()
    }

    #[test]
    fn sentences_are_broken_at_words_and_said_once() {
        let mut report = report();
        let width = Some(60);
        let text = String::from_utf8(Terminal { colour: false, width }.serialize(&report).unwrap()).unwrap();
        assert!(
            text.contains(
                "\n    the DTLS handshake between alice and bob should\n    complete, but it failed"
            )
        );
        let sentence = "the ServerHello chose <compression> 1";
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words.matches(sentence).count(), 1, "{text}");
        // The case that it fails says it: the requirements only count it.
        let listed = report.cases.iter_mut().find(|case| !case.standing.is_good()).unwrap();
        listed.verdict.sentence = format!("alice violates dtls-no-compression: {sentence}");
        let text =
            String::from_utf8(Terminal { colour: false, width: None }.serialize(&report).unwrap()).unwrap();
        assert_eq!(text.matches(sentence).count(), 1, "{text}");
        assert!(text.contains("first media/h264/stack-firefox\n"), "{text}");
    }

    #[test]
    fn the_table_shows_families_against_pairs_and_each_unexpected_case() {
        insta::assert_snapshot!(text(false));
    }

    #[test]
    fn colours_come_only_when_asked_for_and_change_nothing_else() {
        let coloured = text(true);
        assert!(coloured.contains("\u{1b}[31mfail\u{1b}[0m"));
        let mut bare = coloured;
        for code in ["[32m", "[31m", "[90m", "[33m", "[35m", "[0m"] {
            bare = bare.replace(&format!("\u{1b}{code}"), "");
        }
        assert_eq!(bare, text(false));
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let mut report = report();
        for case in &mut report.cases {
            case.verdict.sentence = "\u{1b}[2J\u{7}".to_owned();
        }
        let text =
            String::from_utf8(Terminal { colour: false, width: None }.serialize(&report).unwrap()).unwrap();
        assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'));
    }
}
