//! RFC 8489 §9.2.5: "If the response is an error response with an error code of 438 (Stale Nonce), the client MUST retry the request, using the new NONCE attribute
//! supplied in the 438 (Stale Nonce) response", with name, realm and integrity.

use super::{error_code, said};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::timeline::What;
use peerproof_captures::wire::stun::{AttributeType, Class};

pub(super) const CHECK: Check = Check {
    id: "turn-stale-nonce-retry",
    layer: Layer::Gathering,
    subject: "responses 438",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Within which the retry should come, in microseconds: a choice of ours, as the RFC has none.
const WITHIN_US: u64 = 5_000_000;
/// After this number in a row a server that always says 438 need not be asked any more.
const MOST: usize = 3;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let all: Vec<_> = said(evidence, peer).collect();
    let own = evidence.name(peer);
    let closes =
        |what: &What| matches!(what, What::Command { peer, name, .. } if peer == own && name == "close");
    let closed = evidence.timeline.iter().find(|entry| closes(&entry.what)).map(|entry| entry.t_us);
    let end_us = closed.unwrap_or_else(|| evidence.timeline.last().map_or(0, |entry| entry.t_us));
    let text = |said: &super::Said<'_>, kind| said.message.text(kind).map(|it| it.value.to_owned());
    let mut count = 0;
    for (at, stale) in all.iter().enumerate().filter(|(_, it)| !it.at.sent && error_code(it) == Some(438)) {
        let method = stale.message.kind.value.method();
        let place = Place::Frame(stale.at.frame);
        let retries = all.iter().skip(at + 1).filter(|it| {
            it.ends() == stale.ends()
                && it.is_sent(method, Class::Request)
                && it.message.transaction.value != stale.message.transaction.value
        });
        count += 1;
        match retries.into_iter().next() {
            Some(retry) => {
                let place = Place::Frame(retry.at.frame);
                let nonce = text(stale, AttributeType::Nonce);
                let same = nonce.is_some() && text(retry, AttributeType::Nonce) == nonce;
                tally.judge(Fault("other-nonce"), same, place, || {
                    format!("the {method} request after a 438 does not have the nonce of that")
                });
            }
            None if count > MOST => tally.inconclusive("the server said 438 several times", [place]),
            None => match Off::late(stale.at.t_us, WITHIN_US, end_us) {
                Some(off) if evidence.whole => {
                    let text = format!("a {method} request is not repeated after a 438");
                    tally.off(Fault("no-retry"), evidence, off, text, [place]);
                }
                _ => tally.inconclusive("the recording ends before the retry was due", [place]),
            },
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, turn};
    use crate::evidence::Evidence;

    /// Makes the 401 to the first Allocate request of a client a 438: the second has the new nonce.
    fn stale(evidence: &mut Evidence) {
        turn::edit_errors(evidence, |attributes| {
            for (_, value) in attributes.iter_mut().filter(|(kind, _)| *kind == 0x0009) {
                (value[2], value[3]) = (4, 38);
            }
        });
    }

    /// Puts another nonce into a retry.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Relay, stale, |evidence| {
        turn::edit(evidence, turn::ALLOCATE, 2, |attributes| {
            let (_, nonce) = attributes.iter_mut().find(|(kind, _)| *kind == 0x0015).unwrap();
            nonce[0] ^= 1;
        });
    })
    .also_breaks(&["turn-auth-handshake"])
    .and(&[Mutation::new(Recording::Relay, "is not repeated after a 438", |evidence| {
        turn::forget_after_first_error(evidence);
        let mut last = evidence.timeline.last().unwrap().clone();
        last.t_us += 20_000_000;
        evidence.timeline.push(last);
    })
    .prepared(stale)
    .also_breaks(&["turn-permission-before-peer-traffic"])]);
}
