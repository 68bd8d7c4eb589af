//! Which cases there are: each scenario with each pair of implementations that fits it.

use super::peers::missing;
use crate::peers::Origin;
use crate::peers::implementation::{Implementation, Roster};
use crate::peers::liar::Lie;
use crate::scenario::load::LIE;
use crate::scenario::model::{Control, Role};
use crate::scenario::server::ServerKind;
use crate::scenario::{Action, Scenario, ScenarioFile, Suite};
use indexmap::IndexMap;
use peerproof_conformance::deviations::pattern;
use std::sync::Arc;

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
    pub pair: IndexMap<String, Arc<dyn Implementation>>,
    /// The lies that peers tell, by peer; none but in controls.
    pub lies: IndexMap<String, Lie>,
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
        self.pair.values().map(|it| it.name()).collect::<Vec<_>>().join("-")
    }

    /// What the machine must have for it beside its implementations: `lab`, `coturn`, `interface`; by the names of
    /// [`super::peers::missing`].
    fn needs(&self) -> Vec<&str> {
        let scenario = self.scenario();
        let lab = scenario.topology().is_some().then_some("lab");
        let coturn = scenario.servers.values().any(|server| server.kind == ServerKind::Coturn);
        // The page of an insecure origin is served at the interface's address.
        let insecure = scenario.peers.values().any(|peer| peer.origin == Origin::Insecure);
        lab.into_iter().chain(coturn.then_some("coturn")).chain(insecure.then_some("interface")).collect()
    }

    /// What this machine lacks for it, each by its name with the reason.
    pub fn missing(&self) -> impl Iterator<Item = (&str, String)> {
        let implementations = self.pair.values().filter_map(|it| Some((it.name(), it.missing()?)));
        implementations.chain(self.needs().into_iter().filter_map(|need| Some((need, missing(need)?))))
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
    /// Implementations of which at least one plays; any if empty.
    pub with: Vec<String>,
    /// Whether programs play every scenario with each other too, and not those alone that have the tag [`CORE`].
    pub every_pair: bool,
}

/// The tag of scenarios that programs play with each other. With the stack and browsers they play all that fit.
pub const CORE: &str = "core";

impl Filter {
    /// Whether a run of these cases shows everything that is known of a peer: all scenarios, with all whom it plays with.
    #[must_use]
    pub fn shows_all_of(&self, peer: &str, cases: &[Case]) -> bool {
        let of_the_program = || cases.iter().any(|case| case.file.is_of_the_program());
        self.names.is_empty()
            && self.tags.is_empty()
            && self.peers.is_empty()
            && (self.with.is_empty() || self.with.iter().any(|name| name == peer))
            && of_the_program()
    }

    fn chooses(&self, case: &Case) -> bool {
        let scenario = case.scenario();
        (self.names.is_empty() || self.names.iter().any(|filter| pattern::chooses(filter, &case.name)))
            && (self.tags.is_empty()
                || self.tags.iter().any(|tag| scenario.tags.contains(tag) || scenario.rows.contains(tag)))
            && (self.peers.is_empty() || case.pair.values().all(|it| is_among(&self.peers, it)))
            && (self.with.is_empty() || case.pair.values().any(|it| is_among(&self.with, it)))
            && (self.every_pair
                || scenario.tags.iter().any(|tag| tag == CORE)
                || !case.pair.values().all(|it| it.is_program()))
            // A control proves the scenario; it need not be played with everybody.
            && (case.control.is_none()
                || !self.names.is_empty()
                || !case.pair.values().any(|it| it.is_program()))
            // The catalogue has hundreds of lies, and what finds them out is the same for each implementation.
            && (case.control.is_none()
                || !scenario.tags.iter().any(|tag| tag == LIE)
                || !self.names.is_empty()
                || !self.tags.is_empty())
    }
}

fn is_among(names: &[String], implementation: &Arc<dyn Implementation>) -> bool {
    names.iter().any(|name| name == implementation.name())
}

/// The cases of these implementations that `filter` wants, in the order of the scenarios' names.
#[must_use]
pub fn plan(suite: &Suite, roster: &Roster, filter: &Filter) -> Vec<Case> {
    let scenarios = suite.scenarios.iter().map(|file| (file, None));
    let controls = suite.controls.iter().map(|control| (&control.file, Some(&control.control)));
    scenarios
        .chain(controls)
        .flat_map(|(file, control)| cases_of(file, control, roster))
        .filter(|case| filter.chooses(case))
        .collect()
}

fn cases_of(file: &ScenarioFile, control: Option<&Control>, roster: &Roster) -> Vec<Case> {
    let scenario = &file.scenario;
    let of_role = |role| scenario.peers.iter().find(move |(_, peer)| peer.role == role);
    let (Some((offerer, offering)), Some((answerer, answering))) =
        (of_role(Role::Offerer), of_role(Role::Answerer))
    else {
        return Vec::new();
    };
    let mut cases = Vec::new();
    for one in players(roster, &offering.plays) {
        for other in players(roster, &answering.plays) {
            if !fits(scenario, one.as_ref(), other.as_ref()) {
                continue;
            }
            let name = format!("{}/{}-{}", file.name, one.name(), other.name());
            let pair =
                IndexMap::from([(offerer.clone(), Arc::clone(one)), (answerer.clone(), Arc::clone(other))]);
            let lies = control.map(|control| control.broken.lie.clone()).unwrap_or_default();
            cases.push(Case { name, file: file.clone(), control: control.cloned(), pair, lies });
        }
    }
    cases
}

/// Who may play a role: in the order in which the scenario names them, then the others.
fn players<'a>(roster: &'a Roster, named: &[String]) -> Vec<&'a Arc<dyn Implementation>> {
    let mut players: Vec<_> = roster.iter().filter(|it| it.may_play(named)).collect();
    players.sort_by_key(|it| named.iter().position(|name| name == it.name()).unwrap_or(usize::MAX));
    players
}

/// Whether this pair fits: not excluded, and with a tap if the scenario acts on packets and is played in no lab.
fn fits(scenario: &Scenario, offerer: &dyn Implementation, answerer: &dyn Implementation) -> bool {
    let is = |wanted: &Option<String>, it: &dyn Implementation| {
        wanted.as_deref().is_none_or(|name| name == it.name() || name == it.is())
    };
    let excluded = scenario
        .exclude
        .iter()
        .any(|exclusion| is(&exclusion.offerer, offerer) && is(&exclusion.answerer, answerer));
    let needs_tap = !scenario.network.is_lab()
        && (!scenario.expect.wire.is_empty()
            || scenario
                .steps
                .iter()
                .any(|step| matches!(step.action, Action::Network(_) | Action::Quiet(_))));
    !excluded && (!needs_tap || [offerer, answerer].iter().any(|it| it.abilities().tapped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn names(yaml: &str, filter: &Filter) -> Vec<String> {
        let file = crate::scenario::load::scenario(Path::new("t.yaml"), "data/t", yaml).unwrap();
        plan(&Suite { scenarios: vec![file], controls: Vec::new() }, &Roster::default(), filter)
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
steps: [{ negotiate: {} }]
";

    #[test]
    fn every_pair_that_fits_is_a_case() {
        let all = names(SCENARIO, &Filter::default());
        assert_eq!(all, ["data/t/stack-chrome", "data/t/chrome-stack", "data/t/chrome-chrome"]);
    }

    #[test]
    fn acting_on_packets_needs_the_stack_on_one_side() {
        let acting = SCENARIO.replace("negotiate: {}", "quiet: { for: 1ms }");
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
