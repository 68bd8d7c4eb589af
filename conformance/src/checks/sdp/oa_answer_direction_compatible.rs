//! RFC 3264 §6.1: the direction of an answered section is one that the offered direction allows.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Direction;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "oa-answer-direction-compatible",
    layer: Layer::Sdp,
    subject: "answered media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            if !look::is_rtp(&offered) || !look::is_rtp(&answered) || answered.is_rejected() {
                continue;
            }
            let (asked, taken) = (offered.direction(), answered.direction());
            let line = answered.attributes().find(|it| it.name == taken.as_str());
            let place: Place =
                line.map_or_else(|| look::media_line(answer, &answered), |it| look::line(answer, it.line));
            let offers: BTreeSet<&str> = offered.every::<Direction>().map(|it| it.as_str()).collect();
            if offers.len() > 1 {
                tally.inconclusive("the offered section has two directions", [place]);
                continue;
            }
            tally.judge(Fault("direction"), is_allowed(asked, taken), place, || {
                format!("{asked} was offered and answered with {taken}")
            });
        }
    }
}

/// Who answers may only send what the other would receive, and only receive what it would send.
const fn is_allowed(offered: Direction, answered: Direction) -> bool {
    (offered.receives() || !answered.sends()) && (offered.sends() || !answered.receives())
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    fn receive_only(evidence: &mut crate::evidence::Evidence) {
        let [offer, answer] = &mut evidence.descriptions[..2] else { panic!("no exchange") };
        replace(&mut offer.sdp, "a=sendrecv", "a=sendonly");
        replace(&mut answer.sdp, "a=sendrecv", "a=recvonly");
    }

    /// Answers sendonly with sendrecv.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, receive_only, |evidence| {
            replace(&mut evidence.descriptions[1].sdp, "a=recvonly", "a=sendrecv");
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_answered_follows_the_table_of_the_standard() {
        use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
        let allowed = |offered| {
            let all = [SendRecv, SendOnly, RecvOnly, Inactive];
            all.into_iter().filter(|it| is_allowed(offered, *it)).collect::<Vec<_>>()
        };
        assert_eq!(allowed(SendRecv), [SendRecv, SendOnly, RecvOnly, Inactive]);
        assert_eq!(allowed(SendOnly), [RecvOnly, Inactive]);
        assert_eq!(allowed(RecvOnly), [SendOnly, Inactive]);
        assert_eq!(allowed(Inactive), [Inactive]);
    }
}
