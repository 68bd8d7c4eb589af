//! The catalogue of lies: a file of many controls, each a scenario in which one peer tells one lie and must be found out.

use super::super::document::{Document, ValuePath};
use super::super::error::ScenarioError;
use super::super::model::{Break, Control, ControlExpectation, Exclusion, Scenario};
use super::super::step::Step;
use super::catalogue::entries;
use super::{ControlFile, LIE, ScenarioFile, broken};
use crate::peers::implementation::is_in_process;
use crate::peers::liar::Lie;
use indexmap::IndexMap;
use peerproof_conformance::claims::{self, By, Claim};
use peerproof_conformance::verdict::{Layer, NEITHER, Outcome};
use serde::Deserialize;

/// The key of the catalogue.
pub(super) const LIES: &str = "lies";

/// A lie of the catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    /// The control is `controls/lie-NAME`.
    #[serde(rename = "name")]
    _name: String,
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
    /// Nothing shows which of the two peers lies: the verdict names neither.
    #[serde(default)]
    undecided: bool,
    /// The verdict that must come out, if it is another one than `fail`.
    #[serde(default)]
    verdict: Option<Outcome>,
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
    document: &Document,
    scenarios: &[ScenarioFile],
) -> Result<Vec<ControlFile>, Vec<ScenarioError>> {
    entries(document, LIES, "lie-", |document, name| control(document, name, document.read_all()?, scenarios))
}

fn control(
    document: &Document,
    name: &str,
    stated: Stated,
    scenarios: &[ScenarioFile],
) -> Result<ControlFile, Vec<ScenarioError>> {
    let Stated { claims, of, by, lie, layer, undecided, verdict, before, connected, after, plays, .. } =
        stated;
    let title = format!("A lie: {by} {lie}");
    let lie = IndexMap::from([(by.clone(), lie)]);
    let known: Vec<&Claim> = claims.iter().filter_map(|name| claim(name)).collect();
    let layer = layer.or_else(|| known.first().map(|claim| claim.layer));
    // What nothing contradicts is not found out.
    let uncontradicted = !known.is_empty() && known.iter().all(|claim| matches!(claim.by, By::Nothing(_)));
    let verdict = verdict.unwrap_or(if uncontradicted { Outcome::Pass } else { Outcome::Fail });
    let failed = verdict == Outcome::Fail;
    let side = if undecided { NEITHER.to_owned() } else { by };
    let side = (verdict != Outcome::Pass).then_some(side);
    let expect = ControlExpectation { verdict, layer: layer.filter(|_| failed), side };
    let broken_by = Break { before, connected, after, lie, ..Break::default() };
    let tags = vec![LIE.to_owned()];
    let control = Control { title, of, broken: broken_by, plays, claims, expect, tags };
    let text = document.value.to_string();
    let mut made = broken(document, name, &text, control, scenarios)?;
    // Who lies and who is lied to is each of the implementations in turn; not each with each.
    made.file.scenario.exclude.extend(without_the_stack(&made.file.scenario));
    Ok(made)
}

fn claim(name: &str) -> Option<&'static Claim> {
    claims::claims().into_iter().find(|claim| claim.name == name)
}

/// The pairs of which neither is in the harness's process: the reference stack is.
fn without_the_stack(scenario: &Scenario) -> Vec<Exclusion> {
    let named = |n: usize| {
        let plays = scenario.peers.get_index(n).map(|(_, peer)| peer.plays.as_slice()).unwrap_or_default();
        plays.iter().filter(|name| !is_in_process(name))
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
pub(super) fn stated(
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
