//! A step as the timeline holds it.

use super::step::{Action, Step};
use peerproof_captures::timeline::{self, HarnessStep};
use serde::Serialize;

/// The step as the timeline holds it: who acts, and what is done with which arguments.
#[must_use]
pub fn step(step: &Step) -> timeline::Step {
    let (peer, action) = match &step.action {
        Action::Command { peer, name, args } => {
            (Some(peer), timeline::Action::Command { name: name.clone(), args: args.clone() })
        }
        Action::Await { peer, condition } => (Some(peer), timeline::Action::Await(condition.clone())),
        Action::Never { peer, never } => {
            let (event, for_ms) = (never.event.clone(), never.span.as_millis());
            (Some(peer), timeline::Action::Never { event, for_ms })
        }
        Action::Connect(connect) => (None, harness(HarnessStep::Connect, connect)),
        Action::Negotiate(negotiate) => (None, harness(HarnessStep::Negotiate, negotiate)),
        Action::Candidates(candidates) => (None, harness(HarnessStep::Candidates, candidates)),
        Action::Network(network) => (None, harness(HarnessStep::Network, network)),
        Action::Signalling(signalling) => (None, harness(HarnessStep::Signalling, signalling)),
        Action::Server(server) => (None, harness(HarnessStep::Server, server)),
        Action::Quiet(quiet) => (None, harness(HarnessStep::Quiet, quiet)),
        Action::Stats(stats) => (None, harness(HarnessStep::Stats, stats)),
    };
    timeline::Step {
        peer: peer.cloned(),
        action,
        within_ms: step.within.map(|within| within.as_millis()),
        rejects: step.rejects.clone(),
        binds: step.binds.clone(),
        answers: step.answers.clone(),
    }
}

fn harness(step: HarnessStep, args: &impl Serialize) -> timeline::Action {
    timeline::Action::Harness { step, args: serde_json::to_value(args).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_read_as_the_scenario_writes_them() {
        for (yaml, text) in [
            ("alice: { createDataChannel: { label: chat } }", r#"alice: createDataChannel {"label":"chat"}"#),
            ("alice: close", "alice: close"),
            (
                "bob: { await: { open: chat }, within: 1500ms }",
                r#"bob: await {"open":"chat"}, within 1500ms"#,
            ),
            ("bob: { await: negotiationneeded }", "bob: await negotiationneeded"),
            (
                "bob: { never: { event: { open: chat }, for: 2s } }",
                r#"bob: never {"event":{"open":"chat"},"for":"2s"}"#,
            ),
            (
                "alice: { createOffer: {}, rejects: InvalidStateError }",
                "alice: createOffer, rejects InvalidStateError",
            ),
            ("alice: { createOffer: {}, as: offer }", "alice: createOffer, as offer"),
            (
                "bob: { getState: {}, answers: { dtls: closed } }",
                r#"bob: getState, answers {"dtls":"closed"}"#,
            ),
            ("connect: { within: 15s }", "connect: trickle true, within 15s, iceRestart false"),
            ("network: { drop: { from: alice, first: 1 } }", r#"network: drop {"from":"alice","first":1}"#),
            ("network: { down: alice/wifi }", "network: down alice/wifi"),
            ("network: clear", "network: clear"),
            ("server: { relay: renew-nonce }", "server: relay renew-nonce"),
            (
                "server: { relay: { await: refused, code: 438 } }",
                r#"server: relay {"await":"refused","code":438}"#,
            ),
            ("candidates: hold", "candidates: hold"),
            ("stats: {}", "stats"),
        ] {
            let value: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
            let read: Step = serde_json::from_value(value).unwrap();
            let recorded = step(&read);
            assert_eq!(recorded.to_string(), text);
            let line = serde_json::to_string(&recorded).unwrap();
            assert_eq!(serde_json::from_str::<timeline::Step>(&line).unwrap(), recorded, "{line}");
        }
    }
}
