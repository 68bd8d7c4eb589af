//! What an address is to the peer that has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an address is to the peer whose it is (RFC 8445 §5.1.1, §7.2.5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AddressKind {
    /// Of an interface of its own.
    Host,
    /// Outside of a NAT, as a server has reported it.
    Srflx,
    /// Outside of a NAT, and no server has reported it.
    Prflx,
    /// At its TURN server.
    Relay,
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Host => "host",
            Self::Srflx => "srflx",
            Self::Prflx => "prflx",
            Self::Relay => "relay",
        })
    }
}
