//! The reference STUN and TURN server (RFC 8489, RFC 8656): UDP, TCP and TLS, IPv4 and IPv6 relayed addresses.
//!
//! It is an instrument. Well behaved by default, it can be determined to misbehave in the ways that clients have to survive
//! ([`Fault`]): refusing, staling its nonces forever, answering late or not at all. It reports to an observer what happens
//! ([`Observed`]), bounds all that a client can make it keep ([`Limits`]), and listens wherever the runtime that starts it lives.
//!
//! What it lacks of RFC 8656: DONT-FRAGMENT and ICMP (answered 420, not relayed), reservation of port pairs (508), TCP
//! relaying (RFC 6062), the SHA-256 password algorithms of RFC 8489 §18.5 (clients then use MD5 and SHA-1).

mod allocation;
mod answer;
mod auth;
mod config;
mod core;
mod fault;
mod listen;
pub(crate) mod message;
mod observed;
mod relay;
mod serving;
mod socket;
mod tls;

pub use config::{Config, Credentials, Lifetimes, Limits, Listen};
pub use fault::Fault;
pub use observed::{Client, Ending, Method, Observed, Transport};
pub use serving::{Server, StartError};
pub use tls::{Authority, Tls, TlsError};

#[cfg(test)]
mod tests;
