//! What is wrong with a scenario although all its types are right: peers that are not there, names that stand for nothing,
//! options that exclude each other, networks that cannot be built.

mod always;
mod always_messages;
mod always_sdp;
mod always_states;
mod arguments;
mod awaits;
mod deadlines;
mod expectations;
mod facts;
mod flow;
mod found;
mod lab;
mod links;
mod messages;
mod names;
mod network;
mod on_wire;
mod peers;
mod results;
mod said;
mod servers;
mod statistics;
mod top;
mod transceivers;
mod walk;
mod whole;

pub(super) use arguments::{configuration, echo_defect};
pub(super) use peers::{implementation_known, known_peer};
pub(super) use said::{CANDIDATES, EXCEPTIONS, STATISTICS};

use super::command::{self, CommandError};
use super::condition::Condition;
use super::document::{Document, Refusal, Salvaged, ValuePath, quoted, words};
use super::error::{ScenarioError, nearest};
use super::model::{Scenario, Signalling};
use super::rewrite::{DescriptionRewrite, Rewrite};
use super::step::{Action, HARNESS_STEPS, Step};
use crate::span::Span;
use flow::{Exchange, Things};
use names::Names;
use regex_lite::Regex;
use serde_json::Map;
use std::collections::BTreeSet;
use transceivers::Transceivers;

pub use crate::peers::implementation::BUILT_IN as IMPLEMENTATIONS;

/// Most steps of a scenario.
pub const MOST_STEPS: usize = 1_000;
/// Longest name of a peer or a server.
pub(super) const LONGEST_NAME: usize = 32;

/// Checks a whole scenario, in which these implementations may be named. Returns all that is wrong, each at its place.
#[must_use]
pub fn scenario(document: &Document, scenario: &Scenario, implementations: &[&str]) -> Vec<ScenarioError> {
    let root = ValuePath::default();
    let mut errors = Vec::new();
    errors.extend(peers::peers(document, scenario, &root.key("peers"), implementations));
    errors.extend(lab::on_network(document, scenario, &root.key("network")).err());
    if scenario.steps.is_empty() {
        errors.push(document.error(&root.key("steps"), "a scenario needs at least one step", None));
    }
    errors.extend(servers::servers(document, scenario, &root).err());
    errors.extend(configuration(document, &scenario.configuration, &root.key("configuration")));
    for (name, peer) in &scenario.peers {
        let path = root.key("peers").key(name).key("configuration");
        errors.extend(peer.configuration.iter().flat_map(|own| configuration(document, own, &path)));
    }
    if scenario.timeout.is_zero() {
        errors.push(document.error(&root.key("timeout"), "`timeout` must be longer than 0", None));
    }
    let mut doubts = Doubts::of(document);
    let of_steps = together(document, scenario, &[], &scenario.steps, &root.key("steps"), &mut doubts);
    // What the steps do together is not certain where one of them is wrong.
    let certain = of_steps.is_empty() && doubts.certain;
    errors.extend(of_steps);
    let expected = expectations(document, scenario, &root.key("expect"));
    errors.extend(expected.into_iter().filter(|error| !doubts.have(error)));
    if errors.is_empty() {
        errors.extend(messages::all(document, scenario, &root).err());
    }
    if certain {
        // Beside an error, what is wrong with the whole may only follow from it.
        let line = |error: &ScenarioError| error.place.map(|place| place.line);
        let beside = |error: &ScenarioError| !errors.iter().any(|other| line(other) == line(error));
        let whole: Vec<_> = whole::scenario(document, scenario).into_iter().filter(beside).collect();
        errors.extend(whole);
    }
    errors
}

fn expectations(document: &Document, scenario: &Scenario, path: &ValuePath) -> Vec<ScenarioError> {
    let mut errors = Vec::new();
    if document.part(path).value.as_object().is_some_and(Map::is_empty) {
        errors.push(document.error(path, "nothing is expected", Some("leave `expect` out".to_owned())));
    }
    let wire = path.key("wire");
    if document.part(&wire).value.as_array().is_some_and(Vec::is_empty) {
        let help = "to expect that there is none, give it `times: 0`".to_owned();
        errors.push(document.error(&wire, "no packet is expected", Some(help)));
    }
    let things = Things::of(scenario, std::iter::empty());
    if scenario.expect.path.is_some() {
        let topology = scenario.topology();
        let behind = |name: &String| topology.as_ref().is_some_and(|all| all.only_nat(name).is_some());
        if !scenario.peers.keys().all(behind) {
            let help = "write `network: { alice: nat-ei-apd, bob: nat-apd-apd }`".to_owned();
            let message = "each peer must be behind a NAT of its own";
            errors.push(document.error(&path.key("path"), message, Some(help)));
        }
    }
    errors.extend(expectations::wire(document, scenario, &scenario.expect.wire, &path.key("wire")));
    for (name, expected) in &scenario.expect.peers {
        let path = path.key(name);
        errors.extend(known_peer(document, scenario, name, &path).err());
        errors.extend(network::bitrates(document, scenario, &expected.bitrate, &path.key("bitrate")).err());
        errors.extend(messages::expected(document, expected, &path.key("messages")).err());
        errors.extend(said::of_peer(document, &things, name, expected, &path));
    }
    errors
}

/// Checks a list of steps; also used for the steps that a control puts in. Returns what is wrong with each.
pub(super) fn steps(
    document: &Document,
    scenario: &Scenario,
    steps: &[Step],
    path: &ValuePath,
) -> Vec<ScenarioError> {
    later_steps(document, scenario, &[], steps, path)
}

/// Checks a list of steps that come after others, whose results, rules and channels they may name.
pub(super) fn later_steps(
    document: &Document,
    scenario: &Scenario,
    earlier: &[Step],
    steps: &[Step],
    path: &ValuePath,
) -> Vec<ScenarioError> {
    let mut doubts = Doubts::of(document);
    together(document, scenario, earlier, steps, path, &mut doubts)
}

/// What the steps make is not certain where some of them cannot be read.
struct Doubts {
    certain: bool,
    /// Words of the steps that cannot be read: names that they may give.
    words: BTreeSet<String>,
}

impl Doubts {
    fn of(document: &Document) -> Self {
        Self { certain: document.is_whole(), words: BTreeSet::new() }
    }

    /// Takes a step that cannot be read.
    fn add(&mut self, step: &Step) {
        self.certain = false;
        words(&step.to_value(), &mut self.words);
    }

    /// Whether an error about what other steps make may be due to one that cannot be read.
    fn have(&self, error: &ScenarioError) -> bool {
        let mut named = quoted(&error.message).peekable();
        !self.certain && (named.peek().is_none() || named.any(|name| self.words.contains(name)))
    }
}

/// Checks each step by itself, then what they make together.
fn together(
    document: &Document,
    scenario: &Scenario,
    earlier: &[Step],
    steps: &[Step],
    path: &ValuePath,
    doubts: &mut Doubts,
) -> Vec<ScenarioError> {
    if steps.len() > MOST_STEPS {
        let message = format!("too large: a scenario has at most {MOST_STEPS} steps");
        return vec![document.error(&path.index(MOST_STEPS), message, None)];
    }
    let mut names = Names::of(earlier);
    let named = |step: &Step| match &step.action {
        Action::Network(step) => step.rule().and_then(|(_, rule)| rule.name.clone()),
        _ => None,
    };
    let mut rules: BTreeSet<String> = earlier.iter().filter_map(named).collect();
    let mut alone = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let path = path.index(n);
        let Checked { mut errors, readable } = one_step(document, scenario, step, &path, &names);
        if readable {
            errors.extend(names::binds(document, step, &path).err());
        } else {
            doubts.add(step);
        }
        if let Action::Network(step) = &step.action {
            errors.extend(network::step(document, scenario, step, &path.key("network"), &mut rules).err());
        }
        // Also if it is wrong: what follows from that is not wrong for itself.
        names.take(step);
        alone.push(errors);
    }
    let things = Things::of(scenario, earlier.iter().chain(steps));
    // Steps that a control puts before those of a scenario or between them change what is possible in those that follow.
    let whole = std::ptr::eq(steps, scenario.steps.as_slice());
    let mut exchange = (whole && doubts.certain).then(|| Exchange::new(scenario));
    let mut transceivers = (whole && doubts.certain).then(|| Transceivers::new(scenario));
    let mut names = Names::of(earlier);
    let mut errors = Vec::new();
    for (n, (step, alone)) in steps.iter().zip(alone).enumerate() {
        let path = path.index(n);
        let mut found = Vec::new();
        // Of a peer that is not there nothing is known.
        if HARNESS_STEPS.contains(&step.actor()) || scenario.peers.contains_key(step.actor()) {
            found.extend(things.step(document, step, &path).err());
        }
        if let Some(exchange) = &mut exchange {
            let checked = exchange.step(document, step, &path);
            found.extend(checked.err().filter(|_| found.is_empty() && alone.is_empty()));
        }
        if let Some(transceivers) = &mut transceivers {
            found.extend(transceivers.step(document, step, &names, &path).err());
        }
        names.take(step);
        errors.extend(found.into_iter().filter(|error| !doubts.have(error)));
        errors.extend(alone);
    }
    errors
}

/// What is wrong with a step.
struct Checked {
    errors: Vec<ScenarioError>,
    /// Whether what it does is known.
    readable: bool,
}

impl From<Result<(), ScenarioError>> for Checked {
    fn from(checked: Result<(), ScenarioError>) -> Self {
        Self { errors: checked.err().into_iter().collect(), readable: true }
    }
}

fn one_step(
    document: &Document,
    scenario: &Scenario,
    step: &Step,
    path: &ValuePath,
    names: &Names,
) -> Checked {
    let at = path.key(step.actor());
    let is_command = matches!(step.action, Action::Command { .. });
    let mut errors = Vec::new();
    for (key, given) in [("rejects", step.rejects.is_some()), ("answers", step.answers.is_some())] {
        if given && !is_command {
            errors.push(document.error(&at.key(key), format!("`{key}` belongs to a command"), None));
        }
    }
    if let Some(name) = &step.rejects {
        errors.extend(said::exception(document, name, &at.key("rejects")).err());
    }
    if step.within.is_some_and(Span::is_zero) {
        errors.push(document.error(&at.key("within"), "`within` must be longer than 0", None));
    }
    if let Action::Command { peer, .. } | Action::Await { peer, .. } | Action::Never { peer, .. } =
        &step.action
    {
        errors.extend(known_peer(document, scenario, peer, &at).err());
    }
    let acted = match &step.action {
        Action::Command { name, args, .. } => {
            given(document, scenario, name, args, &at, names, step.rejects.is_some())
        }
        Action::Await { condition, .. } => one_condition(document, condition, &at.key("await"), names).into(),
        Action::Never { never, .. } => {
            one_condition(document, &never.event, &at.key("never").key("event"), names).into()
        }
        Action::Connect(connect) => {
            carries(document, scenario, connect.offerer.as_deref(), &connect.rewrite, &at).into()
        }
        Action::Negotiate(negotiate) => {
            carries(document, scenario, negotiate.offerer.as_deref(), &negotiate.rewrite, &at).into()
        }
        Action::Signalling(_) if scenario.signalling != Signalling::Autonomous => Err(document.error(
            &at,
            "there is no signalling server in an orchestrated scenario",
            Some("write `signalling: autonomous`".to_owned()),
        ))
        .into(),
        Action::Server(step) => servers::step(document, scenario, step, &at).into(),
        Action::Signalling(_)
        | Action::Candidates(_)
        | Action::Network(_)
        | Action::Quiet(_)
        | Action::Stats(_) => Ok(()).into(),
    };
    errors.extend(acted.errors);
    Checked { errors, readable: acted.readable }
}

/// A command that a peer is given.
fn given(
    document: &Document,
    scenario: &Scenario,
    name: &str,
    args: &serde_json::Value,
    path: &ValuePath,
    names: &Names,
    rejected: bool,
) -> Checked {
    let at = path.key(name);
    let mut args = args.clone();
    if name == "join" {
        if scenario.signalling != Signalling::Autonomous {
            return Err(document.error(&at, "`join` needs `signalling: autonomous`", None)).into();
        }
        command::fill_join(&mut args, "ws://127.0.0.1:1/", "room");
    }
    if let Err(error) = servers::arguments(document, scenario, &mut args, &at) {
        return Checked { errors: vec![error], readable: false };
    }
    let mut part = document.part(&at);
    part.value = args;
    let join = |inner: &ValuePath| ValuePath(at.0.iter().chain(&inner.0).cloned().collect());
    let named = |name: &str, _| names.get(name);
    let Salvaged { value, mut errors, .. } = part.salvage(&[], |args| {
        command::check(name, args, &named).map_err(|error| match error {
            CommandError::Argument { path, message } => Refusal::Type(path, message),
            CommandError::Unknown(name) => {
                let known = command::names();
                let words = known.iter().map(String::as_str).chain(["await", "never"]);
                let help = nearest(&name, words).map(|near| format!("did you mean `{near}`?"));
                let error = document.error(&at, format!("unknown command `{name}`"), help);
                Refusal::Error(ValuePath::default(), Box::new(error))
            }
            CommandError::Unbound { path, name } => {
                let error = names.unknown(document, &name, &join(&path));
                Refusal::Error(path, Box::new(error))
            }
            CommandError::Unfit { ref path, .. } => {
                let error = document.error(&join(path), error.to_string(), None);
                Refusal::Error(path.clone(), Box::new(error))
            }
        })
    });
    let readable = errors.is_empty();
    if let Some(command) = value {
        errors.extend(arguments::of_command(document, &command, &at, rejected));
    }
    Checked { errors, readable }
}

fn one_condition(
    document: &Document,
    condition: &Condition,
    path: &ValuePath,
    names: &Names,
) -> Result<(), ScenarioError> {
    if let Condition::Mute(name) | Condition::Unmute(name) | Condition::Ended(name) = condition {
        names.track(document, name, path)?;
    }
    if let Condition::Message(message) = condition
        && [
            message.text.is_some(),
            message.binary.is_some(),
            message.pattern.is_some(),
            message.size.is_some(),
        ]
        .into_iter()
        .filter(|given| *given)
        .count()
            > 1
    {
        return Err(document.error(path, "a message has one of text, binary, pattern and size", None));
    }
    if let Condition::Message(message) = condition
        && let Some(pattern) = message.pattern
    {
        messages::size(document, pattern.size, &path.key("message").key("pattern").key("size"))?;
    }
    Ok(())
}

fn carries(
    document: &Document,
    scenario: &Scenario,
    offerer: Option<&str>,
    rewrite: &Rewrite,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    if scenario.signalling == Signalling::Autonomous {
        return Err(document.error(
            path,
            "in an autonomous scenario the peers exchange their descriptions themselves",
            Some("use `join`".to_owned()),
        ));
    }
    if let Some(offerer) = offerer {
        known_peer(document, scenario, offerer, &path.key("offerer"))?;
    }
    self::rewrite(document, rewrite, &path.key("rewrite"))
}

/// Checks a rewriting: its regular expressions and words, and that it changes something.
pub(super) fn rewrite(document: &Document, rewrite: &Rewrite, path: &ValuePath) -> Result<(), ScenarioError> {
    if rewrite.is_empty() && document.part(path).value.is_object() {
        return Err(document.error(path, "nothing is changed", None));
    }
    if let Some((keys, message)) = rewrite.mistake() {
        let path = keys.into_iter().fold(path.clone(), |path, key| path.key(key));
        return Err(document.error(&path, message, None));
    }
    for (n, kind) in rewrite.candidate.iter().flat_map(|rewrite| &rewrite.drop).enumerate() {
        if kind != "any" {
            said::candidate_type(document, kind, &path.key("candidate").key("drop").index(n))?;
        }
    }
    let descriptions = [("offer", &rewrite.offer), ("answer", &rewrite.answer)];
    let described =
        descriptions.into_iter().filter_map(|(key, rewrite)| Some((key, rewrite.as_ref()?))).flat_map(
            |(key, rewrite): (_, &DescriptionRewrite)| rewrite.regexes().map(move |regex| (key, regex)),
        );
    let candidates = rewrite.candidate.iter().flat_map(|rewrite| &rewrite.replace);
    for (key, regex) in described.chain(candidates.map(|replace| ("candidate", replace.regex.as_str()))) {
        if let Err(error) = Regex::new(regex) {
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default().trim();
            return Err(document.error(
                &path.key(key),
                format!("invalid regular expression `{regex}`: {last}"),
                None,
            ));
        }
    }
    Ok(())
}
