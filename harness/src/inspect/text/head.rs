//! The verdict of a recording, which comes first, and the requirements that are violated.

use super::super::judged::Judged;
use super::diagnosis::some_of;
use crate::terminal::{Paint, Style, clean};
use peerproof_conformance::verdict::{Layer, Outcome};
use peerproof_reports::Breach;
use peerproof_reports::export::remark;
use std::io::{self, Write};

/// Writes the verdict, if there is one.
pub(super) fn write(judged: &Judged, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let Some(verdict) = &judged.verdict else { return Ok(()) };
    let (word, paint) = match verdict.outcome {
        Outcome::Pass => ("pass", Paint::Good),
        Outcome::Fail => ("fail", Paint::Bad),
        Outcome::Unsupported => ("unsupported", Paint::Soft),
        Outcome::Inconclusive => ("inconclusive", Paint::Remarkable),
        Outcome::HarnessError => ("harness-error", Paint::Bad),
    };
    write!(out, "\n{}: {}", style.paint(Paint::Heading, "Verdict"), style.paint(paint, word))?;
    let at: Vec<String> =
        verdict.layer.map(Layer::as_str).into_iter().chain(verdict.side.as_deref()).map(clean).collect();
    if !at.is_empty() {
        write!(out, " at {}", at.join(", "))?;
    }
    if let Some(remark) = judged.standing.and_then(remark) {
        write!(out, " ({remark})")?;
    }
    writeln!(out)?;
    let places: Vec<String> = verdict.evidence.iter().map(ToString::to_string).collect();
    let places = if places.is_empty() { String::new() } else { format!(" ({})", some_of(&places, ", ")) };
    if verdict.sentence.is_empty() {
        return Ok(());
    }
    style.wrapped(out, "  ", "  ", &format!("{}{places}", verdict.sentence))
}

/// Writes which requirements are violated, but for what the verdict has said already, and the command that shows all of it.
pub(super) fn requirements(
    judged: &Judged,
    name: &str,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    if let Some(why) = &judged.skipped {
        let name = clean(name);
        return style.wrapped(
            out,
            "",
            "  ",
            &format!("Requirements: not judged, since {why}: peerproof judge {name}"),
        );
    }
    let words = judged.requirements.words();
    if words.is_empty() {
        return Ok(());
    }
    let violated = judged.violations.iter().any(|it| it.word() == "fail");
    let paint = if violated { Paint::Bad } else { Paint::Heading };
    let command =
        if judged.verdict.is_none() { format!(" (peerproof judge {})", clean(name)) } else { String::new() };
    let text = format!("Requirements: {words}{command}");
    for line in style.lines("", "  ", &text) {
        writeln!(out, "{}", style.paint(paint, &line))?;
    }
    // The verdict's sentence has been printed already, and is that of the violation with the same evidence at the same side.
    let said = |breach: &Breach| {
        judged.failed().is_some_and(|verdict| {
            verdict.side.as_ref() == Some(&breach.endpoint) && verdict.evidence == breach.evidence
        })
    };
    let mut lines: Vec<String> = Vec::new();
    for breach in judged.violations.iter().filter(|it| it.word() != "warn") {
        let first = breach.evidence.first().map(|place| format!(", {place}")).unwrap_or_default();
        let why = if said(breach) { String::new() } else { format!(": {}", breach.sentence) };
        lines.push(format!("{}  {}  {}{first}{why}", breach.word(), breach.requirement, breach.endpoint));
    }
    for line in lines.iter().take(MOST) {
        style.wrapped(out, "  ", "      ", line)?;
    }
    if lines.len() > MOST {
        writeln!(out, "  and {} more", lines.len() - MOST)?;
    }
    Ok(())
}

/// Most violations that are shown.
const MOST: usize = 12;
