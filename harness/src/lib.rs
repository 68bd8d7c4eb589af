//! Peerproof: scenarios in YAML, played between WebRTC peers, recorded and judged.

pub mod adapters;
pub mod authority;
pub mod check_server;
pub mod cli;
pub mod config;
pub mod coverage;
mod described;
pub mod doctor;
mod embedded;
pub mod expected;
pub mod input;
pub mod inspect;
pub mod judge;
pub mod kits;
pub mod machine;
pub mod network;
mod parallel;
pub mod peers;
pub mod process;
pub mod ratchet;
pub mod recording;
pub mod requirements;
pub mod run;
pub mod scenario;
pub mod servers;
pub mod setup;
pub mod span;
mod spool;
pub mod terminal;
pub mod tools;
pub mod versions;

/// Name and version of the tool, as reports and captures name it.
pub(crate) const TOOL: &str = concat!("peerproof ", env!("CARGO_PKG_VERSION"));
