//! What was judged, in words.

use super::json::{Judged, JudgedFinding, Judgement};
use crate::terminal::{Paint, Style, clean};
use peerproof_conformance::checks::{Place, Status};
use peerproof_conformance::verdict::Outcome;
use std::io::{self, Write};

/// Writes everything for a person. With `all` also what holds and what is not decided.
pub(super) fn write(judged: &Judged, all: bool, out: &mut dyn Write) -> io::Result<()> {
    let style = Style::of_stdout();
    for (n, one) in judged.judged.iter().enumerate() {
        if n > 0 {
            writeln!(out)?;
        }
        judgement(one, all, &style, out)?;
    }
    if judged.judged.len() > 1 {
        writeln!(out)?;
        totals(judged, out)?;
    }
    Ok(())
}

fn judgement(one: &Judgement, all: bool, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    match (&one.verdict, &one.case) {
        (Some(verdict), Some(case)) => {
            let (word, paint) = match verdict.outcome {
                Outcome::Pass => ("pass", Paint::Good),
                Outcome::Fail => ("fail", Paint::Bad),
                Outcome::Unsupported => ("unsupported", Paint::Soft),
                Outcome::Inconclusive => ("inconclusive", Paint::Remarkable),
                Outcome::HarnessError => ("harness-error", Paint::Bad),
            };
            let (case, peers) = (clean(case), clean(&one.peers.join(", ")));
            writeln!(out, "{}  {case}  {peers}", style.paint(paint, word))?;
            style.wrapped(out, "      ", "      ", &verdict.sentence)?;
            if one.changed
                && let Some(recorded) = &one.recorded
            {
                let before = serde_json::to_value(recorded.outcome).unwrap_or_default();
                let before = before.as_str().unwrap_or_default().to_owned();
                let text = format!("the recorded verdict was {before}: {}", recorded.sentence);
                style.wrapped(out, "      ", "      ", &text)?;
            }
        }
        _ => match one.connection {
            Some(connection) => {
                let (path, peers) = (clean(&one.path), clean(&one.peers.join(" and ")));
                writeln!(out, "{path}, connection {connection}: {peers}")?;
            }
            None if !one.descriptions.is_empty() => writeln!(out, "{}: descriptions", clean(&one.path))?,
            None if one.notices.is_empty() => {
                return writeln!(out, "{}: no connection to judge", clean(&one.path));
            }
            None => {
                writeln!(out, "{}: nothing to judge", clean(&one.path))?;
                return notes(one, style, out);
            }
        },
    }
    notes(one, style, out)?;
    for result in [Status::Fail, Status::Warn, Status::Inconclusive, Status::Pass, Status::NotApplicable] {
        if !all && !matches!(result, Status::Fail | Status::Warn) {
            continue;
        }
        for judged in one.findings.iter().filter(|it| it.finding.result == result) {
            finding(one, judged, style, out)?;
        }
    }
    counts(one, out)
}

/// What limits the input, and other remarks on it.
fn notes(one: &Judgement, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let defects = one.defects.iter().map(ToString::to_string);
    for note in defects.chain(one.altered.iter().chain(&one.notices).cloned()) {
        style.wrapped(out, "  note   ", "         ", &note)?;
    }
    Ok(())
}

fn finding(one: &Judgement, judged: &JudgedFinding, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let JudgedFinding { finding, level, source } = judged;
    let (word, paint) = match finding.result {
        Status::Fail if finding.waiver.is_some() => ("known", Paint::Remarkable),
        Status::Fail => ("FAIL", Paint::Bad),
        Status::Warn => ("warn", Paint::Remarkable),
        Status::Inconclusive => ("open", Paint::Soft),
        Status::Pass => ("holds", Paint::Good),
        Status::NotApplicable => ("n/a", Paint::Soft),
    };
    let level = level.map_or("", |level| level.as_str());
    let faults =
        if finding.faults.is_empty() { String::new() } else { format!("  [{}]", finding.faults.join(" ")) };
    let head = format!(
        "{}  {}  {level}  {source}{}",
        clean(&finding.endpoint),
        clean(&finding.requirement),
        clean(&faults)
    );
    writeln!(out, "  {}  {head}", style.paint(paint, &format!("{word:<5}")))?;
    let first = finding.evidence.first().map(|place| format!(" ({})", place_in(one, place)));
    let text = format!("{}{}", finding.sentence, first.unwrap_or_default());
    style.wrapped(out, "         ", "         ", &text)?;
    if let Some(waiver) = &finding.waiver {
        let text = format!("known: {} <{}>", waiver.reason, waiver.link);
        style.wrapped(out, "         ", "         ", &text)?;
    }
    Ok(())
}

/// Where something is, by the names that the user gave.
fn place_in(one: &Judgement, place: &Place) -> String {
    let file = |entry: u64| usize::try_from(entry).ok().and_then(|entry| one.descriptions.get(entry));
    match place {
        Place::Entry(entry) if one.case.is_none() => {
            file(*entry).cloned().unwrap_or_else(|| place.to_string())
        }
        Place::Line { entry, line } if one.case.is_none() => {
            file(*entry).map_or_else(|| place.to_string(), |file| format!("{file}:{line}"))
        }
        _ => place.to_string(),
    }
}

fn counts(one: &Judgement, out: &mut dyn Write) -> io::Result<()> {
    let of = |result: Status| one.count(|it| it.result == result);
    let known = one.count(|it| it.result == Status::Fail && it.waiver.is_some());
    let mut parts = Vec::new();
    let mut part = |count: usize, what: &str, plural: &str| {
        if count > 0 {
            parts.push(format!("{count} {what}{}", if count == 1 { "" } else { plural }));
        }
    };
    part(of(Status::Fail) - known, "violation", "s");
    part(known, "known violation", "s");
    part(of(Status::Warn), "warning", "s");
    part(of(Status::Inconclusive), "inconclusive", "");
    part(of(Status::Pass), "satisfied", "");
    if parts.is_empty() {
        parts.push("none applicable".to_owned());
    }
    writeln!(out, "  requirements: {}", parts.join(", "))
}

fn totals(judged: &Judged, out: &mut dyn Write) -> io::Result<()> {
    let verdicts: Vec<_> = judged.judged.iter().filter_map(|one| one.verdict.as_ref()).collect();
    let mut parts = Vec::new();
    for (outcome, word) in [
        (Outcome::Pass, "pass"),
        (Outcome::Fail, "fail"),
        (Outcome::Unsupported, "unsupported"),
        (Outcome::Inconclusive, "inconclusive"),
        (Outcome::HarnessError, "harness-error"),
    ] {
        let count = verdicts.iter().filter(|verdict| verdict.outcome == outcome).count();
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    // A control that holds is to violate something.
    let counted = judged.judged.iter().filter(|one| one.standing.is_none_or(|it| !it.is_good()));
    let broken: usize = counted.map(|one| one.count(|it| it.is_unexpected_failure())).sum();
    parts.push(format!("{broken} unexpected {}", if broken == 1 { "violation" } else { "violations" }));
    let changed = judged.judged.iter().filter(|one| one.changed).count();
    if changed > 0 {
        parts.push(format!(
            "{changed} {} from the recorded one",
            if changed == 1 { "verdict differs" } else { "verdicts differ" }
        ));
    }
    writeln!(out, "{} judged: {}", judged.judged.len(), parts.join(", "))
}
