//! SRTP, RTP and its header extensions.

mod direction_is_respected;
mod extension_block;
mod extensions_are_declared;
mod first_byte;
mod header;
mod index_is_used_once;
mod media_is_protected;
mod mid_is_sent;
mod negotiated_state;
mod nothing_before_finished;
mod only_answered_rids;
mod payload_types_are_negotiated;
mod reduced_size_is_negotiated;
mod rejected_section_is_silent;
mod rid_is_sent;
mod send_time;
mod sequence_rises;
mod source_of_one_section;
mod srtcp_index;
mod streams;
mod tag_length;
mod timestamps_follow_the_clock;
mod transport_sequence;
mod write_keys;

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    first_byte::CHECK,
    media_is_protected::CHECK,
    nothing_before_finished::CHECK,
    write_keys::CHECK,
    tag_length::CHECK,
    index_is_used_once::CHECK,
    srtcp_index::CHECK,
    header::CHECK,
    sequence_rises::CHECK,
    timestamps_follow_the_clock::CHECK,
    payload_types_are_negotiated::CHECK,
    direction_is_respected::CHECK,
    rejected_section_is_silent::CHECK,
    source_of_one_section::CHECK,
    extension_block::CHECK,
    extensions_are_declared::CHECK,
    mid_is_sent::CHECK,
    rid_is_sent::CHECK,
    only_answered_rids::CHECK,
    send_time::CHECK,
    transport_sequence::CHECK,
    reduced_size_is_negotiated::CHECK,
];
