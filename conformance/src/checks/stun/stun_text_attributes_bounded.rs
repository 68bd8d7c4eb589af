//! RFC 8489 §14.3: USERNAME is "less than 509 bytes"; §14.8, §14.9, §14.10, §14.14: the reason of ERROR-CODE, REALM, NONCE and SOFTWARE are UTF-8 of fewer
//! than 128 characters, "which can be as long as 763 bytes".

use super::sent;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::AttributeType;

pub(super) const CHECK: Check = Check {
    id: "stun-text-attributes-bounded",
    layer: Layer::Checks,
    subject: "attributes of text",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Fewer bytes than this.
const USERNAME: usize = 509;
/// Fewer characters, and at most this number of bytes.
const TEXT: (usize, usize) = (128, 763);

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for sent in sent(evidence, peer) {
        let Some(message) = sent.message() else { continue };
        let place = Place::Frame(sent.frame);
        for attribute in message.attributes().map_while(Result::ok) {
            let kind = attribute.kind.value;
            let bytes = match kind {
                AttributeType::ErrorCode => attribute.value.value.get(4..).unwrap_or_default(),
                _ => attribute.value.value,
            };
            let text = std::str::from_utf8(bytes);
            let is_text = matches!(
                kind,
                AttributeType::Realm
                    | AttributeType::Nonce
                    | AttributeType::Software
                    | AttributeType::ErrorCode
                    | AttributeType::Username
            );
            if !is_text {
                continue;
            }
            let Ok(text) = text else {
                tally.fail(Fault("not-utf-8"), format!("{kind} is not UTF-8"), [place]);
                continue;
            };
            let (characters, length) = (text.chars().count(), bytes.len());
            let fits = match kind {
                AttributeType::Username => length < USERNAME,
                _ => characters < TEXT.0 && length <= TEXT.1,
            };
            tally.judge(Fault("too-long"), fits, place, || {
                format!("{kind} has {characters} characters in {length} bytes")
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};

    const SOFTWARE: u16 = 0x8022;

    /// Adds a SOFTWARE of 128 characters to a check.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        stun::edit_first_check(evidence, |attributes| attributes.insert(0, (SOFTWARE, vec![b'x'; 128])));
    })
    .and(&[Mutation::new(Recording::Data, "is not UTF-8", |evidence| {
        stun::edit_first_check(evidence, |attributes| attributes.insert(0, (SOFTWARE, vec![0xff; 4])));
    })]);
}
