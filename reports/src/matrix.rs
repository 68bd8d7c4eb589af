//! Implementations against implementations, over one or more runs: who offered to whom, and what came of it.
//!
//! An implementation is what the recordings say that it is: its name and version as it reported them. What a case is called plays no
//! part, since a name can be given to anything; where both disagree a [`Conflict`] says so. Controls are left out: they are about
//! the harness, not of the implementations.

mod deviations;
mod gaps;
mod players;

pub use deviations::Deviating;
pub use gaps::{Lack, Unplayed};
pub use players::Implementation;

use crate::case::CaseReport;
use crate::run::RunReport;
use peerproof_conformance::case::{Role, Standing};
use peerproof_conformance::verdict::Outcome;
use players::{RunCase, contradictions, fill_versions};
use std::collections::{BTreeMap, BTreeSet};

/// What came of a case, as the matrix shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Came {
    /// It passed.
    Passed,
    /// A known deviation showed.
    Known,
    /// It came out as nobody expected, whatever the verdict.
    Unexpected,
    /// It was not played: a peer or the machine cannot.
    Unsupported,
}

impl Came {
    fn of(case: &CaseReport) -> Self {
        match (case.standing, case.verdict.outcome) {
            (standing, _) if !standing.is_good() => Self::Unexpected,
            (Standing::Known, _) => Self::Known,
            (_, Outcome::Pass) => Self::Passed,
            (_, Outcome::Unsupported) => Self::Unsupported,
            _ => Self::Unexpected,
        }
    }

    /// In words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Known => "known deviation",
            Self::Unexpected => "unexpected",
            Self::Unsupported => "unsupported",
        }
    }
}

/// A case of a run, at its place in the matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Play<'a> {
    /// The run, counted from zero.
    pub run: usize,
    /// The case.
    pub case: &'a CaseReport,
    /// Which implementation made the offer.
    pub offerer: usize,
    /// Which one answered.
    pub answerer: usize,
    /// What came of it.
    pub came: Came,
}

impl<'a> Play<'a> {
    /// `family/scenario`: what the case has in common with the one in which the roles are exchanged.
    #[must_use]
    pub fn scenario(&self) -> &'a str {
        let case: &'a CaseReport = self.case;
        case.name.rsplit_once('/').map_or(case.name.as_str(), |(scenario, _)| scenario)
    }
}

/// How identifiers are sorted: `dc-2` before `dc-10`.
fn numbered(row: &str) -> (&str, u64, &str) {
    let (word, number) = row.rsplit_once('-').unwrap_or((row, ""));
    (word, number.parse().unwrap_or(0), row)
}

/// How many cases came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cell {
    /// They passed.
    pub passed: usize,
    /// They showed a known deviation.
    pub known: usize,
    /// They came out as nobody expected.
    pub unexpected: usize,
    /// They were not played.
    pub unsupported: usize,
}

impl Cell {
    /// How many were played.
    #[must_use]
    pub fn played(&self) -> usize {
        self.passed + self.known + self.unexpected
    }

    /// Whether there is no case at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.played() + self.unsupported == 0
    }

    fn add(&mut self, came: Came) {
        *match came {
            Came::Passed => &mut self.passed,
            Came::Known => &mut self.known,
            Came::Unexpected => &mut self.unexpected,
            Came::Unsupported => &mut self.unsupported,
        } += 1;
    }
}

/// A scenario that comes out otherwise when two implementations exchange their roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference<'a> {
    /// `family/scenario`.
    pub scenario: &'a str,
    /// The implementation that comes first in the matrix.
    pub one: usize,
    /// The other.
    pub other: usize,
    /// What came when the first made the offer; several if it was played more than once.
    pub forth: BTreeSet<Came>,
    /// What came when the other made the offer.
    pub back: BTreeSet<Came>,
}

/// Something by which a recording contradicts itself about who played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict<'a> {
    /// The run, counted from zero.
    pub run: usize,
    /// What disagrees, in one sentence.
    pub what: String,
    /// The first case in which it does.
    pub first: &'a str,
    /// In how many cases.
    pub cases: usize,
}

impl std::fmt::Display for Conflict<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let noun = if self.cases == 1 { "case" } else { "cases" };
        write!(f, "{} ({} {noun}, first {})", self.what, self.cases, self.first)
    }
}

/// Who played whom, and what came of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix<'a> {
    /// The implementations, sorted by name and version: the rows (offerer) and the columns (answerer).
    pub implementations: Vec<Implementation>,
    /// The families, sorted.
    pub families: Vec<&'a str>,
    /// The features: the identifiers of the statements that scenarios are about, sorted.
    pub features: Vec<&'a str>,
    /// What statements say, by their identifiers; [`says`](Self::says) gives it. Nothing is known of those of a user's own scenarios.
    pub statements: BTreeMap<String, String>,
    /// The cases in the order of the runs; attempts of one case count each.
    pub plays: Vec<Play<'a>>,
    /// How many controls were left out.
    pub controls: usize,
    /// What the recordings say against themselves.
    pub conflicts: Vec<Conflict<'a>>,
}

impl<'a> Matrix<'a> {
    /// The matrix of some runs.
    #[must_use]
    pub fn of(reports: &'a [RunReport]) -> Self {
        let mut matrix = Self::default();
        let mut run_cases = Vec::new();
        for (run, report) in reports.iter().enumerate() {
            let begin = run_cases.len();
            for case in &report.cases {
                if case.control_of.is_some() {
                    matrix.controls += 1;
                    continue;
                }
                for what in contradictions(case) {
                    matrix.conflict(run, what, &case.name);
                }
                let player = |role| case.peers.iter().find(|peer| peer.role == role).map(Implementation::of);
                if let (Some(offerer), Some(answerer)) = (player(Role::Offerer), player(Role::Answerer)) {
                    run_cases.push(RunCase { run, case, offerer, answerer });
                }
            }
            fill_versions(run_cases.get_mut(begin..).unwrap_or_default());
        }
        let players = run_cases.iter().flat_map(|it| [&it.offerer, &it.answerer]);
        matrix.implementations = players.cloned().collect();
        matrix.implementations.sort_by(|a, b| a.key().cmp(&b.key()));
        matrix.implementations.dedup();
        matrix.families = run_cases.iter().map(|it| it.case.family()).collect();
        matrix.families.sort_unstable();
        matrix.families.dedup();
        matrix.features = run_cases.iter().flat_map(|it| &it.case.rows).map(String::as_str).collect();
        matrix.features.sort_unstable_by_key(|row| numbered(row));
        matrix.features.dedup();
        for RunCase { run, case, offerer, answerer } in run_cases {
            let place = |of: &Implementation| matrix.implementations.iter().position(|it| it == of);
            if let (Some(offerer), Some(answerer)) = (place(&offerer), place(&answerer)) {
                matrix.plays.push(Play { run, case, offerer, answerer, came: Came::of(case) });
            }
        }
        matrix
    }

    fn conflict(&mut self, run: usize, what: String, case: &'a str) {
        match self.conflicts.iter_mut().find(|known| known.run == run && known.what == what) {
            Some(known) => known.cases += 1,
            None => self.conflicts.push(Conflict { run, what, first: case, cases: 1 }),
        }
    }

    /// The pairs, offerer first, row by row.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let all = self.implementations.len();
        (0..all).flat_map(move |offerer| (0..all).map(move |answerer| (offerer, answerer)))
    }

    /// `offerer → answerer`.
    #[must_use]
    pub fn pair(&self, offerer: usize, answerer: usize) -> String {
        format!("{} → {}", self.name(offerer), self.name(answerer))
    }

    /// An implementation in words.
    #[must_use]
    pub fn name(&self, of: usize) -> String {
        self.implementations.get(of).map(ToString::to_string).unwrap_or_default()
    }

    /// The cases of a pair, in one family or in all.
    pub fn between(
        &self,
        offerer: usize,
        answerer: usize,
        family: Option<&str>,
    ) -> impl Iterator<Item = &Play<'a>> {
        self.plays.iter().filter(move |play| {
            play.offerer == offerer
                && play.answerer == answerer
                && family.is_none_or(|family| play.case.family() == family)
        })
    }

    /// What came of the cases of a pair, in one family or in all.
    #[must_use]
    pub fn cell(&self, offerer: usize, answerer: usize, family: Option<&str>) -> Cell {
        let mut cell = Cell::default();
        for play in self.between(offerer, answerer, family) {
            cell.add(play.came);
        }
        cell
    }

    /// A feature by its identifier, with what its statement says, if that is known.
    #[must_use]
    pub fn says(&self, feature: &str) -> String {
        self.statements.get(feature).map_or_else(|| feature.to_owned(), |says| format!("{feature} {says}"))
    }

    /// The cases about a feature in which an implementation played, in either role.
    pub fn about<'m>(
        &'m self,
        feature: &'m str,
        implementation: usize,
    ) -> impl Iterator<Item = &'m Play<'a>> {
        self.plays.iter().filter(move |play| {
            [play.offerer, play.answerer].contains(&implementation)
                && play.case.rows.iter().any(|row| row == feature)
        })
    }

    /// What came of them.
    #[must_use]
    pub fn of_feature(&self, feature: &str, implementation: usize) -> Cell {
        let mut cell = Cell::default();
        self.about(feature, implementation).for_each(|play| cell.add(play.came));
        cell
    }

    /// How long the cases of an implementation took, one after the other, in microseconds.
    #[must_use]
    pub fn time_of(&self, implementation: usize) -> u64 {
        let plays = self.plays.iter().filter(|play| [play.offerer, play.answerer].contains(&implementation));
        plays.map(|play| play.case.duration_us).sum()
    }

    /// What came of the cases of an implementation, in either role. A case with itself counts once.
    #[must_use]
    pub fn of_implementation(&self, implementation: usize) -> Cell {
        let mut cell = Cell::default();
        for play in self.plays.iter().filter(|play| [play.offerer, play.answerer].contains(&implementation)) {
            cell.add(play.came);
        }
        cell
    }

    /// What came of all cases.
    #[must_use]
    pub fn total(&self) -> Cell {
        let mut cell = Cell::default();
        for play in &self.plays {
            cell.add(play.came);
        }
        cell
    }

    /// The scenarios that both implementations of a pair offered to each other, and that came out otherwise one way than the
    /// other; pair by pair, sorted.
    #[must_use]
    pub fn differences(&self) -> Vec<Difference<'a>> {
        let mut both: BTreeMap<(usize, usize, &'a str), [BTreeSet<Came>; 2]> = BTreeMap::new();
        for play in self.plays.iter().filter(|play| play.offerer != play.answerer) {
            let (one, other) = (play.offerer.min(play.answerer), play.offerer.max(play.answerer));
            let [forth, back] = both.entry((one, other, play.scenario())).or_default();
            let way = if play.offerer == one { forth } else { back };
            way.insert(play.came);
        }
        let differs =
            |[forth, back]: &[BTreeSet<Came>; 2]| !forth.is_empty() && !back.is_empty() && forth != back;
        let both = both.into_iter().filter(|(_, ways)| differs(ways));
        both.map(|((one, other, scenario), [forth, back])| Difference { scenario, one, other, forth, back })
            .collect()
    }
}

#[cfg(test)]
mod tests;
