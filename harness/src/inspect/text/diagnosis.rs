//! Diagnoses in words. Those that give the same advice are one item.

use crate::terminal::{Paint, Style, clean};
use peerproof_conformance::explain::{Diagnosis, Severity};
use peerproof_conformance::verdict::Place;
use std::io::{self, Write};

/// Most connections or frames that are listed of an item, and most of its observations.
const MOST: usize = 8;

/// Writes them, or that there is none.
pub(in super::super) fn write(
    all: &[Diagnosis],
    several: bool,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    if all.is_empty() {
        return writeln!(out, "{}", style.paint(Paint::Good, "Diagnosis: no problem found"));
    }
    list(&Listed { heading: "Diagnosis", all, from: 1, several, said: "" }, style, out)
}

/// Diagnoses under a heading.
pub(super) struct Listed<'a> {
    pub(super) heading: &'a str,
    pub(super) all: &'a [Diagnosis],
    /// The number of the first.
    pub(super) from: usize,
    /// Whether there is more than one connection.
    pub(super) several: bool,
    /// What the report says above: an observation in it is not repeated.
    pub(super) said: &'a str,
}

/// Those of the same kind with the same advice, each group in the place of its first.
pub(super) fn groups(all: &[Diagnosis]) -> Vec<Vec<&Diagnosis>> {
    let mut groups: Vec<Vec<&Diagnosis>> = Vec::new();
    for found in all {
        let key = |it: &Diagnosis| (it.kind, it.severity, it.layer, it.why.clone(), it.next.clone());
        let same = |group: &&mut Vec<&Diagnosis>| group.first().is_some_and(|it| key(it) == key(found));
        match groups.iter_mut().find(same) {
            Some(group) => group.push(found),
            None => groups.push(vec![found]),
        }
    }
    groups
}

/// The number of a connection's worst diagnosis in the list, from one.
pub(super) fn number(all: &[Diagnosis], connection: usize) -> Option<(usize, &Diagnosis)> {
    let broken = |it: &&Diagnosis| it.connection == Some(connection) && it.severity == Severity::Broken;
    let mut numbered = groups(all).into_iter().enumerate();
    numbered.find_map(|(index, group)| Some((index + 1, group.into_iter().find(broken)?)))
}

/// Writes them under a heading, numbered.
pub(super) fn list(listed: &Listed<'_>, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let &Listed { heading, all, from, several, said } = listed;
    writeln!(out, "{}", style.paint(Paint::Heading, heading))?;
    for (index, group) in groups(all).into_iter().enumerate() {
        let Some(found) = group.first() else { continue };
        let (severity, paint) = match found.severity {
            Severity::Broken => ("broken", Paint::Bad),
            Severity::Degraded => ("degraded", Paint::Remarkable),
            Severity::Notice => ("notice", Paint::Soft),
        };
        let word = style.paint(paint, severity);
        write!(out, "{:>3}. {}: {word}", from + index, found.layer)?;
        let places = group.iter().map(|it| place(it, several)).filter(|it| !it.is_empty());
        let places = places.collect::<Vec<_>>();
        if group.len() == 1 {
            writeln!(out, "{}", places.iter().map(|it| format!(", {it}")).collect::<String>())?;
        } else {
            writeln!(out, ", {} times", group.len())?;
            style.wrapped(out, "     ", "     ", &some_of(&places, "; "))?;
        }
        let mut seen: Vec<&str> = Vec::new();
        for it in &group {
            if !seen.contains(&it.what.as_str()) && !said.contains(&it.what) {
                seen.push(&it.what);
            }
        }
        for what in seen.iter().take(MOST) {
            style.wrapped(out, "     ", "     ", what)?;
        }
        if seen.len() > MOST {
            writeln!(out, "     and {} more like these (--json has all)", seen.len() - MOST)?;
        }
        style.wrapped(out, "     why:  ", "           ", &found.why)?;
        style.wrapped(out, "     next: ", "           ", &found.next)?;
    }
    Ok(())
}

/// `connection 2, look at bob, frame 14`.
fn place(found: &Diagnosis, several: bool) -> String {
    let mut parts = Vec::new();
    parts.extend(found.connection.filter(|_| several).map(|index| format!("connection {}", index + 1)));
    parts.extend(found.side.as_ref().map(|side| format!("look at {}", clean(side))));
    parts.extend(found.frame.map(|frame| format!("frame {frame}")));
    let others = found.evidence.iter().filter(|place| !matches!(place, Place::Frame(_)));
    parts.extend(others.map(ToString::to_string));
    parts.join(", ")
}

/// The first of them, and how many more there are.
pub(super) fn some_of(all: &[String], between: &str) -> String {
    let mut text = all.iter().take(MOST).cloned().collect::<Vec<_>>().join(between);
    if all.len() > MOST {
        text += &format!("{between}and {} more", all.len() - MOST);
    }
    text
}
