//! Cases in virtual time: the same seed gives the same recording, byte for byte, and none takes longer than its work.
//!
//! A case is played by the same code as in real time, on the thread of a simulation: its clock, its chance and its network are
//! those of [`peerproof_stack::simulation`]. What has a life of its own cannot be there: browsers, the lab, coturn.

use super::case::{self, Played, Setting, seed_of};
use super::plan::Case;
use crate::scenario::server::ServerKind;
use crate::scenario::{Action, PeerSpec, Step};
use peerproof_conformance::case::NotPlayed;
use peerproof_stack::simulation;
use serde_json::Value;
use std::io;
use std::sync::Arc;

/// Whether both peers live in this process. Elsewhere there is nothing to ask.
#[must_use]
pub fn is_of_the_stack(case: &Case) -> bool {
    case.pair.values().all(|implementation| implementation.abilities().in_process)
}

/// Why this case cannot be played in virtual time, if it cannot.
#[must_use]
pub fn unfit(case: &Case) -> Option<String> {
    let scenario = case.scenario();
    if let Some(other) = case.pair.values().find(|it| !it.abilities().in_process) {
        return Some(format!("{} runs in real time", other.name()));
    }
    if scenario.network.is_lab() {
        return Some("its network is a lab, which runs in real time".to_owned());
    }
    if scenario.servers.values().any(|server| server.kind == ServerKind::Coturn) {
        return Some("coturn runs in real time".to_owned());
    }
    let of_peers = scenario.peers.values().filter_map(|peer| peer.configuration.as_ref());
    let mut configured = of_peers.chain([&scenario.configuration]).flat_map(|one| &one.ice_servers);
    let in_steps = scenario
        .steps
        .iter()
        .any(|step| matches!(&step.action, Action::Command { args, .. } if mentions(args, "urls")));
    if in_steps || configured.any(|server| !server.urls.is_empty()) {
        return Some("it uses external STUN or TURN servers".to_owned());
    }
    let tcp = |peer: &PeerSpec| peer.ice.is_some_and(|ice| ice.tcp);
    let by_hand =
        |step: &Step| matches!(&step.action, Action::Command { args, .. } if args["ice"]["tcp"] == true);
    if scenario.peers.values().any(tcp) || scenario.steps.iter().any(by_hand) {
        return Some("the kernel carries its TCP".to_owned());
    }
    if scenario.peers.values().any(|peer: &PeerSpec| peer.mdns) {
        return Some("`.local` names need the kernel's multicast".to_owned());
    }
    (!simulation::SUPPORTED).then(|| simulation::SimulationError::Unsupported.to_string())
}

/// Whether a value has this key somewhere, with something in it.
fn mentions(value: &Value, key: &str) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(name, inner)| {
            (name == key && inner.as_array().is_none_or(|list| !list.is_empty())) || mentions(inner, key)
        }),
        Value::Array(list) => list.iter().any(|inner| mentions(inner, key)),
        _ => false,
    }
}

/// Plays one case in virtual time, or records why it cannot be. Every attempt is the same.
///
/// # Errors
/// As of [`case::play`](super::case::play), and if the simulation breaks down.
pub async fn play(setting: Arc<Setting>, case: Case, attempt: u32) -> io::Result<Played> {
    let refusal = unfit(&case).map(|reason| NotPlayed::Unsupported {
        peer: None,
        reason: format!("not in virtual time: {reason}"),
    });
    if !simulation::SUPPORTED {
        return Box::pin(case::play_unless(&setting, &case, attempt, refusal)).await;
    }
    // A scenario may fix the seed of its rules; what the peers draw differs with the run's all the same.
    let seed = seed_of(setting.seed, &case.name);
    let playing = move || async move { Box::pin(case::play_unless(&setting, &case, attempt, refusal)).await };
    simulation::run(seed, playing).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::implementation::Roster;
    use crate::run::{Filter, plan};
    use crate::scenario::{Suite, load};
    use std::path::Path;

    const SCENARIO: &str = "
title: t
peers:
  alice: { role: offerer, plays: [stack] }
  bob: { role: answerer, plays: [stack] }
steps: [{ negotiate: {} }]
";

    fn reason(from: &str, to: &str) -> Option<String> {
        let yaml = SCENARIO.replace(from, to);
        let file = load::scenario(Path::new("t.yaml"), "data/t", &yaml).unwrap();
        let suite = Suite { scenarios: vec![file], controls: Vec::new() };
        let cases = plan(&suite, &Roster::default(), &Filter::default());
        unfit(cases.first().unwrap())
    }

    #[test]
    fn whatever_has_a_life_of_its_own_is_refused() {
        let steps = "steps: [{ negotiate: {} }]";
        assert_eq!(reason("", ""), None);
        assert!(
            reason("bob: { role: answerer, plays: [stack]", "bob: { role: answerer, plays: [firefox]")
                .is_some()
        );
        assert!(reason("title: t", "title: t\nnetwork: lan").is_some());
        assert!(
            reason(
                "title: t",
                "title: t\nservers: { one: { kind: coturn } }\nconfiguration: { iceServers: [{ stun: one }] }"
            )
            .is_some()
        );
        assert!(reason("plays: [stack] }\n  bob", "plays: [stack], mdns: true }\n  bob").is_some());
        assert!(reason("plays: [stack] }\n  bob", "plays: [stack], ice: { tcp: true } }\n  bob").is_some());
        assert!(reason("plays: [stack] }\n  bob", "plays: [stack], ice: { lite: true } }\n  bob").is_none());
        let configured =
            "{ createPeerConnection: { configuration: { iceServers: [{ urls: [\"stun:192.0.2.9\"] }] } } }";
        assert!(
            reason(steps, &format!("steps: [{{ alice: {configured} }}, {{ negotiate: {{}} }}]")).is_some()
        );
        assert!(
            reason(steps, "steps: [{ alice: { createPeerConnection: {} } }, { negotiate: {} }]").is_none()
        );
    }
}
