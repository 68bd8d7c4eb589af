//! What the packets, the clocks and the order of a recording allow to conclude of a peer.

use super::{Contradiction, Fault, Session};
use crate::api::PeerView;
use crate::api::view::candidate_address;
use crate::case_file::{CasePeer, Runs};
use crate::evidence::{Packet, Peer, Protection, Wire};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{DtlsState, PeerEvent};
use peerproof_captures::timeline::{Action, Answer, Entry, HarnessStep, Note, What};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::stun::{AttributeType, Message};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// How long an event may be in coming, in microseconds: a choice of ours, far beyond what a peer needs.
pub(super) const PATIENCE_US: u64 = 1_000_000;
/// The same where time is virtual: nothing is late there but by what is on its way, which takes a millisecond from peer to peer.
const VIRTUAL_PATIENCE_US: u64 = 20_000;

/// Most events of a peer, its messages and what it sees of media aside, that are compared with one another.
pub(super) const MOST_EVENTS: usize = 10_000;

/// A place of observation that is a peer's own, where nothing is missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tap<'a> {
    pub(super) wire: &'a Wire,
    pub(super) peer: Peer,
}

impl<'a> Tap<'a> {
    /// What the peer sent to the other.
    pub(super) fn sent(self) -> impl Iterator<Item = &'a Packet> {
        self.wire.at(self.peer).filter(move |packet| packet.sender == self.peer)
    }

    /// What arrived at the peer from the other.
    pub(super) fn received(self) -> impl Iterator<Item = &'a Packet> {
        self.wire.at(self.peer).filter(move |packet| packet.sender != self.peer)
    }

    /// Whether every record of DTLS that passed could be opened, as far as records are protected.
    pub(super) fn reads_all(self) -> bool {
        !self.wire.at(self.peer).any(|packet| packet.class() == Class::Dtls && is_closed(packet))
    }
}

fn is_closed(packet: &Packet) -> bool {
    matches!(packet.protection, Protection::NoSecret | Protection::Forged)
}

impl<'a> Session<'a> {
    /// The peer of that name, as evidence counts them.
    pub(super) fn place_of(&self, name: &str) -> Option<Peer> {
        self.record.file.peers.iter().position(|peer| peer.name == name).map(Peer)
    }

    /// The tap of a peer, if nothing that passed there is missing.
    pub(super) fn tap(&self, name: &str) -> Option<Tap<'a>> {
        let (wire, peer) = (self.record.packets()?, self.place_of(name)?);
        // What goes through a server over TLS is not seen.
        if self.may_use_tls(name) {
            return None;
        }
        (!wire.cut && !wire.hidden && wire.is_tapped(peer)).then_some(Tap { wire, peer })
    }

    /// Whether all that a peer reports is its implementation's own: a browser's, or that of a peer in the harness's process, which has no
    /// clock of its own. The adapter of a program may have begun to listen late, or not at all.
    pub(super) fn reports_all(&self, peer: &CasePeer) -> bool {
        let has_own_clock = |entry: &Entry| match &entry.what {
            What::PeerClock { peer: of, .. } | What::Note(Note::ClockUnknown { peer: of }) => {
                *of == peer.name
            }
            _ => false,
        };
        !peer.is_translated()
            && (peer.runs == Runs::Driven || !self.record.timeline.iter().any(has_own_clock))
    }

    /// The frames of packets on which a rule of the scenario acted, or that the network lost.
    pub(super) fn disturbed(&self) -> BTreeSet<u64> {
        let frame = |entry: &Entry| match entry.what {
            What::Faulted { frame, .. } | What::Lost { frame, .. } => frame,
            _ => None,
        };
        self.record.timeline.iter().filter_map(frame).collect()
    }

    /// Whether a peer was given a server to which it speaks over TLS or TCP.
    pub(super) fn may_use_tls(&self, name: &str) -> bool {
        let configured = |entry: &Entry| match &entry.what {
            What::Command { peer, name: command, args, .. } => {
                peer == name
                    && ["createPeerConnection", "setConfiguration"].contains(&command.as_str())
                    && args.get("configuration").is_some_and(|it| {
                        let text = it.to_string();
                        text.contains("turns:") || text.contains("transport=tcp")
                    })
            }
            _ => false,
        };
        self.record.timeline.iter().any(configured)
    }

    /// Whether a peer may send checks that no capture has: the other side signals candidates of its loopback interface, and packets to these leave a
    /// host of the lab by no interface that is recorded. Such candidates must not be signalled (RFC 8445 §5.1.1.1), and need not be checked.
    pub(super) fn may_check_loopback(&self, name: &str) -> bool {
        let Some(wire) = self.record.packets() else { return false };
        let is_signalled = self.peers().filter(|(peer, _)| peer.name != name).any(|(peer, _)| {
            let all = self.views.get(&peer.name).into_iter().flat_map(PeerView::own_candidates);
            let mut addresses = all.filter_map(|at| candidate_address(&at.is)?.parse::<IpAddr>().ok());
            addresses.any(|it| it.is_loopback())
        });
        is_signalled && !wire.packets.iter().any(|packet| packet.to.ip().is_loopback())
    }

    /// Whether a peer is ever asked to gather relayed candidates alone: then it shows none of its sockets to the other side.
    pub(super) fn is_relay_only(&self, name: &str) -> bool {
        let policy =
            |args: &'a serde_json::Value| args.get("configuration")?.get("iceTransportPolicy")?.as_str();
        self.asked(name).iter().any(|asked| policy(asked.args) == Some("relay"))
    }

    /// Whether the scenario changes the network or the rules on packets.
    pub(super) fn network_changes(&self) -> bool {
        self.record.timeline.iter().any(|entry| match &entry.what {
            What::Link { .. } | What::Faulted { .. } => true,
            What::StepBegan { definition, .. } => {
                matches!(definition.action, Action::Harness { step: HarnessStep::Network, .. })
            }
            _ => false,
        })
    }

    /// When the peer was given the command to close its connection, in microseconds.
    pub(super) fn closed_us(&self, name: &str) -> Option<u64> {
        let is_close = |entry: &&Entry| matches!(&entry.what, What::Command { peer, name: command, .. } if peer == name && command == "close");
        self.record.timeline.iter().find(is_close).map(|entry| entry.t_us)
    }

    /// When the transport of a peer's media ended, in microseconds: it was asked to close, or reported that DTLS was closed or failed. What it
    /// counts after that need not be on the wire, and what arrives need not be counted.
    pub(super) fn ended_us(&self, name: &str) -> Option<u64> {
        let mut reported = None;
        for (entry, event) in self.events(name) {
            match event {
                PeerEvent::DtlsStateChange { state: DtlsState::Closed | DtlsState::Failed, .. } => {
                    reported.get_or_insert(entry.t_us);
                }
                // A transport that BUNDLE gave up is closed before another connects.
                PeerEvent::DtlsStateChange { .. } => reported = None,
                _ => {}
            }
        }
        [self.closed_us(name), reported].into_iter().flatten().min()
    }

    /// When the peer was heard last, in microseconds: what it had to say before that has arrived, since its line keeps the order.
    pub(super) fn heard_until(&self, name: &str) -> u64 {
        let heard = |entry: &&Entry| match &entry.what {
            What::Event { peer, .. } => peer == name,
            What::Answer { peer, answer, .. } => peer == name && !matches!(answer, Answer::Lost { .. }),
            _ => false,
        };
        // What is closed fires no more events (webrtc-pc §4.4.3).
        let closed = self.closed_us(name).unwrap_or(u64::MAX);
        self.record.timeline.iter().filter(heard).map(|entry| entry.t_us).max().unwrap_or(0).min(closed)
    }

    /// Whether the peer was heard long enough after something that it would have said what follows from that, whatever the clocks and the
    /// load of the machine leave open.
    pub(super) fn had_time(&self, name: &str, since_us: u64, patience_us: u64) -> bool {
        let heard_us = self.heard_until(name);
        let error = self.clock_error(name);
        let is_real = self.record.file.time.is_real();
        let patience_us = if is_real { patience_us } else { patience_us.min(VIRTUAL_PATIENCE_US) };
        let limit = patience_us.saturating_add(error).saturating_add(self.stalled(since_us, heard_us));
        heard_us > since_us.saturating_add(limit)
    }

    /// Whether a peer answered a command that it was given after an entry of the timeline.
    pub(super) fn answered_since(&self, name: &str, n: u64) -> bool {
        let mut asked = self.asked(name).into_iter();
        asked.any(|it| it.entry.n > n && it.result().is_some() && it.name != "close")
    }

    /// Whether a peer answered a command that it was given later than that, whatever the answer: it was not held up since.
    pub(super) fn answered_later(&self, name: &str, than_us: u64) -> bool {
        let is_answered = |answer: &Answer| !matches!(answer, Answer::Lost { .. });
        let mut asked = self.asked(name).into_iter().filter(|it| it.name != "close");
        asked.any(|it| it.entry.t_us > than_us && it.answer.is_some_and(|(_, answer)| is_answered(answer)))
    }

    /// Whether a peer was given a command of that name, or took the step by itself, before an entry of the timeline.
    pub(super) fn did(&self, name: &str, operation: &str, before: u64) -> bool {
        self.record.timeline.iter().take_while(|entry| entry.n < before).any(|entry| match &entry.what {
            What::Command { peer, name: command, .. } => peer == name && command == operation,
            What::Event { peer, event: PeerEvent::Acted { operation: acted, .. }, .. } => {
                peer == name && acted == operation
            }
            _ => false,
        })
    }

    /// Whether the peer was given one connection, as the events of several cannot be distinguished; and whether it reports no more
    /// than can be compared with one another in bounded time ([`MOST_EVENTS`]), its messages and what it sees of media aside.
    pub(super) fn has_one_connection(&self, name: &str) -> bool {
        let many = |event: &PeerEvent| {
            matches!(
                event,
                PeerEvent::ChannelMessage { .. } | PeerEvent::MediaSeen { .. } | PeerEvent::Log { .. }
            )
        };
        if self.record.timeline.len() > MOST_EVENTS
            && self.events(name).filter(|(_, event)| !many(event)).count() > MOST_EVENTS
        {
            return false;
        }
        let asked = self.asked(name);
        let created = asked.iter().filter(|it| it.name == "createPeerConnection" && it.result().is_some());
        created.count() <= 1
    }
}

impl<'a> super::session::Asked<'a> {
    /// What was answered, if the operation was done.
    pub(super) fn result(&self) -> Option<&'a serde_json::Value> {
        match self.answer {
            Some((_, Answer::Ok(value))) => Some(value),
            _ => None,
        }
    }

    /// The entry of its answer.
    pub(super) fn answered(&self) -> Option<&'a Entry> {
        self.answer.map(|(entry, _)| entry)
    }
}

/// Whether a check is of an agent with that username fragment: in USERNAME its own follows that of the other side (RFC 8445 §7.2.2).
pub(super) fn has_own_ufrag(check: &Message<'_>, ufrag: &str) -> bool {
    let name = check.text(AttributeType::Username);
    name.is_some_and(|name| name.value.split(':').nth(1) == Some(ufrag))
}

/// A claim of a peer that something else contradicts.
pub(super) fn against(
    peer: &str,
    (claim, layer): (&'static str, Layer),
    t_us: u64,
    claimed: impl Into<String>,
    seen: impl Into<String>,
    evidence: impl IntoIterator<Item = Place>,
) -> Contradiction {
    Contradiction {
        claim,
        layer,
        fault: Fault::Peer(peer.to_owned()),
        t_us,
        claimed: claimed.into(),
        seen: seen.into(),
        evidence: evidence.into_iter().collect(),
        is_less: false,
    }
}

/// The recording lacks what both peers report.
pub(super) fn lacks(
    layer: Layer,
    t_us: u64,
    claimed: impl Into<String>,
    seen: impl Into<String>,
    evidence: impl IntoIterator<Item = Place>,
) -> Contradiction {
    Contradiction { fault: Fault::Recording, ..against("", ("", layer), t_us, claimed, seen, evidence) }
}
