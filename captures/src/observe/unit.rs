//! The units of a datagram in short: one [`Unit`] for each STUN message, DTLS record or handshake message, RTP packet, SCTP chunk.
//!
//! It holds what expectations, snapshots and ladders name, and no more; the full dissection is [`crate::wire`], by which it is
//! made. What cannot be read is [`Unit::Unknown`], never an error.

use crate::decrypt::Content;
use crate::wire::dcep;
use crate::wire::demux::{self, Class};
use crate::wire::dtls::handshake::{Body, Fragment, HELLO_RETRY_REQUEST, HandshakeType};
use crate::wire::dtls::{self, ContentType, PlainRecord, Record, Version, alert, record};
use crate::wire::sctp::{self, Body as ChunkBody, ChunkType, PayloadProtocol};
use crate::wire::stun::{self, AttributeType, Content as Attribute, Method};
use crate::wire::{rtcp, rtp};
use std::borrow::Cow;

pub use crate::wire::stun::Class as StunClass;

/// Longest string of a data chunk that is kept, in bytes.
const LONGEST_TEXT: usize = 1024;

/// One unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit<'a> {
    /// A STUN or TURN message.
    Stun {
        /// Request, indication, success or error (RFC 8489 §5).
        class: StunClass,
        /// The method.
        method: Method,
        /// Whether it has USE-CANDIDATE.
        use_candidate: bool,
        /// Whether it has ICE-CONTROLLING (`true`) or ICE-CONTROLLED.
        controlling: Option<bool>,
        /// ERROR-CODE.
        error: Option<u16>,
    },
    /// TURN ChannelData.
    ChannelData,
    /// A handshake message in clear, at its first fragment.
    Handshake {
        /// Its type.
        kind: HandshakeType,
        /// `message_seq`: the same number again is a retransmission.
        seq: u16,
        /// ServerHello: the version that was chosen (RFC 9147 §5.4, `supported_versions`).
        version: Option<Version>,
        /// ServerHello: it is a HelloRetryRequest.
        retry: bool,
    },
    /// A handshake record of DTLS 1.2 that is encrypted (the Finished message).
    EncryptedHandshake,
    /// `change_cipher_spec`.
    ChangeCipherSpec,
    /// An alert; level and description if they are in clear.
    Alert {
        /// How bad it is.
        level: Option<alert::Level>,
        /// What happened.
        description: Option<alert::Description>,
    },
    /// Application data of DTLS 1.2.
    ApplicationData,
    /// An encrypted record of DTLS 1.3, whose content type is not visible.
    Record13,
    /// An acknowledgement of DTLS 1.3 in clear.
    Ack,
    /// A protected RTP packet.
    Srtp {
        /// Payload type.
        payload_type: u8,
        /// Synchronisation source.
        ssrc: u32,
        /// Its length in bytes, header and tag included.
        length: usize,
    },
    /// A protected RTCP packet.
    Srtcp {
        /// Type of the first packet of the compound.
        packet_type: u8,
        /// Its count or format.
        format: u8,
    },
    /// An RTP packet in the clear.
    Rtp {
        /// Payload type.
        payload_type: u8,
        /// Synchronisation source.
        ssrc: u32,
    },
    /// One packet of an RTCP compound in the clear.
    Rtcp {
        /// Packet type.
        packet_type: u8,
        /// Count or format.
        format: u8,
    },
    /// An SCTP chunk in the clear.
    Chunk {
        /// Chunk type.
        kind: ChunkType,
        /// DATA and I-DATA that hold a whole string of at most 1024 bytes: the string.
        text: Option<&'a str>,
        /// DATA and I-DATA with a message of RFC 8832: its type.
        dcep: Option<dcep::MessageType>,
    },
    /// Something else, by its first byte (RFC 7983).
    Unknown(u8),
}

impl Unit<'_> {
    /// The protocol, as the scenario language names it.
    #[must_use]
    pub const fn protocol(&self) -> &'static str {
        match self {
            Self::Stun { .. } | Self::ChannelData => "stun",
            Self::Handshake { .. }
            | Self::EncryptedHandshake
            | Self::ChangeCipherSpec
            | Self::Alert { .. }
            | Self::ApplicationData
            | Self::Record13
            | Self::Ack => "dtls",
            Self::Srtp { .. } => "srtp",
            Self::Srtcp { .. } => "srtcp",
            Self::Rtp { .. } => "rtp",
            Self::Rtcp { .. } => "rtcp",
            Self::Chunk { .. } => "sctp",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The name within the protocol: `Binding request`, `ClientHello`, `SACK`.
    #[must_use]
    pub fn name(&self) -> Cow<'static, str> {
        let text = match self {
            Self::Stun { class, method, .. } => {
                let class = match class {
                    StunClass::Request => "request",
                    StunClass::Indication => "indication",
                    StunClass::Success => "success",
                    StunClass::Error => "error",
                };
                return format!("{method} {class}").into();
            }
            Self::ChannelData => "ChannelData",
            Self::Handshake { retry: true, .. } => "HelloRetryRequest",
            Self::Handshake { kind, .. } => match kind.name() {
                Some(name) => name,
                None => return format!("handshake message {}", kind.raw()).into(),
            },
            Self::EncryptedHandshake => "Finished",
            Self::ChangeCipherSpec => "ChangeCipherSpec",
            Self::Alert { .. } => "alert",
            Self::ApplicationData => "application data",
            Self::Record13 => "encrypted record",
            Self::Ack => "ACK",
            Self::Srtp { payload_type, .. } | Self::Rtp { payload_type, .. } => {
                return payload_type.to_string().into();
            }
            Self::Srtcp { packet_type, format } | Self::Rtcp { packet_type, format } => {
                match rtcp_name(*packet_type, *format) {
                    Some(name) => name,
                    None => return packet_type.to_string().into(),
                }
            }
            Self::Chunk { kind, .. } => match kind.name() {
                Some(name) => name,
                None => return format!("chunk {}", kind.raw()).into(),
            },
            Self::Unknown(first) => return format!("0x{first:02x}").into(),
        };
        text.into()
    }
}

/// The names that units of a protocol can have ([`Unit::name`]), as far as they are registered; empty for one that names none.
#[must_use]
pub fn names(protocol: &str) -> Vec<Cow<'static, str>> {
    let fixed = |names: &[&'static str]| names.iter().map(|name| Cow::Borrowed(*name)).collect::<Vec<_>>();
    match protocol {
        "stun" => {
            let methods = Method::KNOWN.iter().flat_map(|method| {
                ["request", "indication", "success", "error"]
                    .map(|class| Cow::Owned(format!("{method} {class}")))
            });
            methods.chain([Cow::Borrowed("ChannelData")]).collect()
        }
        "dtls" => {
            let messages = HandshakeType::KNOWN.iter().filter_map(|kind| kind.name()).map(Cow::Borrowed);
            let others = [
                "HelloRetryRequest",
                "ChangeCipherSpec",
                "alert",
                "application data",
                "encrypted record",
                "ACK",
            ];
            messages.chain(others.map(Cow::Borrowed)).collect()
        }
        "srtcp" | "rtcp" => {
            fixed(&["SR", "RR", "SDES", "BYE", "APP", "NACK", "TWCC", "PLI", "FIR", "REMB", "XR"])
        }
        "sctp" => ChunkType::KNOWN.iter().filter_map(|kind| kind.name()).map(Cow::Borrowed).collect(),
        "dcep" => fixed(&["OPEN", "ACK"]),
        _ => Vec::new(),
    }
}

/// Name of an RTCP packet: type, and format of feedback (RFC 4585 §6.1).
const fn rtcp_name(packet_type: u8, format: u8) -> Option<&'static str> {
    Some(match (packet_type, format) {
        (200, _) => "SR",
        (201, _) => "RR",
        (202, _) => "SDES",
        (203, _) => "BYE",
        (204, _) => "APP",
        (205, 1) => "NACK",
        (205, 15) => "TWCC",
        (206, 1) => "PLI",
        (206, 4) => "FIR",
        (206, 15) => "REMB",
        (207, _) => "XR",
        _ => return None,
    })
}

/// The units of a datagram as it was on the wire, with connection IDs of `connection_id` bytes in its DTLS records.
pub fn each<'a>(datagram: &'a [u8], connection_id: usize, mut unit: impl FnMut(Unit<'a>)) {
    let Some(first) = datagram.first().copied() else { return };
    match demux::class(datagram) {
        Class::Stun => unit(message(datagram).unwrap_or(Unit::Unknown(first))),
        Class::Dtls => records(datagram, connection_id, &mut unit),
        Class::TurnChannel => unit(Unit::ChannelData),
        Class::Rtp | Class::Rtcp => unit(protected(datagram).unwrap_or(Unit::Unknown(first))),
        _ => unit(Unit::Unknown(first)),
    }
}

/// The units of plaintext: RTP, RTCP and SCTP. Other content that DTLS protects is described by its records.
pub fn each_in_clear<'a>(content: Content, bytes: &'a [u8], mut unit: impl FnMut(Unit<'a>)) {
    match content {
        Content::Rtp => {
            if let Ok(packet) = rtp::view(bytes) {
                unit(Unit::Rtp {
                    payload_type: packet.header.payload_type(),
                    ssrc: packet.header.ssrc.value,
                });
            }
        }
        Content::Rtcp => {
            for packet in rtcp::view(bytes).packets.iter() {
                let header = packet.header;
                unit(Unit::Rtcp { packet_type: header.kind.value.raw(), format: header.first.value & 0x1f });
            }
        }
        content if content.is_application_data() => {
            if let Ok(packet) = sctp::view(bytes) {
                packet.chunks.iter().for_each(|it| unit(chunk(&it)));
            }
        }
        Content::Dtls { .. } => {}
    }
}

fn message(bytes: &[u8]) -> Option<Unit<'_>> {
    let message = stun::view(bytes).ok().filter(|message| message.cookie.value == stun::COOKIE)?;
    let (class, method) = (message.kind.value.class(), message.kind.value.method());
    let (mut use_candidate, mut controlling, mut error) = (false, None, None);
    for attribute in message.attributes().map_while(Result::ok) {
        match attribute.kind.value {
            AttributeType::UseCandidate => use_candidate = true,
            AttributeType::IceControlling => controlling = Some(true),
            AttributeType::IceControlled => controlling = Some(false),
            AttributeType::ErrorCode => {
                if let Ok(Attribute::Error(it)) = attribute.content(message.transaction.value) {
                    error = Some(it.code.value.raw());
                }
            }
            _ => {}
        }
    }
    Some(Unit::Stun { class, method, use_candidate, controlling, error })
}

/// SRTP or SRTCP, distinguished by the second byte (RFC 5761 §4).
fn protected(bytes: &[u8]) -> Option<Unit<'_>> {
    let (first, second) = (bytes.first()?, *bytes.get(1)?);
    if demux::is_rtcp(second) {
        return Some(Unit::Srtcp { packet_type: second, format: first & 0x1f });
    }
    let ssrc = u32::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
    Some(Unit::Srtp { payload_type: second & 0x7f, ssrc, length: bytes.len() })
}

fn records<'a>(bytes: &'a [u8], connection_id: usize, unit: &mut impl FnMut(Unit<'a>)) {
    let mut end = 0;
    for record in dtls::Datagram::at(bytes, 0, connection_id).records() {
        let first = bytes.get(end).copied().unwrap_or_default();
        end = record.as_ref().map_or(bytes.len(), |record| record.range().end as usize);
        match record {
            Ok(Record::Unified(_)) => unit(Unit::Record13),
            Ok(Record::Plain(plain)) => plain_record(&plain, unit),
            Err(stop) if record::lacks_cid_length(&stop) && first >= 0x20 => unit(Unit::Record13),
            Err(_) => unit(Unit::Unknown(first)),
        }
    }
}

fn plain_record<'a>(record: &PlainRecord<'a>, unit: &mut impl FnMut(Unit<'a>)) {
    let is_clear = record.epoch.value == 0;
    match record.kind.value {
        ContentType::ChangeCipherSpec => unit(Unit::ChangeCipherSpec),
        ContentType::Alert => {
            let alert = alert::view(record.fragment.value).ok().filter(|_| is_clear);
            let (level, description) = (alert.map(|it| it.level.value), alert.map(|it| it.description.value));
            unit(Unit::Alert { level, description });
        }
        ContentType::Handshake if is_clear => {
            let fragments = Record::Plain(*record).fragments();
            for fragment in fragments.into_iter().flatten().map_while(Result::ok) {
                if fragment.fragment_offset.value == 0 {
                    unit(handshake(&fragment));
                }
            }
        }
        ContentType::Handshake => unit(Unit::EncryptedHandshake),
        ContentType::ApplicationData => unit(Unit::ApplicationData),
        ContentType::Ack => unit(Unit::Ack),
        other => unit(Unit::Unknown(other.raw())),
    }
}

fn handshake<'a>(fragment: &Fragment<'_>) -> Unit<'a> {
    let (kind, seq) = (fragment.kind.value, fragment.message_seq.value);
    let (version, retry) = match (kind, fragment.body(Version::Dtls12)) {
        (HandshakeType::ServerHello, Ok(Body::ServerHello(hello))) => {
            (Some(hello.version().value), hello.is_hello_retry_request())
        }
        // Only its beginning is in this fragment.
        (HandshakeType::ServerHello, _) => {
            let version = fragment.bytes.value.first_chunk().map(|raw| u16::from_be_bytes(*raw).into());
            let random = fragment.bytes.value.get(2..34);
            (version, random.is_some_and(|random| *random == HELLO_RETRY_REQUEST))
        }
        _ => (None, false),
    };
    Unit::Handshake { kind, seq, version, retry }
}

fn chunk<'a>(chunk: &sctp::Chunk<'a>) -> Unit<'a> {
    let (protocol, is_whole, data) = match chunk.body {
        Some(ChunkBody::Data(data)) => (Some(data.protocol.value), data.flags & 3 == 3, data.data.value),
        Some(ChunkBody::IData(data)) => (data.protocol(), data.flags & 3 == 3, data.data.value),
        _ => (None, false, [].as_slice()),
    };
    let mut text = None;
    let mut dcep = None;
    match protocol {
        Some(PayloadProtocol::Dcep) => dcep = data.first().copied().map(dcep::MessageType::from),
        Some(PayloadProtocol::String) if is_whole && data.len() <= LONGEST_TEXT => {
            text = std::str::from_utf8(data).ok();
        }
        Some(PayloadProtocol::StringEmpty) if is_whole => text = Some(""),
        _ => {}
    }
    Unit::Chunk { kind: chunk.kind.value, text, dcep }
}
