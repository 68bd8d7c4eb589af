//! The kinds of things on the wire, and how an expectation names them.

use serde::{Deserialize, Serialize};

/// Class of a STUN message, RFC 8489 §5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StunClass {
    /// A request.
    Request,
    /// An indication.
    Indication,
    /// A success response.
    Success,
    /// An error response.
    Error,
}

/// One thing on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// A STUN or TURN message.
    Stun {
        /// Request, indication, success or error.
        class: StunClass,
        /// The method.
        method: u16,
        /// USE-CANDIDATE is in it.
        use_candidate: bool,
        /// ICE-CONTROLLING (`true`) or ICE-CONTROLLED is in it.
        controlling: Option<bool>,
        /// ERROR-CODE.
        error: Option<u16>,
    },
    /// TURN ChannelData.
    ChannelData,
    /// A handshake message in clear, told at its first fragment.
    Handshake {
        /// `HandshakeType`.
        kind: u8,
        /// `message_seq`: the same number again is a retransmission.
        seq: u16,
        /// ServerHello: the version that was chosen (RFC 9147 §5.4, `supported_versions`).
        version: Option<u16>,
        /// ServerHello: it is a HelloRetryRequest.
        retry: bool,
    },
    /// A handshake record of DTLS 1.2 that is encrypted (the Finished message).
    EncryptedHandshake,
    /// `change_cipher_spec`.
    ChangeCipherSpec,
    /// An alert; level and description if they are in clear.
    Alert {
        /// 1 warning, 2 fatal.
        level: Option<u8>,
        /// Its description.
        description: Option<u8>,
    },
    /// Application data of DTLS 1.2.
    ApplicationData,
    /// An encrypted record of DTLS 1.3: what is in it cannot be told.
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
        length: u32,
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
        kind: u8,
        /// DATA and I-DATA that hold a whole string of at most 1024 bytes: the string.
        text: Option<String>,
        /// DATA and I-DATA with a message of RFC 8832: its type.
        dcep: Option<u8>,
    },
    /// Something else, by its first byte (RFC 7983).
    Unknown(u8),
}

impl Kind {
    /// The protocol, as the scenario language names it.
    #[must_use]
    pub fn protocol(&self) -> &'static str {
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
    pub fn name(&self) -> String {
        match self {
            Self::Stun { class, method, .. } => {
                let class = match class {
                    StunClass::Request => "request",
                    StunClass::Indication => "indication",
                    StunClass::Success => "success",
                    StunClass::Error => "error",
                };
                match super::stun::method_name(*method) {
                    Some(method) => format!("{method} {class}"),
                    None => format!("0x{method:03x} {class}"),
                }
            }
            Self::ChannelData => "ChannelData".to_owned(),
            Self::Handshake { retry: true, .. } => "HelloRetryRequest".to_owned(),
            Self::Handshake { kind, .. } => super::dtls::handshake_name(*kind)
                .map_or_else(|| format!("handshake message {kind}"), str::to_owned),
            Self::EncryptedHandshake => "Finished".to_owned(),
            Self::ChangeCipherSpec => "ChangeCipherSpec".to_owned(),
            Self::Alert { .. } => "alert".to_owned(),
            Self::ApplicationData => "application data".to_owned(),
            Self::Record13 => "encrypted record".to_owned(),
            Self::Ack => "ACK".to_owned(),
            Self::Srtp { payload_type, .. } | Self::Rtp { payload_type, .. } => payload_type.to_string(),
            Self::Srtcp { packet_type, format } | Self::Rtcp { packet_type, format } => {
                super::rtp::rtcp_name(*packet_type, *format)
                    .map_or_else(|| packet_type.to_string(), str::to_owned)
            }
            Self::Chunk { kind, .. } => {
                super::sctp::chunk_name(*kind).map_or_else(|| format!("chunk {kind}"), str::to_owned)
            }
            Self::Unknown(first) => format!("0x{first:02x}"),
        }
    }
}
