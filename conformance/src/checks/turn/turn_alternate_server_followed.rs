//! RFC 8489 §10: on 300 (Try Alternate) the client "considers the current transaction as failed and reattempts the request with the server specified in the
//! attribute", using the same transport.

use super::{error_code, said};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{AttributeType, Class, Method};

pub(super) const CHECK: Check = Check {
    id: "turn-alternate-server-followed",
    layer: Layer::Gathering,
    subject: "responses 300",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long a client that asked a server ignores that another points to it, in microseconds: "it MUST ignore the redirection and consider the
/// transaction to have failed".
const IGNORED_US: u64 = 300_000_000;

/// Within which the other server should be asked, in microseconds: a choice of ours, as the RFC has none.
const WITHIN_US: u64 = 2_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let all: Vec<_> = said(evidence, peer).collect();
    let end_us = evidence.timeline.last().map_or(0, |entry| entry.t_us);
    for (at, stated) in all.iter().enumerate().filter(|(_, it)| !it.at.sent && error_code(it) == Some(300)) {
        let Some(server) = stated.message.address(AttributeType::AlternateServer).map(|it| it.value) else {
            continue;
        };
        let place = Place::Frame(stated.at.frame);
        let mut earlier = all.iter().take(at).rev();
        let before =
            earlier.find(|it| it.is_sent(Method::Allocate, Class::Request) && it.at.server == server);
        if before.is_some_and(|it| stated.at.t_us.saturating_sub(it.at.t_us) < IGNORED_US) {
            tally.not_applicable("the server was asked within the five minutes before");
            continue;
        }
        let mut later = all.iter().skip(at + 1);
        let asks = later.find(|it| it.is_sent(Method::Allocate, Class::Request) && it.at.server == server);
        match (asks, Off::late(stated.at.t_us, WITHIN_US, end_us)) {
            (Some(asks), _) => tally.pass(Place::Frame(asks.at.frame)),
            (None, Some(off)) if evidence.whole => {
                let text = format!("{server} is never asked, to which a 300 pointed");
                tally.off(Fault("not-followed"), evidence, off, text, [place]);
            }
            (None, _) => {
                tally.inconclusive("the recording ends before the other server would be asked", [place]);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, turn};
    use crate::evidence::Evidence;

    /// The first server points Alice to another one, which she asks.
    fn point(evidence: &mut Evidence) {
        let other = (0x8023, vec![0, 1, 0x0d, 0x96, 203, 0, 113, 77]);
        turn::refuse_first(evidence, [3, 0], Some(other));
        turn::ask_again_refused(evidence);
        let other = "203.0.113.77:3478".parse().unwrap();
        evidence.wire.as_mut().unwrap().servers.last_mut().unwrap().server = other;
        let mut last = evidence.timeline.last().unwrap().clone();
        last.t_us += 20_000_000;
        evidence.timeline.push(last);
    }

    /// Has her not ask it.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Relay, point, |evidence| {
        evidence.wire.as_mut().unwrap().servers.pop();
    });
}
