//! Session descriptions: SDP (RFC 8866) with the attributes that WebRTC uses (RFC 9429).
//!
//! [`SessionDescription`] keeps a text exactly as it came, line by line with number and byte range, and never refuses one:
//! what does not fit the grammar is reported by [`SessionDescription::violations`], not dropped. [`Section`] finds the
//! lines of the session or of one media section, [`Attribute`] types read their values, and
//! [`SessionDescription::effective`] answers what holds for a section when an attribute stands elsewhere.
//!
//! Nothing here decides whether a description is acceptable.

mod attribute;
mod candidate;
mod codec;
mod description;
mod effective;
mod fields;
mod grammar;
mod line;
mod rtp_parameters;
#[cfg(test)]
mod samples;
mod scanner;
mod section;

pub use attribute::{
    Attribute, Bandwidth, Direction, ExtMap, Fingerprint, Fmtp, Group, IceOptions, IcePacing, IcePwd,
    IceUfrag, MaxMessageSize, MaxPtime, Mid, Msid, Ptime, RemoteCandidate, RemoteCandidates, Rid,
    RidDirection, Rtcp, RtcpFb, RtpMap, SctpMap, SctpPort, Setup, Simulcast, SimulcastId, Ssrc, SsrcGroup,
    TlsId,
};
pub use candidate::{Candidate, CandidateAddress, CandidateType};
pub use codec::{Codec, H264};
pub use description::{Excess, MOST_LINES, MOST_SECTIONS, SessionDescription};
pub use effective::{Effective, Level};
pub use fields::{Connection, MediaLine, Origin, Timing};
pub use grammar::{Rule, Violation};
pub use line::{Ending, Line};
pub use scanner::{Malformed, Scanner};
pub use section::{AttributeLine, OnLine, Section};
