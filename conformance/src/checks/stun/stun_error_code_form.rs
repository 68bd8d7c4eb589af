//! RFC 8489 §6.3.1.1, §14.8: an error response has ERROR-CODE, whose class "MUST be between 3 and 6" and whose number "MUST be between 0 and 99"; a
//! success response has none (§6.3.3, §6.3.4).

use super::sent;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{AttributeType, Class};

pub(super) const CHECK: Check = Check {
    id: "stun-error-code-form",
    layer: Layer::Checks,
    subject: "error responses",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for sent in sent(evidence, peer) {
        let Some(message) = sent.message() else { continue };
        let code = message.attribute(AttributeType::ErrorCode).map(|it| it.value.value);
        let place = Place::Frame(sent.frame);
        match (message.kind.value.class(), code) {
            (Class::Error, None) => {
                tally.fail(Fault("no-error-code"), "an error response has no ERROR-CODE", [place]);
            }
            (Class::Error, Some([_, _, class, number, ..])) => {
                let fits = (3..=6).contains(&(class & 7)) && *number < 100;
                tally.judge(Fault("out-of-range"), fits, place, || {
                    format!("ERROR-CODE has the class {} and the number {number}", class & 7)
                });
            }
            (Class::Error, Some(short)) => {
                let text = format!("ERROR-CODE has {} bytes", short.len());
                tally.fail(Fault("too-short"), text, [place]);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};
    use crate::evidence::{Evidence, Packet};

    fn edit(evidence: &mut Evidence, value: Option<&[u8]>) {
        let is_error = |it: &Packet| it.bytes[..2] == [1, 0x11] && it.tap == it.sender;
        stun::edit_where(evidence, is_error, |attributes| {
            attributes.retain(|(kind, _)| *kind != 0x0009);
            attributes.extend(value.map(|value| (0x0009, value.to_vec())));
        });
    }

    /// Makes 487 the number 187.
    pub(super) const CONTROL: Control =
        Control::new(Recording::Conflict, |evidence| edit(evidence, Some(&[0, 0, 1, 87])))
            .also_breaks(&["ice-role-conflict-detected"])
            .and(&[
                Mutation::new(Recording::Conflict, "has no ERROR-CODE", |evidence| edit(evidence, None)),
                Mutation::new(Recording::Conflict, "ERROR-CODE has 2 bytes", |evidence| {
                    edit(evidence, Some(&[0, 0]));
                }),
            ]);
}
