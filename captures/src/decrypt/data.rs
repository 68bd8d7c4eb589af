//! What goes into a session and what comes out, as plain data.

use super::dtls::{Side, Version};
use crate::wire::dtls::ContentType;
use crate::wire::turn::Peer;
use std::net::SocketAddr;

/// How much a session keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most associations; beyond that the oldest is forgotten.
    pub associations: usize,
    /// Most paths (pairs of addresses); beyond that one is forgotten.
    pub paths: usize,
    /// Most packets that wait for secrets; zero if no secrets will come later.
    pub waiting: usize,
    /// Most bytes in them.
    pub waiting_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { associations: 16_384, paths: 65_536, waiting: 8_192, waiting_bytes: 8 << 20 }
    }
}

/// A datagram, or a packet framed in a TCP stream.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// When, in nanoseconds since 1970; handed on.
    pub time_ns: u64,
    /// Number of the frame that carried it; handed on.
    pub frame: u64,
    /// Source.
    pub from: SocketAddr,
    /// Destination.
    pub to: SocketAddr,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// An RTP packet.
    Rtp,
    /// A compound RTCP packet.
    Rtcp,
    /// The plaintext of a DTLS record. Application data of WebRTC is an SCTP packet (RFC 8261).
    Dtls {
        /// Its content type: 21 alert, 22 handshake, 23 application data, 26 ACK.
        content_type: u8,
        /// Its epoch.
        epoch: u64,
        /// Its sequence number within the epoch.
        sequence: u64,
    },
}

impl Content {
    /// Whether it is application data of DTLS.
    pub fn is_application_data(self) -> bool {
        const APPLICATION_DATA: u8 = ContentType::ApplicationData.raw();
        matches!(self, Self::Dtls { content_type: APPLICATION_DATA, .. })
    }
}

/// Plaintext.
#[derive(Debug, Clone, Copy)]
pub struct Clear<'a> {
    /// Time of the datagram that held it.
    pub time_ns: u64,
    /// Frame of the datagram that held it.
    pub frame: u64,
    /// Source of that datagram.
    pub from: SocketAddr,
    /// Destination of that datagram.
    pub to: SocketAddr,
    /// The peer behind a TURN server, if the datagram was TURN's.
    pub relayed: Option<Peer>,
    /// The association whose keys opened it; nothing for SRTP keys given directly.
    pub association: Option<AssociationId>,
    /// The role of its sender in that association.
    pub sender: Option<Side>,
    /// What it is.
    pub content: Content,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Names an association of a session, in the order in which they came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssociationId(pub u64);

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing in it is protected by DTLS or SRTP.
    NotProtected,
    /// Everything protected in it was opened.
    Opened,
    /// Some of it waits for secrets.
    Waiting,
    /// Some of it was not opened.
    Failed(Failure),
}

/// Why something was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Failure {
    /// No handshake was seen from which keys could follow.
    #[error("no handshake was seen for it")]
    NoHandshake,
    /// Its secret is not known, and it cannot wait (any longer).
    #[error("its secret is not known")]
    NoSecret,
    /// The cipher suite of this code point cannot be decrypted.
    #[error("cipher suite {0:#06x} cannot be decrypted")]
    Suite(u16),
    /// It does not authenticate under the keys of its association.
    #[error("it does not authenticate")]
    Authentication,
}

/// What is known of an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssociationInfo {
    /// Its name.
    pub id: AssociationId,
    /// The random of its ClientHello.
    pub client_random: [u8; 32],
    /// The version, once the server has chosen it.
    pub version: Option<Version>,
    /// The code point of the cipher suite, once the server has chosen it.
    pub suite: Option<u16>,
    /// The code point of the SRTP profile, once it is known.
    pub srtp_profile: Option<u16>,
}
