//! SRTP, RTP and its header extensions.

mod negotiated_state;
mod streams;

pub(super) use negotiated_state::Deaf;

checks! {
    mux_sent_datagram_first_byte_class,
    sec_media_never_cleartext,
    dtls_srtp_none_before_handshake_complete,
    dtls_srtp_write_keys_by_role,
    srtp_tag_length_matches_profile,
    srtp_index_never_encrypts_two_plaintexts,
    srtcp_index_increments,
    rtp_header_well_formed,
    rtp_sequence_increments_by_one,
    rtp_timestamp_tracks_media_clock,
    rtp_only_negotiated_payload_types,
    oa_direction_respected_on_wire,
    oa_rejected_section_no_media,
    rtp_ssrc_not_shared_across_bundled_sections,
    hdrext_block_well_formed,
    hdrext_ids_declared_by_sender,
    hdrext_mid_sent_and_correct,
    hdrext_rid_sent_for_rid_streams,
    simulcast_only_answered_rids_sent,
    hdrext_abs_send_time_format,
    twcc_sequence_shared_counter,
    rtcp_reduced_size_only_when_negotiated,
    srtp_gcm_profiles_come_in_pairs,
    srtcp_encrypted_and_authenticated,
    srtp_rollover_counter_sender,
    hdrext_forms_not_mixed_unless_negotiated,
    hdrext_rid_charset,
    hdrext_audio_level_format,
    oa_rtp_payload_type_from_remote,
    bundle_single_transport_on_wire,
}
