//! Which scenarios a program has all commands for.

use crate::peers::Surroundings;
use crate::peers::implementation::is_for_anybody;
use crate::scenario::{Action, PeerSpec, Role, Scenario, ScenarioFile};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The scenarios of a family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Family {
    /// Its name.
    pub family: String,
    /// As who makes the first offer.
    pub offerer: Part,
    /// As who answers it.
    pub answerer: Part,
}

/// One role in the scenarios of a family.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Scenarios for which nothing is missing.
    pub playable: usize,
    /// Scenarios in which any implementation may play that role.
    pub of: usize,
    /// Scenarios by the commands that are missing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<String, Vec<String>>,
}

/// What a scenario needs that expects a candidate pair: either one shows which is in use.
pub(super) const PAIR: &str = "getStats or selectedcandidatepairchange";

/// What these commands are enough for. The order is that of the scenarios.
pub(super) fn playable(scenarios: &[ScenarioFile], has: impl Fn(&str) -> bool) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for file in scenarios {
        let (name, short) = file.name.split_once('/').unwrap_or(("", &file.name));
        if families.last().is_none_or(|last| last.family != name) {
            let (offerer, answerer) = (Part::default(), Part::default());
            families.push(Family { family: name.to_owned(), offerer, answerer });
        }
        let Some(family) = families.last_mut() else { continue };
        for (peer, spec) in &file.scenario.peers {
            if !anybody_may_play(spec) {
                continue;
            }
            let part = match spec.role {
                Role::Offerer => &mut family.offerer,
                Role::Answerer => &mut family.answerer,
            };
            part.of += 1;
            let missing: Vec<&str> =
                needed(&file.scenario, peer, spec).into_iter().filter(|name| !has(name)).collect();
            if missing.is_empty() {
                part.playable += 1;
            } else {
                part.missing.entry(missing.join(", ")).or_default().push(short.to_owned());
            }
        }
    }
    families.retain(|family| family.offerer.of + family.answerer.of > 0);
    families
}

/// A role that both browsers may play is one for anybody, unless it asks for what only pages have.
fn anybody_may_play(spec: &PeerSpec) -> bool {
    is_for_anybody(&spec.plays) && spec.surroundings() == Surroundings::default()
}

/// The commands that a scenario gives to a peer, and what shows whether its expectations hold.
fn needed<'a>(scenario: &'a Scenario, peer: &str, spec: &PeerSpec) -> BTreeSet<&'a str> {
    let mut needed = BTreeSet::from(["createPeerConnection"]);
    if !spec.media.send.is_empty() {
        needed.extend(["createSource", "addTrack"]);
    }
    if spec.media.watch {
        needed.insert("watch");
    }
    let mut negotiates = |offerer: &Option<String>, trickle: bool| {
        let offers = match offerer {
            Some(name) => name == peer,
            None => spec.role == Role::Offerer,
        };
        needed.insert(if offers { "createOffer" } else { "createAnswer" });
        needed.extend(["setLocalDescription", "setRemoteDescription"]);
        needed.insert(if trickle { "addIceCandidate" } else { "getState" });
    };
    let mut others = BTreeSet::new();
    for step in &scenario.steps {
        match &step.action {
            Action::Command { peer: who, name, .. } if who == peer => {
                others.insert(name.as_str());
            }
            Action::Connect(connect) => negotiates(&connect.offerer, connect.trickle),
            Action::Negotiate(negotiate) => negotiates(&negotiate.offerer, negotiate.trickle),
            Action::Stats(_) => {
                others.insert("getStats");
            }
            _ => {}
        }
    }
    needed.extend(others);
    if let Some(expected) = scenario.expect.peers.get(peer) {
        if expected.pair.is_some() {
            needed.insert(PAIR);
        }
        if !expected.stats.is_empty() {
            needed.insert("getStats");
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Source, Suite, check};

    fn suite() -> Vec<ScenarioFile> {
        Suite::gather(&[Source::Program], &check::IMPLEMENTATIONS).unwrap().scenarios
    }

    #[test]
    fn who_has_everything_can_play_everything() {
        let families = playable(&suite(), |_| true);
        assert!(families.iter().any(|family| family.family == "data" && family.offerer.of > 20));
        for Family { offerer, answerer, .. } in &families {
            for part in [offerer, answerer] {
                assert!(part.playable == part.of && part.missing.is_empty());
            }
        }
    }

    /// docs/adapters.md names the scenarios of which no program plays a role, and no others.
    #[test]
    fn scenarios_without_programs_are_named() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/adapters.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (_, part) = text.split_once("\n## Scenarios without programs\n").unwrap();
        let table = part.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
        let firsts = table.filter_map(|line| line.split('|').nth(1));
        let named: BTreeSet<&str> = firsts.flat_map(|first| first.split('`').skip(1).step_by(2)).collect();
        let suite = suite();
        let closed =
            suite.iter().filter(|file| file.scenario.peers.values().all(|peer| !is_for_anybody(&peer.plays)));
        let mut found = BTreeSet::new();
        for file in closed {
            let is = |name: &&&str| file.name == **name || file.name.starts_with(&format!("{name}-"));
            let name = named.iter().find(is);
            found.insert(*name.unwrap_or_else(|| panic!("{} is not named", file.name)));
        }
        assert_eq!(found, named);
    }

    #[test]
    fn who_shows_no_pair_cannot_play_what_expects_one() {
        let families = playable(&suite(), |name| name != PAIR);
        let of = |name: &str| families.iter().find(|family| family.family == name).unwrap();
        let short = "one-candidate-for-offerer".to_owned();
        let Family { offerer, answerer, .. } = of("signalling");
        assert!(offerer.missing[PAIR].contains(&short) && answerer.missing[PAIR].contains(&short));
        assert!(of("data").offerer.missing.is_empty());
    }

    #[test]
    fn what_is_missing_is_named_where_it_is_needed() {
        let families = playable(&suite(), |name| name != "createOffer" && name != "echo");
        let data = families.iter().find(|family| family.family == "data").unwrap();
        assert_eq!(data.offerer.playable, 0);
        assert!(data.offerer.missing.contains_key("createOffer"));
        assert!(data.answerer.playable > 0);
        assert!(data.answerer.missing["echo"].contains(&"echo".to_owned()), "{:?}", data.answerer);
    }
}
