//! The scenarios of the suite and the examples of the documentation can be read, and mean what they say.

use peerproof::peers::implementation::Roster;
use peerproof::run::{Filter, plan};
use peerproof::scenario::statements::Statements;
use peerproof::scenario::{Action, Role, Scenario, Step, Suite, load};
use std::collections::BTreeMap;
use std::path::Path;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_whole_suite_is_read() {
    let suite = Suite::load(&root().join("scenarios")).unwrap_or_else(|errors| {
        let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", messages.join("\n\n"))
    });
    let cases = plan(&suite, &Roster::default(), &Filter::default());
    assert!(suite.scenarios.len() >= 40 && cases.len() >= 200, "{} cases", cases.len());
    assert!(suite.controls.len() >= 10);
    for control in &suite.controls {
        let expected = &control.control.expect;
        // The layer of a lie is that of its claim.
        let is_lie = !control.control.broken.lie.is_empty();
        let fails = expected.verdict == peerproof_conformance::verdict::Outcome::Fail;
        assert!(
            !fails || expected.side.is_some() && (is_lie || expected.layer.is_some()),
            "{} accepts any failure: it must say layer and side",
            control.file.name
        );
    }
}

#[test]
fn every_example_of_the_documentation_is_read() {
    let text = std::fs::read_to_string(root().join("docs/scenarios.md")).expect("docs/scenarios.md is there");
    let suite = Suite::load(&root().join("scenarios")).expect("the suite can be read");
    let mut examples = 0;
    let mut read = Vec::new();
    let mut fences = text.split("```");
    while let (Some(_), Some(block)) = (fences.next(), fences.next()) {
        let (language, body) = block.split_once('\n').unwrap_or_default();
        let path = Path::new("docs/scenarios.md");
        match language.trim() {
            "yaml" => {
                let name = if examples == 0 { "data/echo" } else { "docs/example" };
                read.extend(load::scenarios(path, name, body).unwrap_or_else(|error| panic!("{error}")));
            }
            "yaml control" => {
                load::control(path, "controls/example", body, &read)
                    .unwrap_or_else(|error| panic!("{error}"));
            }
            "yaml breaks" | "yaml catalogue" => {
                let of = &suite.scenarios;
                let controls = load::controls(path, "controls/examples", body, of);
                assert!(controls.is_ok_and(|controls| controls.len() == 2), "{body}");
            }
            "yaml statements" => {
                let statements: Statements = serde_yaml::from_str(body).expect("statements can be read");
                assert!(statements.statements["dc-2"].shown.len() == 2);
            }
            _ => continue,
        }
        examples += 1;
    }
    assert!(examples >= 7, "{examples}");
}

/// What every case uses in both roles, whatever its scenario says: peers are greeted, asked for a command that does not exist, given a
/// connection, and programs that serve several cases are told where one ends.
const EVERY_CASE: [&str; 4] = ["hello", "impossible", "createPeerConnection", "end"];

/// The commands that a step gives to whom: those that it names, and those that exchange descriptions and take statistics.
fn commands(scenario: &Scenario, step: &Step) -> Vec<(Role, String)> {
    let role = |peer: &str| scenario.peers.get(peer).map(|spec| spec.role);
    let exchange = |offerer: Option<&str>| {
        let offers = offerer.and_then(role).unwrap_or(Role::Offerer);
        let answers = if offers == Role::Offerer { Role::Answerer } else { Role::Offerer };
        [
            (offers, "createOffer"),
            (answers, "createAnswer"),
            (offers, "setLocalDescription"),
            (answers, "setLocalDescription"),
            (offers, "setRemoteDescription"),
            (answers, "setRemoteDescription"),
        ]
        .map(|(role, name)| (role, name.to_owned()))
        .to_vec()
    };
    match &step.action {
        Action::Command { peer, name, .. } => {
            role(peer).map(|role| (role, name.clone())).into_iter().collect()
        }
        Action::Connect(connect) => exchange(connect.offerer.as_deref()),
        Action::Negotiate(negotiate) => exchange(negotiate.offerer.as_deref()),
        Action::Stats(_) => {
            [Role::Offerer, Role::Answerer].map(|role| (role, "getStats".to_owned())).to_vec()
        }
        _ => Vec::new(),
    }
}

#[test]
fn every_command_of_the_protocol_is_used_in_each_role() {
    let suite = Suite::load(&root().join("scenarios")).expect("the suite can be read");
    let mut used: BTreeMap<(String, &str), &str> = BTreeMap::new();
    let word = |role: Role| if role == Role::Offerer { "offerer" } else { "answerer" };
    for file in &suite.scenarios {
        for step in &file.scenario.steps {
            for (role, name) in commands(&file.scenario, step) {
                used.entry((name, word(role))).or_insert(&file.name);
            }
        }
        for peer in file.scenario.peers.values() {
            if !peer.media.send.is_empty() {
                used.entry(("createSource".to_owned(), word(peer.role))).or_insert(&file.name);
                used.entry(("addTrack".to_owned(), word(peer.role))).or_insert(&file.name);
            }
            if peer.media.watch {
                used.entry(("watch".to_owned(), word(peer.role))).or_insert(&file.name);
            }
        }
    }
    let names = peerproof::scenario::command::names();
    assert!(EVERY_CASE.iter().all(|name| names.iter().any(|known| known == name)), "{names:?}");
    let missing: Vec<String> = names
        .into_iter()
        .filter(|name| !EVERY_CASE.contains(&name.as_str()))
        .flat_map(|name| ["offerer", "answerer"].map(|role| (name.clone(), role)))
        .filter(|use_| !used.contains_key(use_))
        .map(|(name, role)| format!("no scenario gives {name} to the {role}"))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
