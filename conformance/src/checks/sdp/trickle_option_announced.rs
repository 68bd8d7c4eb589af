//! RFC 8840 §4.1.1 and §4.1.3, RFC 8838 §3, RFC 9429 §5.2.1 and §5.3.1: offers announce the option `trickle` for all
//! streams alike, and answers do when the offer does.

use super::look;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "trickle-option-announced",
    layer: Layer::Sdp,
    subject: "descriptions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    look::judge_ice_option(evidence, peer, "trickle", Fault("option-missing"), tally);
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Offers a section without it.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=ice-options:trickle", "a=ice-options:renomination");
    });
}
