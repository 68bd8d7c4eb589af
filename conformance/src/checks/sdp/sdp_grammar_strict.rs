//! RFC 8866 §9: a generated description follows the grammar exactly, its lines in their order, each ended by CR LF.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sdp-grammar-strict",
    layer: Layer::Sdp,
    subject: "descriptions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for description in evidence.generated_by(peer) {
        match description.sdp.violations().first() {
            None => tally.pass(Place::Entry(description.entry)),
            Some(violation) => tally.fail(
                Fault("grammar"),
                format!("line {} of the {}: {violation}", violation.line, description.kind),
                [Place::Line { entry: description.entry, line: violation.line }],
            ),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, line_of};

    /// Moves the `t=` line of the offer behind the first attribute of the session.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let offer = &mut evidence.descriptions[0].sdp;
        let (number, timing) = line_of(offer, "t=");
        let (attribute, _) = line_of(offer, "a=");
        *offer = offer.with_line_inserted(attribute + 1, &timing).with_line_removed(number);
    });
}
