//! What earlier runs have shown, beside the known deviations: how often those showed (`observed.toml`), and what the suite decided
//! (`floors.toml`).

use crate::embedded::SCENARIOS;
use crate::input::{self, Limit};
use crate::judge::Again;
use crate::run::case::Played as Run;
use peerproof_conformance::case::Missing;
use peerproof_conformance::deviations::Deviations;
use peerproof_conformance::deviations::observed::Observed;
use peerproof_conformance::deviations::rate::Outside;
use peerproof_conformance::floors::{Floors, Played, Slide};
use serde::de::DeserializeOwned;
use std::path::Path;

/// How often known deviations have shown.
pub const OBSERVED: &str = "observed.toml";
/// What the suite has decided.
pub const FLOORS: &str = "floors.toml";

/// What is recorded of earlier runs.
#[derive(Debug, Clone, Default)]
pub struct OnRecord {
    /// How often known deviations have shown.
    pub observed: Observed,
    /// What the suite has decided.
    pub floors: Floors,
}

impl OnRecord {
    /// Reads what is recorded in a folder of scenarios, or else what is in the executable.
    ///
    /// # Errors
    /// In one sentence, which file cannot be read.
    pub fn load(folder: Option<&Path>) -> Result<Self, String> {
        Ok(Self { observed: read(folder, OBSERVED)?, floors: read(folder, FLOORS)? })
    }
}

fn read<T: DeserializeOwned + Default>(folder: Option<&Path>, name: &str) -> Result<T, String> {
    let beside = folder.map(|folder| folder.join(name)).filter(|path| path.exists());
    let (shown, text) = match beside {
        Some(path) => {
            let text =
                input::text(&path, Limit::CASE).map_err(|error| format!("{}: {error}", path.display()))?;
            (path.display().to_string(), text)
        }
        None => {
            let own = SCENARIOS.get_file(name).and_then(include_dir::File::contents_utf8);
            (name.to_owned(), own.unwrap_or_default().to_owned())
        }
    };
    toml::from_str(&text).map_err(|error| format!("{shown}: {error}"))
}

/// A case of a run, as floors are compared with it.
#[must_use]
pub fn of_run(played: &Run) -> Played<'_> {
    Played {
        file: &played.record.file,
        outcome: played.verdict.outcome,
        standing: played.standing,
        missing: Missing::of(&played.record, &played.verdict),
    }
}

/// A case that was judged again.
#[must_use]
pub fn of_again(again: &Again) -> Played<'_> {
    let Again { file, verdict, standing, missing, .. } = again;
    Played { file, outcome: verdict.outcome, standing: *standing, missing: missing.clone() }
}

/// What a slide means, for the end of a run.
#[must_use]
pub fn slide(slide: &Slide) -> String {
    format!("{slide} (`peerproof accept RUN` records it)")
}

/// What a run says against the rates of known deviations, one sentence each: those that are contradicted, and those that are stale. Only a
/// run of everything that is known of a peer says so: `is_whole`.
#[must_use]
pub fn rates(expected: &Deviations, observed: &Observed, is_whole: impl Fn(&str) -> bool) -> Vec<String> {
    let outside = expected.outside_of_rate().into_iter().filter(|(one, ..)| is_whole(&one.peer));
    let outside = outside.map(|(one, count, outside)| {
        let how = match outside {
            Outside::TooOften => "more often than its rate",
            Outside::TooRare => "less often than its rate",
        };
        let rate = one.rate.map(|rate| rate.to_string()).unwrap_or_default();
        format!("{one} shows in {count} attempts, {how}, {rate}")
    });
    let stale = expected.stale(observed).into_iter().filter(|(one, _)| is_whole(&one.peer));
    let stale = stale.map(|(one, count)| format!("{one} shows in {count} recorded attempts: it is stale"));
    outside.chain(stale).collect()
}
