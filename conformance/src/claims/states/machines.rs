//! The state machines of webrtc-pc: which transition there is, and what a peer reported of each.

use super::super::Session;
use crate::case_file::CasePeer;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::What;
use std::fmt;

/// A state machine of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Machine {
    /// `signalingState`, webrtc-pc §4.3.1.
    Signaling,
    /// `iceGatheringState`, §4.3.2.
    Gathering,
    /// `iceConnectionState`, §4.3.4.
    Ice,
    /// `RTCIceTransport.state`, §5.6.4.
    IceTransport,
    /// `RTCDtlsTransport.state`, §5.5.1.
    Dtls,
    /// `connectionState`, §4.3.3.
    Connection,
    /// `RTCSctpTransport.state`, §6.1.2.
    Sctp,
}

impl Machine {
    pub(super) const ALL: [Self; 7] = [
        Self::Signaling,
        Self::Gathering,
        Self::Ice,
        Self::IceTransport,
        Self::Dtls,
        Self::Connection,
        Self::Sctp,
    ];

    /// The name of the claim, and the layer at which it is contradicted.
    pub(super) const fn claim(self) -> (&'static str, Layer) {
        match self {
            Self::Signaling => ("event/signalingstatechange.state", Layer::Sdp),
            Self::Gathering => ("event/icegatheringstatechange.state", Layer::Gathering),
            Self::Ice => ("event/iceconnectionstatechange.state", Layer::Checks),
            Self::IceTransport => ("event/icetransportstatechange.state", Layer::Checks),
            Self::Dtls => ("event/dtlsstatechange.state", Layer::Dtls),
            Self::Connection => ("event/connectionstatechange.state", Layer::Dtls),
            Self::Sctp => ("event/sctpstatechange.state", Layer::Sctp),
        }
    }

    /// The event of the peer protocol.
    pub(super) const fn event(self) -> &'static str {
        match self {
            Self::Signaling => "signalingstatechange",
            Self::Gathering => "icegatheringstatechange",
            Self::Ice => "iceconnectionstatechange",
            Self::IceTransport => "icetransportstatechange",
            Self::Dtls => "dtlsstatechange",
            Self::Connection => "connectionstatechange",
            Self::Sctp => "sctpstatechange",
        }
    }

    /// Whether it belongs to a transport, of which there may be several, and not to the connection.
    pub(super) const fn is_of_transport(self) -> bool {
        matches!(self, Self::IceTransport | Self::Dtls | Self::Sctp)
    }

    /// The state before the first event.
    pub(super) const fn first(self) -> &'static str {
        match self {
            Self::Signaling => "stable",
            Self::Sctp => "connecting",
            _ => "new",
        }
    }

    /// Whether the machine has that transition. What the requirements on `signalingState` and `iceGatheringState` decide by the commands is left
    /// to those.
    fn has(self, from: &str, to: &str) -> bool {
        match self {
            Self::Signaling | Self::Gathering => true,
            // Without a check there is no pair.
            Self::IceTransport => {
                !matches!((from, to), ("new" | "failed", "connected" | "completed" | "disconnected"))
            }
            // Another handshake needs another transport, which is new; where that one is not reported, the old one is closed.
            Self::Dtls => {
                !matches!((from, to), ("connected", "connecting") | ("closed" | "failed", "connected"))
            }
            // A rollback may close one that another replaces, and who reports `connected` while it closes reports it last.
            Self::Sctp => !matches!((from, to), ("connected" | "closed", "connecting")),
            Self::Ice => !matches!(
                (from, to),
                ("new", "connected" | "completed" | "disconnected")
                    | ("failed", "connected" | "completed" | "disconnected")
            ),
            Self::Connection => !matches!((from, to), ("new", "connected" | "disconnected")),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signaling => "signalingState",
            Self::Gathering => "iceGatheringState",
            Self::Ice => "iceConnectionState",
            Self::IceTransport => "the state of the ICE transport",
            Self::Dtls => "the state of the DTLS transport",
            Self::Connection => "connectionState",
            Self::Sctp => "the state of the SCTP transport",
        })
    }
}

/// A state that a peer reported.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported {
    pub(super) n: u64,
    pub(super) t_us: u64,
    pub(super) machine: Machine,
    pub(super) state: &'static str,
}

impl Reported {
    pub(super) const fn place(&self) -> Place {
        Place::Entry(self.n)
    }
}

/// The states that a peer reported, in order.
pub(super) struct Reports {
    pub(super) all: Vec<Reported>,
}

impl Reports {
    pub(super) fn of(session: &Session<'_>, name: &str) -> Self {
        let events = session.record.timeline.iter().filter_map(|entry| match &entry.what {
            What::Event { peer, event, .. } if peer == name => {
                let (machine, state) = state_of(event)?;
                Some(Reported { n: entry.n, t_us: entry.t_us, machine, state })
            }
            _ => None,
        });
        Self { all: events.collect() }
    }

    /// Those of one machine.
    pub(super) fn of_machine(&self, machine: Machine) -> impl Iterator<Item = &Reported> {
        self.all.iter().filter(move |it| it.machine == machine)
    }

    /// The first report of one of these states.
    pub(super) fn first(&self, machine: Machine, states: &[&str]) -> Option<&Reported> {
        self.of_machine(machine).find(|it| states.contains(&it.state))
    }

    /// The state before an entry of the timeline.
    pub(super) fn before(&self, machine: Machine, n: u64) -> &'static str {
        let last = self.of_machine(machine).take_while(|it| it.n < n).last();
        last.map_or(machine.first(), |it| it.state)
    }

    /// Whether a machine was in one of these states at some moment between two entries of the timeline.
    pub(super) fn was_within(&self, machine: Machine, states: &[&str], from: u64, to: u64) -> bool {
        states.contains(&self.before(machine, from))
            || self.of_machine(machine).any(|it| (from..to).contains(&it.n) && states.contains(&it.state))
    }

    /// The entry of the next report of the same machine; the end of the timeline if there is none.
    pub(super) fn until(&self, of: &Reported) -> u64 {
        let next = self.of_machine(of.machine).find(|it| it.n > of.n);
        next.map_or(u64::MAX, |it| it.n)
    }

    /// The entry of the report of the same machine before; the beginning of the timeline if there is none.
    pub(super) fn since(&self, of: &Reported) -> u64 {
        self.of_machine(of.machine).take_while(|it| it.n < of.n).last().map_or(0, |it| it.n)
    }
}

fn state_of(event: &PeerEvent) -> Option<(Machine, &'static str)> {
    Some(match event {
        PeerEvent::SignalingStateChange { state } => (Machine::Signaling, state.as_str()),
        PeerEvent::IceGatheringStateChange { state } => (Machine::Gathering, state.as_str()),
        PeerEvent::IceConnectionStateChange { state } => (Machine::Ice, state.as_str()),
        PeerEvent::IceTransportStateChange { state } => (Machine::IceTransport, state.as_str()),
        PeerEvent::DtlsStateChange { state, .. } => (Machine::Dtls, state.as_str()),
        PeerEvent::ConnectionStateChange { state } => (Machine::Connection, state.as_str()),
        PeerEvent::SctpStateChange { state } => (Machine::Sctp, state.as_str()),
        _ => return None,
    })
}

/// A transition that is wrong, with what it should have been.
pub(super) struct Wrong {
    pub(super) at: Reported,
    pub(super) before: Option<Reported>,
    pub(super) seen: String,
}

/// What is doubled, and what the machine does not have.
pub(super) fn wrong(
    reports: &Reports,
    machine: Machine,
    peer: &CasePeer,
    is_complete: bool,
    several_transports: bool,
) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut before: Option<Reported> = None;
    for report in reports.of_machine(machine) {
        let from = before.map_or(machine.first(), |it| it.state);
        let is_listened = before.is_some() || !machine.is_of_transport();
        // Of several transports each may report the same; two that carry data there are only without BUNDLE.
        let may_repeat = machine.is_of_transport() && several_transports;
        // Who never reports what lies between seems to leap.
        let hides = !is_complete || hides_some(peer, machine);
        if from == report.state && is_listened && !may_repeat {
            let seen = format!("it was {from} already");
            wrong.push(Wrong { at: *report, before, seen });
        } else if !machine.has(from, report.state) && is_listened && !may_repeat && !hides {
            let seen = format!("it was {from} before, from where it does not become {}", report.state);
            wrong.push(Wrong { at: *report, before, seen });
        }
        before = Some(*report);
    }
    wrong
}

/// Whether a peer said that it never reports some of the machine's states.
pub(super) fn hides_some(peer: &CasePeer, machine: Machine) -> bool {
    let event = machine.event();
    peer.unreported.iter().any(|name| name.split_once(':').map_or(name.as_str(), |(of, _)| of) == event)
}
