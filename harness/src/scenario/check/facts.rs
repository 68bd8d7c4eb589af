//! What a scenario holds as a whole: who sends what to whom, who offers and answers, which servers are asked.

use super::super::model::{Role, Scenario, Signalling};
use super::super::server::ServerRef;
use super::super::step::{Action, Step};
use crate::peers::protocol::{ChannelOptions, Command, Payload};
use crate::scenario::command;
use peerproof_captures::event::MediaKind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A command that a step gives a peer.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// The step's index.
    pub(super) n: usize,
    pub(super) step: &'a Step,
    pub(super) peer: &'a str,
    pub(super) name: &'a str,
    pub(super) args: &'a Value,
}

impl Given<'_> {
    /// Whether it is to be done, and not to be rejected.
    pub(super) fn is_done(&self) -> bool {
        self.step.rejects.is_none()
    }
}

/// Messages that a peer is asked to send.
pub(super) struct Sent<'a> {
    pub(super) n: usize,
    pub(super) peer: &'a str,
    pub(super) channel: String,
    pub(super) message: Payload,
    pub(super) times: u32,
}

/// A channel that a peer is asked to make.
pub(super) struct Made<'a> {
    pub(super) n: usize,
    pub(super) peer: &'a str,
    pub(super) options: ChannelOptions,
}

/// What a scenario holds.
pub(super) struct Facts<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) commands: Vec<Given<'a>>,
    /// Those that must be rejected, too.
    pub(super) sent: Vec<Sent<'a>>,
    pub(super) made: Vec<Made<'a>>,
    /// By peer and channel whether the echo is a true one.
    echoes: BTreeMap<(&'a str, &'a str), bool>,
    media: BTreeSet<(&'a str, MediaKind)>,
    /// By peer whether it is given servers that answer with reflexive addresses, and some that relay.
    servers: BTreeMap<&'a str, (bool, bool)>,
}

/// The commands of steps.
fn commands(steps: &[Step]) -> impl Iterator<Item = Given<'_>> {
    steps.iter().enumerate().filter_map(|(n, step)| match &step.action {
        Action::Command { peer, name, args } => Some(Given { n, step, peer, name, args }),
        _ => None,
    })
}

impl<'a> Facts<'a> {
    /// Those of a scenario.
    pub(super) fn of(scenario: &'a Scenario) -> Self {
        let commands: Vec<Given<'a>> = commands(&scenario.steps).collect();
        let mut facts = Self {
            scenario,
            sent: Vec::new(),
            made: Vec::new(),
            echoes: BTreeMap::new(),
            media: BTreeSet::new(),
            servers: BTreeMap::new(),
            commands,
        };
        for (name, peer) in &scenario.peers {
            facts.media.extend(peer.media.send.iter().map(|kind| (name.as_str(), *kind)));
            let own = peer.configuration.as_ref().unwrap_or(&scenario.configuration);
            own.ice_servers.iter().for_each(|server| facts.server(name, server));
        }
        for given in facts.commands.clone() {
            facts.take(given);
        }
        facts
    }

    fn take(&mut self, Given { n, step, peer, name, args }: Given<'a>) {
        let word = |key: &str| args.get(key).and_then(Value::as_str);
        match name {
            "send" => {
                if let Ok(Command::Send { channel, message, times }) =
                    command::check(name, args, &|_, wanted| Some(wanted))
                {
                    self.sent.push(Sent { n, peer, channel, message, times: times.unwrap_or(1) });
                }
            }
            "echo" => {
                if let Some(channel) = word("channel") {
                    self.echoes.insert((peer, channel), args.get("defect").is_none());
                }
            }
            "createDataChannel" if step.rejects.is_none() => {
                if let Ok(options) = serde_json::from_value(args.clone()) {
                    self.made.push(Made { n, peer, options });
                }
            }
            "createSource" | "addTransceiver" => {
                let kind = args.get("kind").and_then(|kind| serde_json::from_value(kind.clone()).ok());
                self.media.extend(kind.map(|kind| (peer, kind)));
            }
            "getUserMedia" => {
                let asked = |key: &str| args.pointer(&format!("/constraints/{key}")).is_some();
                self.media.extend(asked("audio").then_some((peer, MediaKind::Audio)));
                self.media.extend(asked("video").then_some((peer, MediaKind::Video)));
            }
            _ => {}
        }
        let entries = args.pointer("/configuration/iceServers").and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            if let Ok(server) = serde_json::from_value::<ServerRef>(entry.clone()) {
                self.server(peer, &server);
            }
        }
    }

    fn server(&mut self, peer: &'a str, server: &ServerRef) {
        let relays = server.turn.is_some()
            || server.turns.is_some()
            || server.urls.iter().any(|url| url.starts_with("turn"));
        let known = self.servers.entry(peer).or_default();
        known.0 = true;
        known.1 |= relays;
    }

    /// The other peer.
    pub(super) fn other(&self, peer: &str) -> Option<&'a str> {
        self.scenario.peers.keys().map(String::as_str).find(|name| *name != peer)
    }

    /// The offerer of an exchange of descriptions that a step makes.
    pub(super) fn offerer(&self, named: Option<&'a str>) -> Option<&'a str> {
        named.or_else(|| {
            let mut peers = self.scenario.peers.iter();
            peers.find(|(_, peer)| peer.role == Role::Offerer).map(|(name, _)| name.as_str())
        })
    }

    /// Whether the peers exchange their descriptions themselves.
    pub(super) fn is_autonomous(&self) -> bool {
        self.scenario.signalling == Signalling::Autonomous
    }

    /// Whether a peer asks servers for reflexive addresses.
    pub(super) fn asks(&self, peer: &str) -> bool {
        self.servers.get(peer).is_some_and(|(asks, _)| *asks)
    }

    /// Whether a peer may have a relay.
    pub(super) fn relays(&self, peer: &str) -> bool {
        self.servers.get(peer).is_some_and(|(_, relays)| *relays)
    }

    /// Whether any peer may have a relay.
    pub(super) fn anybody_relays(&self) -> bool {
        self.servers.values().any(|(_, relays)| *relays)
    }

    /// Whether a peer has media of a kind, or is asked for some.
    pub(super) fn has_media(&self, peer: &str, kind: MediaKind) -> bool {
        self.media.contains(&(peer, kind))
    }

    /// Whether a peer has any media, or is asked for some.
    pub(super) fn has_any_media(&self, peer: &str) -> bool {
        self.media.iter().any(|(other, _)| *other == peer)
    }

    /// Whether there is any media.
    pub(super) fn is_with_media(&self) -> bool {
        !self.media.is_empty()
    }

    /// Whether any channel is made.
    pub(super) fn is_with_channels(&self) -> bool {
        self.commands.iter().any(|given| given.name == "createDataChannel")
    }

    /// Whether a peer echoes a channel, and whether truly.
    pub(super) fn echoes(&self, peer: &str, channel: &str) -> Option<bool> {
        self.echoes.get(&(peer, channel)).copied()
    }

    /// Whether a peer echoes a channel.
    pub(super) fn is_echoed(&self, channel: &str) -> bool {
        self.echoes.keys().any(|(_, of)| *of == channel)
    }

    /// What can come to a peer by a channel: what the other sends there, and its own back if that echoes. Nothing if anything may come.
    pub(super) fn comes_to(&self, peer: &str, channel: &str) -> Option<Vec<&Sent<'a>>> {
        let other = self.other(peer)?;
        let echo = match (self.echoes(other, channel), self.echoes(peer, channel)) {
            (Some(false), _) | (_, Some(false)) => return None,
            (echo, _) => echo.is_some(),
        };
        let those = self.sent.iter().filter(|sent| sent.channel == channel);
        Some(those.filter(|sent| sent.peer == other || (echo && sent.peer == peer)).collect())
    }

    /// What a peer can put on the wire by any channel. Nothing if that may be anything.
    pub(super) fn leaves(&self, peer: &str) -> Option<Vec<&Sent<'a>>> {
        let mut all = Vec::new();
        for sent in &self.sent {
            match (sent.peer == peer, self.echoes(peer, &sent.channel)) {
                (false, Some(false)) => return None,
                (true, _) | (_, Some(true)) => all.push(sent),
                _ => {}
            }
        }
        Some(all)
    }

    /// Whether a peer makes descriptions of a type.
    pub(super) fn describes(&self, peer: &str, kind: &str) -> bool {
        if self.is_autonomous() {
            return true;
        }
        let offers = kind == "offer";
        self.scenario.steps.iter().any(|step| match &step.action {
            Action::Connect(connect) => (self.offerer(connect.offerer.as_deref()) == Some(peer)) == offers,
            Action::Negotiate(it) => (self.offerer(it.offerer.as_deref()) == Some(peer)) == offers,
            Action::Command { peer: actor, name, args } => {
                actor == peer
                    && match name.as_str() {
                        "createOffer" => offers,
                        "createAnswer" => !offers,
                        "setLocalDescription" => true,
                        _ => args.to_string().contains(kind),
                    }
            }
            _ => false,
        })
    }

    /// Whether a peer is to set a provisional answer.
    pub(super) fn is_provisional(&self) -> bool {
        self.is_autonomous() || self.commands.iter().any(|given| given.args.to_string().contains("pranswer"))
    }
}
