//! The catalogue of lies: a file of many controls, each a scenario in which one peer tells one lie and must be found out.

use super::super::document::{Document, ValuePath};
use super::super::error::ScenarioError;
use super::super::model::{Break, Clock, Control, ControlExpectation, Exclusion, Scenario};
use super::super::step::Step;
use super::each::{self, Variant};
use super::{CONTROLS, ControlFile, ScenarioFile, broken};
use crate::peers::liar::Lie;
use indexmap::IndexMap;
use peerproof_conformance::claims;
use peerproof_conformance::verdict::{Layer, Outcome};
use serde::Deserialize;
use std::path::Path;

/// The name of the catalogue's file among the controls.
pub(super) const CATALOGUE: &str = "controls/lies";

/// The tag of the controls that the catalogue stands for.
const TAG: &str = "lie";

/// The implementation that has a part in each of them.
const STACK: &str = "stack";

/// A lie of the catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    /// The control is `controls/lie-NAME`.
    name: String,
    /// The claims that it breaks.
    claims: Vec<String>,
    /// The scenario in which it is told.
    of: String,
    /// Who tells it.
    by: String,
    lie: Lie,
    /// The layer that must be named; that of the first claim if absent.
    #[serde(default)]
    layer: Option<Layer>,
    /// Steps as in [`Break`].
    #[serde(default)]
    before: Vec<Step>,
    #[serde(default)]
    connected: Vec<Step>,
    #[serde(default)]
    after: Vec<Step>,
    /// Only these implementations play, by peer.
    #[serde(default)]
    plays: IndexMap<String, Vec<String>>,
}

/// The controls that the catalogue stands for.
pub(super) fn controls(
    path: &Path,
    text: &str,
    scenarios: &[ScenarioFile],
) -> Result<Vec<ControlFile>, Vec<ScenarioError>> {
    let document = Document::parse(path, text)?;
    let root = ValuePath::default();
    let at = root.key("lies");
    let only = document.value.as_object().is_some_and(|map| map.len() == 1);
    let Some(lies) = document.value.get("lies").and_then(|lies| lies.as_array()).filter(|_| only) else {
        return Err(document.error(&root, "the catalogue is a list of `lies`", None).into());
    };
    let mut controls: Vec<ControlFile> = Vec::new();
    for n in 0..lies.len() {
        for Variant { suffix, document } in each::variants(document.part(&at.index(n)))? {
            let told: Told = document.read()?;
            let ending = suffix.map(|suffix| format!("-{suffix}")).unwrap_or_default();
            let name = format!("{CONTROLS}/lie-{}{ending}", told.name);
            if controls.iter().any(|other| other.file.name == name) {
                return Err(document
                    .error(&root.key("name"), format!("duplicate name `{name}`"), None)
                    .into());
            }
            controls.push(control(&document, &name, told, scenarios)?);
        }
    }
    Ok(controls)
}

fn control(
    document: &Document,
    name: &str,
    told: Told,
    scenarios: &[ScenarioFile],
) -> Result<ControlFile, Vec<ScenarioError>> {
    let Told { claims, of, by, lie, layer, before, connected, after, plays, .. } = told;
    let title = format!("A lie: {by} {lie}");
    let lie = IndexMap::from([(by.clone(), lie)]);
    let layer = layer.or_else(|| claims.first().and_then(|name| layer_of(name)));
    let expect = ControlExpectation { verdict: Outcome::Fail, layer, side: Some(by) };
    let broken_by = Break { before, connected, after, lie, ..Break::default() };
    let tags = vec![TAG.to_owned()];
    let control = Control { title, of, broken: broken_by, plays, claims, expect, tags };
    let text = document.value.to_string();
    let mut made = broken(document, name, &text, control, scenarios)?;
    // That both clocks agree is shown by the scenario itself.
    made.file.scenario.clock = Clock::default();
    // Who lies and who is lied to is each of the implementations in turn; not each with each.
    made.file.scenario.exclude.extend(without_the_stack(&made.file.scenario));
    Ok(made)
}

/// The layer by which a claim is contradicted.
fn layer_of(name: &str) -> Option<Layer> {
    claims::claims().into_iter().find(|claim| claim.name == name).map(|claim| claim.layer)
}

/// The pairs in which the stack has no part.
fn without_the_stack(scenario: &Scenario) -> Vec<Exclusion> {
    let named = |n: usize| {
        let plays = scenario.peers.get_index(n).map(|(_, peer)| peer.plays.as_slice()).unwrap_or_default();
        plays.iter().filter(|name| *name != STACK)
    };
    let both = named(0).flat_map(|one| named(1).map(move |other| (one.clone(), other.clone())));
    // The peers of a scenario may stand in either order.
    let pairs = both.flat_map(|(one, other)| [(one.clone(), other.clone()), (other, one)]);
    let exclusion = |(offerer, answerer)| Exclusion {
        offerer: Some(offerer),
        answerer: Some(answerer),
        reason: "one of the two is the stack".to_owned(),
    };
    pairs.map(exclusion).collect()
}

/// Checks the lies of a control.
pub(super) fn told(
    document: &Document,
    at: &ValuePath,
    control: &Control,
    scenario: &Scenario,
) -> Result<(), ScenarioError> {
    // In the catalogue the lie stands beside the peer, not in a `break`.
    let root = ValuePath::default();
    for (peer, lie) in &control.broken.lie {
        let place = at.key(peer);
        let (of_peer, of_lie) = if document.value.get("by").is_some() {
            (root.key("by"), root.key("lie"))
        } else {
            (place.clone(), place)
        };
        if !scenario.peers.contains_key(peer) {
            return Err(document.error(&of_peer, format!("unknown peer `{peer}`"), None));
        }
        if let Some(trouble) = lie.trouble() {
            return Err(document.error(&of_lie, trouble, None));
        }
    }
    Ok(())
}
