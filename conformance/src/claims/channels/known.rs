//! The channels of a peer: those that it was asked to create, those that it reports, and the DCEP messages of its association.

use super::super::Session;
use super::super::observed::Tap;
use super::super::session::Asked;
use crate::case_file::CasePeer;
use crate::checks::sctp::pieces::first_seen;
use crate::evidence::{Peer, Wire};
use peerproof_captures::event::{ChannelInfo, PeerEvent};
use peerproof_captures::timeline::{Answer, Entry};
use peerproof_captures::wire::dcep::{self, Message, Open};
use peerproof_captures::wire::sctp::PayloadProtocol;
use serde_json::Value;
use std::collections::BTreeSet;

/// A channel that a peer was asked to create.
pub(in crate::claims) struct Created<'a> {
    pub(in crate::claims) asked: Asked<'a>,
    pub(in crate::claims) label: &'a str,
}

impl Created<'_> {
    pub(in crate::claims) fn is_negotiated(&self) -> bool {
        self.asked.args.get("negotiated").and_then(Value::as_bool) == Some(true)
    }
}

/// A channel as an event shows it.
#[derive(Clone, Copy)]
pub(in crate::claims) struct Shown<'a> {
    pub(in crate::claims) entry: &'a Entry,
    pub(in crate::claims) info: &'a ChannelInfo,
}

/// A DCEP message as it was seen.
#[derive(Clone, Copy)]
pub(in crate::claims) struct Dcep<'a> {
    pub(in crate::claims) frame: u64,
    pub(in crate::claims) t_us: u64,
    pub(in crate::claims) stream: u16,
    /// None for an acknowledgement.
    pub(in crate::claims) open: Option<Open<'a>>,
}

impl Dcep<'_> {
    pub(in crate::claims) fn opens(&self, label: &str) -> bool {
        self.open.is_some_and(|open| open.label.value == label.as_bytes())
    }
}

/// The channels of a peer.
pub(in crate::claims) struct Known<'a> {
    pub(in crate::claims) peer: &'a CasePeer,
    pub(in crate::claims) created: Vec<Created<'a>>,
    pub(in crate::claims) announced: Vec<Shown<'a>>,
    pub(in crate::claims) opened: Vec<Shown<'a>>,
    /// The tap where all that passed the peer is recorded and can be read.
    pub(in crate::claims) tap: Option<Tap<'a>>,
    /// The DCEP messages that the peer sent, and those that came, as its tap shows them.
    pub(in crate::claims) sent: Vec<Dcep<'a>>,
    pub(in crate::claims) received: Vec<Dcep<'a>>,
    /// Whether the tap shows any user data: without it, what is missing says nothing of a channel.
    pub(in crate::claims) shows_data: bool,
    /// Whether it may create channels by itself.
    pub(in crate::claims) acts_alone: bool,
}

impl<'a> Known<'a> {
    pub(in crate::claims) fn of(session: &Session<'a>, peer: &'a CasePeer) -> Self {
        let asked = session.asked(&peer.name);
        let created = asked.iter().filter(|it| it.name == "createDataChannel" && it.result().is_some());
        let created =
            created.filter_map(|it| Some(Created { asked: *it, label: it.args.get("label")?.as_str()? }));
        let shown = |wanted: fn(&PeerEvent) -> Option<&ChannelInfo>| -> Vec<Shown<'a>> {
            let events = session.events(&peer.name);
            events.filter_map(move |(entry, event)| Some(Shown { entry, info: wanted(event)? })).collect()
        };
        let tap = session.tap(&peer.name).filter(|tap| tap.reads_all());
        let sent = tap.map(|tap| dcep(tap.wire, tap.peer, tap.peer)).unwrap_or_default();
        let other = |tap: Tap<'a>| dcep(tap.wire, tap.peer, Peer(1 - tap.peer.0.min(1)));
        let lacks_channels = peer.lacks(peerproof_captures::feature::Feature::DataChannels);
        Self {
            peer,
            created: created.collect(),
            announced: shown(|event| match event {
                PeerEvent::DataChannel { channel } => Some(channel),
                _ => None,
            }),
            opened: shown(|event| match event {
                PeerEvent::ChannelOpen { channel } => Some(channel),
                _ => None,
            }),
            tap,
            sent,
            received: tap.map(other).unwrap_or_default(),
            shows_data: tap.is_some_and(|tap| {
                [Peer(0), Peer(1)].into_iter().any(|it| !first_seen(tap.wire, tap.peer, it).is_empty())
            }),
            acts_alone: lacks_channels || asked.is_empty(),
        }
    }

    /// How many channels of a label it created or was announced.
    pub(in crate::claims) fn count(&self, label: &str) -> usize {
        let created = self.created.iter().filter(|it| it.label == label).count();
        created + self.announced.iter().filter(|it| it.info.label == label).count()
    }

    /// Whether it has several channels of a label: most events name a channel by that alone.
    pub(in crate::claims) fn has_several(&self, label: &str) -> bool {
        self.count(label) > 1
    }

    /// The stream identifiers of its channels of a label, as far as it is known.
    pub(in crate::claims) fn ids(&self, label: &str) -> BTreeSet<u16> {
        let shown = self.announced.iter().chain(&self.opened).filter(|it| it.info.label == label);
        shown.filter_map(|it| it.info.id).chain(self.streams(label)).collect()
    }

    /// Those of them that commands gave and the packets show.
    fn streams(&self, label: &str) -> BTreeSet<u16> {
        let given = self.created.iter().filter(|it| it.label == label);
        let given = given.filter_map(|it| u16::try_from(it.asked.args.get("id")?.as_u64()?).ok());
        let seen = self.sent.iter().chain(&self.received).filter(|it| it.opens(label));
        given.chain(seen.map(|it| it.stream)).collect()
    }

    /// The streams of its several channels of a label; none if it has one, or if the packets do not show each.
    pub(in crate::claims) fn streams_of_several(&self, label: &str) -> Option<BTreeSet<u16>> {
        let created = self.created.iter().filter(|it| it.label == label && !it.is_negotiated()).count();
        let announced = self.announced.iter().filter(|it| it.info.label == label).count();
        let opens = |list: &[Dcep<'_>]| list.iter().filter(|it| it.opens(label)).count();
        let is_whole = opens(&self.sent) >= created && opens(&self.received) >= announced;
        (self.has_several(label) && is_whole).then(|| self.streams(label))
    }
}

/// How many channels of a label a peer may have had by an entry of the timeline, open or closed: it created them, or the other side did.
pub(in crate::claims) fn count_by(session: &Session<'_>, name: &str, label: &str, n: u64) -> usize {
    let created = |name: &str, is_announced: bool| {
        let asked = session.asked(name).into_iter().filter(|it| it.name == "createDataChannel");
        let asked = asked.filter(|it| !matches!(it.answer, Some((_, Answer::Rejected { .. }))));
        let asked = asked.map(|asked| Created { asked, label });
        asked
            .filter(|it| {
                it.asked.entry.n < n && it.asked.args.get("label").and_then(Value::as_str) == Some(label)
            })
            .filter(|it| !is_announced || !it.is_negotiated())
            .count()
    };
    let announced = session.events(name).take_while(|(entry, _)| entry.n < n);
    let announced = announced
        .filter(|(_, event)| matches!(event, PeerEvent::DataChannel { channel } if channel.label == label))
        .count();
    // The event may be later than what the channel does.
    let by_other = session.record.other(name).map_or(0, |other| created(other, true));
    created(name, false) + announced.max(by_other)
}

/// The DCEP messages of a sender as they were seen nearest to a peer; what SCTP retransmits is the same.
fn dcep(wire: &Wire, at: Peer, sender: Peer) -> Vec<Dcep<'_>> {
    let pieces = first_seen(wire, at, sender);
    let whole = pieces
        .into_values()
        .filter(|it| it.protocol == Some(PayloadProtocol::Dcep) && it.is_beginning && it.is_ending);
    whole
        .filter_map(|it| {
            let open = match dcep::view(it.data).ok()? {
                Message::Open(open) => Some(open),
                Message::Ack => None,
                Message::Unknown(..) => return None,
            };
            Some(Dcep { frame: it.packet.frame, t_us: it.packet.t_us, stream: it.stream, open })
        })
        .collect()
}
