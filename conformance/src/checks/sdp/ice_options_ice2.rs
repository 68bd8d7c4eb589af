//! RFC 8839 §4.2.1.5, RFC 9429 §5.2.1 and §5.3.1: offers announce the option `ice2`, and answers do when the offer does.

use super::look;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "ice-options-ice2",
    layer: Layer::Sdp,
    subject: "descriptions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    look::judge_ice_option(evidence, peer, "ice2", Fault("option-missing"), tally);
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace, replace_all};
    use crate::evidence::Evidence;

    /// No implementation has it.
    fn announce(evidence: &mut Evidence) {
        for made in &mut evidence.descriptions {
            replace_all(&mut made.sdp, "a=ice-options:trickle", "a=ice-options:trickle ice2");
        }
    }

    /// Offers a section without it.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, announce, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=ice-options:trickle ice2", "a=ice-options:trickle");
    });
}
