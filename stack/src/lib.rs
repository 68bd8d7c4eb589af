//! The reference WebRTC peer of Peerproof, on the `webrtc` crate.
//!
//! It knows nothing of scenarios, checks or reports.

pub mod client;
pub mod connection;
mod crypto;
mod dcep;
pub mod dtls;
pub mod join;
pub mod latest;
pub mod media;
mod runtime;
pub mod server;
mod signal;
pub mod signalling;
pub mod simulation;
mod sync;
pub mod tap;
pub mod workarounds;

pub use runtime::install_log;

/// Version of this crate and of the WebRTC implementation in it.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (webrtc 0.21.1)");
