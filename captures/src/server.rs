//! What a STUN or TURN server of the case says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that happened at a STUN or TURN server. Clients are written as `udp 192.0.2.2:50000`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ServerEvent {
    /// It listens.
    Started {
        /// Which server it is.
        software: String,
        /// Where it listens, as URLs.
        urls: Vec<String>,
    },
    /// It listens no more; all allocations have ended.
    Stopped,
    /// A Binding request was answered.
    Bound {
        /// Who asked.
        client: String,
        /// The address that was reported to it.
        mapped: String,
    },
    /// An allocation was made.
    Allocated {
        /// Whose.
        client: String,
        /// Its user.
        username: String,
        /// Its relayed addresses.
        relayed: Vec<String>,
        /// Seconds that it lives.
        lifetime: u64,
    },
    /// An allocation was refreshed.
    Refreshed {
        /// Whose.
        client: String,
        /// Seconds that it lives from now on.
        lifetime: u64,
    },
    /// Permissions were installed or refreshed.
    Permitted {
        /// For whose allocation.
        client: String,
        /// For these peers.
        peers: Vec<String>,
    },
    /// A channel was bound or refreshed.
    ChannelBound {
        /// For whose allocation.
        client: String,
        /// Its number.
        channel: u16,
        /// Its peer.
        peer: String,
    },
    /// A request was refused.
    Refused {
        /// Whose.
        client: String,
        /// Which (`Allocate`).
        method: String,
        /// With this error code.
        code: u16,
    },
    /// A request was left without an answer, on purpose.
    Ignored {
        /// Whose.
        client: String,
        /// Which.
        method: String,
    },
    /// The first packet that came to an allocation from a peer without a permission, and was dropped.
    Unpermitted {
        /// Whose allocation.
        client: String,
        /// The peer.
        peer: String,
    },
    /// The first packet of an allocation was relayed in this direction.
    Relayed {
        /// Of whose allocation.
        client: String,
        /// The peer.
        peer: String,
        /// Towards the peer, not from it.
        outwards: bool,
    },
    /// An allocation ended.
    Ended {
        /// Whose it was.
        client: String,
        /// Why: `released`, `expired`, `disconnected`, `ended`.
        ending: String,
        /// Packets relayed to peers.
        sent: u64,
        /// Packets relayed from peers.
        received: u64,
    },
}

/// A kind of event of a server that a step can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerEventKind {
    /// A Binding request was answered.
    Bound,
    /// An allocation was made.
    Allocated,
    /// An allocation was refreshed.
    Refreshed,
    /// A permission was installed or refreshed.
    Permitted,
    /// A channel was bound or refreshed.
    ChannelBound,
    /// A request was refused.
    Refused,
    /// A request was left without an answer.
    Ignored,
    /// The first packet that came to an allocation from a peer without a permission was dropped.
    Unpermitted,
    /// The first packet of an allocation was relayed in a direction.
    Relayed,
    /// An allocation ended.
    Ended,
}

impl ServerEvent {
    /// The client that it is about; nothing for the server's own start and stop.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        match self {
            Self::Started { .. } | Self::Stopped => None,
            Self::Bound { client, .. }
            | Self::Allocated { client, .. }
            | Self::Refreshed { client, .. }
            | Self::Permitted { client, .. }
            | Self::ChannelBound { client, .. }
            | Self::Refused { client, .. }
            | Self::Ignored { client, .. }
            | Self::Unpermitted { client, .. }
            | Self::Relayed { client, .. }
            | Self::Ended { client, .. } => Some(client),
        }
    }

    /// Its kind; nothing for the server's own start and stop, which no step waits for.
    #[must_use]
    pub const fn kind(&self) -> Option<ServerEventKind> {
        Some(match self {
            Self::Started { .. } | Self::Stopped => return None,
            Self::Bound { .. } => ServerEventKind::Bound,
            Self::Allocated { .. } => ServerEventKind::Allocated,
            Self::Refreshed { .. } => ServerEventKind::Refreshed,
            Self::Permitted { .. } => ServerEventKind::Permitted,
            Self::ChannelBound { .. } => ServerEventKind::ChannelBound,
            Self::Refused { .. } => ServerEventKind::Refused,
            Self::Ignored { .. } => ServerEventKind::Ignored,
            Self::Unpermitted { .. } => ServerEventKind::Unpermitted,
            Self::Relayed { .. } => ServerEventKind::Relayed,
            Self::Ended { .. } => ServerEventKind::Ended,
        })
    }
}
