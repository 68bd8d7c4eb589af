//! SRTP, RTP and RTCP.

mod extensions_are_declared;
mod header;
mod media_is_protected;
mod nothing_before_finished;
mod payload_types_are_negotiated;
mod reduced_size_is_negotiated;

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    media_is_protected::CHECK,
    nothing_before_finished::CHECK,
    header::CHECK,
    payload_types_are_negotiated::CHECK,
    extensions_are_declared::CHECK,
    reduced_size_is_negotiated::CHECK,
];
