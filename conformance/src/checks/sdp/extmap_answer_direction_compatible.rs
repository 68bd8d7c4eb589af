//! RFC 8285 §7: an extension that is offered `sendonly` is answered `recvonly` or `inactive`, and the other way around. Without a mark an extension
//! has the direction of its stream.

use super::look;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Direction, ExtMap};

pub(super) const CHECK: Check = Check {
    id: "extmap-answer-direction-compatible",
    layer: Layer::Sdp,
    subject: "answered header extensions that are offered in one direction",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        let of_session: Vec<ExtMap> = offer.received().session().every().collect();
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            if answered.is_rejected() {
                continue;
            }
            let offered: Vec<ExtMap> = offered.extmaps().into_iter().chain(of_session.clone()).collect();
            for map in answered.typed::<ExtMap>() {
                let Ok(taken) = map.value else { continue };
                let mut same =
                    offered.iter().filter(|it| it.uri == taken.uri && it.attributes == taken.attributes);
                // Offered twice, as alternatives (RFC 8285 §7): it may be either.
                let (Some(ExtMap { direction: Some(asked), .. }), None) = (same.next(), same.next()) else {
                    continue;
                };
                let due = match asked {
                    Direction::SendOnly => Direction::RecvOnly,
                    Direction::RecvOnly => Direction::SendOnly,
                    Direction::SendRecv | Direction::Inactive => continue,
                };
                let now = taken.direction.unwrap_or_else(|| answered.direction());
                let is_due = now == due || now == Direction::Inactive;
                tally.judge(Fault("direction"), is_due, look::line(answer, map.line), || {
                    format!("{} is offered {asked}, and answered {now}", taken.uri)
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};
    use crate::evidence::Evidence;

    /// As if alice would only send audio levels, and bob took that.
    fn one_way(evidence: &mut Evidence) {
        for (made, direction) in evidence.descriptions.iter_mut().zip(["sendonly", "recvonly"]) {
            replace(&mut made.sdp, "a=extmap:1 ", &format!("a=extmap:1/{direction} "));
        }
    }

    /// Answers without a mark: the stream goes both ways.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, one_way, |evidence| {
        replace(&mut evidence.descriptions[1].sdp, "a=extmap:1/recvonly ", "a=extmap:1 ");
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::{Recording, replace, replace_all};
    use crate::finding::Status;

    fn result(offered: &str, answered: &str, stream: &str) -> Status {
        let mut evidence = Recording::Descriptions.evidence();
        replace(&mut evidence.descriptions[0].sdp, "a=extmap:1 ", &format!("a=extmap:1{offered} "));
        replace(&mut evidence.descriptions[1].sdp, "a=extmap:1 ", &format!("a=extmap:1{answered} "));
        replace_all(&mut evidence.descriptions[1].sdp, "a=sendrecv", stream);
        CHECK.run(&evidence)[1].result
    }

    #[test]
    fn the_direction_of_the_stream_is_that_of_an_extension_without_one() {
        assert_eq!(result("/sendonly", "", "a=recvonly"), Status::Pass);
        assert_eq!(result("/recvonly", "", "a=sendonly"), Status::Pass);
        assert_eq!(result("/recvonly", "/sendonly", "a=sendrecv"), Status::Pass);
        assert_eq!(result("/recvonly", "/inactive", "a=sendrecv"), Status::Pass);
        assert_eq!(result("/recvonly", "", "a=inactive"), Status::Pass);
        assert_eq!(result("/recvonly", "", "a=recvonly"), Status::Fail);
        assert_eq!(result("/recvonly", "/recvonly", "a=sendrecv"), Status::Fail);
        assert_eq!(result("/sendonly", "/sendonly", "a=sendrecv"), Status::Fail);
        for free in ["", "/sendrecv", "/inactive"] {
            assert_eq!(result(free, "/sendonly", "a=sendrecv"), Status::NotApplicable, "{free}");
        }
    }
}
