//! RFC 8489 §9.1.3: with short-term credentials "the response MUST NOT contain the USERNAME attribute"; RFC 8445 §7.2.2 notes that it is not present.

use super::sent;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{AttributeType, Class, Method};

pub(super) const CHECK: Check = Check {
    id: "stun-response-without-username",
    layer: Layer::Checks,
    subject: "responses to checks",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for sent in sent(evidence, peer) {
        let Some(message) = sent.message() else { continue };
        let kind = message.kind.value;
        if kind.method() != Method::Binding || !matches!(kind.class(), Class::Success | Class::Error) {
            continue;
        }
        let names = [AttributeType::Username, AttributeType::Userhash];
        let named = names.iter().any(|kind| message.attribute(*kind).is_some());
        tally.judge(Fault("username"), !named, Place::Frame(sent.frame), || {
            "a response to a check has USERNAME".to_owned()
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, stun};

    /// Adds USERNAME to a response.
    pub(super) const CONTROL: Control = Control::new(Recording::Conflict, |evidence| {
        stun::edit_success_of_tapped(evidence, |attributes| {
            attributes.insert(0, (0x0006, b"abcd:efgh".to_vec()));
        });
    });
}
