//! The reference signalling server (`docs/signalling.md`): carries offers, answers and candidates between the clients of a room.
//!
//! WebRTC leaves signalling to the application; this is the simplest that does. It listens on loopback by default, keeps no
//! state but who is connected, bounds what a client may send, and shows an observer every message that it carries.

mod client;
mod hub;
pub mod message;
mod rate;
mod server;

pub use hub::Observed;
pub use server::{Limits, Server, StartError};

#[cfg(test)]
mod tests;
