//! Steps that cannot work, or do nothing, where they stand: what the steps before have done decides it.
//!
//! Only what is certain is refused. Where the peers act alone, the exchange of descriptions is theirs.

use super::super::condition::Condition;
use super::super::document::ValuePath;
use super::super::step::{Action, Candidates, Connect, NetworkStep, Never, Step};

use super::facts::{Facts, Given};
use super::found::Found;
use super::{awaits, deadlines, results};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where the steps have come to.
#[derive(Default)]
pub(super) struct Walk<'a> {
    /// An exchange of descriptions has begun.
    pub(super) exchanged: bool,
    /// Descriptions were exchanged by commands.
    by_hand: bool,
    /// Who has a remote description.
    remote: BTreeSet<&'a str>,
    /// Candidates are held back or lost.
    pub(super) held: bool,
    /// Both peers are connected, and nothing has been done to them since.
    pub(super) connected: bool,
    pub(super) closed: BTreeSet<&'a str>,
    /// What each peer has that makes a media section.
    sections: BTreeMap<&'a str, usize>,
    labels: BTreeSet<(&'a str, &'a str)>,
    /// The channels that a peer has closed, and nobody made again.
    closed_channels: BTreeSet<(&'a str, &'a str)>,
    tracks: BTreeSet<(&'a str, &'a str)>,
    /// Names that were given and not used yet, with the step's path.
    unused: BTreeMap<&'a str, ValuePath>,
    /// Whose a named description is.
    descriptions: BTreeMap<&'a str, &'a str>,
    rules: usize,
    /// How often each message was awaited, by peer and channel.
    pub(super) awaited: BTreeMap<(String, String, String), u64>,
    created: BTreeSet<&'a str>,
}

/// What an exchange of descriptions asks for.
struct Exchanged {
    restart: bool,
    trickle: bool,
    /// Candidates are rewritten on their way.
    of_candidates: bool,
}

/// Checks the steps of a scenario in their order.
pub(super) fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    let scenario = facts.scenario;
    let mut walk = Walk::default();
    for (name, peer) in &scenario.peers {
        walk.sections.insert(name, peer.media.send.len());
    }
    for (n, step) in scenario.steps.iter().enumerate() {
        let path = ValuePath::default().key("steps").index(n);
        deadlines::check(facts, step, &path, found);
        walk.step(facts, n, step, &path, found);
    }
    for (name, path) in walk.unused {
        found.add(&path, format!("no later step uses `{name}`"));
    }
    last_rule(facts, found);
    rules_are_awaited(facts, found);
    channels_are_at_both_sides(facts, found);
    joins(facts, found);
}

impl<'a> Walk<'a> {
    fn step(&mut self, facts: &Facts<'a>, n: usize, step: &'a Step, path: &ValuePath, found: &mut Found<'_>) {
        let actor = path.key(step.actor());
        self.uses(step);
        match &step.action {
            Action::Command { peer, name, args } => {
                let given = Given { n, step, peer, name, args };
                let unsettled = self.by_hand || facts.is_autonomous() || self.closed.contains(given.peer);
                results::check(facts, given, unsettled, &actor, found);
                self.command(facts, given, &actor, found);
            }
            Action::Await { peer, condition } => {
                awaits::awaited(facts, self, (n, peer.as_str(), condition), &actor.key("await"), found);
            }
            Action::Never { peer, never } => {
                awaits::never(
                    facts,
                    self,
                    (peer.as_str(), &never.event),
                    &actor.key("never").key("event"),
                    found,
                );
            }
            Action::Connect(connect) => {
                self.connect(facts, n, connect, &actor, found);
                let (restart, trickle) = (connect.ice_restart, connect.trickle);
                let of_candidates = connect.rewrite.candidate.is_some();
                self.exchange(facts, &Exchanged { restart, trickle, of_candidates }, &actor, found);
                self.connected = connect.until.is_none();
            }
            Action::Negotiate(it) => {
                let (restart, trickle) = (it.ice_restart, it.trickle);
                let of_candidates = it.rewrite.candidate.is_some();
                self.exchange(facts, &Exchanged { restart, trickle, of_candidates }, &actor, found);
                self.connected = false;
            }
            Action::Candidates(candidates) => {
                if facts.is_autonomous() {
                    found.add(&actor, "the peers carry their candidates themselves");
                }
                let carries = matches!(candidates, Candidates::Carry | Candidates::CarryByIndex);
                if *candidates == Candidates::Carry && !self.held && !self.by_hand {
                    found.add(&actor, "candidates are carried already");
                }
                self.held = !carries;
            }
            Action::Network(NetworkStep::Clear) => {
                if self.rules == 0 {
                    found.add(&actor, "no step before installs a rule");
                }
                let before = n.checked_sub(1).and_then(|n| facts.scenario.steps.get(n));
                if before.is_some_and(is_rule) {
                    found.add(&actor, "the rule of the step before ends before it can act");
                }
                self.rules = 0;
            }
            Action::Network(network) => {
                if let Some((key, rule)) = network.rule() {
                    self.rules += 1;
                    super::network::needed(facts, rule, &actor.key(key), found);
                }
                let reads = matches!(
                    network,
                    NetworkStep::Acts(_) | NetworkStep::Bitrate(_) | NetworkStep::Streams(_)
                );
                self.connected &= reads;
            }
            Action::Server(_) | Action::Signalling(_) => self.connected = false,
            Action::Quiet(_) | Action::Stats(_) => {}
        }
        if let Some(name) = &step.binds {
            let at = actor.key("as");
            if let Some(before) = self.unused.insert(name, at) {
                found.add(&before, format!("no step uses `{name}` before it is given again"));
            }
            if let Action::Command { peer, name: command, .. } = &step.action
                && matches!(command.as_str(), "createOffer" | "createAnswer")
            {
                self.descriptions.insert(name, peer);
            } else {
                self.descriptions.remove(name.as_str());
            }
        }
    }

    /// Takes the names that a step uses out of those that nobody has used.
    fn uses(&mut self, step: &Step) {
        let mut take = |text: &str| {
            self.unused.remove(text);
            self.unused.remove(text.split('.').next().unwrap_or(text));
        };
        match &step.action {
            Action::Command { args, .. } => each_text(args, &mut take),
            Action::Await { condition, .. } | Action::Never { never: Never { event: condition, .. }, .. } => {
                if let Condition::Mute(name) | Condition::Unmute(name) | Condition::Ended(name) = condition {
                    take(name);
                }
            }
            _ => {}
        }
    }

    fn connect(
        &self,
        facts: &Facts<'a>,
        n: usize,
        connect: &'a Connect,
        path: &ValuePath,
        found: &mut Found<'_>,
    ) {
        if let Some(Condition::Message(wanted)) = &connect.until {
            let sent = facts.sent.iter().any(|sent| sent.n < n && sent.channel == wanted.channel);
            if !sent {
                found.add(&path.key("await"), "no step before sends a message");
            }
        }
        if connect.until.is_some() || facts.is_autonomous() {
            return;
        }
        if self.held && connect.trickle {
            let help = "use `negotiate`, and wait for the connection after `candidates: carry`";
            found.help(path, "no candidates are carried, so nobody connects", help);
        }
        let offerer = facts.offerer(connect.offerer.as_deref()).unwrap_or_default();
        if !self.exchanged && self.sections.get(offerer).copied().unwrap_or_default() == 0 {
            let help = format!("`createDataChannel`, `addTransceiver` or media at {offerer} makes something");
            found.help(path, format!("{offerer} has nothing to offer, so nobody connects"), help);
        }
    }

    fn exchange(&mut self, facts: &Facts<'a>, asked: &Exchanged, path: &ValuePath, found: &mut Found<'_>) {
        if asked.restart && !self.exchanged {
            found.add(&path.key("iceRestart"), "there is no ICE session yet that could be restarted");
        }
        if asked.of_candidates && !asked.trickle {
            let help = "without `trickle` the candidates are in the descriptions: rewrite these";
            found.help(&path.key("rewrite").key("candidate"), "no candidate travels on its own here", help);
        }
        self.exchanged = true;
        self.remote.extend(facts.scenario.peers.keys().map(String::as_str));
    }

    fn command(&mut self, facts: &Facts<'a>, given: Given<'a>, path: &ValuePath, found: &mut Found<'_>) {
        let Given { peer, name, args, .. } = given;
        let at = path.key(name);
        let word = |key: &str| args.get(key).and_then(Value::as_str);
        let done = given.is_done();
        match name {
            "createPeerConnection" if done => {
                let late = self.exchanged
                    || facts.commands.iter().any(|before| {
                        before.n < given.n
                            && before.peer == peer
                            && !matches!(
                                before.name,
                                "createPeerConnection" | "createSource" | "getUserMedia" | "close"
                            )
                            && before.is_done()
                    });
                let is_first = self.created.insert(peer);
                if !is_first && !self.closed.contains(peer) {
                    found.add(&at, format!("{peer} has a connection already"));
                } else if late && is_first {
                    found.add(&at, format!("{peer} needs its connection before: an earlier step uses it"));
                }
                self.closed.remove(peer);
            }
            "close" if done => {
                self.closed.insert(peer);
                self.connected = false;
            }
            "join" => {
                self.exchanged = true;
                self.remote.extend(facts.scenario.peers.keys().map(String::as_str));
            }
            "createDataChannel" if done => {
                *self.sections.entry(peer).or_default() += 1;
                self.data_channel(facts, given, &at, found);
            }
            "closeDataChannel" => {
                self.labels.retain(|(_, label)| word("channel") != Some(*label));
                self.closed_channels.extend(word("channel").filter(|_| done).map(|label| (peer, label)));
            }
            "addTrack" if done => {
                *self.sections.entry(peer).or_default() += 1;
                if let Some(track) = word("track")
                    && !self.tracks.insert((peer, track))
                {
                    let help = "to show that it is rejected, add `rejects: InvalidAccessError`";
                    found.help(&at.key("track"), format!("{peer} sends `{track}` already"), help);
                }
            }
            "removeTrack" | "replaceTrack" | "stopTransceiver" | "createSource" | "getUserMedia" => {
                self.tracks.clear();
                if name == "stopTransceiver" {
                    self.transceiver(facts, given, &at, found);
                }
            }
            "addTransceiver" if done => *self.sections.entry(peer).or_default() += 1,
            "setDirection" | "setCodecPreferences" => self.transceiver(facts, given, &at, found),
            "send" if done && !self.exchanged => {
                let message = format!("`{}` cannot be open yet", word("channel").unwrap_or_default());
                let help = "connect the peers before, or add `rejects: InvalidStateError`";
                found.help(&at, message, help);
            }
            "send"
                if done && word("channel").is_some_and(|it| self.closed_channels.contains(&(peer, it))) =>
            {
                let message = format!("{peer} has closed `{}`", word("channel").unwrap_or_default());
                found.help(&at, message, "to show that nothing is sent, add `rejects: InvalidStateError`");
            }
            "addIceCandidate" if done => self.candidate(facts, given, &at, found),
            "setLocalDescription" | "setRemoteDescription" if done => self.description(given, &at, found),
            "setConfiguration" => self.connected = false,
            _ => {}
        }
    }

    fn data_channel(&mut self, facts: &Facts<'a>, given: Given<'a>, path: &ValuePath, found: &mut Found<'_>) {
        let Some(label) = given.args.get("label").and_then(Value::as_str) else { return };
        self.closed_channels.retain(|(_, closed)| *closed != label);
        if !self.labels.insert((given.peer, label)) {
            let help = "steps name channels by their labels";
            found.help(&path.key("label"), format!("{} has a channel `{label}` already", given.peer), help);
        }
        let made = facts.made.iter().find(|made| made.n == given.n);
        if made.is_some_and(|made| made.options.id.is_some() && made.options.negotiated != Some(true)) {
            let help = "write `negotiated: true`, or leave `id` out";
            found.help(&path.key("id"), "only a negotiated channel has an `id` (webrtc-pc §6.2)", help);
        }
    }

    /// A transceiver can be there: each is made by a step, or by a section of the other side.
    fn transceiver(&self, facts: &Facts<'a>, given: Given<'a>, path: &ValuePath, found: &mut Found<'_>) {
        let Some(index) = given.args.get("transceiver").and_then(Value::as_u64) else { return };
        let of = |name: &str| {
            let given_media = facts.scenario.peers.get(name).map_or(0, |peer| peer.media.send.len());
            let made = facts.commands.iter().filter(|before| {
                before.n < given.n
                    && before.peer == name
                    && matches!(before.name, "addTrack" | "addTransceiver")
            });
            (given_media + made.count()) as u64
        };
        let others = if self.exchanged || self.by_hand || facts.is_autonomous() {
            facts.other(given.peer).map_or(0, of)
        } else {
            0
        };
        let most = of(given.peer) + others;
        if index >= most && given.is_done() {
            let message = match most {
                0 => format!("{} has no transceiver yet", given.peer),
                most => format!("{} has at most {most} transceivers, counted from 0", given.peer),
            };
            found.add(&path.key("transceiver"), message);
        }
    }

    fn candidate(&self, facts: &Facts<'a>, given: Given<'a>, path: &ValuePath, found: &mut Found<'_>) {
        if !self.remote.contains(given.peer) && !facts.is_autonomous() {
            let help = "to show that it is rejected, add `rejects: InvalidStateError`";
            let message =
                format!("{} has no remote description that the candidate could belong to", given.peer);
            found.help(path, message, help);
        }
        let text = given.args.pointer("/candidate/candidate").and_then(Value::as_str);
        if text.is_some_and(|text| !text.is_empty() && !text.starts_with("candidate:")) {
            let help = "it begins with `candidate:` (RFC 8839 §5.1); to show that another is rejected, add `rejects: OperationError`";
            found.help(&path.key("candidate"), "this is no candidate", help);
        }
    }

    fn description(&mut self, given: Given<'a>, path: &ValuePath, found: &mut Found<'_>) {
        self.by_hand = true;
        let local = given.name == "setLocalDescription";
        if !local {
            self.remote.insert(given.peer);
        }
        self.exchanged = true;
        self.connected = false;
        let Some(description) = given.args.get("description") else { return };
        let owner = description.as_str().and_then(|name| self.descriptions.get(name)).copied();
        let at = path.key("description");
        match owner {
            Some(owner) if local && owner != given.peer => {
                found.add(&at, format!("it is a description of {owner}, and not {}'s own", given.peer));
            }
            Some(owner) if !local && owner == given.peer => {
                found.add(&at, format!("it is {owner}'s own description, and not the other peer's"));
            }
            _ => {}
        }
    }
}

/// Gives each text within a value.
fn each_text(value: &Value, take: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => take(text),
        Value::Array(list) => list.iter().for_each(|value| each_text(value, take)),
        Value::Object(map) => map.values().for_each(|value| each_text(value, take)),
        _ => {}
    }
}

fn network(step: &Step) -> Option<&NetworkStep> {
    match &step.action {
        Action::Network(step) => Some(step),
        _ => None,
    }
}

fn is_rule(step: &Step) -> bool {
    matches!(&step.action, Action::Network(network) if network.rule().is_some())
}

/// A rule that is installed by the last step acts on nothing that matters.
fn last_rule(facts: &Facts<'_>, found: &mut Found<'_>) {
    let steps = &facts.scenario.steps;
    let Some(n) = steps.len().checked_sub(1) else { return };
    if steps.get(n).is_some_and(is_rule) {
        let path = ValuePath::default().key("steps").index(n).key("network");
        found.add(&path, "no step follows in which this rule could act");
    }
}

/// Who names a rule awaits that it acts.
fn rules_are_awaited(facts: &Facts<'_>, found: &mut Found<'_>) {
    let awaited: BTreeSet<&str> = facts
        .scenario
        .steps
        .iter()
        .filter_map(network)
        .filter_map(|step| match step {
            NetworkStep::Acts(acts) => Some(acts.rule.as_str()),
            _ => None,
        })
        .collect();
    for (n, step) in facts.scenario.steps.iter().enumerate() {
        let Some((key, rule)) = network(step).and_then(NetworkStep::rule) else { continue };
        if let Some(name) = rule.name.as_ref().filter(|name| !awaited.contains(name.as_str())) {
            let path = ValuePath::default().key("steps").index(n).key("network").key(key).key("name");
            let help = format!("write `network: {{ acts: {{ rule: {name} }} }}`, or leave `name` out");
            found.help(&path, format!("no step awaits that `{name}` acts"), help);
        }
    }
}

/// A negotiated channel is made by both peers, with one identifier.
fn channels_are_at_both_sides(facts: &Facts<'_>, found: &mut Found<'_>) {
    for made in facts.made.iter().filter(|made| made.options.negotiated == Some(true)) {
        let path = ValuePath::default().key("steps").index(made.n).key(made.peer).key("createDataChannel");
        let label = &made.options.label;
        let mut others = facts.made.iter().filter(|other| {
            other.peer != made.peer && other.options.label == *label && other.options.negotiated == Some(true)
        });
        let Some(other) = others.next() else {
            let other = facts.other(made.peer).unwrap_or_default();
            let help = format!(
                "give {other} the same command; a scenario knows a channel by its label, which must be the same at both sides"
            );
            found.help(&path, format!("`{label}` is negotiated, and {other} does not make it"), help);
            continue;
        };
        if other.n < made.n && other.options.id != made.options.id && others.next().is_none() {
            let id = other.options.id.unwrap_or_default();
            found.add(&path.key("id"), format!("{} makes `{label}` with the `id` {id}", other.peer));
        }
    }
}

/// Where the peers act alone, both join, and one of them is polite.
fn joins(facts: &Facts<'_>, found: &mut Found<'_>) {
    if !facts.is_autonomous() {
        return;
    }
    let join = |name: &str| facts.commands.iter().find(|given| given.peer == name && given.name == "join");
    let names: Vec<&String> = facts.scenario.peers.keys().collect();
    for name in names.iter().filter(|name| join(name).is_none()) {
        let help = format!("write `- {name}: {{ join: {{ polite: true }} }}`");
        found.help(&ValuePath::default().key("signalling"), format!("{name} does not join"), help);
    }
    let polite = |name: &&String| join(name)?.args.get("polite")?.as_bool();
    if let [first, second] = names[..]
        && let (Some(one), Some(other)) = (polite(&first), polite(&second))
        && one == other
        && let Some(given) = join(second)
    {
        let path = ValuePath::default().key("steps").index(given.n).key(second).key("join").key("polite");
        found.add(&path, "one peer is polite, and the other is not (webrtc-pc §10.7)");
    }
}
