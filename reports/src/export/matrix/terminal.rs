//! The matrix as lines of text.

use super::super::terminal::{clean, pad, width};
use super::super::{outcome, remark};
use super::{besides, by_pair, cases, differing, gaps, lacking, places, ratio, seen, summary, tables, ways};
use crate::matrix::{Came, Cell, Difference, Matrix, Play};

/// The matrix for people at a terminal: tables, then what they do not show by themselves. No control character of a recording gets
/// through, and there are no colours unless they are asked for.
#[must_use]
pub fn terminal(matrix: &Matrix<'_>, runs: &[String], colour: bool) -> String {
    let mut text = String::new();
    let page = Page { matrix, runs, colour, differences: matrix.differences() };
    page.conflicts(&mut text);
    for (title, family) in tables(matrix) {
        page.table(title, family, &mut text);
        if family.is_none() {
            text.push_str(LEGEND);
        }
        text.push('\n');
    }
    page.features(&mut text);
    page.unexpected(&mut text);
    page.known(&mut text);
    page.roles(&mut text);
    page.unplayed(&mut text);
    page.ways_to_cases(&mut text);
    text.push_str(&format!("{}\n", summary(matrix, runs.len())));
    text
}

const LEGEND: &str = "\
  offerer in the rows, answerer in the columns; passed/run, of which: ! unexpected, k known deviations;
  u unsupported, not run, ≠ result differs with the roles exchanged, – no case
";

struct Page<'m, 'a> {
    matrix: &'m Matrix<'a>,
    runs: &'m [String],
    colour: bool,
    differences: Vec<Difference<'a>>,
}

impl Page<'_, '_> {
    fn conflicts(&self, text: &mut String) {
        for conflict in &self.matrix.conflicts {
            let run = self.runs.get(conflict.run).map_or("", String::as_str);
            let word = self.paint(Came::Unexpected, "error");
            text.push_str(&format!("{word}: {}: {}\n", clean(run), clean(&conflict.to_string())));
        }
        if !self.matrix.conflicts.is_empty() {
            text.push('\n');
        }
    }

    fn table(&self, title: &str, family: Option<&str>, text: &mut String) {
        let all = 0..self.matrix.implementations.len();
        let names = all.clone().map(|row| format!("  {:>2} {}", row + 1, clean(&self.matrix.name(row))));
        let cells = |row| all.clone().map(|column| self.cell(row, column, family)).collect();
        let columns: Vec<String> = all.clone().map(|column| format!("→ {}", column + 1)).collect();
        let rows = names.zip(all.clone().map(cells)).collect();
        self.grid(title, &columns, rows, text);
    }

    /// Feature by feature, each implementation in either role.
    fn features(&self, text: &mut String) {
        if self.matrix.features.is_empty() {
            return;
        }
        let all = 0..self.matrix.implementations.len();
        let of = |feature: &&str| {
            let cells = all.clone().map(|it| {
                let cell = self.matrix.of_feature(feature, it);
                (cell, shown(&cell, 0))
            });
            (format!("  {}", clean(&self.matrix.says(feature))), cells.collect())
        };
        let columns: Vec<String> = all.clone().map(|column| format!("{}", column + 1)).collect();
        self.grid("feature, in either role", &columns, self.matrix.features.iter().map(of).collect(), text);
        text.push('\n');
    }

    fn grid(
        &self,
        title: &str,
        columns: &[String],
        rows: Vec<(String, Vec<(Cell, String)>)>,
        text: &mut String,
    ) {
        let first = rows.iter().map(|(name, _)| width(name)).chain([width(title)]).max().unwrap_or(0);
        let widest = |column: usize| {
            let texts = rows.iter().filter_map(|(_, row)| row.get(column)).map(|(_, text)| width(text));
            texts.max().unwrap_or(0).max(4)
        };
        let widths: Vec<usize> = (0..columns.len()).map(widest).collect();
        let mut line = pad(&clean(title), first);
        for (column, width) in columns.iter().zip(&widths) {
            line.push_str(&format!("  {}", pad(column, *width)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
        for (name, row) in &rows {
            let mut line = pad(name, first);
            for (n, ((cell, text), width)) in row.iter().zip(&widths).enumerate() {
                let padded = if n + 1 == columns.len() { text.clone() } else { pad(text, *width) };
                let painted = worst(cell).map_or_else(|| padded.clone(), |it| self.paint(it, &padded));
                line.push_str(&format!("  {painted}"));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }

    fn cell(&self, row: usize, column: usize, family: Option<&str>) -> (Cell, String) {
        let cell = self.matrix.cell(row, column, family);
        let text = shown(&cell, differing(&self.differences, row, column, family));
        (cell, text)
    }

    fn unexpected(&self, text: &mut String) {
        for ((offerer, answerer), plays) in by_pair(self.matrix, Came::Unexpected) {
            let pair = clean(&self.matrix.pair(offerer, answerer));
            text.push_str(&format!("unexpected, {pair}: {}\n", cases(plays.len())));
            for play in plays {
                text.push_str(&self.case(play));
            }
            text.push('\n');
        }
    }

    fn case(&self, play: &Play<'_>) -> String {
        let verdict = &play.case.verdict;
        let mut place = vec![self.paint(play.came, outcome(verdict.outcome))];
        place.extend(verdict.layer.map(|at| at.to_string()));
        place.extend(verdict.side.as_deref().map(clean));
        place.extend(remark(play.case.standing).filter(|it| *it != "unexpected").map(str::to_owned));
        let run = self.runs.get(play.run).filter(|_| self.runs.len() > 1);
        place.extend(run.map(|run| clean(run)));
        let (name, sentence) = (clean(&play.case.name), clean(&verdict.sentence));
        format!("  {name}  {}\n    {sentence}\n", place.join(", "))
    }

    /// Known deviations by their reasons, which is what many cases have in common.
    fn known(&self, text: &mut String) {
        let deviations = self.matrix.deviations();
        if deviations.is_empty() {
            return;
        }
        text.push_str("known deviations, each with a case that shows it\n");
        for it in &deviations {
            let who = it.implementation.map(|who| format!("{who}: ")).unwrap_or_default();
            let run = self.runs.get(it.example.run).filter(|_| self.runs.len() > 1);
            let run = run.map(|run| format!(" ({run})")).unwrap_or_default();
            text.push_str(&format!(
                "  {:>3}  {}\n       {}\n",
                it.cases,
                clean(&format!("{who}{}", it.waiver.reason)),
                clean(&format!("{}{run}", seen(it)))
            ));
        }
        text.push('\n');
    }

    /// Cells of text cannot lead anywhere: what does.
    fn ways_to_cases(&self, text: &mut String) {
        let of = |came| self.matrix.plays.iter().find(|play| play.came == came);
        let of_cell = of(Came::Unexpected).or_else(|| of(Came::Known)).or(self.matrix.plays.first());
        let Some(play) = of_cell else { return };
        let run = clean(self.runs.get(play.run).map_or("runs/latest", String::as_str));
        text.push_str(&format!(
            "The cases of a cell, such as {} in {}:\n  peerproof judge {run}/cases/{}/*/{}\n\
             With links to all of them:\n  peerproof matrix {} -o interop.html\n\n",
            clean(&self.matrix.pair(play.offerer, play.answerer)),
            clean(play.case.family()),
            clean(play.case.family()),
            clean(play.case.pair()),
            clean(&self.runs.join(" ")),
        ));
    }

    fn roles(&self, text: &mut String) {
        let mut pair = None;
        for it in &self.differences {
            if pair != Some((it.one, it.other)) {
                pair = Some((it.one, it.other));
                let (one, other) = (self.matrix.name(it.one), self.matrix.name(it.other));
                let count = differing(&self.differences, it.one, it.other, None);
                let noun = if count == 1 { "scenario comes" } else { "scenarios come" };
                text.push_str(&format!(
                    "roles, {} (→) and {} (←): {count} {noun} out differently\n",
                    clean(&one),
                    clean(&other)
                ));
            }
            let scenario = clean(it.scenario);
            text.push_str(&format!("  {scenario}: → {}, ← {}\n", ways(&it.forth), ways(&it.back)));
        }
        if pair.is_some() {
            text.push('\n');
        }
    }

    fn unplayed(&self, text: &mut String) {
        let lacks = self.matrix.lacks();
        if !lacks.is_empty() {
            text.push_str("not played\n");
        }
        for lack in &lacks {
            let why = clean(&lacking(self.matrix, lack));
            text.push_str(&format!("  {:>3}  {why}\n", lack.plays.len()));
            for place in places(self.matrix, &lack.plays) {
                text.push_str(&format!("       {}\n", clean(&place)));
            }
        }
        let unplayed = self.matrix.unplayed();
        if !unplayed.is_empty() {
            text.push_str("pairs without a run case\n");
        }
        for it in &unplayed {
            let pair = self.matrix.pair(it.offerer, it.answerer);
            text.push_str(&format!("  {}: {}\n", clean(&pair), clean(&gaps(self.matrix, it))));
        }
        if !lacks.is_empty() || !unplayed.is_empty() {
            text.push('\n');
        }
    }

    fn paint(&self, came: Came, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let colour = match came {
            Came::Passed => 32,
            Came::Known => 33,
            Came::Unexpected => 31,
            Came::Unsupported => 90,
        };
        format!("\u{1b}[{colour}m{text}\u{1b}[0m")
    }
}

/// A cell in a few characters, with how many of its scenarios come out otherwise with the roles exchanged.
fn shown(cell: &Cell, differing: usize) -> String {
    let mut all: Vec<String> = ratio(cell).into_iter().collect();
    all.extend(besides(cell).map(|(came, count)| {
        let mark = match came {
            Came::Unexpected => "!",
            Came::Known => "k",
            Came::Unsupported => "u",
            Came::Passed => "",
        };
        format!("{count}{mark}")
    }));
    all.extend((differing > 0).then(|| format!("{differing}≠")));
    if all.is_empty() { "–".to_owned() } else { all.join(" ") }
}

/// What gives a cell its colour.
fn worst(cell: &Cell) -> Option<Came> {
    [
        (cell.unexpected, Came::Unexpected),
        (cell.known, Came::Known),
        (cell.passed, Came::Passed),
        (cell.unsupported, Came::Unsupported),
    ]
    .into_iter()
    .find_map(|(count, came)| (count > 0).then_some(came))
}
