//! The coverage as text.

use super::{Coverage, FailedCase, PartState, ShownBy, ShownControl, ShownPart, ShownStatement};
use crate::scenario::model::Role;
use crate::scenario::statements::Implementation;
use crate::terminal::{Paint, Style, clean};
use std::io::{self, Write};

/// Most cases that are named of one implementation in one role.
const MOST_CASES: usize = 6;

/// Writes the statements: a line each, or in full.
pub(super) fn write(coverage: &Coverage, full: bool, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    for statement in &coverage.statements {
        if full {
            in_full(statement, style, out)?;
        } else {
            line(statement, style, out)?;
        }
    }
    let shown = if coverage.run.is_some() { "shown by this run" } else { "shown by the scenarios" };
    let statements = if coverage.total == 1 { "statement" } else { "statements" };
    writeln!(
        out,
        "{} {statements}; {} {shown} by both browsers in both roles, as far as possible",
        coverage.total, coverage.whole
    )
}

/// `chrome offers`.
fn whom(by: &ShownBy) -> String {
    let does = if by.role == Role::Offerer { "offers" } else { "answers" };
    format!("{} {does}", by.peer.as_str())
}

/// A statement in one line, and what it lacks below.
fn line(it: &ShownStatement, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let (mark, paint) = if it.whole { ("yes", Paint::Good) } else { ("no", Paint::Bad) };
    let head = format!("{} {:<8} ", style.paint(paint, &format!("{mark:<3}")), it.id);
    let margin = " ".repeat(13);
    style.wrapped(out, &head, &margin, &it.says)?;
    for part in &it.parts {
        for by in part.by.iter().filter(|by| by.state != PartState::Shown && by.peer != Implementation::Stack)
        {
            let text = format!("{}: {} ({})", whom(by), word(by), part.what);
            style.wrapped(out, &margin, &format!("{margin}  "), &clean(&text))?;
        }
        if part.controls.is_empty() {
            style.wrapped(out, &margin, &format!("{margin}  "), &format!("no control ({})", part.what))?;
        }
        for control in part.controls.iter().filter(|control| control.held.is_some_and(|[_, not]| not > 0)) {
            let text = format!("{} did not turn red", control.name);
            style.wrapped(out, &margin, &format!("{margin}  "), &clean(&text))?;
        }
    }
    Ok(())
}

/// Whether it is shown, in a word or with the reason.
fn word(by: &ShownBy) -> String {
    match (by.state, &by.why) {
        (PartState::Shown, _) => "yes".to_owned(),
        (PartState::Excepted, Some(why)) => format!("- {why}"),
        (PartState::Stale, Some(why)) => format!("yes, although the file says: {why}"),
        _ => match by.failed.first() {
            None => "no".to_owned(),
            Some(_) if by.failed.iter().all(|failed| failed.known) => "no, a known deviation".to_owned(),
            Some(failed) => format!("no, {}", short(failed)),
        },
    }
}

/// What came of a case instead.
fn short(failed: &FailedCase) -> String {
    match &failed.requirement {
        Some(requirement) => format!("{requirement} did not pass in {}", failed.case),
        None => {
            let verdict = serde_json::to_value(failed.verdict).unwrap_or_default();
            format!("{} ended as {}", failed.case, verdict.as_str().unwrap_or_default())
        }
    }
}

fn in_full(it: &ShownStatement, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let head = format!("{}  ", style.paint(Paint::Heading, &it.id));
    style.wrapped(out, &head, &" ".repeat(it.id.len() + 2), &it.says)?;
    for part in &it.parts {
        writeln!(out)?;
        part_in_full(part, style, out)?;
    }
    writeln!(out)
}

fn part_in_full(part: &ShownPart, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    style.wrapped(out, "  ", "  ", &style.paint(Paint::Heading, &part.what))?;
    let mut field = |name: &str, text: &str| {
        let head = format!("  {name:<17} ");
        style.wrapped(out, &head, &" ".repeat(head.len()), &clean(text))
    };
    field("scenarios", &part.scenarios.join(", "))?;
    if !part.requirements.is_empty() {
        field("decided by", &part.requirements.join(", "))?;
    }
    for by in &part.by {
        let mut text = word(by);
        if !by.with.is_empty() {
            text = format!("{text}, with {}", by.with.join(", "));
        }
        let named: Vec<&str> = by.cases.iter().take(MOST_CASES).map(String::as_str).collect();
        if !named.is_empty() {
            let more = by.cases.len() - named.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            text = format!("{text}: {}{more}", named.join(", "));
        }
        if let Some(failed) = by.failed.first() {
            text = format!("{text}; {} not: {}", by.failed.len(), short(failed));
        }
        field(&whom(by), &text)?;
    }
    for control in &part.controls {
        field("control", &of_control(control))?;
    }
    if part.controls.is_empty() {
        field("control", "none")?;
    }
    Ok(())
}

fn of_control(control: &ShownControl) -> String {
    let ShownControl { name, breaks, layer, side, held, .. } = control;
    let must = match (layer, side) {
        (Some(layer), Some(side)) => format!(" fails at {layer}, {side}"),
        (None, Some(side)) => format!(" fails, {side}"),
        // A mutation turns the check of a requirement red, and no other.
        _ => " fails".to_owned(),
    };
    let held = match held {
        Some([red, 0]) => format!("; {red} of {red} in this run"),
        Some([red, not]) => format!("; {red} of {} in this run", red + not),
        None => String::new(),
    };
    format!("{name}{must}{held}: {breaks}")
}
