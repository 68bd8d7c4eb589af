//! SCTP associations: the handshake, retransmissions, errors, and the channels over their streams.

use super::at::{At, Side, Sides};
use super::channel::{Channel, Fragment};
use super::limits;
use super::recognise::Checksums;
use super::sequence::{Step, Window};
use crate::wire::list::List;
use crate::wire::sctp::{
    Body, Cause, CauseCode, Chunk, ChunkType, Packet, ParameterContent, PayloadProtocol, ReConfig,
    ResetRequest,
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

/// What a side sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Sender {
    /// DATA and I-DATA chunks, each TSN once.
    pub data_chunks: u64,
    /// Bytes of user data in them.
    pub bytes: u64,
    /// DATA and I-DATA chunks whose TSN had been sent before.
    pub retransmissions: u64,
    /// SACK chunks.
    pub sacks: u64,
    /// Of those, how many reported gaps.
    pub sacks_with_gaps: u64,
    /// FORWARD-TSN and I-FORWARD-TSN chunks.
    pub forward_tsns: u64,
    /// HEARTBEAT chunks.
    pub heartbeats: u64,
    /// Outgoing streams asked for in INIT or INIT-ACK.
    pub outgoing_streams: Option<u16>,
    /// Most incoming streams by INIT or INIT-ACK.
    pub incoming_streams: Option<u16>,
    #[serde(skip)]
    tsns: Window,
    /// The message in the making per stream: its payload protocol, which I-DATA shows only at the beginning.
    #[serde(skip)]
    protocols: IndexMap<u16, PayloadProtocol>,
}

/// An ABORT or ERROR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Trouble {
    /// Its frame.
    pub at: At,
    /// Who sent it.
    pub from: Side,
    /// Its causes in words.
    pub causes: Vec<String>,
    /// Whether the user of the association asked for it (RFC 9260 §3.3.10.12), and nothing went wrong.
    #[serde(skip)]
    pub is_by_user: bool,
}

/// An association.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Association {
    /// SCTP ports of the sides.
    pub ports: Sides<u16>,
    /// The first packet.
    pub first: At,
    /// The last packet.
    pub last: At,
    /// Each side's first INIT; both have one where both begin (RFC 9260 §5.2.1).
    pub init: Sides<Option<At>>,
    /// INIT chunks.
    pub inits: u64,
    /// The first INIT-ACK.
    pub init_ack: Option<At>,
    /// The first COOKIE-ECHO.
    pub cookie_echo: Option<At>,
    /// The first COOKIE-ACK: the association is established.
    pub established: Option<At>,
    /// The ABORT.
    pub abort: Option<Trouble>,
    /// ERROR chunks.
    pub errors: Vec<Trouble>,
    /// The first SHUTDOWN.
    pub shutdown: Option<At>,
    /// What each side sent.
    pub sent: Sides<Sender>,
    /// How the checksums of what each side sent stand.
    pub checksums: Sides<Checksums>,
    /// Channels, in the order in which they came up.
    #[serde(serialize_with = "values")]
    #[schemars(with = "Vec<Channel>")]
    pub channels: IndexMap<u16, Channel>,
    /// Channels beyond [`limits::CHANNELS`], by the chunks on them.
    pub chunks_of_other_channels: u64,
}

fn values<S: serde::Serializer>(channels: &IndexMap<u16, Channel>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(channels.values())
}

impl Association {
    pub(super) fn new(at: At, from: Side, packet: &Packet<'_>) -> Self {
        let (source, destination) = (packet.source_port.value, packet.destination_port.value);
        let mut ports = Sides { a: source, b: source };
        *ports.of_mut(from.other()) = destination;
        Self {
            ports,
            first: at,
            last: at,
            init: Sides::default(),
            inits: 0,
            init_ack: None,
            cookie_echo: None,
            established: None,
            abort: None,
            errors: Vec::new(),
            shutdown: None,
            sent: Sides::default(),
            checksums: Sides::default(),
            channels: IndexMap::new(),
            chunks_of_other_channels: 0,
        }
    }

    /// Whether a packet of `from` belongs to it by its ports.
    pub(super) fn takes(&self, from: Side, packet: &Packet<'_>) -> bool {
        *self.ports.of(from) == packet.source_port.value
            && *self.ports.of(from.other()) == packet.destination_port.value
    }

    pub(super) fn packet(&mut self, at: At, from: Side, packet: &Packet<'_>) {
        self.last = self.last.max(at);
        self.checksums.packet(at, from, packet);
        for chunk in packet.chunks.iter() {
            self.chunk(at, from, &chunk);
        }
    }

    fn chunk(&mut self, at: At, from: Side, chunk: &Chunk<'_>) {
        match (chunk.kind.value, &chunk.body) {
            (ChunkType::Init, Some(Body::Init(init))) => {
                self.inits += 1;
                self.init.of_mut(from).get_or_insert(at);
                self.streams(from, init.outbound_streams.value, init.inbound_streams.value);
            }
            (ChunkType::InitAck, Some(Body::InitAck(init))) => {
                self.init_ack.get_or_insert(at);
                self.streams(from, init.outbound_streams.value, init.inbound_streams.value);
            }
            (ChunkType::CookieEcho, _) => drop(self.cookie_echo.get_or_insert(at)),
            (ChunkType::CookieAck, _) => drop(self.established.get_or_insert(at)),
            (ChunkType::Shutdown, _) => drop(self.shutdown.get_or_insert(at)),
            (ChunkType::Abort, Some(Body::Abort(abort))) if self.abort.is_none() => {
                self.abort = Some(trouble(at, from, &abort.causes));
            }
            (ChunkType::Error, Some(Body::Error(error))) if self.errors.len() < limits::CAUSES => {
                self.errors.push(trouble(at, from, &error.causes));
            }
            (ChunkType::Heartbeat, _) => self.sent.of_mut(from).heartbeats += 1,
            (ChunkType::ForwardTsn | ChunkType::IForwardTsn, _) => self.sent.of_mut(from).forward_tsns += 1,
            (_, Some(Body::Sack(sack))) => {
                let sent = self.sent.of_mut(from);
                sent.sacks += 1;
                sent.sacks_with_gaps += u64::from(sack.gap_count.value > 0);
            }
            (_, Some(Body::ReConfig(reconfig))) => self.reset(at, from, reconfig),
            (_, Some(Body::Data(data))) => {
                let fragment = Fragment {
                    protocol: data.protocol.value,
                    begins: data.is_beginning(),
                    ends: data.flags & 1 != 0,
                    data: data.data.value,
                };
                self.data(at, from, data.tsn.value, data.stream.value, fragment);
            }
            (_, Some(Body::IData(data))) => {
                let begins = data.flags & 2 != 0;
                let stream = data.stream.value;
                let protocols = &mut self.sent.of_mut(from).protocols;
                let protocol = if begins {
                    let protocol = PayloadProtocol::from(data.protocol_or_fragment.value);
                    if protocols.len() < limits::CHANNELS || protocols.contains_key(&stream) {
                        protocols.insert(stream, protocol);
                    }
                    protocol
                } else {
                    protocols.get(&stream).copied().unwrap_or(PayloadProtocol::Unspecified)
                };
                let fragment =
                    Fragment { protocol, begins, ends: data.flags & 1 != 0, data: data.data.value };
                self.data(at, from, data.tsn.value, stream, fragment);
            }
            _ => {}
        }
    }

    fn streams(&mut self, from: Side, outgoing: u16, incoming: u16) {
        let sent = self.sent.of_mut(from);
        sent.outgoing_streams = Some(outgoing);
        sent.incoming_streams = Some(incoming);
    }

    fn data(&mut self, at: At, from: Side, tsn: u32, stream: u16, fragment: Fragment<'_>) {
        // Data shows that the association stands, though its handshake may have been before the capture.
        let sent = self.sent.of_mut(from);
        let number = sent.tsns.extend(tsn, 32);
        if matches!(sent.tsns.push(number), Step::Again | Step::Old) {
            sent.retransmissions += 1;
            return;
        }
        sent.data_chunks += 1;
        sent.bytes += fragment.data.len() as u64;
        if let Some(channel) = self.channel(stream) {
            channel.fragment(at, from, &fragment);
        }
    }

    fn channel(&mut self, stream: u16) -> Option<&mut Channel> {
        if self.channels.len() >= limits::CHANNELS && !self.channels.contains_key(&stream) {
            self.chunks_of_other_channels += 1;
            return None;
        }
        Some(self.channels.entry(stream).or_insert_with(|| Channel::new(stream)))
    }

    /// A reset of outgoing streams closes their channels.
    fn reset(&mut self, at: At, from: Side, reconfig: &ReConfig<'_>) {
        for parameter in reconfig.parameters.iter() {
            let Some(ParameterContent::ResetRequest(ResetRequest { last_tsn: Some(_), streams, .. })) =
                parameter.content
            else {
                continue;
            };
            for stream in streams.iter() {
                if let Some(channel) = self.channels.get_mut(&stream.0.value)
                    && channel.reset.is_none()
                {
                    (channel.reset, channel.reset_by) = (Some(at), Some(from));
                }
            }
        }
    }
}

fn trouble(at: At, from: Side, causes: &List<'_, Cause<'_>>) -> Trouble {
    let is_by_user = causes.iter().any(|cause| cause.code.value == CauseCode::UserInitiatedAbort);
    let causes = causes.iter().take(limits::CAUSES);
    let causes = causes.map(|cause| super::channel::text(cause.to_string().as_bytes())).collect();
    Trouble { at, from, causes, is_by_user }
}
