//! Who plays: two peers with names, and implementations that there are.

use super::super::document::{Document, ValuePath};
use super::super::error::{ScenarioError, nearest};
use super::super::model::{Role, Scenario};
use super::super::step::{Action, HARNESS_STEPS};
use super::LONGEST_NAME;

/// A name that may stand in the name of a file, and beside the words of the language.
fn name_allowed(document: &Document, name: &str, path: &ValuePath) -> Result<(), ScenarioError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(allowed)
    {
        return Ok(());
    }
    let help = format!(
        "a name has lowercase letters, digits and `-`, begins with a letter, and has at most {LONGEST_NAME} characters"
    );
    Err(document.error(path, format!("`{name}` cannot be a name"), Some(help)))
}

/// Checks the peers, and the pairs that are excluded.
pub(super) fn peers(
    document: &Document,
    scenario: &Scenario,
    path: &ValuePath,
    implementations: &[&str],
) -> Vec<ScenarioError> {
    let mut errors = Vec::new();
    for name in scenario.peers.iter().filter(|(_, peer)| peer.ice.is_some()).map(|(name, _)| name) {
        let by_hand = scenario.steps.iter().any(|step| {
            matches!(&step.action, Action::Command { peer, name: command, .. }
                if peer == name && command == "createPeerConnection")
        });
        if by_hand {
            let message = format!("`ice` has no effect: a step creates {name}'s connection");
            let help = "give `ice` to the step's createPeerConnection".to_owned();
            errors.push(document.error(&path.key(name).key("ice"), message, Some(help)));
        }
    }
    let alone = |role: Role| scenario.peers.values().filter(|peer| peer.role == role).count() == 1;
    if scenario.peers.len() != 2 || !alone(Role::Offerer) || !alone(Role::Answerer) {
        errors.push(document.error(path, "a scenario has two peers, one offerer and one answerer", None));
    }
    for (name, peer) in &scenario.peers {
        let path = path.key(name);
        errors.extend(name_allowed(document, name, &path).err());
        if HARNESS_STEPS.contains(&name.as_str())
            || ["wire", "path", "verdict", "both"].contains(&name.as_str())
        {
            errors.push(document.error(&path, format!("`{name}` is reserved and cannot name a peer"), None));
        }
        errors.extend(plays(document, name, &peer.plays, &path.key("plays"), implementations));
    }
    for (n, exclusion) in scenario.exclude.iter().enumerate() {
        let path = ValuePath::default().key("exclude").index(n);
        for (key, name) in [("offerer", &exclusion.offerer), ("answerer", &exclusion.answerer)] {
            if let Some(name) = name {
                errors.extend(implementation_known(document, name, &path.key(key), implementations).err());
            }
        }
    }
    errors
}

/// Who plays a peer: somebody, each known and there once.
fn plays(
    document: &Document,
    peer: &str,
    plays: &[String],
    path: &ValuePath,
    implementations: &[&str],
) -> Vec<ScenarioError> {
    if plays.is_empty() {
        return vec![document.error(path, format!("no implementation plays {peer}"), None)];
    }
    let mut errors = Vec::new();
    for (n, implementation) in plays.iter().enumerate() {
        let path = path.index(n);
        errors.extend(implementation_known(document, implementation, &path, implementations).err());
        if plays.iter().take(n).any(|other| other == implementation) {
            errors.push(document.error(&path, format!("`{implementation}` stands here twice"), None));
        }
    }
    errors
}

pub(in crate::scenario) fn implementation_known(
    document: &Document,
    name: &str,
    path: &ValuePath,
    implementations: &[&str],
) -> Result<(), ScenarioError> {
    if implementations.contains(&name) {
        return Ok(());
    }
    let help = match nearest(name, implementations.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", implementations.join(", ")),
    };
    Err(document.error(path, format!("unknown implementation `{name}`"), Some(help)))
}

pub(in crate::scenario) fn known_peer(
    document: &Document,
    scenario: &Scenario,
    name: &str,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    // Where none is given that is the error, and every name would follow from it.
    if scenario.peers.is_empty() || scenario.peers.contains_key(name) {
        return Ok(());
    }
    let words = scenario.peers.keys().map(String::as_str).chain(HARNESS_STEPS);
    let help = match nearest(name, words) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the peers are {}", scenario.peers.keys().cloned().collect::<Vec<_>>().join(" and ")),
    };
    Err(document.error(path, format!("unknown peer `{name}`"), Some(help)))
}
