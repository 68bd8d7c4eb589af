//! Rules on packets, and what they did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A rule on packets, as the scenario installed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it does to the packets that match.
    pub action: RuleAction,
    /// Which packets match, as the scenario writes it.
    pub matches: Value,
}

/// What a rule does to a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RuleAction {
    /// The packet is lost.
    Drop,
    /// It arrives later.
    Delay {
        /// By how many milliseconds.
        by_ms: u64,
    },
    /// It arrives twice.
    Duplicate,
    /// It arrives, and a second time later.
    Replay {
        /// By how many milliseconds.
        by_ms: u64,
    },
    /// The lowest bit of a byte is inverted.
    Corrupt {
        /// The byte, from 0; counted from the end if negative.
        byte: i32,
    },
    /// The lowest bit of a field is inverted. What a rule did contains the byte ([`Self::Corrupt`]).
    CorruptField {
        /// The field as scenarios name it.
        field: String,
    },
    /// It changes places with the next packet in its direction.
    Reorder,
    /// It arrives, followed by another datagram.
    Inject {
        /// Length of that datagram in bytes.
        bytes: usize,
    },
    /// The handshake messages of DTLS 1.2 in it are cut.
    Fragment {
        /// Into how many pieces.
        pieces: usize,
    },
    /// Its handshake messages were cut, and datagrams arrive in its place.
    Split {
        /// Number of datagrams.
        datagrams: usize,
    },
    /// It arrives with other record sequence numbers, because messages of its sender were cut before.
    Renumber,
}
