//! The seam through which every datagram and every secret of the stack passes.
//!
//! The stack itself only offers the seam; who records or disturbs the packets is no business of its own.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

/// Which way a datagram goes, seen from the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the network to the stack.
    In,
    /// From the stack to the network.
    Out,
}

/// What carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// One UDP datagram.
    Udp,
    /// One frame of RFC 4571 over TCP, or one STUN message or ChannelData of TURN over TCP.
    Tcp,
}

/// A datagram on its way.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// In or out.
    pub direction: Direction,
    /// UDP or TCP.
    pub transport: Transport,
    /// The stack's address.
    pub local: SocketAddr,
    /// The other's address.
    pub remote: SocketAddr,
    /// The payload.
    pub payload: &'a [u8],
}

/// What is to become of a datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// On it goes.
    Pass,
    /// It is lost.
    Drop,
    /// These go instead, each after its delay: one changed datagram, a late one, several.
    Deliver(Vec<(Duration, Vec<u8>)>),
}

/// Sees every datagram and decides about it. Called on the stack's own tasks: must not block.
pub trait Tap: Send + Sync + Debug {
    /// Decides about one datagram.
    fn on_datagram(&self, datagram: &Datagram<'_>) -> Action;
}

/// Gets every secret as soon as it exists. Called on the stack's own tasks: must not block.
pub trait SecretSink: Send + Sync + Debug {
    /// A line in the NSS key log format (`CLIENT_RANDOM <hex> <hex>`).
    fn key_log(&self, line: &str);
    /// The keying material of RFC 5764 §4.2: client key, server key, client salt, server salt.
    fn srtp_keying_material(&self, material: &[u8]);
    /// The plaintext of one DTLS application data record: an SCTP packet (RFC 8261). Only records of the AEAD cipher
    /// suites are seen.
    fn application_data(&self, _direction: Direction, _payload: &[u8]) {}
}

/// Lets everything pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct PassAll;

impl Tap for PassAll {
    fn on_datagram(&self, _: &Datagram<'_>) -> Action {
        Action::Pass
    }
}

/// Forgets every secret.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl SecretSink for NoSecrets {
    fn key_log(&self, _: &str) {}
    fn srtp_keying_material(&self, _: &[u8]) {}
}
