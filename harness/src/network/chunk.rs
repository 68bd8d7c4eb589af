//! What a rule sees of SCTP: chunks, and the messages of DCEP in them.

use peerproof_captures::wire::sctp::ChunkType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An SCTP chunk type (RFC 9260 §3.2, RFC 3758, RFC 6525, RFC 8260).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub enum Sctp {
    /// 0
    Data,
    /// 1
    Init,
    /// 2
    InitAck,
    /// 3
    Sack,
    /// 4
    Heartbeat,
    /// 5
    HeartbeatAck,
    /// 6
    Abort,
    /// 7
    Shutdown,
    /// 8
    ShutdownAck,
    /// 9
    Error,
    /// 10
    CookieEcho,
    /// 11
    CookieAck,
    /// 14
    ShutdownComplete,
    /// 64
    IData,
    /// 130
    ReConfig,
    /// 192
    ForwardTsn,
    /// 194
    IForwardTsn,
}

impl Sctp {
    pub(super) fn of(kind: ChunkType) -> Option<Self> {
        Some(match kind {
            ChunkType::Data => Self::Data,
            ChunkType::Init => Self::Init,
            ChunkType::InitAck => Self::InitAck,
            ChunkType::Sack => Self::Sack,
            ChunkType::Heartbeat => Self::Heartbeat,
            ChunkType::HeartbeatAck => Self::HeartbeatAck,
            ChunkType::Abort => Self::Abort,
            ChunkType::Shutdown => Self::Shutdown,
            ChunkType::ShutdownAck => Self::ShutdownAck,
            ChunkType::Error => Self::Error,
            ChunkType::CookieEcho => Self::CookieEcho,
            ChunkType::CookieAck => Self::CookieAck,
            ChunkType::ShutdownComplete => Self::ShutdownComplete,
            ChunkType::IData => Self::IData,
            ChunkType::ReConfig => Self::ReConfig,
            ChunkType::ForwardTsn => Self::ForwardTsn,
            ChunkType::IForwardTsn => Self::IForwardTsn,
            _ => return None,
        })
    }

    /// Whether it carries user messages on a stream.
    #[must_use]
    pub fn has_stream(self) -> bool {
        matches!(self, Self::Data | Self::IData)
    }
}

/// A message of DCEP (RFC 8832 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Dcep {
    /// DATA_CHANNEL_OPEN
    Open,
    /// DATA_CHANNEL_ACK
    Ack,
}

/// A chunk as a rule sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its type.
    pub kind: Sctp,
    /// The stream of its user message.
    pub stream: Option<u16>,
    /// The message of DCEP that it holds or begins.
    pub dcep: Option<Dcep>,
    /// The label of the channel on its stream, if a DCEP message contained it.
    pub channel: Option<String>,
}
