//! Descriptions, offer and answer.

mod answer_adds_no_feedback;
mod answer_codec_order;
mod answer_direction;
mod answer_echoes_mids;
mod answer_echoes_mux;
mod answer_has_as_many_sections;
mod answer_has_common_format;
mod answer_keeps_extension_ids;
mod answer_keeps_types;
mod answer_setup;
mod answer_tag;
mod balanced_is_bundle_only;
mod bundle_members;
mod bundle_only_shape;
mod bundled_extensions;
mod bundled_mid_extension;
mod bundled_payload_types;
mod ccfb;
mod credentials_stay;
mod credentials_wellformed;
mod data_section;
mod default_address;
mod extension_ids;
mod extension_ids_stay;
mod fingerprint_hash;
mod fingerprint_sha256;
mod fingerprint_syntax;
mod grammar;
mod h264_answer;
mod h264_parameters;
mod ice2;
pub(in crate::checks) mod look;
mod mandatory_audio;
mod mandatory_video;
mod media_is_secured;
mod mids_are_unique;
mod mids_stay;
mod no_crypto_or_lite;
mod no_fec_alone;
mod no_sdes;
mod no_section_is_removed;
mod offer_asks_for_mux;
mod offer_bundles_everything;
mod offer_profile;
mod offer_setup;
mod opus_fec;
mod opus_map;
mod origin_goes_on;
mod payload_types_beside_rtcp;
mod payload_types_keep_their_codec;
mod restart_changes_both;
mod role_stays;
mod rtx_names_its_codec;
mod simulcast_answer;
mod stopped_offer_is_answered_so;
mod stopped_section;
mod transport_in_tag_alone;
mod trickle;

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    grammar::CHECK,
    answer_has_as_many_sections::CHECK,
    offer_profile::CHECK,
    answer_echoes_mids::CHECK,
    answer_setup::CHECK,
    answer_keeps_extension_ids::CHECK,
    answer_adds_no_feedback::CHECK,
    answer_keeps_types::CHECK,
    answer_direction::CHECK,
    answer_has_common_format::CHECK,
    stopped_offer_is_answered_so::CHECK,
    no_section_is_removed::CHECK,
    origin_goes_on::CHECK,
    payload_types_keep_their_codec::CHECK,
    default_address::CHECK,
    mids_are_unique::CHECK,
    mids_stay::CHECK,
    offer_bundles_everything::CHECK,
    balanced_is_bundle_only::CHECK,
    credentials_stay::CHECK,
    restart_changes_both::CHECK,
    stopped_section::CHECK,
    data_section::CHECK,
    answer_codec_order::CHECK,
    no_crypto_or_lite::CHECK,
    no_sdes::CHECK,
    answer_tag::CHECK,
    bundle_members::CHECK,
    bundle_only_shape::CHECK,
    transport_in_tag_alone::CHECK,
    bundled_payload_types::CHECK,
    bundled_extensions::CHECK,
    bundled_mid_extension::CHECK,
    offer_asks_for_mux::CHECK,
    answer_echoes_mux::CHECK,
    offer_setup::CHECK,
    role_stays::CHECK,
    fingerprint_sha256::CHECK,
    fingerprint_syntax::CHECK,
    fingerprint_hash::CHECK,
    media_is_secured::CHECK,
    payload_types_beside_rtcp::CHECK,
    extension_ids::CHECK,
    extension_ids_stay::CHECK,
    credentials_wellformed::CHECK,
    ice2::CHECK,
    trickle::CHECK,
    rtx_names_its_codec::CHECK,
    ccfb::CHECK,
    mandatory_audio::CHECK,
    mandatory_video::CHECK,
    opus_map::CHECK,
    opus_fec::CHECK,
    h264_parameters::CHECK,
    h264_answer::CHECK,
    simulcast_answer::CHECK,
    no_fec_alone::CHECK,
];
