//! The trace: what the packets of a capture add up to.
//!
//! A [`Builder`] takes in frames one by one, in one pass and bounded memory, and gives a [`Trace`]: flows, connections with
//! their candidate pairs, handshakes, associations, channels and streams, and what was asked of STUN and TURN servers. Each
//! thing points at the frames where it began, ended, and was decided. Nothing here judges, and all that is beyond
//! [`limits`] is counted in [`Over`].

mod at;
mod beyond;
#[cfg(test)]
mod beyond_tests;
mod both_ends;
mod builder;
mod channel;
mod classify;
mod connection;
mod context;
#[cfg(test)]
mod directions_tests;
mod dtls;
mod feedback;
mod flow;
mod ice;
mod learned;
pub mod limits;
mod members;
mod recognise;
mod rtp;
mod rtp_on_wire;
mod sctp;
mod sequence;
mod slices;
mod state;
mod stun;
mod taps;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod turn;

pub use at::{At, Side, Sides};
pub use beyond::Sights;
pub use builder::Builder;
pub use channel::{Channel, Messages};
pub use connection::{Connection, Delivery, MalformedRtcp, Peer, Role};
pub use dtls::{AlertSeen, Certificate, Flight, Handshake};
pub use feedback::Feedback;
pub use flow::{Carrier, Flow, Traffic};
pub use ice::{Checks, Outcome, Pair, PairState, RoundTrips, Transaction};
pub use members::Members;
pub use recognise::{Checksums, Nature, Other, OtherVersion, Recognised};
pub use rtp::{Knowledge, Stream};
pub use sctp::{Association, Sender, Trouble};
pub use slices::{Slice, Slices};
pub use taps::{Taps, UnderWay};
pub use turn::{Allocation, Bound, Gathering, TurnError};

use crate::ends::BothEnds;
use crate::observe::Defect;
use schemars::JsonSchema;
use serde::Serialize;

/// What a capture holds.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Trace {
    /// Frames taken in.
    pub frames: u64,
    /// The first frame.
    pub first: Option<At>,
    /// The last frame.
    pub last: Option<At>,
    /// Datagrams and messages framed in TCP streams.
    pub packets: u64,
    /// Packets seen a second time, by a capture on all interfaces or one that records frames twice; they count for nothing else.
    pub copies: u64,
    /// Frames that are nothing WebRTC runs on, or fragments, or not understood.
    pub other_frames: u64,
    /// Frames of which the capture holds only the beginning, as its snap length has it.
    pub cut_frames: u64,
    /// The first of them.
    pub first_cut: Option<At>,
    /// Handshakes and SRTP keys whose secrets are known.
    pub secrets: u64,
    /// How many packets each SRTP key opened that was given beside the capture, in their order, without repetitions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub srtp_keys: Vec<u64>,
    /// Packets of SRTP and SRTCP on which these were tried.
    #[serde(default)]
    pub srtp_packets: u64,
    /// Flows.
    pub flows: Vec<Flow>,
    /// Connections.
    pub connections: Vec<Connection>,
    /// STUN servers asked for addresses.
    pub gatherings: Vec<Gathering>,
    /// TURN allocations.
    pub allocations: Vec<Allocation>,
    /// Protocols that are none of WebRTC's, as far as their packets prove which they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Other>,
    /// STUN responses to requests that are not in the capture.
    pub responses_without_request: u64,
    /// What was not kept.
    pub over: Over,
    /// What makes the capture less than what was on the wire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defects: Vec<Defect>,
    /// Both ends of the connections, as they were given to [`Builder::at_both_ends`].
    #[serde(skip)]
    pub ends: Option<BothEnds>,
}

/// What was beyond the [`limits`]: counted, not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Over {
    /// Packets of flows beyond [`limits::FLOWS`].
    pub packets_of_other_flows: u64,
    /// Packets of connections beyond [`limits::CONNECTIONS`].
    pub packets_of_other_connections: u64,
    /// Checks on candidate pairs beyond [`limits::PAIRS`].
    pub checks_on_other_pairs: u64,
    /// Requests forgotten before a response came, beyond [`limits::OPEN_REQUESTS`].
    pub forgotten_requests: u64,
    /// Requests to servers beyond [`limits::GATHERINGS`] and [`limits::ALLOCATIONS`].
    pub requests_to_other_servers: u64,
    /// ClientHellos beyond [`limits::HANDSHAKES`] of a connection.
    pub handshakes: u64,
    /// Packets of RTP streams beyond [`limits::STREAMS`] and [`limits::ALL_STREAMS`].
    pub packets_of_other_streams: u64,
}

impl Over {
    /// Whether nothing was left out.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
