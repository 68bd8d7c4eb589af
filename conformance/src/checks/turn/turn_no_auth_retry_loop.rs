//! RFC 8489 §9.2.5: after a 401 "the client MUST NOT perform this retry if it is not changing the USERNAME, USERHASH, REALM, or its associated password from the
//! previous attempt".

use super::{Ends, error_code, said};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{AttributeType, Class, Method, TransactionId};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "turn-no-auth-retry-loop",
    layer: Layer::Gathering,
    subject: "refused credentials",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Name and realm of a request.
type Name = (Vec<u8>, Vec<u8>);

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no Allocate request with credentials was refused");
    let mut asked: BTreeMap<(Ends, TransactionId), Name> = BTreeMap::new();
    // What was refused, with where it was refused first.
    let mut refused: BTreeMap<(Ends, Name), u64> = BTreeMap::new();
    for said in said(evidence, peer) {
        let (ends, transaction) = (said.ends(), said.message.transaction.value);
        if said.is_sent(Method::Allocate, Class::Request) {
            let of = |kind| said.message.attribute(kind).map(|it| it.value.value.to_vec());
            let name = of(AttributeType::Username).or_else(|| of(AttributeType::Userhash));
            let Some(name) = name.zip(of(AttributeType::Realm)) else { continue };
            // A retransmission is no other attempt.
            if asked.contains_key(&(ends, transaction)) {
                continue;
            }
            if let Some(frame) = refused.get(&(ends, name.clone())) {
                tally.fail(
                    Fault("tried-again"),
                    "an Allocate request is repeated with credentials that were refused",
                    [Place::Frame(said.at.frame), Place::Frame(*frame)],
                );
            }
            asked.insert((ends, transaction), name);
        } else if !said.at.sent
            && said.message.kind.value.method() == Method::Allocate
            && error_code(&said) == Some(401)
            && let Some(name) = asked.get(&(ends, transaction))
        {
            refused.entry((ends, name.clone())).or_insert(said.at.frame);
            tally.pass(Place::Frame(said.at.frame));
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, turn};

    /// Has a client ask with the same credentials once more after a 401.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Relay,
        |evidence| turn::refuse_first(evidence, [4, 1], None),
        turn::ask_again_refused,
    );
}
