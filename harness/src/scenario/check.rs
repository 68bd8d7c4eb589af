//! What is wrong with a scenario although all its types are right: peers that are not there, names that stand for nothing,
//! options that exclude each other, networks that cannot be built.

mod expectations;
mod flow;
mod lab;
mod messages;
mod network;
mod said;
mod servers;

use super::command::{self, CommandError};
use super::condition::Condition;
use super::document::{Document, ValuePath};
use super::error::{ScenarioError, nearest};
use super::model::{Role, Scenario, Signalling};
use super::rewrite::{DescriptionRewrite, Rewrite};
use super::step::{Action, HARNESS_STEPS, Step};
use crate::peers::protocol::{ChannelOptions, Command};
use crate::span::Span;
use flow::{Exchange, Things};
use regex_lite::Regex;
use std::collections::BTreeSet;

/// Implementations that can play in every installation, as the command line names them.
pub const IMPLEMENTATIONS: [&str; 3] = ["stack", "chrome", "firefox"];

/// Most steps of a scenario.
pub const MOST_STEPS: usize = 1_000;
/// Longest name of a peer or a server.
pub(super) const LONGEST_NAME: usize = 32;

/// Checks a whole scenario, in which these implementations may be named. Returns all that is wrong, each at its place.
#[must_use]
pub fn scenario(document: &Document, scenario: &Scenario, implementations: &[&str]) -> Vec<ScenarioError> {
    let root = ValuePath::default();
    let mut errors = Vec::new();
    errors.extend(peers(document, scenario, &root.key("peers"), implementations).err());
    errors.extend(lab::on_network(document, scenario, &root.key("network")).err());
    if scenario.steps.is_empty() {
        errors.push(document.error(&root.key("steps"), "a scenario needs at least one step", None));
    }
    errors.extend(servers::servers(document, scenario, &root).err());
    errors.extend(steps(document, scenario, &scenario.steps, &root.key("steps")));
    errors.extend(expectations(document, scenario, &root.key("expect")));
    if errors.is_empty() {
        errors.extend(messages::all(document, scenario, &root).err());
    }
    errors
}

fn expectations(document: &Document, scenario: &Scenario, path: &ValuePath) -> Vec<ScenarioError> {
    let mut errors = Vec::new();
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
        let checked = known_peer(document, scenario, name, &path)
            .and_then(|()| network::bitrates(document, scenario, &expected.bitrate, &path.key("bitrate")))
            .and_then(|()| messages::expected(document, expected, &path.key("messages")));
        errors.extend(checked.err());
        errors.extend(said::of_peer(document, &things, name, expected, &path));
    }
    errors
}

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

fn peers(
    document: &Document,
    scenario: &Scenario,
    path: &ValuePath,
    implementations: &[&str],
) -> Result<(), ScenarioError> {
    for name in scenario.peers.iter().filter(|(_, peer)| peer.ice.is_some()).map(|(name, _)| name) {
        let by_hand = scenario.steps.iter().any(|step| {
            matches!(&step.action, Action::Command { peer, name: command, .. }
                if peer == name && command == "createPeerConnection")
        });
        if by_hand {
            let message = format!("`ice` has no effect: a step creates {name}'s connection");
            let help = "give `ice` to the step's createPeerConnection".to_owned();
            return Err(document.error(&path.key(name).key("ice"), message, Some(help)));
        }
    }
    for role in [Role::Offerer, Role::Answerer] {
        let count = scenario.peers.values().filter(|peer| peer.role == role).count();
        if count != 1 || scenario.peers.len() != 2 {
            return Err(document.error(path, "a scenario has two peers, one offerer and one answerer", None));
        }
    }
    for (name, peer) in &scenario.peers {
        let path = path.key(name);
        name_allowed(document, name, &path)?;
        if HARNESS_STEPS.contains(&name.as_str())
            || ["wire", "path", "verdict", "both"].contains(&name.as_str())
        {
            return Err(document.error(&path, format!("`{name}` is reserved and cannot name a peer"), None));
        }
        if peer.plays.is_empty() {
            return Err(document.error(&path.key("plays"), format!("no implementation plays {name}"), None));
        }
        for (n, implementation) in peer.plays.iter().enumerate() {
            let path = path.key("plays").index(n);
            implementation_known(document, implementation, &path, implementations)?;
            if peer.plays.iter().take(n).any(|other| other == implementation) {
                return Err(document.error(&path, format!("`{implementation}` stands here twice"), None));
            }
        }
    }
    for (n, exclusion) in scenario.exclude.iter().enumerate() {
        let path = ValuePath::default().key("exclude").index(n);
        for (key, name) in [("offerer", &exclusion.offerer), ("answerer", &exclusion.answerer)] {
            if let Some(name) = name {
                implementation_known(document, name, &path.key(key), implementations)?;
            }
        }
    }
    Ok(())
}

pub(super) fn implementation_known(
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

pub(super) fn known_peer(
    document: &Document,
    scenario: &Scenario,
    name: &str,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    if scenario.peers.contains_key(name) {
        return Ok(());
    }
    let words = scenario.peers.keys().map(String::as_str).chain(HARNESS_STEPS);
    let help = match nearest(name, words) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the peers are {}", scenario.peers.keys().cloned().collect::<Vec<_>>().join(" and ")),
    };
    Err(document.error(path, format!("unknown peer `{name}`"), Some(help)))
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
    if steps.len() > MOST_STEPS {
        let message = format!("too large: a scenario has at most {MOST_STEPS} steps");
        return vec![document.error(&path.index(MOST_STEPS), message, None)];
    }
    let mut bound: BTreeSet<String> = earlier.iter().filter_map(|step| step.binds.clone()).collect();
    let named = |step: &Step| match &step.action {
        Action::Network(step) => step.rule().and_then(|(_, rule)| rule.name.clone()),
        _ => None,
    };
    let mut rules: BTreeSet<String> = earlier.iter().filter_map(named).collect();
    let mut errors = Vec::new();
    let things = Things::of(scenario, earlier.iter().chain(steps));
    // Steps that a control puts before those of a scenario or between them change what is possible in those that follow.
    let mut exchange = (std::ptr::eq(steps, scenario.steps.as_slice())).then(|| Exchange::new(scenario));
    for (n, step) in steps.iter().enumerate() {
        let path = path.index(n);
        let mut checked = one_step(document, scenario, step, &path, &bound);
        if let (Ok(()), Action::Network(step)) = (&checked, &step.action) {
            checked = network::step(document, scenario, step, &path.key("network"), &mut rules);
        }
        checked = checked.and_then(|()| things.step(document, step, &path));
        if let Some(exchange) = &mut exchange {
            checked = checked.and(exchange.step(document, step, &path));
        }
        // Also if it is wrong: what follows from that is not wrong for itself.
        errors.extend(checked.err());
        if let Some(name) = &step.binds {
            errors.extend(binds(document, step, &path).err());
            bound.insert(name.clone());
        }
    }
    errors
}

/// A step has a result that can be named.
fn binds(document: &Document, step: &Step, path: &ValuePath) -> Result<(), ScenarioError> {
    let binds = match &step.action {
        Action::Command { name, .. } => matches!(
            name.as_str(),
            "createOffer" | "createAnswer" | "setLocalDescription" | "createSource" | "getUserMedia"
        ),
        Action::Await { condition, .. } => {
            matches!(condition, Condition::Track(_) | Condition::Icecandidate(_))
        }
        _ => false,
    };
    if binds {
        return Ok(());
    }
    let help = "descriptions, sources and awaited tracks and candidates can".to_owned();
    let path = path.key(step.actor()).key("as");
    Err(document.error(&path, "this step has no result that could be named", Some(help)))
}

fn one_step(
    document: &Document,
    scenario: &Scenario,
    step: &Step,
    path: &ValuePath,
    bound: &BTreeSet<String>,
) -> Result<(), ScenarioError> {
    let is_command = matches!(step.action, Action::Command { .. });
    for (key, given) in [("rejects", step.rejects.is_some()), ("answers", step.answers.is_some())] {
        if given && !is_command {
            let path = path.key(step.actor()).key(key);
            return Err(document.error(&path, format!("`{key}` belongs to a command"), None));
        }
    }
    if let Some(name) = &step.rejects {
        said::exception(document, name, &path.key(step.actor()).key("rejects"))?;
    }
    if step.within.is_some_and(Span::is_zero) {
        let path = path.key(step.actor()).key("within");
        return Err(document.error(&path, "`within` must be longer than 0", None));
    }
    match &step.action {
        Action::Command { peer, name, args } => {
            known_peer(document, scenario, peer, &path.key(peer))?;
            if name == "join" && scenario.signalling != Signalling::Autonomous {
                return Err(document.error(
                    &path.key(peer).key(name),
                    "`join` needs `signalling: autonomous`",
                    None,
                ));
            }
            let mut args = args.clone();
            if name == "join" {
                command::fill_join(&mut args, "ws://127.0.0.1:1/", "room");
            }
            servers::arguments(document, scenario, &mut args, &path.key(peer).key(name))?;
            one_command(document, name, &args, &path.key(peer), bound, step.rejects.is_some())
        }
        Action::Await { peer, condition } => {
            known_peer(document, scenario, peer, &path.key(peer))?;
            one_condition(document, condition, &path.key(peer).key("await"), bound)
        }
        Action::Never { peer, never } => {
            known_peer(document, scenario, peer, &path.key(peer))?;
            one_condition(document, &never.event, &path.key(peer).key("never").key("event"), bound)
        }
        Action::Connect(connect) => {
            let path = path.key("connect");
            carries(document, scenario, connect.offerer.as_deref(), &connect.rewrite, &path)
        }
        Action::Negotiate(negotiate) => {
            let path = path.key("negotiate");
            carries(document, scenario, negotiate.offerer.as_deref(), &negotiate.rewrite, &path)
        }
        Action::Signalling(_) if scenario.signalling != Signalling::Autonomous => Err(document.error(
            &path.key("signalling"),
            "there is no signalling server in an orchestrated scenario",
            Some("write `signalling: autonomous`".to_owned()),
        )),
        Action::Server(step) => servers::step(document, scenario, step, &path.key("server")),
        Action::Signalling(_)
        | Action::Candidates(_)
        | Action::Network(_)
        | Action::Quiet(_)
        | Action::Stats(_) => Ok(()),
    }
}

fn one_command(
    document: &Document,
    name: &str,
    args: &serde_json::Value,
    path: &ValuePath,
    bound: &BTreeSet<String>,
    rejected: bool,
) -> Result<(), ScenarioError> {
    let join = |inner: ValuePath| ValuePath(path.key(name).0.into_iter().chain(inner.0).collect());
    let command = command::check(name, args, &|name| bound.contains(name.split('.').next().unwrap_or(name)))
        .map_err(|error| match error {
            CommandError::Unknown(name) => {
                let names = command::names();
                let words = names.iter().map(String::as_str).chain(["await", "never"]);
                let help = nearest(&name, words).map(|near| format!("did you mean `{near}`?"));
                document.error(&path.key(&name), format!("unknown command `{name}`"), help)
            }
            CommandError::Argument { path, message } => document.type_error(&join(path), &message),
            CommandError::Unbound { path, name } => {
                let help = nearest(&name, bound.iter().map(String::as_str))
                    .map_or("an earlier step has to name it with `as`".to_owned(), |near| {
                        format!("did you mean `{near}`?")
                    });
                document.error(&join(path), format!("no earlier step is named `{name}`"), Some(help))
            }
        })?;
    let at = |key: &str| path.key(name).key(key);
    match command {
        Command::CreateDataChannel(options) if !rejected => channel(document, &options, &at),
        Command::Send { message, times, .. } => messages::sent(document, &message, times, &at),
        Command::Echo { defect: Some(defect), .. } => echo_defect(document, &defect, &at("defect")),
        _ => Ok(()),
    }
}

/// How an echo may be falsified.
const DEFECTS: [&str; 4] = ["corrupt-last-byte", "swap-pairs", "as-text", "drop-every-third"];

/// The defect of an echo is known.
pub(super) fn echo_defect(document: &Document, defect: &str, path: &ValuePath) -> Result<(), ScenarioError> {
    if DEFECTS.contains(&defect) {
        return Ok(());
    }
    let help = nearest(defect, DEFECTS)
        .map_or_else(|| format!("known: {}", DEFECTS.join(", ")), |near| format!("did you mean `{near}`?"));
    Err(document.error(path, format!("unknown defect `{defect}`"), Some(help)))
}

fn channel(
    document: &Document,
    options: &ChannelOptions,
    at: &impl Fn(&str) -> ValuePath,
) -> Result<(), ScenarioError> {
    if options.max_retransmits.is_some() && options.max_packet_life_time.is_some() {
        return Err(document.error(
            &at("maxPacketLifeTime"),
            "`maxRetransmits` and `maxPacketLifeTime` exclude each other (webrtc-pc §6.1)",
            Some("to show that a peer refuses both, add `rejects: TypeError`".to_owned()),
        ));
    }
    if options.negotiated == Some(true) && options.id.is_none() {
        return Err(document.error(&at("negotiated"), "a negotiated channel needs an `id`", None));
    }
    Ok(())
}

fn one_condition(
    document: &Document,
    condition: &Condition,
    path: &ValuePath,
    bound: &BTreeSet<String>,
) -> Result<(), ScenarioError> {
    if let Condition::Mute(name) | Condition::Unmute(name) | Condition::Ended(name) = condition
        && !bound.contains(name.split('.').next().unwrap_or(name))
    {
        let help =
            nearest(name, bound.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
        return Err(document.error(path, format!("no earlier step is named `{name}`"), help));
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

/// Checks the regular expressions of a rewriting.
pub(super) fn rewrite(document: &Document, rewrite: &Rewrite, path: &ValuePath) -> Result<(), ScenarioError> {
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
