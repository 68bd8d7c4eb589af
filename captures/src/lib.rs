//! Recordings of WebRTC sessions and what they mean.
//!
//! A recording is a `capture.pcapng` (packets, secrets, comments) and a `timeline.jsonl` (what the peers' APIs said).
//! This crate writes both, reads them and any other capture, dissects and decrypts the packets, and pairs everything up.
//! It opens no socket, reads no clock, depends on no WebRTC stack, and never judges: that is `peerproof-conformance`.
#![forbid(unsafe_code)]

pub mod any_of;
pub mod decrypt;
pub mod dump;
pub mod ends;
pub mod event;
pub mod feature;
pub mod file;
mod hash;
pub mod intervals;
pub mod link;
pub mod normal;
pub mod observe;
pub mod recording;
pub mod scan;
pub mod sdp;
pub mod server;
pub mod tap;
pub mod timeline;
pub mod trace;
pub mod wire;
