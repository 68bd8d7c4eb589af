//! The report as text.

use super::outcome::{Check, Outcome, Report};
use super::suite::Part;
use crate::terminal::{Paint, Style};
use std::io::{self, Write};

/// Scenarios that are named; of more only the number is shown.
const NAMED: usize = 4;

impl Report {
    /// Writes it for people.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn write(&self, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        for group in &self.groups {
            writeln!(out, "{}", style.paint(Paint::Heading, group.title))?;
            for check in &group.checks {
                write_check(check, style, out)?;
            }
        }
        if !self.scenarios.is_empty() {
            let title = "scenarios for which it has all commands, as offerer and as answerer";
            writeln!(out, "{}", style.paint(Paint::Heading, title))?;
            for family in &self.scenarios {
                let [offerer, answerer] = [&family.offerer, &family.answerer];
                let counts = [offerer, answerer].map(|part| format!("{} of {}", part.playable, part.of));
                let [one, other] = counts;
                writeln!(out, "  {:<11} {one:<9}  {other}", family.family)?;
                for (role, part) in [("offerer", offerer), ("answerer", answerer)] {
                    write_missing(role, part, style, out)?;
                }
            }
        }
        let count = |of: fn(&Outcome) -> bool| self.count(of);
        let violations = self.violations();
        let paint = if violations == 0 { Paint::Good } else { Paint::Bad };
        let verdict = match violations {
            0 => "no violation of the protocol".to_owned(),
            1 => "1 violation of the protocol".to_owned(),
            many => format!("{many} violations of the protocol"),
        };
        writeln!(
            out,
            "{}; {} checks work, {} deviate from the standard, {} unsupported, {} not tried",
            style.paint(paint, &verdict),
            count(|outcome| *outcome == Outcome::Works),
            count(|outcome| matches!(outcome, Outcome::Deviates { .. })),
            count(|outcome| matches!(outcome, Outcome::Unsupported { .. })),
            count(|outcome| matches!(outcome, Outcome::NotTried { .. })),
        )
    }
}

fn write_check(check: &Check, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let note = check.note.as_deref().map(|note| format!(" ({note})")).unwrap_or_default();
    let (paint, word, more) = match &check.outcome {
        Outcome::Works => (Paint::Good, "works      ", String::new()),
        Outcome::Violates { expected, came } => {
            (Paint::Bad, "violates   ", format!(": expected {expected}; received {came}"))
        }
        Outcome::Deviates { expected, came } => {
            (Paint::Remarkable, "deviates   ", format!(": the standard requires {expected}; received {came}"))
        }
        Outcome::Unsupported { reason } => (Paint::Soft, "unsupported", format!(": {reason}")),
        Outcome::NotTried { because } => (Paint::Soft, "not tried  ", format!(": {because}")),
    };
    let text = format!("{}{more}{note}", check.name);
    // Colours have no width, so lines are broken before they are painted.
    let first = format!("  {word}  ");
    let lines = style.lines(&first, &" ".repeat(first.len()), &text);
    for (n, line) in lines.into_iter().enumerate() {
        match line.strip_prefix(&first).filter(|_| n == 0) {
            Some(rest) => writeln!(out, "  {}  {rest}", style.paint(paint, word))?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

fn write_missing(role: &str, part: &Part, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    for (commands, scenarios) in &part.missing {
        let named: Vec<&str> = scenarios.iter().take(NAMED).map(String::as_str).collect();
        let more = match scenarios.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!("{role} lacks {commands}: {}{more}", named.join(", "));
        style.wrapped(out, "    ", "      ", &text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::outcome::{Group, violates};
    use super::super::suite::Family;
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn one_line_a_check_and_the_count_at_the_end() {
        let mut group = Group::new("greeting");
        group.add("hello is answered", Ok(()));
        group.note("mine 1.0");
        group.add::<()>("impossible is unsupported", violates("unsupported", "\u{1b}[2J"));
        group.skip("end", "not among its commands");
        let names = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        let part = Part { playable: 23, of: 28, missing: BTreeMap::from([("echo".to_owned(), names)]) };
        let family = Family {
            family: "data".to_owned(),
            offerer: part,
            answerer: Part { playable: 28, of: 28, ..Part::default() },
        };
        let report = Report {
            command: Vec::new(),
            implementation: None,
            version: None,
            groups: vec![group],
            scenarios: vec![family],
        };
        let mut out = Vec::new();
        report.write(&Style::PLAIN, &mut out).unwrap();
        let expected = "\
greeting
  works        hello is answered (mine 1.0)
  violates     impossible is unsupported: expected unsupported; received \u{fffd}[2J
  not tried    end: not among its commands
scenarios for which it has all commands, as offerer and as answerer
  data        23 of 28   28 of 28
    offerer lacks echo: a, b, c, d and 1 more
1 violation of the protocol; 1 checks work, 0 deviate from the standard, 0 unsupported, 1 not tried
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
