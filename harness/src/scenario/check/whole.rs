//! What is wrong with a scenario as a whole: steps, expectations and keys that are right for themselves, and say nothing or cannot hold
//! together.
//!
//! Only what is certain is refused: a mistake here would pass, or be taken for a peer's fault.

use super::super::document::Document;
use super::super::error::ScenarioError;
use super::super::model::Scenario;
use super::facts::Facts;
use super::found::Found;
use super::{always, on_wire, top, walk};

/// Checks a scenario whose parts can be read.
pub(super) fn scenario(document: &Document, scenario: &Scenario) -> Vec<ScenarioError> {
    let mut found = Found::new(document);
    if scenario.peers.len() != 2 {
        return found.errors;
    }
    let facts = Facts::of(scenario);
    top::check(&facts, &mut found);
    walk::check(&facts, &mut found);
    always::check(&facts, &mut found);
    on_wire::check(&facts, &mut found);
    found.errors
}
