//! Families of scenarios against pairs of implementations.

use crate::run::{Counts, RunReport};
use indexmap::IndexMap;

/// What came out for one family and one pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// By verdict.
    pub counts: Counts,
    /// How many of them nobody expected.
    pub unexpected: usize,
}

/// The overview of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// The pairs, sorted.
    pub pairs: Vec<String>,
    /// A row for each family in the order of the run, a cell for each pair.
    pub rows: IndexMap<String, Vec<Tally>>,
}

impl Overview {
    /// The overview of a run.
    #[must_use]
    pub fn of(report: &RunReport) -> Self {
        let mut pairs: Vec<String> = report.cases.iter().map(|case| case.pair().to_owned()).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut rows: IndexMap<String, Vec<Tally>> = IndexMap::new();
        for case in &report.cases {
            let row =
                rows.entry(case.family().to_owned()).or_insert_with(|| vec![Tally::default(); pairs.len()]);
            let cell = pairs.iter().position(|pair| pair == case.pair()).and_then(|at| row.get_mut(at));
            if let Some(cell) = cell {
                cell.counts.add(case.verdict.outcome);
                cell.unexpected += usize::from(!case.standing.is_good());
            }
        }
        Self { pairs, rows }
    }
}
