//! What changed from one run to another: in Markdown, as a page, and in the sentences that all forms share.

use super::{ExportError, outcome};
use crate::counted;
use crate::document::{Part, Policy};
use crate::escape::{lines, markdown as escape};
use askama::Template;
use peerproof_conformance::case::shown;
use peerproof_conformance::facts::{Change, Comparison, Ended, LeftOut, VerdictChange};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The styles of the page.
const STYLES: [Part; 2] = [include_str!("../../page/base.css"), include_str!("../../page/comparison.css")];

/// The changes of an implementation.
#[derive(Debug, Default)]
pub struct Changed<'a> {
    /// Its name, and the versions where they differ: `chrome 150 → 156`.
    pub title: String,
    /// Its changes.
    pub changes: Vec<&'a Change>,
}

/// The changes by implementation.
#[must_use]
pub fn by_implementation(comparison: &Comparison) -> Vec<Changed<'_>> {
    let mut all: BTreeMap<&str, Changed<'_>> = BTreeMap::new();
    for (name, versions) in &comparison.versions {
        let list = |all: &BTreeSet<String>| {
            all.iter().map(|version| shown(name, version)).collect::<Vec<_>>().join(", ")
        };
        let title = format!("{name} {} → {}", list(&versions.before), list(&versions.after));
        all.entry(name).or_default().title = title;
    }
    for change in &comparison.changes {
        let of = all.entry(&change.implementation).or_default();
        if of.title.is_empty() {
            of.title.clone_from(&change.implementation);
        }
        of.changes.push(change);
    }
    all.into_values().collect()
}

/// What changed in a fact.
#[must_use]
pub fn what(change: &Change) -> String {
    let mut parts: Vec<String> = change.removed.iter().map(|it| format!("− {it}")).collect();
    parts.extend(change.added.iter().map(|it| format!("+ {it}")));
    parts.extend(order(change));
    parts.join("  ")
}

fn order(change: &Change) -> Option<String> {
    change.order.as_ref().map(|order| format!("in another order: {}", order.join(", ")))
}

/// Where a change shows.
#[must_use]
pub fn place(change: &Change) -> String {
    let at = at(change.frame, change.entry, change.first_run);
    format!("{}, {}{at}", counted(change.scenarios, "scenario"), change.case)
}

/// Where a verdict that changed was decided; empty if that is unknown.
#[must_use]
pub fn decided(change: &VerdictChange) -> String {
    at(change.frame, change.entry, change.first_run).trim_start().to_owned()
}

fn at(frame: Option<u64>, entry: Option<u64>, first_run: bool) -> String {
    let place = match (frame, entry) {
        (Some(frame), Some(entry)) => format!(" frame {frame}, entry {entry}"),
        (Some(frame), None) => format!(" frame {frame}"),
        (None, Some(entry)) => format!(" entry {entry}"),
        (None, None) => String::new(),
    };
    let of_run = if first_run { " (first run)" } else { "" };
    format!("{place}{of_run}")
}

/// What is said above [`Comparison::once`].
pub const MAY_BE_CHANCE: &str =
    "May be chance: a single recording shows it, or both runs have the requirement either way";

/// That the requirements of the runs were decided by different checks, if so: what is said above the changes of requirements.
#[must_use]
pub fn checks(comparison: &Comparison) -> Option<String> {
    comparison.tool.checks.as_ref().map(|checks| {
        format!(
            "Requirements, decided by different checks: {} → {}. A difference may be the tool's",
            checks.before, checks.after
        )
    })
}

/// Cases that ended otherwise and are listed apart from the changes, with why.
#[must_use]
pub fn verdicts_apart(comparison: &Comparison) -> Vec<(&'static str, &[VerdictChange])> {
    let all = [
        ("A known deviation shows in one of the runs: both are as expected", comparison.known.as_slice()),
        (
            "Judged by different versions of peerproof when they ran: this one judges both recordings alike",
            comparison.tool.verdicts.as_slice(),
        ),
    ];
    all.into_iter().filter(|(_, changes)| !changes.is_empty()).collect()
}

/// How a case ended, before and after.
#[must_use]
pub fn ended(change: &VerdictChange) -> [String; 2] {
    let of = |ended: Option<&Ended>| {
        let Some(ended) = ended else { return "not judged".to_owned() };
        let mut text = outcome(ended.outcome).to_owned();
        for part in [ended.layer.map(|it| it.to_string()), ended.side.clone()].into_iter().flatten() {
            text += &format!(", {part}");
        }
        text
    };
    [of(change.before.as_ref()), of(change.after.as_ref())]
}

/// What is said at the end.
#[must_use]
pub fn totals(comparison: &Comparison) -> String {
    let mut text = format!(
        "{} compared: {} ended otherwise, {}",
        counted(comparison.cases, "case"),
        comparison.verdicts.len(),
        counted(comparison.changes.len(), "change")
    );
    if !comparison.once.is_empty() {
        let _ = write!(text, ", {} that may be chance", comparison.once.len());
    }
    if let Some(left) = comparison.left_out {
        let LeftOut { fewer_than, changes } = left;
        let _ = write!(text, "; {changes} in fewer than {fewer_than} scenarios are left out");
    }
    if comparison.tool.checks.is_some() {
        let differ = comparison.tool.changes.len();
        let _ = write!(text, "; different checks decided the requirements, of which {differ} differ");
    }
    if !comparison.known.is_empty() {
        let known = counted(comparison.known.len(), "case");
        let _ = write!(text, "; {known} with a known deviation in one of the runs");
    }
    if !comparison.tool.verdicts.is_empty() {
        let differ = counted(comparison.tool.verdicts.len(), "case");
        let _ = write!(text, "; {differ} with another verdict by the records alone");
    }
    for (names, which) in [(&comparison.only_before, "first"), (&comparison.only_after, "second")] {
        if !names.is_empty() {
            let _ = write!(text, "; {} only in the {which} run", counted(names.len(), "case"));
        }
    }
    text
}

/// The comparison in Markdown.
#[must_use]
pub fn markdown(comparison: &Comparison) -> String {
    let mut out = String::new();
    if !comparison.verdicts.is_empty() {
        out.push_str(&table(&comparison.verdicts));
    }
    for Changed { title, changes } in by_implementation(comparison) {
        let _ = writeln!(out, "## {}\n", escape(&title));
        if changes.is_empty() {
            out.push_str("No change.\n\n");
            continue;
        }
        out.push_str("| what | change | where |\n| --- | --- | --- |\n");
        for change in changes {
            let _ = writeln!(out, "| {}", row(change));
        }
        out.push('\n');
    }
    for apart in apart(comparison) {
        let _ = writeln!(out, "## {}\n", escape(&apart.title));
        out.push_str("| whose | what | change | where |\n| --- | --- | --- | --- |\n");
        for change in apart.changes {
            let _ = writeln!(out, "| {} | {}", escape(&change.implementation), row(change));
        }
        out.push('\n');
    }
    for (title, changes) in verdicts_apart(comparison) {
        let _ = writeln!(out, "## {}\n", escape(title));
        out.push_str(&table(changes));
    }
    out + &totals(comparison)
}

/// The comparison as a document of its own: after `preface`, which is Markdown and holds its title.
#[must_use]
pub fn document(comparison: &Comparison, preface: &str) -> String {
    format!("{}\n\n{}.\n", preface.trim_end(), markdown(comparison))
}

/// The cells of a change, without the first bar.
fn row(change: &Change) -> String {
    let (fact, what, place) = (escape(&change.fact), escape(&what(change)), escape(&place(change)));
    format!("{fact} | {what} | {place} |")
}

fn table(verdicts: &[VerdictChange]) -> String {
    let mut out = "| case | before | after | where |\n| --- | --- | --- | --- |\n".to_owned();
    for change in verdicts {
        let [before, after] = ended(change).map(|text| escape(&text));
        let _ = writeln!(out, "| {} | {before} | {after} | {} |", escape(&change.case), decided(change));
    }
    out.push('\n');
    out
}

/// What is listed apart from the changes.
struct Apart<'a> {
    title: String,
    changes: &'a [Change],
}

fn apart(comparison: &Comparison) -> impl Iterator<Item = Apart<'_>> {
    let once = Apart { title: MAY_BE_CHANCE.to_owned(), changes: &comparison.once };
    let of_checks =
        Apart { title: checks(comparison).unwrap_or_default(), changes: &comparison.tool.changes };
    [once, of_checks].into_iter().filter(|apart| !apart.changes.is_empty())
}

/// The comparison as a page: one file without scripts, which fetches nothing. `before` and `after` are what the runs are called.
///
/// # Errors
/// If the template fails.
pub fn html(comparison: &Comparison, before: &str, after: &str) -> Result<Vec<u8>, ExportError> {
    let (policy, changed) = (Policy::of(&[], &STYLES), by_implementation(comparison));
    let page = Page {
        policy: policy.as_str(),
        styles: &STYLES,
        before,
        after,
        totals: totals(comparison),
        verdicts: comparison.verdicts.iter().map(Verdict::of).collect(),
        implementations: changed.iter().map(Section::of).collect(),
        apart: apart(comparison).map(Aside::of).collect(),
        verdicts_apart: verdicts_apart(comparison)
            .into_iter()
            .map(|(title, changes)| VerdictsApart {
                title,
                verdicts: changes.iter().map(Verdict::of).collect(),
            })
            .collect(),
        only: [("first", &comparison.only_before), ("second", &comparison.only_after)]
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(which, names)| Only { which, names })
            .collect(),
    };
    Ok(lines(&page.render()?).into_owned().into_bytes())
}

#[derive(Template)]
#[template(path = "comparison.html")]
struct Page<'a> {
    policy: &'a str,
    styles: &'a [Part],
    before: &'a str,
    after: &'a str,
    totals: String,
    verdicts: Vec<Verdict<'a>>,
    implementations: Vec<Section<'a>>,
    apart: Vec<Aside<'a>>,
    verdicts_apart: Vec<VerdictsApart<'a>>,
    only: Vec<Only<'a>>,
}

/// Cases that ended otherwise, apart from the changes.
struct VerdictsApart<'a> {
    title: &'static str,
    verdicts: Vec<Verdict<'a>>,
}

/// A case that ended otherwise.
struct Verdict<'a> {
    case: &'a str,
    /// Class and text.
    before: (&'static str, String),
    after: (&'static str, String),
    place: String,
}

/// The changes of an implementation.
struct Section<'a> {
    title: &'a str,
    changes: Vec<Row<'a>>,
}

/// What is listed apart from the changes.
struct Aside<'a> {
    title: String,
    /// Whose, and the change.
    changes: Vec<(&'a str, Row<'a>)>,
}

/// A change.
struct Row<'a> {
    fact: &'a str,
    removed: &'a [String],
    added: &'a [String],
    order: Option<String>,
    place: String,
}

/// Cases that only one run has.
struct Only<'a> {
    which: &'static str,
    names: &'a [String],
}

impl<'a> Verdict<'a> {
    fn of(change: &'a VerdictChange) -> Self {
        let class = |of: &Option<Ended>| of.as_ref().map_or("unsupported", |ended| outcome(ended.outcome));
        let [before, after] = ended(change);
        Self {
            case: &change.case,
            before: (class(&change.before), before),
            after: (class(&change.after), after),
            place: decided(change),
        }
    }
}

impl<'a> Section<'a> {
    fn of(changed: &'a Changed<'a>) -> Self {
        Self { title: &changed.title, changes: changed.changes.iter().map(|it| Row::of(it)).collect() }
    }
}

impl<'a> Row<'a> {
    fn of(change: &'a Change) -> Self {
        Self {
            fact: &change.fact,
            removed: &change.removed,
            added: &change.added,
            order: order(change),
            place: place(change),
        }
    }
}

impl<'a> Aside<'a> {
    fn of(apart: Apart<'a>) -> Self {
        let row = |change: &'a Change| (change.implementation.as_str(), Row::of(change));
        Self { title: apart.title, changes: apart.changes.iter().map(row).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerproof_conformance::facts::{Checks, OfTheTool, Versions};
    use peerproof_conformance::verdict::{Layer, Outcome};

    fn comparison() -> Comparison {
        let hostile = "<script>alert(1)</script>\u{202e}";
        let ended =
            |outcome, layer| Some(Ended { layer, side: Some("bob".to_owned()), ..Ended::of(outcome) });
        let versions = Versions { before: ["150".to_owned()].into(), after: ["156".to_owned()].into() };
        Comparison {
            versions: [("chrome".to_owned(), versions.clone()), ("firefox".to_owned(), versions)].into(),
            cases: 3,
            verdicts: vec![VerdictChange {
                case: format!("data/{hostile}/chrome-stack"),
                before: ended(Outcome::Pass, None),
                after: ended(Outcome::Fail, Some(Layer::Dtls)),
                first_run: false,
                frame: Some(31),
                entry: Some(88),
            }],
            known: vec![VerdictChange {
                case: "turn/k/firefox-stack".to_owned(),
                before: ended(Outcome::Pass, None),
                after: ended(Outcome::Fail, Some(Layer::Dtls)),
                first_run: false,
                frame: None,
                entry: None,
            }],
            changes: vec![Change {
                implementation: "chrome".to_owned(),
                fact: "ClientHello: suites".to_owned(),
                added: vec![hostile.to_owned()],
                removed: vec!["TLS_A".to_owned()],
                order: Some(vec!["x".to_owned(), "y".to_owned()]),
                scenarios: 2,
                case: "dtls/a/chrome-stack".to_owned(),
                first_run: true,
                frame: Some(7),
                entry: None,
            }],
            once: vec![Change {
                implementation: "firefox".to_owned(),
                fact: "statistics transport".to_owned(),
                added: vec![hostile.to_owned()],
                removed: Vec::new(),
                order: None,
                scenarios: 1,
                case: "data/a/firefox-stack".to_owned(),
                first_run: false,
                frame: Some(9),
                entry: Some(12),
            }],
            tool: OfTheTool {
                checks: Some(Checks {
                    before: "peerproof 1".to_owned(),
                    after: format!("peerproof {hostile}"),
                }),
                changes: vec![Change {
                    implementation: "stack".to_owned(),
                    fact: "requirement r".to_owned(),
                    added: vec!["fail".to_owned()],
                    removed: vec!["pass".to_owned()],
                    order: None,
                    scenarios: 1,
                    case: "ice/a/chrome-stack".to_owned(),
                    first_run: false,
                    frame: None,
                    entry: None,
                }],
                verdicts: vec![VerdictChange {
                    case: "sdp/x/chrome-stack".to_owned(),
                    before: ended(Outcome::Pass, None),
                    after: None,
                    first_run: false,
                    frame: None,
                    entry: None,
                }],
            },
            left_out: Some(LeftOut { fewer_than: 2, changes: 5 }),
            only_before: Vec::new(),
            only_after: vec!["data/new/chrome-stack".to_owned()],
        }
    }

    #[test]
    fn the_page_shows_all_of_it_and_nothing_in_it_is_markup() {
        let page = String::from_utf8(html(&comparison(), "runs/<old>", "new").unwrap()).unwrap();
        for expected in [
            "chrome 150 → 156",
            "firefox 150 → 156",
            "No change.",
            "ClientHello: suites",
            "<del>TLS_A</del>",
            "in another order: x, y",
            "2 scenarios, dtls/a/chrome-stack frame 7 (first run)",
            "frame 31, entry 88",
            "fail, DTLS, bob",
            "data/new/chrome-stack",
            "3 cases compared: 1 ended otherwise, 1 change, 1 that may be chance; 5 in fewer than 2 scenarios are left out; \
             different checks decided the requirements, of which 1 differ; 1 case with a known deviation in one of the runs; \
             1 case with another verdict by the records alone; \
             1 case only in the second run",
            "May be chance",
            "1 scenario, data/a/firefox-stack frame 9, entry 12",
            "decided by different checks: peerproof 1 → peerproof ",
            "1 scenario, ice/a/chrome-stack<",
            "sdp/x/chrome-stack",
            "both are as expected",
            "turn/k/firefox-stack",
            "default-src 'none'; script-src; style-src 'sha256-",
        ] {
            assert!(page.contains(expected), "{expected}: {page}");
        }
        assert!(!page.contains("<script") && !page.contains("<old>") && !page.contains('\u{202e}'));
        assert_eq!(page.matches("alert(1)").count(), 4, "shown, as text");
    }

    #[test]
    fn markdown_lists_apart_what_is_no_change() {
        let text = markdown(&comparison());
        for expected in [
            "| ClientHello: suites | − TLS\\_A  + ",
            "## May be chance",
            "| firefox | statistics transport | + ",
            "data/a/firefox-stack frame 9, entry 12 |",
            "| stack | requirement r | − pass  + fail | 1 scenario, ice/a/chrome-stack |",
            "| sdp/x/chrome-stack | pass, bob | not judged |  |",
            "| fail, DTLS, bob | frame 31, entry 88 |",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(!text.contains("<script") && !text.contains('\u{202e}'));
    }

    #[test]
    fn runs_without_a_difference_say_so() {
        let same = Comparison { cases: 2, ..Comparison::default() };
        let page = String::from_utf8(html(&same, "a", "b").unwrap()).unwrap();
        assert!(page.contains("Nothing changed") && !page.contains("<table"), "{page}");
        assert!(
            !String::from_utf8(html(&comparison(), "a", "b").unwrap()).unwrap().contains("Nothing changed")
        );
    }
}
