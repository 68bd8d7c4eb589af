//! Which cases there are: each scenario with each pair of implementations that fits it.

use super::glob;
use crate::peers::Origin;
use crate::scenario::model::{Control, Role};
use crate::scenario::server::ServerKind;
use crate::scenario::{Action, Scenario, ScenarioFile, Suite};
use indexmap::IndexMap;

/// One scenario with one pair of implementations.
#[derive(Debug, Clone)]
pub struct Case {
    /// `family/scenario/offerer-answerer`.
    pub name: String,
    /// The scenario, with a control's break in it if it is one.
    pub file: ScenarioFile,
    /// The control, if it is one.
    pub control: Option<Control>,
    /// Who plays whom, offerer first.
    pub casting: IndexMap<String, String>,
}

impl Case {
    /// The scenario.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.file.scenario
    }

    /// `offerer-answerer`.
    #[must_use]
    pub fn pair(&self) -> String {
        self.casting.values().cloned().collect::<Vec<_>>().join("-")
    }

    /// What the machine must have for it: the implementations, `lab`, `coturn`, `interface`; by the names of
    /// [`super::peers::missing`].
    #[must_use]
    pub fn needs(&self) -> Vec<&str> {
        let scenario = self.scenario();
        let lab = scenario.topology().is_some().then_some("lab");
        let coturn = scenario.servers.values().any(|server| server.kind == ServerKind::Coturn);
        // The page of an insecure origin is served at the interface's address.
        let insecure = scenario.peers.values().any(|peer| peer.origin == Origin::Insecure);
        let peers = self.casting.values().map(String::as_str);
        peers.chain(lab).chain(coturn.then_some("coturn")).chain(insecure.then_some("interface")).collect()
    }
}

/// Which cases are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Parts or patterns of names; any of them. All if empty.
    pub names: Vec<String>,
    /// Tags or rows; any of them. All if empty.
    pub tags: Vec<String>,
    /// Implementations that may play; all if empty.
    pub peers: Vec<String>,
}

impl Filter {
    /// Whether everything is wanted.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.names.is_empty() && self.tags.is_empty() && self.peers.is_empty()
    }

    fn chooses(&self, case: &Case) -> bool {
        let scenario = case.scenario();
        (self.names.is_empty() || self.names.iter().any(|filter| glob::chooses(filter, &case.name)))
            && (self.tags.is_empty()
                || self.tags.iter().any(|tag| scenario.tags.contains(tag) || scenario.rows.contains(tag)))
            && (self.peers.is_empty() || case.casting.values().all(|peer| self.peers.contains(peer)))
    }
}

/// The cases that `filter` wants, in the order of the scenarios' names.
#[must_use]
pub fn plan(suite: &Suite, filter: &Filter) -> Vec<Case> {
    let scenarios = suite.scenarios.iter().map(|file| (file, None));
    let controls = suite.controls.iter().map(|control| (&control.file, Some(&control.control)));
    scenarios
        .chain(controls)
        .flat_map(|(file, control)| cases_of(file, control))
        .filter(|case| filter.chooses(case))
        .collect()
}

fn cases_of(file: &ScenarioFile, control: Option<&Control>) -> Vec<Case> {
    let scenario = &file.scenario;
    let of_role = |role| scenario.peers.iter().find(move |(_, peer)| peer.role == role);
    let (Some((offerer, offering)), Some((answerer, answering))) =
        (of_role(Role::Offerer), of_role(Role::Answerer))
    else {
        return Vec::new();
    };
    let mut cases = Vec::new();
    for one in &offering.plays {
        for other in &answering.plays {
            if !fits(scenario, one, other) {
                continue;
            }
            let casting = IndexMap::from([(offerer.clone(), one.clone()), (answerer.clone(), other.clone())]);
            let name = format!("{}/{one}-{other}", file.name);
            cases.push(Case { name, file: file.clone(), control: control.cloned(), casting });
        }
    }
    cases
}

/// Whether this pair fits: not excluded, and with a tap if the scenario acts on packets and is played in no lab.
fn fits(scenario: &Scenario, offerer: &str, answerer: &str) -> bool {
    let excluded = scenario.exclude.iter().any(|exclusion| {
        exclusion.offerer.as_deref().is_none_or(|name| name == offerer)
            && exclusion.answerer.as_deref().is_none_or(|name| name == answerer)
    });
    let needs_tap = !scenario.network.is_lab()
        && (!scenario.expect.wire.is_empty()
            || scenario
                .steps
                .iter()
                .any(|step| matches!(step.action, Action::Network(_) | Action::Quiet(_))));
    !excluded && (!needs_tap || offerer == "stack" || answerer == "stack")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn names(yaml: &str, filter: &Filter) -> Vec<String> {
        let file = crate::scenario::load::scenario(Path::new("t.yaml"), "data/t", yaml).unwrap();
        plan(&Suite { scenarios: vec![file], controls: Vec::new() }, filter)
            .into_iter()
            .map(|case| case.name)
            .collect()
    }

    const SCENARIO: &str = "
title: t
peers:
  alice: { role: offerer, plays: [stack, chrome] }
  bob: { role: answerer, plays: [stack, chrome] }
exclude: [{ offerer: stack, answerer: stack, reason: no browser }]
steps: [{ connect: {} }]
";

    #[test]
    fn every_pair_that_fits_is_a_case() {
        let all = names(SCENARIO, &Filter::default());
        assert_eq!(all, ["data/t/stack-chrome", "data/t/chrome-stack", "data/t/chrome-chrome"]);
    }

    #[test]
    fn acting_on_packets_needs_the_stack_on_one_side() {
        let acting = SCENARIO.replace("connect: {}", "network: clear");
        let all = names(&acting, &Filter::default());
        assert_eq!(all, ["data/t/stack-chrome", "data/t/chrome-stack"]);
        let in_lab = acting.replace("title: t", "title: t\nnetwork: home-nat");
        assert_eq!(names(&in_lab, &Filter::default()).len(), 3);
    }

    #[test]
    fn filters_choose_by_name_and_by_peer() {
        let named = Filter { names: vec!["chrome-stack".to_owned()], ..Filter::default() };
        assert_eq!(names(SCENARIO, &named), ["data/t/chrome-stack"]);
        let peers = Filter { peers: vec!["chrome".to_owned()], ..Filter::default() };
        assert_eq!(names(SCENARIO, &peers), ["data/t/chrome-chrome"]);
    }
}
