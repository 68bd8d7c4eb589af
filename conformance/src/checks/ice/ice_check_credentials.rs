//! RFC 8445 §7.2.2: a connectivity check names both username fragments, the receiver's first, and its MESSAGE-INTEGRITY is
//! made with the receiver's password.

use super::checks;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::AttributeType;

pub(super) const CHECK: Check = Check {
    id: "ice-check-credentials",
    layer: Layer::Checks,
    subject: "connectivity checks",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let (own, remote) = (evidence.credentials(peer), evidence.credentials(other));
    for (packet, message) in checks(evidence, peer) {
        let place = Place::Frame(packet.frame);
        if own.is_empty() || remote.is_empty() {
            tally.inconclusive("the descriptions with the credentials are not in the recording", [place]);
            continue;
        }
        let Some(username) = message.text(AttributeType::Username) else {
            tally.fail(Fault("no-username"), "a connectivity check has no USERNAME", [place]);
            continue;
        };
        let (first, second) = username.value.split_once(':').unwrap_or((username.value, ""));
        let Some(receiver) =
            remote.iter().find(|it| it.ufrag == first).filter(|_| own.iter().any(|it| it.ufrag == second))
        else {
            tally.fail(
                Fault("other-username"),
                format!(
                    "USERNAME is {}, not the receiver's and the sender's username fragment",
                    username.value
                ),
                [place],
            );
            continue;
        };
        match message.integrity_matches(receiver.password.as_bytes()) {
            Some(true) => tally.pass(place),
            Some(false) => tally.fail(
                Fault("other-password"),
                "MESSAGE-INTEGRITY is not made with the receiver's password",
                [place],
            ),
            None => tally.fail(
                Fault("no-message-integrity"),
                "a connectivity check has no MESSAGE-INTEGRITY",
                [place],
            ),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};

    /// Names the username fragments of one check in the wrong order, and signs it again.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        stun::edit_first_check(evidence, |attributes| {
            let (_, username) = attributes.iter_mut().find(|(kind, _)| *kind == 0x0006).unwrap();
            let text = String::from_utf8(username.clone()).unwrap();
            let (first, second) = text.split_once(':').unwrap();
            *username = format!("{second}:{first}").into_bytes();
        });
    })
    .and(&[
        Mutation::new(Recording::Data, "has no USERNAME", |evidence| {
            stun::edit_first_check(evidence, |attributes| attributes.retain(|(kind, _)| *kind != 0x0006));
        }),
        Mutation::new(Recording::Data, "is not made with the receiver's password", |evidence| {
            stun::sign_first(evidence, [0, 1], Some("another"));
        }),
        Mutation::new(Recording::Data, "has no MESSAGE-INTEGRITY", |evidence| {
            stun::sign_first(evidence, [0, 1], None);
        }),
    ]);
}
