//! The matrix in GitHub-flavoured Markdown.

use super::super::{outcome, remark};
use super::{
    besides, by_pair, cases, differing, gaps, id, id_of_feature, lacking, places, ratio, seen, short,
    summary, tables, ways,
};
use crate::escape::markdown as escape;
use crate::matrix::{Came, Cell, Difference, Matrix, Play};
use crate::run::RunReport;
use crate::time::{span, utc};
use indexmap::IndexMap;
use peerproof_conformance::verdict::Layer;
use std::collections::BTreeMap;

/// The matrix for a README, a pull request or a job's page. Nothing in a name or a sentence is markup.
#[must_use]
pub fn markdown(matrix: &Matrix<'_>, runs: &[String]) -> String {
    let mut text = "## Interoperability\n\n".to_owned();
    body(matrix, runs, 3, &[("Unexpected", Came::Unexpected), ("Known deviations", Came::Known)], &mut text);
    text
}

/// The matrix as a document of its own: after `preface`, which is Markdown and holds its title, when and how long the `reports` were
/// run. Known deviations are listed once each with an example, and not for each case.
#[must_use]
pub fn document(matrix: &Matrix<'_>, reports: &[RunReport], runs: &[String], preface: &str) -> String {
    let mut text = format!("{}\n\n", preface.trim_end());
    for report in reports {
        let run = format!(
            "Run on {} by {} in {}.",
            utc(report.began_us).format("%-d %B %Y"),
            report.tool,
            span(report.duration_us)
        );
        text.push_str(&format!("{}\n\n", escape(&run)));
    }
    body(matrix, runs, 2, &[("Unexpected", Came::Unexpected)], &mut text);
    text
}

/// Everything below the title. `level` is that of its headings.
fn body(matrix: &Matrix<'_>, runs: &[String], level: usize, lists: &[(&str, Came)], text: &mut String) {
    let heading = "#".repeat(level);
    text.push_str(&format!("{}.\n", escape(&summary(matrix, runs.len()))));
    for conflict in &matrix.conflicts {
        let run = runs.get(conflict.run).map_or("", String::as_str);
        text.push_str(&format!("\n**Error**: {}: {}\n", escape(run), escape(&conflict.to_string())));
    }
    text.push_str(LEGEND);
    let differences = matrix.differences();
    for (title, family) in tables(matrix) {
        text.push_str(&format!("\n{heading} {}\n\n", escape(title)));
        table(matrix, &differences, family, text);
    }
    features(matrix, &heading, text);
    text.push_str(&format!("\n{heading} Implementations\n"));
    implementations(matrix, text);
    for (title, came) in lists {
        list(matrix, runs, (&heading, title), *came, text);
    }
    deviations(matrix, runs, &heading, text);
    roles(matrix, &differences, &heading, text);
    unplayed(matrix, &heading, text);
    all_cases(matrix, &heading, text);
}

fn implementations(matrix: &Matrix<'_>, text: &mut String) {
    text.push_str("\nEach case counts for both of its peers, in either role. The time is that of its cases one after the other; a run plays several at once.\n\n");
    text.push_str(
        "| implementation | cases | passed | known deviations | unexpected | unsupported | time |\n",
    );
    text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for it in 0..matrix.implementations.len() {
        let Cell { passed, known, unexpected, unsupported } = matrix.of_implementation(it);
        let cases = passed + known + unexpected + unsupported;
        let name = escape(&matrix.name(it));
        let time = span(matrix.time_of(it));
        text.push_str(&format!(
            "| {name} | {cases} | {passed} | {known} | {unexpected} | {unsupported} | {time} |\n"
        ));
    }
}

const LEGEND: &str = "
Offerer in the rows, answerer in the columns; passed/run cases. ≠ counts scenarios whose result differs with the roles
exchanged. Unsupported cases were not run; the reasons are listed below.
";

fn table(matrix: &Matrix<'_>, differences: &[Difference<'_>], family: Option<&str>, text: &mut String) {
    let all = matrix.implementations.len();
    text.push_str("| offerer / answerer |");
    for column in 0..all {
        text.push_str(&format!(" {} |", escape(&matrix.name(column))));
    }
    text.push_str(&format!("\n| --- |{}\n", " --- |".repeat(all)));
    for row in 0..all {
        text.push_str(&format!("| {} |", escape(&matrix.name(row))));
        for column in 0..all {
            let cell = matrix.cell(row, column, family);
            let differing = differing(differences, row, column, family);
            let target = id(matrix, (row, column), family);
            text.push_str(&format!(" {} |", shown(&cell, differing, &target)));
        }
        text.push('\n');
    }
}

/// A cell that leads to its cases.
fn shown(cell: &Cell, differing: usize, target: &str) -> String {
    if cell.is_empty() {
        return "–".to_owned();
    }
    let counted = besides(cell).map(|(came, count)| {
        let warning = if came == Came::Unexpected { " ⚠" } else { "" };
        format!("{count} {}{warning}", short(came))
    });
    let differs = (differing > 0).then(|| format!("{differing} ≠"));
    let all: Vec<String> = ratio(cell).into_iter().chain(counted).chain(differs).collect();
    format!("[{}](#{target})", all.join(", "))
}

/// Feature by feature, each implementation in either role.
fn features(matrix: &Matrix<'_>, heading: &str, text: &mut String) {
    if matrix.features.is_empty() {
        return;
    }
    let all = 0..matrix.implementations.len();
    text.push_str(&format!(
        "\n{heading} Features\n\nEach implementation in either role; passed/run cases.\n\n| feature |"
    ));
    all.clone().for_each(|it| text.push_str(&format!(" {} |", escape(&matrix.name(it)))));
    text.push_str(&format!("\n| --- |{}\n", " --- |".repeat(all.len())));
    for feature in &matrix.features {
        text.push_str(&format!("| {} |", escape(&matrix.says(feature))));
        for it in all.clone() {
            let target = id_of_feature(matrix, feature, it);
            text.push_str(&format!(" {} |", shown(&matrix.of_feature(feature, it), 0, &target)));
        }
        text.push('\n');
    }
}

/// The cases that cells lead to: those of each pair by family, then those of each implementation by feature.
fn all_cases(matrix: &Matrix<'_>, heading: &str, text: &mut String) {
    text.push_str(&format!("\n{heading} Cases\n"));
    for pair in matrix.pairs().filter(|pair| !matrix.cell(pair.0, pair.1, None).is_empty()) {
        let target = id(matrix, pair, None);
        text.push_str(&format!("\n<a id=\"{target}\"></a>{}\n\n", escape(&matrix.pair(pair.0, pair.1))));
        for family in &matrix.families {
            let scenarios = scenarios(matrix.between(pair.0, pair.1, Some(family)));
            if !scenarios.is_empty() {
                let target = id(matrix, pair, Some(family));
                text.push_str(&format!("- <a id=\"{target}\"></a>{scenarios}\n"));
            }
        }
    }
    for feature in &matrix.features {
        text.push_str(&format!("\n{}\n\n", escape(&matrix.says(feature))));
        for it in 0..matrix.implementations.len() {
            let scenarios = scenarios(matrix.about(feature, it));
            if !scenarios.is_empty() {
                let (target, name) = (id_of_feature(matrix, feature, it), escape(&matrix.name(it)));
                text.push_str(&format!("- <a id=\"{target}\"></a>{name}: {scenarios}\n"));
            }
        }
    }
}

/// Scenarios by what came of them, each with its number of cases where there are several.
fn scenarios<'p, 'a: 'p>(plays: impl Iterator<Item = &'p Play<'a>>) -> String {
    let mut came: BTreeMap<Came, IndexMap<&str, usize>> = BTreeMap::new();
    for play in plays {
        *came.entry(play.came).or_default().entry(play.scenario()).or_default() += 1;
    }
    let list = came.iter().map(|(came, scenarios)| {
        let counted = scenarios.iter().map(|(name, count)| match count {
            1 => escape(name),
            count => format!("{} ×{count}", escape(name)),
        });
        format!("{}: {}", came.word(), counted.collect::<Vec<_>>().join(", "))
    });
    list.collect::<Vec<_>>().join("; ")
}

fn list(matrix: &Matrix<'_>, runs: &[String], (heading, title): (&str, &str), came: Came, text: &mut String) {
    let pairs = by_pair(matrix, came);
    if !pairs.is_empty() {
        text.push_str(&format!("\n{heading} {title}\n"));
    }
    for ((offerer, answerer), plays) in pairs {
        let pair = escape(&matrix.pair(offerer, answerer));
        text.push_str(&format!("\n{heading}# {pair}: {}\n\n", cases(plays.len())));
        for play in plays {
            text.push_str(&case(play, runs));
        }
    }
}

fn case(play: &Play<'_>, runs: &[String]) -> String {
    let verdict = &play.case.verdict;
    let mut place: Vec<&str> = vec![outcome(verdict.outcome)];
    place.extend(verdict.layer.map(Layer::as_str));
    place.extend(verdict.side.as_deref());
    let said = |remark: &&str| play.came == Came::Unexpected && *remark != "unexpected";
    place.extend(remark(play.case.standing).filter(said));
    place.extend(runs.get(play.run).filter(|_| runs.len() > 1).map(String::as_str));
    let known = play.case.waiver.as_ref().filter(|_| play.came == Came::Known);
    let known = known.map_or(String::new(), |it| format!(". Known: {} ({})", it.reason, it.link));
    format!(
        "- **{}**: {}. {}{}\n",
        escape(&play.case.name),
        escape(&place.join(", ")),
        escape(&verdict.sentence),
        escape(&known)
    )
}

/// Known deviations by implementation, each with a case that shows it.
fn deviations(matrix: &Matrix<'_>, runs: &[String], heading: &str, text: &mut String) {
    let all = matrix.deviations();
    if all.is_empty() {
        return;
    }
    text.push_str(&format!("\n{heading} Known deviations, each with an example\n\n"));
    text.push_str("| implementation | deviation | cases | example |\n| --- | --- | --- | --- |\n");
    for it in &all {
        let run = runs.get(it.example.run).filter(|_| runs.len() > 1);
        let run = run.map(|run| format!(" ({run})")).unwrap_or_default();
        text.push_str(&format!(
            "| {} | {} ({}) | {} | {} |\n",
            escape(it.implementation.unwrap_or_default()),
            escape(&it.waiver.reason),
            escape(&it.waiver.link),
            it.cases,
            escape(&format!("{}{run}", seen(it)))
        ));
    }
}

fn roles(matrix: &Matrix<'_>, differences: &[Difference<'_>], heading: &str, text: &mut String) {
    if differences.is_empty() {
        return;
    }
    text.push_str(&format!("\n{heading} Differences between the roles\n\n"));
    text.push_str(
        "| scenario | one | other | one → other | other → one |\n| --- | --- | --- | --- | --- |\n",
    );
    for it in differences {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            escape(it.scenario),
            escape(&matrix.name(it.one)),
            escape(&matrix.name(it.other)),
            ways(&it.forth),
            ways(&it.back)
        ));
    }
}

fn unplayed(matrix: &Matrix<'_>, heading: &str, text: &mut String) {
    let (lacks, unplayed) = (matrix.lacks(), matrix.unplayed());
    if !lacks.is_empty() || !unplayed.is_empty() {
        text.push_str(&format!("\n{heading} Not run\n\n"));
    }
    for lack in &lacks {
        let places = places(matrix, &lack.plays).join("; ");
        text.push_str(&format!(
            "- **{}**: {}. {}\n",
            cases(lack.plays.len()),
            escape(&lacking(matrix, lack)),
            escape(&places)
        ));
    }
    for it in &unplayed {
        let pair = escape(&matrix.pair(it.offerer, it.answerer));
        text.push_str(&format!("- {pair}: {}\n", escape(&gaps(matrix, it))));
    }
}
