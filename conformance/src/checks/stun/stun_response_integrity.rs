//! RFC 8489 §9.1.3, RFC 8445 §7.3: the answer to an authentic check, an error too, bears MESSAGE-INTEGRITY made with the same password
//! as the check, and no USERNAME.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{AttributeType, Class, Content, Message, Method, TransactionId};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "stun-response-integrity",
    layer: Layer::Checks,
    subject: "answers to checks",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// An agent that could not verify a check does not sign the response (RFC 8489 §9.1.3).
const UNSIGNED: [u16; 2] = [400, 401];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let passwords = evidence.credentials(peer);
    let mut authentic: BTreeMap<TransactionId, &str> = BTreeMap::new();
    for (packet, message) in evidence.wire.iter().flat_map(|wire| wire.stun(peer)) {
        let kind = message.kind.value;
        if kind.method() != Method::Binding || evidence.is_faulted(packet.frame) {
            continue;
        }
        let matches = |password: &str| message.integrity_matches(password.as_bytes());
        if packet.sender != peer {
            let password = passwords.iter().find(|it| matches(&it.password) == Some(true));
            if let Some(password) = password.filter(|_| kind.class() == Class::Request) {
                authentic.insert(message.transaction.value, &password.password);
            }
            continue;
        }
        let answers = matches!(kind.class(), Class::Success | Class::Error);
        let Some(password) = authentic.get(&message.transaction.value).filter(|_| answers) else { continue };
        let place = Place::Frame(packet.frame);
        if message.attribute(AttributeType::Username).is_some() {
            tally.fail(Fault("username"), "a response to a check carries USERNAME", [place]);
            continue;
        }
        match matches(password) {
            Some(true) => tally.pass(place),
            None if code(&message).is_some_and(|code| UNSIGNED.contains(&code)) => {}
            Some(false) => {
                tally.fail(
                    Fault("other-password"),
                    "MESSAGE-INTEGRITY of an answer is not made with the password of the check",
                    [place],
                );
            }
            None => tally.fail(
                Fault("no-message-integrity"),
                "an answer to a check has no MESSAGE-INTEGRITY",
                [place],
            ),
        }
    }
}

fn code(message: &Message<'_>) -> Option<u16> {
    match message.content(AttributeType::ErrorCode)?.value {
        Content::Error(error) => Some(error.code.value.raw()),
        _ => None,
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};

    /// Adds USERNAME to a success response, and signs it again.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        stun::edit_success_of_tapped(evidence, |attributes| {
            attributes.insert(0, (0x0006, b"abcd:efgh".to_vec()));
        });
    })
    .and(&[
        Mutation::new(Recording::Data, "is not made with the password", |evidence| {
            stun::sign_first(evidence, [1, 1], Some("another"));
        }),
        Mutation::new(Recording::Data, "an answer to a check has no MESSAGE-INTEGRITY", |evidence| {
            stun::sign_first(evidence, [1, 1], None);
        }),
    ]);
}
