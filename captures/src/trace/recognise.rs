//! What a connection is: WebRTC, a part of it, or something else that uses some of its protocols.
//!
//! What is no WebRTC is judged by what it is, so this comes before any judgement. It follows from all that was seen of the connection.

use super::at::{At, Side, Sides};
use super::connection::Connection;
use super::context::{Context, Known};
use super::flow::{Carrier, Flow};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// Datagrams of no known protocol from which on they say what a connection is, if most are such.
const MOSTLY: u64 = 4;

/// Packets of a protocol that is none of WebRTC's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Other {
    /// The protocol.
    pub protocol: String,
    /// Packets.
    pub packets: u64,
    /// Flows on which it was seen.
    pub flows: u64,
    /// The first packet.
    pub first: At,
}

/// What a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Nature {
    /// WebRTC, as far as it was captured.
    #[default]
    WebRtc,
    /// Connectivity checks, and behind them datagrams of a protocol that is none of WebRTC's.
    IceAndUnknown,
    /// Connectivity checks and RTP, whose keys came by another way than DTLS.
    IceAndRtp,
    /// RTP without connectivity checks and DTLS.
    Rtp,
    /// DTLS-SRTP (RFC 5764) without connectivity checks.
    DtlsSrtp,
    /// DTLS without SRTP, and with no SCTP that could be read.
    Dtls,
    /// Session descriptions without packets, and none of them of DTLS: SIP, RTSP and others that have descriptions too.
    Described,
    /// What was protected on the wire, captured in the clear.
    Clear,
    /// Mostly datagrams of a protocol that is none of WebRTC's.
    Unknown,
}

impl fmt::Display for Nature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WebRtc => "WebRTC",
            Self::IceAndUnknown => "ICE, and behind it another protocol than DTLS and RTP",
            Self::IceAndRtp => "ICE and RTP without DTLS: keys came by another way, if any",
            Self::Rtp => "RTP without ICE and DTLS",
            Self::DtlsSrtp => "DTLS-SRTP without ICE (RFC 5763)",
            Self::Dtls => "DTLS without SRTP and SCTP",
            Self::Described => "descriptions without DTLS and fingerprint, as SIP, RTSP or MSRP have them",
            Self::Clear => "what was protected on the wire, in the clear",
            Self::Unknown => "mostly datagrams of another protocol",
        })
    }
}

/// What a connection is, and what speaks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Recognised {
    /// What it is.
    pub nature: Nature,
    /// Datagrams that have the shape of no protocol of WebRTC. Their first bytes say nothing.
    pub unknown: u64,
    /// Application data of DTLS that is no SCTP.
    pub other_application_data: u64,
    /// Whether data channels were seen: DCEP, or the payload protocols of RFC 8831 §8.
    pub has_channels: bool,
}

/// RTP whose version is another than 2, so that receivers take it for another protocol (RFC 7983).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Odd {
    pub(super) version: u8,
    pub(super) payload_type: u8,
    pub(super) ssrc: u32,
}

impl Odd {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [first, second, _, _, _, _, _, _, ssrc @ ..] = bytes.first_chunk::<12>()?;
        let (version, payload_type) = (first >> 6, second & 0x7f);
        (version != 2).then(|| Self { version, payload_type, ssrc: u32::from_be_bytes(*ssrc) })
    }
}

/// The packets of a side whose source and payload type are announced and whose version is not 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OtherVersion {
    /// How many.
    pub packets: u64,
    /// The first.
    pub first: At,
    /// Its version.
    pub version: u8,
    /// Its payload type.
    pub payload_type: u8,
    /// Its source.
    pub ssrc: u32,
}

impl Connection {
    /// Counts RTP of another version.
    pub(super) fn other_version(&mut self, at: At, side: Side, odd: Odd) {
        let Odd { version, payload_type, ssrc } = odd;
        let new = OtherVersion { packets: 0, first: at, version, payload_type, ssrc };
        self.other_versions.of_mut(side).get_or_insert(new).packets += 1;
    }

    /// Takes out what only looks like a stream: a single packet whose source nobody announced and nothing proves.
    pub(super) fn without_lone_packets(&mut self, context: &Context) {
        let described = Side::BOTH.map(|side| self.peers.of(side).described);
        let before = self.streams.len();
        self.streams.retain(|(_, ssrc), stream| !stream.is_lone() || context.describes(*ssrc, described));
        self.lone_packets += (before - self.streams.len()) as u64;
    }

    /// What it is, by all that was seen of it.
    pub(super) fn recognise(&self, flows: &[Flow], context: &Context) -> Recognised {
        let own: Vec<&Flow> = self.flows.iter().filter_map(|index| flows.get(*index)).collect();
        let sum = |of: fn(&Flow) -> u64| own.iter().map(|flow| of(flow)).sum::<u64>();
        let rtp = sum(|flow| flow.forth.rtp + flow.back.rtp).saturating_sub(self.lone_packets);
        let rtcp = sum(|flow| flow.forth.rtcp + flow.back.rtcp);
        let dtls = sum(|flow| flow.forth.dtls + flow.back.dtls);
        let odd: u64 =
            self.other_versions.iter().filter_map(|(_, it)| it.as_ref()).map(|it| it.packets).sum();
        let unknown =
            (sum(|flow| flow.forth.other + flow.back.other) + self.lone_packets).saturating_sub(odd);
        let mostly_unknown = unknown >= MOSTLY && unknown > rtp + rtcp + dtls;
        let channels = self.associations.iter().flat_map(|association| association.channels.values());
        let has_channels = channels
            .into_iter()
            .any(|it| it.open.is_some() || it.sent.iter().any(|(_, sent)| sent.text + sent.binary > 0));
        let nature = if !own.is_empty() && own.iter().all(|flow| flow.carrier == Carrier::Plaintext) {
            Nature::Clear
        } else if self.claims_dtls(context) {
            Nature::WebRtc
        } else if mostly_unknown {
            if self.pairs.is_empty() { Nature::Unknown } else { Nature::IceAndUnknown }
        } else if dtls > 0 {
            self.with_dtls(rtp + rtcp > 0)
        } else if rtp + rtcp > 0 {
            self.without_dtls(&own, context)
        } else if self.is_described_without_dtls(context) {
            Nature::IceAndRtp
        } else {
            Nature::WebRtc
        };
        Recognised { nature, unknown, other_application_data: self.other_application_data, has_channels }
    }

    /// Whether a description of a side has a fingerprint: then it is to be WebRTC, whatever it is.
    fn claims_dtls(&self, context: &Context) -> bool {
        self.described(context).any(|known| !known.fingerprints.is_empty())
    }

    /// Whether there are descriptions of the sides, and none of them is of DTLS.
    fn is_described_without_dtls(&self, context: &Context) -> bool {
        let mut described = self.described(context).peekable();
        described.peek().is_some() && described.all(|known| known.is_without_dtls)
    }

    fn described<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a Known> {
        let described = Side::BOTH.into_iter().filter_map(|side| self.peers.of(side).described);
        described.filter_map(|index| context.get(index))
    }

    fn with_dtls(&self, has_media: bool) -> Nature {
        let Some(handshake) = self.handshake() else {
            // The handshake was before the capture.
            let is_webrtc = !self.pairs.is_empty() || has_media || !self.associations.is_empty();
            return if is_webrtc { Nature::WebRtc } else { Nature::Dtls };
        };
        let has_srtp = !handshake.srtp_offered.is_empty() || handshake.srtp_profile.is_some() || has_media;
        match (self.pairs.is_empty(), has_srtp) {
            _ if !self.associations.is_empty() => Nature::WebRtc,
            // What data channels leave out is use_srtp (RFC 9143 §11).
            (false, false) if self.other_application_data > 0 => Nature::Dtls,
            (false, _) => Nature::WebRtc,
            (true, true) => Nature::DtlsSrtp,
            (true, false) => Nature::Dtls,
        }
    }

    fn without_dtls(&self, flows: &[&Flow], context: &Context) -> Nature {
        if self.pairs.is_empty() {
            return Nature::Rtp;
        }
        if self.is_described_without_dtls(context) {
            return Nature::IceAndRtp;
        }
        // If the first media was seen before the first check, so was the handshake before the capture.
        let checked = self.pairs.iter().flat_map(|pair| [pair.checks.a.first, pair.checks.b.first]);
        let reports = flows.iter().flat_map(|flow| [flow.forth.first_rtcp, flow.back.first_rtcp]).flatten();
        let media = self.streams.values().map(|stream| stream.first).chain(reports).min();
        match (checked.flatten().min(), media) {
            (Some(checked), Some(media)) if checked < media => Nature::IceAndRtp,
            _ => Nature::WebRtc,
        }
    }
}

/// How the checksums of what a side sent stand (RFC 9260 §6.8, RFC 9653 §5.2).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Checksums {
    /// Whether its INIT or INIT-ACK announced that it takes zero; nothing if none was seen.
    pub takes_zero: Option<bool>,
    /// Packets with a checksum of zero that the other side did not announce to take, as its INIT or INIT-ACK shows.
    pub zero: u64,
    /// The first of them.
    pub first_zero: Option<At>,
    /// Packets with a wrong checksum.
    pub wrong: u64,
    /// The first of them.
    pub first_wrong: Option<At>,
}

impl Sides<Checksums> {
    /// Takes in a packet of a side.
    pub(super) fn packet(&mut self, at: At, from: Side, packet: &crate::wire::sctp::Packet<'_>) {
        use crate::wire::sctp::{Body, Checksum, ParameterType};
        let mut needs_checksum = false;
        for chunk in packet.chunks {
            match chunk.body {
                Some(Body::Init(init) | Body::InitAck(init)) => {
                    needs_checksum |= matches!(chunk.body, Some(Body::Init(_)));
                    let zero = init.parameter(ParameterType::ZeroChecksumAcceptable).is_some();
                    self.of_mut(from).takes_zero = Some(zero);
                }
                Some(Body::CookieEcho(_)) => needs_checksum = true,
                _ => {}
            }
        }
        let taken = self.of(from.other()).takes_zero;
        let own = self.of_mut(from);
        match packet.verify_checksum() {
            Checksum::Correct => {}
            Checksum::Zero if needs_checksum || taken == Some(false) => {
                own.zero += 1;
                own.first_zero.get_or_insert(at);
            }
            Checksum::Zero => {}
            Checksum::Wrong { .. } => {
                own.wrong += 1;
                own.first_wrong.get_or_insert(at);
            }
        }
    }
}
