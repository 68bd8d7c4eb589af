//! Connections: all that two ICE agents, or two ends of a media or data session, exchange.

use super::at::{At, Side, Sides};
use super::context::Context;
use super::dtls::Handshake;
use super::ice::{Pair, PairState};
use super::limits;
use super::recognise::{OtherVersion, Recognised};
use super::rtp::{Knowledge, Stream, static_type};
use super::sctp::Association;
use crate::hash::Ordered;
use crate::wire::rtcp;
use crate::wire::rtp::Header;
use crate::wire::sctp;
use schemars::JsonSchema;
use serde::Serialize;

/// What is known of a side.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Peer {
    /// What it is called in the description given for it.
    pub name: Option<String>,
    /// Its ICE ufrag.
    pub ufrag: Option<String>,
    /// All that it had, one for each ICE restart.
    #[serde(skip)]
    pub ufrags: Vec<String>,
    /// Its first and its newest claim to be controlling, with the frame.
    pub first_role: Option<Role>,
    /// The newest claim.
    pub role: Option<Role>,
    /// RTCP packets of it that could be read.
    pub rtcp_read: u64,
    /// RTCP datagrams of it.
    pub rtcp: u64,
    /// RTCP packets of it that do not hold what their lengths and counts say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malformed_rtcp: Option<MalformedRtcp>,
    /// The last datagram of it.
    pub last: Option<At>,
    /// Whether its description says that it sends and that it receives media.
    pub described_media: Option<(bool, bool)>,
    /// The `a=setup` of its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub described_setup: Option<String>,
    /// Its description.
    #[serde(skip)]
    pub(super) described: Option<usize>,
}

/// RTCP packets that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MalformedRtcp {
    /// How many.
    pub packets: u64,
    /// The first.
    pub first: At,
    /// Its type, behind which field it cannot be read any further, and why.
    pub what: String,
}

/// A claim to an ICE role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Role {
    /// The check that bears ICE-CONTROLLING or ICE-CONTROLLED.
    pub at: At,
    /// Which of the two.
    pub controlling: bool,
}

/// A connection.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Connection {
    /// The interface of the capture where it was seen.
    pub interface: Option<usize>,
    /// The sides.
    pub peers: Sides<Peer>,
    /// Its first packet.
    pub first: At,
    /// Its last packet.
    pub last: At,
    /// Its flows, indices into [`Trace::flows`](super::Trace::flows).
    pub flows: Vec<usize>,
    /// Its candidate pairs, in the order in which they were first checked.
    pub pairs: Vec<Pair>,
    /// Its DTLS handshakes.
    pub handshakes: Vec<Handshake>,
    /// DTLS records without a handshake in the capture.
    pub records_without_handshake: u64,
    /// Its SCTP associations, where they could be read.
    pub associations: Vec<Association>,
    /// Its RTP streams.
    #[serde(serialize_with = "values")]
    #[schemars(with = "Vec<Stream>")]
    pub streams: Ordered<(Side, u32), Stream>,
    /// What it is.
    pub recognised: Recognised,
    /// RTP of a side whose version is another than 2.
    pub other_versions: Sides<Option<OtherVersion>>,
    /// RTP packets, by their first bytes, that belong to no stream.
    #[serde(skip)]
    pub(super) lone_packets: u64,
    /// Application data of DTLS that is no SCTP.
    #[serde(skip)]
    pub(super) other_application_data: u64,
    /// Protected packets that were decrypted.
    pub decrypted: u64,
    /// Protected packets that do not authenticate under the keys of the handshake.
    pub not_authentic: u64,
    /// The first of them.
    pub first_not_authentic: Option<At>,
    /// What left either side and what of it arrived at the other, if the connection was recorded at both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Sides<Delivery>>,
    /// The first connection, an index into [`Trace::connections`](super::Trace::connections), that is the same one at another interface:
    /// its agents have the same ufrags, and some of its transactions were seen there too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also_seen_as: Option<usize>,
}

/// What left a side, and what of it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Delivery {
    /// Packets that left it.
    pub left: u64,
    /// Packets of those that arrived at the other side.
    pub arrived: u64,
}

impl Delivery {
    /// Packets that did not arrive.
    pub const fn lost(&self) -> u64 {
        self.left.saturating_sub(self.arrived)
    }

    /// Whether some left and none arrived: whatever the other side did not do, it had no reason to.
    pub const fn is_cut(&self) -> bool {
        self.left > 0 && self.arrived == 0
    }
}

fn values<S: serde::Serializer>(streams: &Ordered<(Side, u32), Stream>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(streams.values())
}

impl Connection {
    pub(super) fn new(interface: Option<usize>, at: At) -> Self {
        Self {
            interface,
            peers: Sides::default(),
            first: at,
            last: at,
            flows: Vec::new(),
            pairs: Vec::new(),
            handshakes: Vec::new(),
            records_without_handshake: 0,
            associations: Vec::new(),
            streams: Ordered::default(),
            recognised: Recognised::default(),
            other_versions: Sides::default(),
            lone_packets: 0,
            other_application_data: 0,
            decrypted: 0,
            not_authentic: 0,
            first_not_authentic: None,
            delivery: None,
            also_seen_as: None,
        }
    }

    /// What to call a side.
    pub fn name(&self, side: Side) -> String {
        self.peers.of(side).name.clone().unwrap_or_else(|| side.to_string())
    }

    /// The pair that was nominated, of several the one nominated last; else one that succeeded.
    pub fn selected(&self) -> Option<&Pair> {
        let nominated = self.pairs.iter().filter(|pair| pair.state == PairState::Nominated);
        nominated
            .max_by_key(|pair| pair.nominated)
            .or_else(|| self.pairs.iter().find(|pair| pair.state == PairState::Succeeded))
    }

    /// The first nomination.
    pub fn nominated(&self) -> Option<At> {
        self.pairs.iter().filter_map(|pair| pair.nominated).min()
    }

    /// The handshake that was completed, of several the last; else the last.
    pub fn handshake(&self) -> Option<&Handshake> {
        let complete = self.handshakes.iter().rev().find(|handshake| handshake.is_complete());
        complete.or_else(|| self.handshakes.last())
    }

    /// Streams of a side that are no repair of others.
    pub fn media_of(&self, side: Side) -> impl Iterator<Item = &Stream> {
        self.streams.values().filter(move |stream| stream.from == side && !stream.is_repair())
    }

    pub(super) fn handshake_mut(&mut self, from: Side, server: bool) -> Option<&mut Handshake> {
        // A server answers the newest handshake of the other side's.
        let client = if server { from.other() } else { from };
        let index = self.handshakes.iter().rposition(|handshake| handshake.client == client);
        let index = index.or_else(|| self.handshakes.len().checked_sub(1))?;
        self.handshakes.get_mut(index)
    }

    /// The handshake to which a record belongs that is no hello.
    pub(super) fn current(&mut self, from: Side) -> Option<&mut Handshake> {
        if self.handshakes.len() < 2 {
            return self.handshakes.last_mut();
        }
        let answered = self.handshakes.iter().rposition(|handshake| handshake.server_hello.is_some());
        match answered {
            Some(index) => self.handshakes.get_mut(index),
            None => self.handshake_mut(from, false),
        }
    }

    /// Takes in an RTP header. `room` says whether there is room for another stream.
    pub(super) fn rtp(&mut self, seen: Seen<'_>, context: &Context, room: bool) -> Rtp {
        let Seen { at, from, flow, header, length } = seen;
        let key = (from, header.ssrc.value);
        let is_new = !self.streams.contains_key(&key);
        let replaces = is_new && self.streams.len() >= limits::LONE && self.drop_lone_packet();
        if is_new && !replaces && (!room || self.streams.len() >= limits::STREAMS) {
            return Rtp::Over;
        }
        let described = [self.peers.of(from.other()).described, self.peers.of(from).described];
        let stream = self
            .streams
            .entry(key)
            .or_insert_with(|| Stream::new(header.ssrc.value, from, flow, at, header.timestamp.value));
        if is_new {
            stream.repairs = context.repaired_by(header.ssrc.value);
        }
        if stream.codec.is_none() {
            if let Some(codec) = context.codec(header.payload_type(), described) {
                stream.know(&codec.encoding, codec.format(), Some(codec.clock_rate), Knowledge::Described);
            } else if let Some((name, clock)) = static_type(header.payload_type()) {
                stream.know(name, None, Some(clock), Knowledge::Inferred);
            }
        }
        stream.packet(at, header, length);
        if is_new && !replaces { Rtp::New } else { Rtp::Known }
    }

    /// Makes room by taking out the oldest packet that is no stream.
    fn drop_lone_packet(&mut self) -> bool {
        let Some(index) = self.streams.values().position(Stream::is_lone) else { return false };
        self.lone_packets += 1;
        self.streams.shift_remove_index(index).is_some()
    }

    /// Takes in an RTCP compound in the clear.
    pub(super) fn rtcp(&mut self, at: At, from: Side, compound: &rtcp::Compound<'_>) {
        use rtcp::{Body, PayloadFeedbackControl as Payload, TransportFeedbackControl as Transport};
        self.peers.of_mut(from).rtcp_read += 1;
        self.unread_rtcp(at, from, compound);
        for packet in compound.packets.iter() {
            match &packet.body {
                Some(Body::SenderReport(report)) => {
                    if let Some(stream) = self.streams.get_mut(&(from, report.ssrc.value)) {
                        stream.feedback.sender_report(at, report.ntp.value);
                    }
                    self.reports(at, from, report.blocks.iter());
                }
                Some(Body::ReceiverReport(report)) => self.reports(at, from, report.blocks.iter()),
                Some(Body::Bye(bye)) => {
                    for source in bye.sources.iter() {
                        if let Some(stream) = self.streams.get_mut(&(from, source.0.value)) {
                            stream.bye.get_or_insert(at);
                        }
                    }
                }
                Some(Body::TransportFeedback(feedback)) => {
                    if let (Transport::Nack(entries), Some(media)) = (&feedback.control, feedback.media) {
                        let packets = entries.iter().map(|entry| entry.sequences().count() as u64).sum();
                        if let Some(stream) = self.streams.get_mut(&(from.other(), media.value)) {
                            stream.feedback.nack(packets);
                            let slice = stream.over_time.at(at.ns);
                            slice.nacked =
                                slice.nacked.saturating_add(u32::try_from(packets).unwrap_or(u32::MAX));
                        }
                    }
                }
                Some(Body::PayloadFeedback(feedback)) => match &feedback.control {
                    Payload::Pli => self.key_frame_request(at, from, feedback.media.value, false),
                    Payload::Fir(entries) => {
                        for entry in entries.iter() {
                            self.key_frame_request(at, from, entry.ssrc.value, true);
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }

    /// Counts the packets of a compound that cannot be read. What may be SRTCP instead proves nothing.
    fn unread_rtcp(&mut self, at: At, from: Side, compound: &rtcp::Compound<'_>) {
        let is_opened = self.decrypted > 0 && !(self.handshakes.is_empty() && self.pairs.is_empty());
        if !is_opened && !rtcp::is_in_clear(compound.packets.bytes.value) {
            return;
        }
        for (packet, part) in compound.parts().filter(|(packet, _)| packet.body.is_none()) {
            let what = || format!("{}{}", packet.header.kind.value, rtcp::unread(part));
            let new = || MalformedRtcp { packets: 0, first: at, what: what() };
            self.peers.of_mut(from).malformed_rtcp.get_or_insert_with(new).packets += 1;
        }
    }

    fn reports(&mut self, at: At, from: Side, blocks: impl Iterator<Item = rtcp::ReportBlock>) {
        for block in blocks {
            if let Some(stream) = self.streams.get_mut(&(from.other(), block.ssrc.value)) {
                stream.feedback.report(at, &block);
                if let Some(ns) = stream.feedback.round_trip(at, &block) {
                    stream.over_time.at(at.ns).round_trip_ns = Some(ns);
                }
            }
        }
    }

    fn key_frame_request(&mut self, at: At, from: Side, ssrc: u32, fir: bool) {
        if let Some(stream) = self.streams.get_mut(&(from.other(), ssrc)) {
            stream.feedback.key_frame_request(at, fir);
            stream.over_time.at(at.ns).key_frame_requests += 1;
        }
    }

    /// Takes in an SCTP packet in the clear.
    pub(super) fn sctp(&mut self, at: At, from: Side, packet: &sctp::Packet<'_>) {
        let found = self.associations.iter_mut().rev().find(|association| association.takes(from, packet));
        if let Some(association) = found {
            association.packet(at, from, packet);
        } else if self.associations.len() < limits::ASSOCIATIONS {
            let mut association = Association::new(at, from, packet);
            association.packet(at, from, packet);
            self.associations.push(association);
        }
    }
}

/// An RTP packet as it was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) at: At,
    pub(super) from: Side,
    pub(super) flow: usize,
    pub(super) header: &'a Header<'a>,
    pub(super) length: usize,
}

/// What became of an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rtp {
    /// Of a stream that is followed.
    Known,
    /// Of a stream that began with it.
    New,
    /// Of a stream that is not kept.
    Over,
}
