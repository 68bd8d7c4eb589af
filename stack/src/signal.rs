//! What the runtime and the watch over DTLS report to their connection.

use crate::tap::Direction;

/// Something that was seen of DTLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The first handshake record passed.
    Began,
    /// An alert ended the connection (RFC 5246 §7.2): a fatal one, or `close_notify`.
    Alert {
        /// From whom.
        direction: Direction,
        /// AlertDescription.
        description: u8,
    },
    /// A flight was retransmitted because the peer repeated its own.
    Resent,
}

/// What a connection learns from below.
#[derive(Debug)]
pub(crate) enum Signal {
    /// Something about DTLS was seen.
    Dtls(Evidence),
    /// The event loop has returned.
    DriverEnded,
    /// The crate logged a line.
    Log { level: &'static str, message: String },
}
