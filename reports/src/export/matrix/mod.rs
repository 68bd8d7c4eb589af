//! The matrix of implementations: for a terminal, as Markdown and as a page.
//!
//! `runs` are the runs' names for people, in the order in which the matrix was made of them; for the page they are the runs'
//! folders as seen from where it will be, since its links lead there.

mod html;
mod markdown;
mod terminal;

pub use html::html;
pub use markdown::{document, markdown};
pub use terminal::terminal;

use crate::matrix::{Came, Cell, Deviating, Difference, Implementation, Lack, Matrix, Play, Unplayed};
use indexmap::IndexMap;
use std::collections::BTreeSet;

/// `1 case`, `2 cases`.
fn cases(count: usize) -> String {
    if count == 1 { "1 case".to_owned() } else { format!("{count} cases") }
}

/// What the matrix holds, in one line.
fn summary(matrix: &Matrix<'_>, runs: usize) -> String {
    let total = matrix.total();
    let parts = [
        (total.passed, "passed"),
        (total.known, "known deviations"),
        (total.unexpected, "unexpected"),
        (total.unsupported, "unsupported"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, word)| format!("{count} {word}")).collect();
    let noun = if runs == 1 { "run" } else { "runs" };
    let left = match matrix.controls {
        0 => String::new(),
        1 => "; 1 control is left out".to_owned(),
        controls => format!("; {controls} controls are left out"),
    };
    format!("{} of {runs} {noun}: {}{left}", cases(matrix.plays.len()), parts.join(", "))
}

/// The tables: overall, then family by family.
fn tables<'a>(matrix: &Matrix<'a>) -> Vec<(&'a str, Option<&'a str>)> {
    let families = matrix.families.iter().map(|family| (*family, Some(*family)));
    std::iter::once(("overall", None)).chain(families).collect()
}

/// The anchor of a pair, or of one family of it: by names, so that a link lasts when other implementations are added.
fn id(matrix: &Matrix<'_>, (offerer, answerer): (usize, usize), family: Option<&str>) -> String {
    anchor([offerer, answerer].map(|of| lasting(matrix, of)).into_iter().chain(family.map(str::to_owned)))
}

/// The anchor of what an implementation did of a feature.
fn id_of_feature(matrix: &Matrix<'_>, feature: &str, implementation: usize) -> String {
    anchor([feature.to_owned(), lasting(matrix, implementation)])
}

/// An anchor of some words; whatever a name cannot have is `_` in it.
fn anchor(parts: impl IntoIterator<Item = String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' };
    let parts: Vec<String> = parts.into_iter().map(|part| part.chars().map(plain).collect()).collect();
    parts.join("-")
}

/// What an implementation is called in anchors: by its name, with its version only if there are several of it.
fn lasting(matrix: &Matrix<'_>, of: usize) -> String {
    let Some(it) = matrix.implementations.get(of) else { return String::new() };
    let name = |it: &Implementation| it.named.clone().unwrap_or_else(|| it.name.clone());
    let same = matrix.implementations.iter().filter(|other| name(other) == name(it)).count();
    if same > 1 { format!("{}@{}", name(it), it.version) } else { name(it) }
}

/// What came of a cell besides what passed, with its number, as far as there is any.
fn besides(cell: &Cell) -> impl Iterator<Item = (Came, usize)> + use<> {
    let counts = [
        (Came::Unexpected, cell.unexpected),
        (Came::Known, cell.known),
        (Came::Unsupported, cell.unsupported),
    ];
    counts.into_iter().filter(|(_, count)| *count > 0)
}

/// What came of a case, in one word.
fn short(came: Came) -> &'static str {
    match came {
        Came::Known => "known",
        came => came.word(),
    }
}

/// How many scenarios of a cell come out otherwise with the roles exchanged.
fn differing(all: &[Difference<'_>], offerer: usize, answerer: usize, family: Option<&str>) -> usize {
    let (one, other) = (offerer.min(answerer), offerer.max(answerer));
    let within = |it: &&Difference<'_>| {
        (it.one, it.other) == (one, other)
            && family.is_none_or(|family| it.scenario.split('/').next() == Some(family))
    };
    all.iter().filter(within).count()
}

/// `passed/played`, if anything was played.
fn ratio(cell: &Cell) -> Option<String> {
    (cell.played() > 0).then(|| format!("{}/{}", cell.passed, cell.played()))
}

/// `passed`, or `passed or known deviation` if it came out now so, now so.
fn ways(came: &BTreeSet<Came>) -> String {
    came.iter().map(|came| came.word()).collect::<Vec<_>>().join(" or ")
}

/// Who cannot, and why.
fn lacking(matrix: &Matrix<'_>, lack: &Lack<'_>) -> String {
    match lack.by {
        Some(by) => format!("{}: {}", matrix.name(by), lack.reason),
        None => lack.reason.clone(),
    }
}

/// Where cases were not run: pair by pair, with the families and their numbers.
fn places(matrix: &Matrix<'_>, plays: &[Play<'_>]) -> Vec<String> {
    let mut pairs: IndexMap<(usize, usize), IndexMap<&str, usize>> = IndexMap::new();
    for play in plays {
        let families = pairs.entry((play.offerer, play.answerer)).or_default();
        *families.entry(play.case.family()).or_default() += 1;
    }
    pairs.sort_unstable_keys();
    let place = |((offerer, answerer), families): ((usize, usize), IndexMap<&str, usize>)| {
        let families: Vec<String> =
            families.iter().map(|(family, count)| format!("{family} {count}")).collect();
        format!("{} ({})", matrix.pair(offerer, answerer), families.join(", "))
    };
    pairs.into_iter().map(place).collect()
}

/// In which families a pair played nothing, and why.
fn gaps(matrix: &Matrix<'_>, unplayed: &Unplayed<'_>) -> String {
    let mut parts = Vec::new();
    if !unplayed.absent.is_empty() {
        let all = unplayed.absent.len() == matrix.families.len();
        let families = if all { "any family".to_owned() } else { unplayed.absent.join(", ") };
        parts.push(format!("these runs contain no case in {families}"));
    }
    for (family, count) in &unplayed.unsupported {
        let all = if *count == 1 { "1 case".to_owned() } else { format!("all {count} cases") };
        parts.push(format!("{family}: {all} unsupported"));
    }
    parts.join("; ")
}

/// The case in which a known deviation can be seen, and where in it.
fn seen(it: &Deviating<'_>) -> String {
    let place = it.place.map(|place| format!(", {place}")).unwrap_or_default();
    format!("{}{place}", it.example.case.name)
}

/// The cases that came out so, pair by pair.
fn by_pair<'m, 'a>(matrix: &'m Matrix<'a>, came: Came) -> Vec<((usize, usize), Vec<&'m Play<'a>>)> {
    let of_pair = |(offerer, answerer)| {
        let plays = matrix.between(offerer, answerer, None).filter(|play| play.came == came);
        ((offerer, answerer), plays.collect::<Vec<_>>())
    };
    matrix.pairs().map(of_pair).filter(|(_, plays)| !plays.is_empty()).collect()
}

#[cfg(test)]
mod tests;
