//! RFC 8866 §9: a generated description follows the grammar exactly, its lines in their order, each ended by CR LF.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Violation;
use std::mem::discriminant;

pub(super) const CHECK: Check = Check {
    id: "sdp-grammar-strict",
    layer: Layer::Sdp,
    subject: "descriptions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Most kinds of violations that a sentence names.
const MOST: usize = 5;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for description in evidence.generated_by(peer) {
        let violations = description.sdp.violations();
        let Some(first) = violations.first() else {
            tally.pass(Place::Entry(description.entry));
            continue;
        };
        // Each kind once: the same fault in every line is one.
        let mut kinds: Vec<&Violation> = Vec::new();
        for violation in &violations {
            let is_same = |it: &&Violation| discriminant(&it.rule) == discriminant(&violation.rule);
            if kinds.len() < MOST && !kinds.iter().any(is_same) {
                kinds.push(violation);
            }
        }
        let others = kinds.iter().skip(1).map(|it| format!("; {it}")).collect::<String>();
        let lines = kinds.iter().map(|it| Place::Line { entry: description.entry, line: it.line });
        tally.fail(Fault("grammar"), format!("the {}: {first}{others}", description.kind), lines);
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
