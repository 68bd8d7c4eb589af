//! Packets that the network of a lab lost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a packet did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LossCause {
    /// The link is down.
    LinkDown,
    /// By the link's rate of loss.
    Chance,
    /// The queue in front of the link is full.
    QueueFull,
    /// The packet is longer than the link's MTU.
    TooLong {
        /// The MTU in bytes.
        mtu: usize,
    },
    /// The NAT has no mapping for the port.
    NoMapping,
    /// The NAT's mapping does not admit this sender (RFC 4787 §5).
    Filtered,
    /// The packet has no ports by which a NAT could translate it.
    NoPorts,
    /// The packet is for the outside of the NAT that it comes through, which does no hairpinning (RFC 4787 §6).
    NoHairpinning,
    /// All ports of the NAT are taken.
    NoPortFree,
    /// A firewall refused it.
    Firewall,
    /// Nobody has that address.
    NoRoute,
    /// It passed as many routers as its hop limit allows.
    HopLimit,
}
