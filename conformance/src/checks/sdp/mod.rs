//! Descriptions, offer and answer.

mod answer_adds_no_feedback;
mod answer_echoes_mids;
mod answer_has_as_many_sections;
mod answer_keeps_extension_ids;
mod answer_setup;
mod grammar;
mod offer_profile;

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    grammar::CHECK,
    answer_has_as_many_sections::CHECK,
    offer_profile::CHECK,
    answer_echoes_mids::CHECK,
    answer_setup::CHECK,
    answer_keeps_extension_ids::CHECK,
    answer_adds_no_feedback::CHECK,
];
