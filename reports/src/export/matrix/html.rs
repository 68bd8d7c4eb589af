//! The matrix as a page: one file without scripts and without anything fetched, whose cells lead to their cases, and those to the
//! pages of the runs.

use super::super::html::{CASE_PAGE, encode};
use super::super::{ExportError, outcome, remark};
use super::{
    besides, cases, differing, gaps, id, id_of_feature, lacking, places, ratio, seen, short, summary, tables,
    ways,
};
use crate::escape::lines;
use crate::matrix::{Came, Cell, Deviating, Difference, Matrix, Play};
use askama::Template;
use peerproof_conformance::verdict::{Layer, Place};

/// The matrix for a browser. `runs` are the runs' folders as seen from the page's own.
///
/// # Errors
/// If the template fails.
pub fn html(matrix: &Matrix<'_>, runs: &[String]) -> Result<Vec<u8>, ExportError> {
    let differences = matrix.differences();
    let page = Page {
        summary: summary(matrix, runs.len()),
        runs: runs.iter().map(|run| (page_of(run), run.as_str())).collect(),
        conflicts: matrix.conflicts.iter().map(|it| (run(runs, it.run), it.to_string())).collect(),
        implementations: (0..matrix.implementations.len()).map(|of| matrix.name(of)).collect(),
        tables: tables(matrix)
            .into_iter()
            .map(|(title, family)| Table { title, rows: rows(matrix, &differences, family) })
            .collect(),
        features: matrix.features.iter().map(|feature| Feature::of(matrix, runs, feature)).collect(),
        differences: differences.iter().map(|it| Differs::of(matrix, it)).collect(),
        deviations: matrix.deviations().iter().map(|it| Known::of(runs, it)).collect(),
        lacks: matrix
            .lacks()
            .iter()
            .map(|lack| (cases(lack.plays.len()), lacking(matrix, lack), places(matrix, &lack.plays)))
            .collect(),
        gaps: matrix
            .unplayed()
            .iter()
            .map(|it| (matrix.pair(it.offerer, it.answerer), gaps(matrix, it)))
            .collect(),
        pairs: matrix.pairs().filter_map(|pair| Pair::of(matrix, runs, pair)).collect(),
    };
    Ok(lines(&page.render()?).into_owned().into_bytes())
}

#[derive(Template)]
#[template(path = "matrix.html")]
struct Page<'a> {
    summary: String,
    /// The page of each run and what it is called.
    runs: Vec<(String, &'a str)>,
    conflicts: Vec<(&'a str, String)>,
    implementations: Vec<String>,
    tables: Vec<Table<'a>>,
    features: Vec<Feature>,
    differences: Vec<Differs<'a>>,
    deviations: Vec<Known<'a>>,
    lacks: Vec<(String, String, Vec<String>)>,
    gaps: Vec<(String, String)>,
    pairs: Vec<Pair<'a>>,
}

struct Table<'a> {
    title: &'a str,
    rows: Vec<(String, Vec<Shown>)>,
}

/// A cell of a table.
struct Shown {
    /// The anchor of its cases; empty if there are none.
    target: String,
    ratio: String,
    /// Class and text of what is shown beside.
    marks: Vec<(&'static str, String)>,
    class: &'static str,
}

/// The page of a case, its class and its name.
type Linked = (String, &'static str, String);

/// What each implementation did of a feature.
struct Feature {
    title: String,
    cells: Vec<Shown>,
    /// The cases of each cell: its anchor, who it is about, each case's page, class and name.
    cases: Vec<(String, String, Vec<Linked>)>,
}

struct Differs<'a> {
    scenario: &'a str,
    one: String,
    other: String,
    forth: String,
    back: String,
    /// The anchors of the cases one way and the other way.
    targets: [String; 2],
}

/// A known deviation, with a case that shows it.
struct Known<'a> {
    implementation: &'a str,
    reason: &'a str,
    /// The rule, if that is the address of a page, or else its words.
    rule: (Option<&'a str>, &'a str),
    cases: usize,
    href: String,
    seen: String,
}

impl<'a> Known<'a> {
    fn of(runs: &[String], it: &Deviating<'a>) -> Self {
        let link = it.waiver.link.as_str();
        let address = Some(link).filter(|link| link.starts_with("https://") || link.starts_with("http://"));
        Self {
            implementation: it.implementation.unwrap_or_default(),
            reason: &it.waiver.reason,
            rule: (address, if address.is_some() { "rule" } else { link }),
            cases: it.cases,
            href: href_of(runs, it),
            seen: seen(it),
        }
    }
}

/// The place on the page of its case, if the run has that; or else the case on the page of the run.
fn href_of(runs: &[String], it: &Deviating<'_>) -> String {
    let case = it.example.case;
    let folder = case.folder.as_ref().filter(|_| case.files.iter().any(|file| file == CASE_PAGE));
    let Some(folder) = folder else { return href(runs, &it.example) };
    let run = run(runs, it.example.run).trim_end_matches('/');
    let start = if run.is_empty() { String::new() } else { format!("{run}/") };
    let at = match it.place {
        Some(Place::Frame(frame)) => format!("#frame-{frame}"),
        Some(Place::Entry(entry)) => format!("#entry-{entry}"),
        Some(Place::Line { entry, line }) => format!("#entry-{entry}-line-{line}"),
        _ => String::new(),
    };
    format!("{}{at}", encode(&format!("{start}{folder}/{CASE_PAGE}")))
}

/// The cases of a pair, family by family.
struct Pair<'a> {
    id: String,
    title: String,
    families: Vec<Family<'a>>,
}

struct Family<'a> {
    id: String,
    name: &'a str,
    /// Those of which something is shown.
    shown: Vec<ShownPlay<'a>>,
    /// The pages of those that passed, and their names.
    passed: Vec<(String, &'a str)>,
    open: bool,
}

struct ShownPlay<'a> {
    href: String,
    class: &'static str,
    place: String,
    name: &'a str,
    sentence: &'a str,
    /// The known deviation's reason and link.
    known: Option<(&'a str, &'a str)>,
}

/// The page of a run in a folder.
fn page_of(folder: &str) -> String {
    match folder.trim_end_matches('/') {
        "" => "index.html".to_owned(),
        folder => format!("{}/index.html", encode(folder)),
    }
}

fn run(runs: &[String], run: usize) -> &str {
    runs.get(run).map_or("", String::as_str)
}

/// A case on the page of its run.
fn href(runs: &[String], play: &Play<'_>) -> String {
    format!("{}#case={}", page_of(run(runs, play.run)), encode(&play.case.name))
}

fn class(came: Came) -> &'static str {
    match came {
        Came::Passed => "pass",
        Came::Known => "known",
        Came::Unexpected => "fail",
        Came::Unsupported => "unsupported",
    }
}

fn rows(
    matrix: &Matrix<'_>,
    differences: &[Difference<'_>],
    family: Option<&str>,
) -> Vec<(String, Vec<Shown>)> {
    let all = matrix.implementations.len();
    let cells = |row| (0..all).map(|column| shown(matrix, differences, (row, column), family)).collect();
    (0..all).map(|row| (matrix.name(row), cells(row))).collect()
}

fn shown(
    matrix: &Matrix<'_>,
    differences: &[Difference<'_>],
    pair: (usize, usize),
    family: Option<&str>,
) -> Shown {
    let cell: Cell = matrix.cell(pair.0, pair.1, family);
    let target = if cell.is_empty() { String::new() } else { id(matrix, pair, family) };
    Shown::of(&cell, target, differing(differences, pair.0, pair.1, family))
}

impl Feature {
    fn of(matrix: &Matrix<'_>, runs: &[String], feature: &str) -> Self {
        let all = 0..matrix.implementations.len();
        let cell = |of| {
            let cell = matrix.of_feature(feature, of);
            let target = if cell.is_empty() { String::new() } else { id_of_feature(matrix, feature, of) };
            Shown::of(&cell, target, 0)
        };
        let cases = |of| {
            let plays = matrix.about(feature, of);
            let plays =
                plays.map(|play| (href(runs, play), class(play.came), play.case.name.clone())).collect();
            (id_of_feature(matrix, feature, of), matrix.name(of), plays)
        };
        Self {
            title: matrix.says(feature),
            cells: all.clone().map(cell).collect(),
            cases: all.filter(|of| !matrix.of_feature(feature, *of).is_empty()).map(cases).collect(),
        }
    }
}

impl Shown {
    /// A cell with the anchor of its cases, and how many scenarios of it come out otherwise with the roles exchanged.
    fn of(cell: &Cell, target: String, differing: usize) -> Self {
        let marks = besides(cell).map(|(came, count)| (class(came), format!("{count} {}", short(came))));
        let differs = (differing > 0).then(|| ("differs", format!("{differing} ≠")));
        Self {
            target,
            ratio: ratio(cell).unwrap_or_else(|| "0".to_owned()),
            marks: marks.chain(differs).collect(),
            class: if cell.unexpected > 0 { "bad" } else { "" },
        }
    }
}

impl<'a> Differs<'a> {
    fn of(matrix: &Matrix<'_>, it: &Difference<'a>) -> Self {
        let family = it.scenario.split('/').next();
        Self {
            scenario: it.scenario,
            one: matrix.name(it.one),
            other: matrix.name(it.other),
            forth: ways(&it.forth),
            back: ways(&it.back),
            targets: [(it.one, it.other), (it.other, it.one)].map(|pair| id(matrix, pair, family)),
        }
    }
}

impl<'a> Pair<'a> {
    fn of(matrix: &Matrix<'a>, runs: &'a [String], pair: (usize, usize)) -> Option<Self> {
        let of_family = |family: &&'a str| Family::of(matrix, runs, pair, family);
        let families: Vec<Family<'a>> = matrix.families.iter().filter_map(of_family).collect();
        let (id, title) = (id(matrix, pair, None), matrix.pair(pair.0, pair.1));
        (!families.is_empty()).then_some(Self { id, title, families })
    }
}

impl<'a> Family<'a> {
    fn of(matrix: &Matrix<'a>, runs: &'a [String], pair: (usize, usize), name: &'a str) -> Option<Self> {
        let mut plays: Vec<&Play<'a>> = matrix.between(pair.0, pair.1, Some(name)).collect();
        // What needs a look comes first.
        let rank =
            |play: &Play<'_>| [Came::Unexpected, Came::Known].iter().position(|came| *came == play.came);
        plays.sort_by_key(|play| rank(play).unwrap_or(usize::MAX));
        let (passed, shown): (Vec<&Play<'a>>, Vec<&Play<'a>>) =
            plays.into_iter().partition(|play| play.came == Came::Passed);
        let family = Self {
            id: id(matrix, pair, Some(name)),
            name,
            open: shown.iter().any(|play| play.came == Came::Unexpected),
            shown: shown.into_iter().map(|play| ShownPlay::of(runs, play)).collect(),
            passed: passed.into_iter().map(|play| (href(runs, play), play.case.name.as_str())).collect(),
        };
        (!family.shown.is_empty() || !family.passed.is_empty()).then_some(family)
    }
}

impl<'a> ShownPlay<'a> {
    fn of(runs: &'a [String], play: &Play<'a>) -> Self {
        let verdict = &play.case.verdict;
        let mut place: Vec<&str> = vec![outcome(verdict.outcome)];
        place.extend(verdict.layer.map(Layer::as_str));
        place.extend(verdict.side.as_deref());
        place.extend(remark(play.case.standing));
        place.extend(Some(run(runs, play.run)).filter(|_| runs.len() > 1));
        let known = play.case.waiver.as_ref().filter(|_| play.came == Came::Known);
        Self {
            href: href(runs, play),
            class: class(play.came),
            place: place.join(", "),
            name: &play.case.name,
            sentence: &verdict.sentence,
            known: known.map(|it| (it.reason.as_str(), it.link.as_str())),
        }
    }
}
