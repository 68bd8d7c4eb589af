//! What a comparison of two runs gives.

use super::Ended;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What differs between two runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// The versions that played, where they differ, by implementation.
    pub versions: BTreeMap<String, Versions>,
    /// How many cases both have.
    pub cases: usize,
    /// Cases that ended otherwise.
    pub verdicts: Vec<VerdictChange>,
    /// Cases in which a known deviation shows in one run, and that passed in the other: both are as expected, and it is no change.
    pub known: Vec<VerdictChange>,
    /// What changed in the facts.
    pub changes: Vec<Change>,
    /// What a single case shows, and requirements that both runs have either way. It may be chance, and is no change.
    pub once: Vec<Change>,
    /// What comes, or may come, from the tool and not from the peers.
    #[serde(skip_serializing_if = "OfTheTool::is_nothing")]
    pub tool: OfTheTool,
    /// Changes that were left out since too few scenarios show them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    /// Cases that only the first run has.
    pub only_before: Vec<String>,
    /// Cases that only the second run has.
    pub only_after: Vec<String>,
}

impl Comparison {
    /// Leaves out the changes that fewer scenarios show, those that were seen once among them.
    pub fn keep_at_least(&mut self, scenarios: usize) {
        let mut changes = 0;
        for list in [&mut self.changes, &mut self.once, &mut self.tool.changes] {
            let all = list.len();
            list.retain(|change| change.scenarios >= scenarios);
            changes += all - list.len();
        }
        self.left_out = Some(LeftOut { fewer_than: scenarios, changes });
    }
}

/// What comes, or may come, from the tool and not from the peers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct OfTheTool {
    /// Which checks decided the requirements of each run, if they are not the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<Checks>,
    /// Requirements that stand otherwise, where the checks are not the same.
    pub changes: Vec<Change>,
    /// Cases that ended otherwise by their records, and that the same checks judge alike.
    pub verdicts: Vec<VerdictChange>,
}

impl OfTheTool {
    /// Whether there is nothing of that kind.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.checks.is_none() && self.changes.is_empty() && self.verdicts.is_empty()
    }
}

/// Which checks decided the requirements of two runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Checks {
    /// Those of the first: version of the tool and digest of its checks.
    pub before: String,
    /// Those of the second.
    pub after: String,
}

/// How many changes were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// Those that fewer scenarios show.
    pub fewer_than: usize,
    /// How many.
    pub changes: usize,
}

/// The versions of an implementation in two runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Versions {
    /// In the first.
    pub before: BTreeSet<String>,
    /// In the second.
    pub after: BTreeSet<String>,
}

/// A case that ended otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct VerdictChange {
    /// The case.
    pub case: String,
    /// How it ended in the first run.
    pub before: Option<Ended>,
    /// How in the second.
    pub after: Option<Ended>,
    /// Whether the place is in the first run, since nothing in the second has one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub first_run: bool,
    /// The frame that decided it there, or the first frame after the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// The entry of the timeline that decided it there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
}

/// A fact that changed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// Whose it is.
    pub implementation: String,
    /// Its name.
    pub fact: String,
    /// What it has and had not.
    pub added: Vec<String>,
    /// What it had and has no more.
    pub removed: Vec<String>,
    /// The new order, where only that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<String>>,
    /// In how many scenarios.
    pub scenarios: usize,
    /// One of the cases that show it.
    pub case: String,
    /// Whether that is a case of the first run: it shows what the second run lacks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub first_run: bool,
    /// The frame there; of what the timeline shows, the first frame after the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// The entry of the timeline there, if one shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
}
