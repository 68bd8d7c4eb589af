//! Connections of the stack with one another, in one process, on loopback.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;
mod data;
mod media;
mod negotiation;
mod servers;
mod wire;
