//! How much a trace keeps. What is beyond is counted in [`Over`](super::Over), not kept.

pub use crate::observe::PLACES;
/// Most flows.
pub const FLOWS: usize = 32_768;
/// Most connections.
pub const CONNECTIONS: usize = 4_096;
/// Most candidate pairs of a connection.
pub const PAIRS: usize = 256;
/// Most transactions recorded one by one of a candidate pair; all are counted.
pub const TRANSACTIONS: usize = 16;
/// Most requests that wait for their response at a place of observation.
pub const OPEN_REQUESTS: usize = 16_384;
/// Most servers asked for addresses, with the client's address.
pub const GATHERINGS: usize = 1_024;
/// Most TURN allocations.
pub const ALLOCATIONS: usize = 1_024;
/// Most errors, permissions and channels recorded of an allocation.
pub const TURN_DETAILS: usize = 64;
/// Most DTLS handshakes of a connection.
pub const HANDSHAKES: usize = 16;
/// Most flights recorded of a handshake.
pub const FLIGHTS: usize = 32;
/// Most messages recorded of a flight.
pub const MESSAGES: usize = 32;
/// Most alerts recorded of a handshake.
pub const ALERTS: usize = 16;
/// Most certificates recorded of a handshake.
pub const CERTIFICATES: usize = 16;
/// Most SCTP associations of a connection.
pub const ASSOCIATIONS: usize = 16;
/// Most data channels of an association.
pub const CHANNELS: usize = 1_024;
/// Most ERROR causes recorded of an association.
pub const CAUSES: usize = 16;
/// Most RTP streams of a connection.
pub const STREAMS: usize = 512;
/// Most RTP streams of a capture: each takes about a kilobyte.
pub const ALL_STREAMS: usize = 16_384;
/// Most ufrags recorded of a side.
pub const UFRAGS: usize = 64;
/// Most payload types recorded of a stream.
pub const PAYLOAD_TYPES: usize = 16;
/// Most protocols named that are none of WebRTC's.
pub const OTHERS: usize = 32;
/// Streams of a connection from which on those of a single packet make room for others.
pub const LONE: usize = 64;
/// Most packets under way between two taps.
pub const UNDER_WAY: usize = 16_384;
/// Most packets among which a second sight beyond a NAT is looked for.
pub const SIGHTS: usize = 16_384;
/// Most sights beyond NATs of one request.
pub const REQUEST_SIGHTS: usize = 4;
/// Bytes kept of a packet that may be RTP, per flow and direction: its header and what shows a key frame.
pub const PROBATION: usize = 256;
/// Longest text (label, ufrag, reason) kept, in bytes.
pub const TEXT: usize = 1_024;
