//! Peerproof: scenarios in YAML, played between WebRTC peers, recorded and judged.

pub mod adapters;
pub mod authority;
pub mod cli;
pub mod config;
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
pub mod peers;
pub mod process;
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
