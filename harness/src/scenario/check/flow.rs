//! Steps that cannot work with any implementation: channels that nobody makes, answers without an offer, media that nobody sends.
//!
//! Only what is certain is refused. Autonomous peers, and steps that must be rejected, are not checked.

use super::super::document::{Document, ValuePath};
use super::super::error::{ScenarioError, nearest};
use super::super::model::{Scenario, Signalling};
use super::super::step::{Action, Step};
use crate::scenario::command;
use crate::scenario::condition::Condition;
use peerproof_captures::event::MediaKind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What there is in a scenario: what its steps make, wherever they stand.
pub(super) struct Things<'a> {
    /// Labels of data channels.
    channels: BTreeSet<&'a str>,
    /// Who sends what, and who has a transceiver of which kind.
    sends: BTreeSet<(&'a str, MediaKind)>,
    sections: BTreeSet<MediaKind>,
    /// Who watches tracks.
    watches: BTreeSet<&'a str>,
}

/// The commands that make a channel or name one, by their argument.
const LABEL: &str = "label";
const CHANNEL: &str = "channel";

impl<'a> Things<'a> {
    /// Those of a scenario, and of steps that are put into it.
    pub(super) fn of(scenario: &'a Scenario, more: impl Iterator<Item = &'a Step>) -> Self {
        let mut things = Self {
            channels: BTreeSet::new(),
            sends: BTreeSet::new(),
            sections: BTreeSet::new(),
            watches: BTreeSet::new(),
        };
        for (name, peer) in &scenario.peers {
            things.sends.extend(peer.media.send.iter().map(|kind| (name.as_str(), *kind)));
            things.watches.extend(peer.media.watch.then_some(name.as_str()));
        }
        for step in scenario.steps.iter().chain(more).filter(|step| step.rejects.is_none()) {
            let Action::Command { peer, name, args } = &step.action else { continue };
            things.command(peer, name, args);
        }
        things.sections.extend(things.sends.iter().map(|(_, kind)| *kind));
        things
    }

    fn command(&mut self, peer: &'a str, name: &str, args: &'a Value) {
        let kind =
            || args.get("kind").and_then(|kind| serde_json::from_value::<MediaKind>(kind.clone()).ok());
        match name {
            "createDataChannel" => self.channels.extend(args.get(LABEL).and_then(Value::as_str)),
            "createSource" => self.sends.extend(kind().map(|kind| (peer, kind))),
            "addTransceiver" => self.sections.extend(kind()),
            "getUserMedia" => {
                let asked = |key: &str| {
                    args.get("constraints").and_then(|it| it.get(key)).is_some_and(|it| *it != false)
                };
                self.sends.extend(asked("audio").then_some((peer, MediaKind::Audio)));
                self.sends.extend(asked("video").then_some((peer, MediaKind::Video)));
            }
            "watch" => self.watches.extend(Some(peer)),
            _ => {}
        }
    }

    /// A channel that a step makes.
    pub(super) fn channel(
        &self,
        document: &Document,
        label: &str,
        path: &ValuePath,
    ) -> Result<(), ScenarioError> {
        if self.channels.contains(label) {
            return Ok(());
        }
        let help = match nearest(label, self.channels.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.channels.is_empty() => "`createDataChannel` makes one".to_owned(),
            None => format!("known: {}", self.channels.iter().copied().collect::<Vec<_>>().join(", ")),
        };
        Err(document.error(path, format!("no step makes a channel `{label}`"), Some(help)))
    }

    /// Whether a peer decodes what comes.
    pub(super) fn watches(&self, peer: &str) -> bool {
        self.watches.contains(peer)
    }

    /// A step can work, as far as it depends on what others make.
    pub(super) fn step(
        &self,
        document: &Document,
        step: &Step,
        path: &ValuePath,
    ) -> Result<(), ScenarioError> {
        match &step.action {
            Action::Command { peer, name, args } if step.rejects.is_none() => {
                let named = args.get(CHANNEL).and_then(Value::as_str);
                match named.filter(|_| name != "createDataChannel") {
                    Some(label) => self.channel(document, label, &path.key(peer).key(name).key(CHANNEL)),
                    None => Ok(()),
                }
            }
            Action::Await { peer, condition } => {
                self.condition(document, peer, condition, &path.key(peer).key("await"))
            }
            Action::Never { peer, never } => {
                let at = path.key(peer).key("never");
                if never.span.is_zero() {
                    return Err(document.error(&at.key("for"), "`for` must be longer than 0", None));
                }
                self.condition(document, peer, &never.event, &at.key("event"))
            }
            Action::Network(network) => match network.rule() {
                Some((key, rule)) => match &rule.channel {
                    Some(label) => self.channel(document, label, &path.key("network").key(key).key(CHANNEL)),
                    None => Ok(()),
                },
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn condition(
        &self,
        document: &Document,
        peer: &str,
        condition: &Condition,
        path: &ValuePath,
    ) -> Result<(), ScenarioError> {
        match condition {
            Condition::Datachannel(label) => self.channel(document, label, &path.key("datachannel")),
            Condition::Open(label) => self.channel(document, label, &path.key("open")),
            Condition::Closing(label) => self.channel(document, label, &path.key("closing")),
            Condition::Close(label) => self.channel(document, label, &path.key("close")),
            Condition::Error(label) => self.channel(document, label, &path.key("error")),
            Condition::Bufferedamountlow(label) => {
                self.channel(document, label, &path.key("bufferedamountlow"))
            }
            Condition::Message(message) => {
                self.channel(document, &message.channel, &path.key("message").key(CHANNEL))
            }
            Condition::Icecandidate(wanted) => match wanted.kind.as_deref() {
                Some(kind) => {
                    super::said::candidate_type(document, kind, &path.key("icecandidate").key("type"))
                }
                None => Ok(()),
            },
            Condition::Acted(operation) if !OPERATIONS.contains(&operation.as_str()) => {
                let help = match nearest(operation, OPERATIONS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known: {}", OPERATIONS.join(", ")),
                };
                let message = format!("no peer reports the operation `{operation}`");
                Err(document.error(&path.key("acted"), message, Some(help)))
            }
            Condition::Track(track) => match track.kind.filter(|kind| !self.sections.contains(kind)) {
                Some(kind) => {
                    let help = "`addTrack` or `addTransceiver` makes one".to_owned();
                    let message = format!("no step makes a track of {kind}");
                    Err(document.error(&path.key("track"), message, Some(help)))
                }
                None => Ok(()),
            },
            Condition::Media(media) => {
                let at = path.key("media");
                if !self.watches.contains(peer) {
                    let help =
                        format!("write `media: {{ watch: true }}` at {peer}, or give it the command `watch`");
                    return Err(document.error(&at, format!("{peer} watches no track"), Some(help)));
                }
                if !self.sends.iter().any(|(other, kind)| *other != peer && *kind == media.kind) {
                    let help = "`media: { send: [video] }` or `createSource` makes some".to_owned();
                    let message = format!("nobody sends {} to {peer}", media.kind);
                    return Err(document.error(&at, message, Some(help)));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// What an autonomous peer reports to have done (`acted`).
const OPERATIONS: [&str; 6] = [
    "createOffer",
    "createAnswer",
    "setLocalDescription",
    "setRemoteDescription",
    "addIceCandidate",
    "restartIce",
];

/// Where a peer stands in the exchange of descriptions, as far as that is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignalingPhase {
    Stable,
    LocalOffer,
    RemoteOffer,
    LocalPranswer,
    RemotePranswer,
    Closed,
    /// It depends on what the peers do.
    Undecided,
}

/// The exchange of descriptions as the steps make it.
pub(super) struct Exchange<'a> {
    states: BTreeMap<&'a str, SignalingPhase>,
    /// The types of named descriptions.
    named: BTreeMap<&'a str, &'static str>,
    /// Whose a named track is.
    tracks: BTreeMap<&'a str, &'a str>,
}

/// Commands that act on a track of the peer's own.
const OF_TRACKS: [&str; 5] = ["addTrack", "removeTrack", "replaceTrack", "applyConstraints", "watch"];

impl<'a> Exchange<'a> {
    /// Before the first step.
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        let first = if scenario.signalling == Signalling::Autonomous {
            SignalingPhase::Undecided
        } else {
            SignalingPhase::Stable
        };
        Self {
            states: scenario.peers.keys().map(|name| (name.as_str(), first)).collect(),
            named: BTreeMap::new(),
            tracks: BTreeMap::new(),
        }
    }

    /// Takes a step. What cannot work is an error.
    pub(super) fn step(
        &mut self,
        document: &Document,
        step: &'a Step,
        path: &ValuePath,
    ) -> Result<(), ScenarioError> {
        match &step.action {
            Action::Command { peer, name, args } => {
                let checked = if step.rejects.is_none() {
                    self.command(document, peer, name, args, &path.key(peer).key(name))
                } else {
                    Ok(())
                };
                let made = match name.as_str() {
                    "createOffer" => Some("offer"),
                    "createAnswer" => Some("answer"),
                    _ => None,
                };
                if let (Some(name), Some(kind)) = (&step.binds, made) {
                    self.named.insert(name, kind);
                }
                if let (Some(bound), "createSource" | "getUserMedia") = (&step.binds, name.as_str()) {
                    self.tracks.insert(bound, peer);
                }
                return checked;
            }
            Action::Await { peer, condition: Condition::Track(_) } => {
                if let Some(bound) = &step.binds {
                    self.tracks.insert(bound, peer);
                }
            }
            Action::Connect(_) | Action::Negotiate(_) => {
                for state in self.states.values_mut().filter(|state| **state != SignalingPhase::Closed) {
                    *state = SignalingPhase::Stable;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn command(
        &mut self,
        document: &Document,
        peer: &str,
        name: &str,
        args: &Value,
        path: &ValuePath,
    ) -> Result<(), ScenarioError> {
        for key in ["track", "with"].into_iter().filter(|_| OF_TRACKS.contains(&name)) {
            let track = args.get(key).and_then(Value::as_str);
            let owner = track.and_then(|it| self.tracks.get(it.split('.').next().unwrap_or(it)));
            if let (Some(track), Some(owner)) = (track, owner.filter(|owner| **owner != peer)) {
                return Err(document.error(&path.key(key), format!("`{track}` is a track of {owner}"), None));
            }
        }
        let Some(state) = self.states.get(peer).copied() else { return Ok(()) };
        let refuse = |why: String| {
            let help =
                format!("to show that it is rejected, add `rejects: InvalidStateError` beside `{name}`");
            Err(document.error(path, format!("`{name}` cannot work: {why}"), Some(help)))
        };
        if state == SignalingPhase::Closed && command::changes(name) {
            return refuse(format!("{peer} is closed"));
        }
        let next = match name {
            "close" => SignalingPhase::Closed,
            "createPeerConnection" => SignalingPhase::Stable,
            "createAnswer"
                if matches!(
                    state,
                    SignalingPhase::Stable | SignalingPhase::LocalOffer | SignalingPhase::RemotePranswer
                ) =>
            {
                return refuse(format!("{peer} has no remote offer"));
            }
            "setLocalDescription" | "setRemoteDescription" => {
                let local = name == "setLocalDescription";
                match (self.kind(args), local) {
                    (Some("rollback"), _) if state == SignalingPhase::Stable => {
                        return refuse(format!("{peer} has no offer to roll back"));
                    }
                    (Some("answer" | "pranswer"), _) if state == SignalingPhase::Stable => {
                        return refuse(format!("{peer} has no offer to answer"));
                    }
                    (Some("offer"), true) => SignalingPhase::LocalOffer,
                    (Some("offer"), false) => SignalingPhase::RemoteOffer,
                    (Some("pranswer"), true) => SignalingPhase::LocalPranswer,
                    (Some("pranswer"), false) => SignalingPhase::RemotePranswer,
                    (Some("answer" | "rollback"), _) => SignalingPhase::Stable,
                    _ => SignalingPhase::Undecided,
                }
            }
            _ => state,
        };
        if let Some(state) = self.states.get_mut(peer) {
            *state = next;
        }
        Ok(())
    }

    /// The type of the description that a command is given, if that is certain.
    fn kind(&self, args: &Value) -> Option<&'static str> {
        let word = |value: &Value| {
            let known = ["offer", "answer", "pranswer", "rollback"];
            value.as_str().and_then(|word| known.into_iter().find(|known| *known == word))
        };
        if let Some(kind) = args.get("asType") {
            return word(kind);
        }
        let description = args.get("description")?;
        let rewritten = description.get("rewrite").and_then(|rewrite| rewrite.get("type"));
        if let Some(kind) = rewritten.or_else(|| description.get("type")) {
            return word(kind);
        }
        let name = description.get("of").unwrap_or(description).as_str()?;
        self.named.get(name).copied()
    }
}
