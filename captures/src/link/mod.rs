//! From captured frames to what WebRTC sees: datagrams, messages framed in TCP streams, and plaintext interfaces.
//!
//! A [`Network`] reads the link, IP, UDP and TCP headers, puts IP fragments and TCP streams together within limits, and cuts
//! streams into messages: RFC 4571 frames (ICE-TCP), STUN and ChannelData (TURN over TCP). [`tree`] shows a frame's headers.

mod cooked;
mod ethernet;
mod exported;
mod fragments;
mod frame;
mod framing;
mod ipv4;
mod ipv6;
mod loopback;
mod network;
mod sctp_ends;
mod stream;
mod tcp;
mod udp;

pub use frame::{Headers, Inner, between, tree};
pub use network::{Limits, Network, Outcome, Source, Transport, TransportPacket};
