//! A control: the scenario that it is of, with its break.

use super::super::check;
use super::super::document::{Document, ValuePath};
use super::super::error::{ScenarioError, nearest};
use super::super::model::{Break, Control, ControlExpectation, Scenario};
use super::super::network::Network;
use super::super::step::{Action, Step};
use super::{ControlFile, ScenarioFile, hash, in_order, lies, place, place_of};
use peerproof_conformance::claims;
use peerproof_conformance::verdict::{NEITHER, NETWORK, Outcome};

/// The broken scenario of a control that stands in a document; `text` is what it is made of.
pub(super) fn broken(
    document: &Document,
    name: &str,
    text: &str,
    mut control: Control,
    scenarios: &[ScenarioFile],
) -> Result<ControlFile, Vec<ScenarioError>> {
    let root = ValuePath::default();
    let broken = &mut control.broken;
    for (key, steps) in
        [("before", &mut broken.before), ("connected", &mut broken.connected), ("after", &mut broken.after)]
    {
        place(document, steps, &root.key("break").key(key));
    }
    let Some(base) = scenarios.iter().find(|file| file.name == control.of) else {
        let help = nearest(&control.of, scenarios.iter().map(|file| file.name.as_str()))
            .map(|near| format!("did you mean `{near}`?"));
        let message = format!("unknown scenario `{}`", control.of);
        let error = document.error(&root.key("of"), message, help);
        return Err(ScenarioError { is_unknown_scenario: true, ..error }.into());
    };
    let mut scenario = base.scenario.clone();
    scenario.title.clone_from(&control.title);
    scenario.tags.clone_from(&control.tags);
    scenario.snapshot.clear();
    scenario.expect.verdict = Some(peerproof_conformance::expect::ExpectedVerdict {
        outcome: control.expect.verdict,
        layer: control.expect.layer,
        side: control.expect.side.clone(),
    });
    let mut errors = wanted(document, &control);
    errors.extend(break_it(document, &control, &mut scenario).err().into_iter().flatten());
    if !errors.is_empty() {
        return Err(in_order(errors));
    }
    let hash = hash(&format!("{}{text}", base.hash));
    let path = document.file().to_owned();
    let file = ScenarioFile { name: name.to_owned(), path, hash, scenario };
    Ok(ControlFile { file, control })
}

/// A control demands a verdict that can come out in one way only, and names claims that there are.
fn wanted(document: &Document, control: &Control) -> Vec<ScenarioError> {
    let at = ValuePath::default().key("expect");
    let ControlExpectation { verdict, layer, side } = &control.expect;
    // In the catalogue of lies it follows from the claims.
    let at = if document.value.get("expect").is_some() { at } else { ValuePath::default() };
    let mut errors = Vec::new();
    match verdict {
        Outcome::Fail => {
            for (key, given) in [("layer", layer.is_some()), ("side", side.is_some())] {
                if !given {
                    let message = format!("a control that must fail names the `{key}` of its verdict");
                    errors.push(document.error(&at, message, None));
                }
            }
        }
        Outcome::Pass => {
            for (key, given) in [("layer", layer.is_some()), ("side", side.is_some())] {
                if given {
                    let message = format!("a verdict `pass` names no `{key}`");
                    errors.push(document.error(&at.key(key), message, None));
                }
            }
        }
        Outcome::HarnessError => {
            let message =
                "a control shows what is found at peers and network: the verdict cannot be `harness-error`";
            errors.push(document.error(&at.key("verdict"), message, None));
        }
        Outcome::Unsupported | Outcome::Inconclusive => {}
    }
    let known: Vec<&str> = claims::claims().iter().map(|claim| claim.name).collect();
    for (n, name) in control.claims.iter().enumerate().filter(|(_, name)| !known.contains(&name.as_str())) {
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "docs/claims.md lists them".to_owned(),
        };
        let path = ValuePath::default().key("claims").index(n);
        errors.push(document.error(&path, format!("unknown claim `{name}`"), Some(help)));
    }
    errors
}

fn break_it(
    document: &Document,
    control: &Control,
    scenario: &mut Scenario,
) -> Result<(), Vec<ScenarioError>> {
    let root = ValuePath::default();
    let at = root.key("break");
    let broken = &control.broken;
    if *broken == Break::default() {
        return Err(document.error(&at, "nothing to break", None).into());
    }
    for (peer, plays) in &control.plays {
        let path = root.key("plays").key(peer);
        check::known_peer(document, scenario, peer, &path)?;
        let own = scenario.peers.get(peer).map(|spec| spec.plays.clone()).unwrap_or_default();
        // Otherwise it would never be run, and never be missed.
        let known: Vec<&str> = own.iter().map(String::as_str).chain(check::IMPLEMENTATIONS).collect();
        if plays.is_empty() {
            return Err(document.error(&path, format!("no implementation plays {peer}"), None).into());
        }
        for (n, name) in plays.iter().enumerate() {
            check::implementation_known(document, name, &path.index(n), &known)?;
        }
        if let Some(spec) = scenario.peers.get_mut(peer) {
            spec.plays.clone_from(plays);
        }
    }
    for (peer, defect) in &broken.echo {
        check::echo_defect(document, defect, &at.key("echo").key(peer))?;
        let mut found = false;
        for step in &mut scenario.steps {
            if let Action::Command { peer: actor, name, args } = &mut step.action
                && actor == peer
                && name == "echo"
                && let Some(args) = args.as_object_mut()
            {
                args.insert("defect".to_owned(), serde_json::Value::String(defect.clone()));
                found = true;
            }
        }
        if !found {
            let message = format!("`{peer}` has no echo in {}", control.of);
            return Err(document.error(&at.key("echo").key(peer), message, None).into());
        }
    }
    lies::stated(document, &at.key("lie"), control, scenario)?;
    if let Some(side) =
        control.expect.side.as_ref().filter(|side| ![NETWORK, NEITHER].contains(&side.as_str()))
    {
        check::known_peer(document, scenario, side, &root.key("expect").key("side"))?;
    }
    if let Some(network) = &broken.network {
        replace_network(scenario, network);
    }
    if let Some(configuration) = &broken.configuration {
        let errors = check::configuration(document, configuration, &at.key("configuration"));
        if !errors.is_empty() {
            return Err(errors);
        }
        scenario.configuration = configuration.clone();
        scenario.peers.values_mut().for_each(|peer| peer.configuration = None);
    }
    if broken.idle {
        idle(document, &at.key("idle"), control, scenario)?;
    }
    let connect = scenario
        .steps
        .iter()
        .position(|step| matches!(step.action, Action::Connect(_) | Action::Negotiate(_)));
    if let Some(rewrite) = &broken.rewrite {
        check::rewrite(document, rewrite, &at.key("rewrite"))?;
        let place = place_of(document, &at.key("rewrite"));
        let step = connect.and_then(|n| scenario.steps.get_mut(n));
        match step.map(|step| (&mut step.action, &mut step.place)) {
            Some((Action::Connect(connect), at)) => (connect.rewrite, *at) = (rewrite.clone(), place),
            Some((Action::Negotiate(negotiate), at)) => (negotiate.rewrite, *at) = (rewrite.clone(), place),
            _ => {
                let message =
                    format!("{} has no `connect` whose descriptions could be rewritten", control.of);
                return Err(document.error(&at.key("rewrite"), message, None).into());
            }
        }
    }
    let mut connected: Vec<Step> = broken.connected.clone();
    if let Some(peer) = &broken.dead {
        if !scenario.peers.contains_key(peer) {
            let message = format!("unknown peer `{peer}`");
            return Err(document.error(&at.key("dead"), message, None).into());
        }
        let place = place_of(document, &at.key("dead"));
        let close = Action::Command {
            peer: peer.clone(),
            name: "close".to_owned(),
            args: serde_json::Value::Object(serde_json::Map::new()),
        };
        connected.push(Step {
            action: close,
            within: None,
            rejects: None,
            binds: None,
            answers: None,
            place,
        });
    }
    let mut errors = check::steps(document, scenario, &broken.before, &at.key("before"));
    let until = connect.map_or(0, |n| n + 1);
    let earlier = [broken.before.as_slice(), scenario.steps.get(..until).unwrap_or_default()].concat();
    errors.extend(check::later_steps(document, scenario, &earlier, &broken.connected, &at.key("connected")));
    let earlier = [broken.before.as_slice(), &scenario.steps, &broken.connected].concat();
    errors.extend(check::later_steps(document, scenario, &earlier, &broken.after, &at.key("after")));
    if !errors.is_empty() {
        return Err(errors);
    }
    if !connected.is_empty() {
        let Some(n) = connect else {
            return Err(document.error(&at, format!("{} has no `connect`", control.of), None).into());
        };
        scenario.steps.splice(n + 1..n + 1, connected);
    }
    scenario.steps.splice(0..0, broken.before.clone());
    scenario.steps.extend(broken.after.iter().cloned());
    Ok(())
}

/// Runs a scenario over another network.
fn replace_network(scenario: &mut Scenario, network: &Network) {
    scenario.network = network.clone();
    if !network.is_lab() {
        scenario.steps.retain(|step| !matches!(&step.action, Action::Network(step) if step.is_of_a_lab()));
        // A path is expected through the NATs of a lab.
        scenario.expect.path = None;
    }
}

/// Keeps the rules of a scenario from acting on any packet.
fn idle(
    document: &Document,
    at: &ValuePath,
    control: &Control,
    scenario: &mut Scenario,
) -> Result<(), ScenarioError> {
    let mut any = false;
    for step in &mut scenario.steps {
        if let Action::Network(step) = &mut step.action
            && let Some(rule) = step.rule_mut()
        {
            rule.probability = Some(0.0);
            any = true;
        }
    }
    if any {
        return Ok(());
    }
    Err(document.error(at, format!("{} has no rule", control.of), None))
}
