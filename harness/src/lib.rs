//! Peerproof: scenarios in YAML, played between WebRTC peers, recorded and judged.

pub mod cli;
pub mod doctor;
pub mod inspect;
pub mod judge;
pub mod machine;
pub mod network;
pub mod peers;
pub mod process;
pub mod requirements;
pub mod run;
pub mod scenario;
pub mod servers;
pub mod setup;
pub mod terminal;
pub mod tools;
