//! RFC 8851 §4 and §6.3, RFC 8853 §5.2 and §5.3.2: an answer to simulcast turns the directions around, keeps the
//! identifiers, and adds neither streams nor, where it sends, alternatives. The order is each side's preference (§5.2).

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Rid, RidDirection, Section, Simulcast, SimulcastId};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "simulcast-answer-mirrors-offer",
    layer: Layer::Sdp,
    subject: "simulcast in answers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            if !answered.is_rejected() {
                judge_rids(answer, &offered, &answered, tally);
                judge_streams(answer, &offered, &answered, tally);
            }
        }
    }
}

fn judge_rids(answer: &Description, offered: &Section<'_>, answered: &Section<'_>, tally: &mut Tally) {
    let asked: BTreeMap<String, RidDirection> =
        offered.every::<Rid>().map(|rid| (rid.id, rid.direction)).collect();
    let is_read = offered.typed::<Rid>().all(|it| it.value.is_ok());
    for rid in answered.typed::<Rid>() {
        let place: Place = look::line(answer, rid.line);
        let Ok(rid) = rid.value else { continue };
        match asked.get(&rid.id) {
            None if !is_read => tally.inconclusive("an a=rid of the offer cannot be read", [place]),
            None => tally.fail(
                Fault("rid-not-offered"),
                format!("the answer has a=rid:{}, which was not offered", rid.id),
                [place],
            ),
            Some(direction) => {
                tally.judge(Fault("rid-direction"), *direction != rid.direction, place, || {
                    format!("a=rid:{} was offered as {direction} and answered as {direction}", rid.id)
                });
            }
        }
    }
}

fn judge_streams(answer: &Description, offered: &Section<'_>, answered: &Section<'_>, tally: &mut Tally) {
    let mut lines = answered.typed::<Simulcast>();
    let Some(first) = lines.next() else { return };
    let place = look::line(answer, first.line);
    if lines.next().is_some() {
        // Judged by `simulcast-line-consistent`: which of them counts is not known.
        return;
    }
    let asked: Vec<Option<Simulcast>> = offered.typed::<Simulcast>().map(|it| it.value.ok()).collect();
    if first.value.is_ok() && (asked.len() > 1 || asked.contains(&None)) {
        tally.inconclusive("the offer has two a=simulcast in a section, or one that cannot be read", [place]);
        return;
    }
    let (Ok(taken), Some(asked)) = (first.value, asked.into_iter().flatten().next()) else {
        tally.fail(
            Fault("simulcast-not-offered"),
            "the answer has a=simulcast, which was not offered or cannot be read",
            [place],
        );
        return;
    };
    for (direction, opposite) in
        [(RidDirection::Send, RidDirection::Recv), (RidDirection::Recv, RidDirection::Send)]
    {
        let alternatives_may_be_new = direction == RidDirection::Recv;
        let fewer = is_fewer(asked.streams(opposite), taken.streams(direction), alternatives_may_be_new);
        tally.judge(Fault("simulcast-not-less"), fewer, place, || {
            format!("what the answer would {direction} is not what was offered to {opposite} with something taken away")
        });
    }
}

/// Whether the streams of one list are some of the other, in any order, each with alternatives of that one or, if they may be new, with one of
/// them at least.
fn is_fewer(all: &[Vec<SimulcastId>], some: &[Vec<SimulcastId>], alternatives_may_be_new: bool) -> bool {
    let mut taken = BTreeSet::new();
    some.iter().all(|stream| {
        let is_of = |whole: &[SimulcastId]| {
            let mut known = stream.iter().map(|it| whole.iter().any(|other| other.rid == it.rid));
            if alternatives_may_be_new { known.any(|it| it) } else { known.all(|it| it) }
        };
        all.iter().position(|whole| is_of(whole)).is_some_and(|at| taken.insert(at))
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, sdp};

    /// Answers one of them as sent too.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, sdp::simulcast, |evidence| {
            replace(&mut evidence.descriptions[1].sdp, "a=rid:hi recv", "a=rid:hi send");
        })
        .also_breaks(&["simulcast-line-consistent"])
        .and(&[
            Mutation::new(
                Recording::Descriptions,
                "the answer has a=rid:mid, which was not offered",
                |evidence| {
                    replace(
                        &mut evidence.descriptions[1].sdp,
                        "a=rid:hi recv\r\n",
                        "a=rid:hi recv\r\na=rid:mid recv\r\n",
                    );
                },
            )
            .prepared(sdp::simulcast),
            Mutation::new(Recording::Descriptions, "which was not offered or cannot be read", |evidence| {
                replace(&mut evidence.descriptions[0].sdp, "a=simulcast:send hi;lo\r\n", "");
            })
            .prepared(sdp::simulcast),
            Mutation::new(Recording::Descriptions, "with something taken away", |evidence| {
                replace(
                    &mut evidence.descriptions[1].sdp,
                    "a=simulcast:recv hi;lo",
                    "a=simulcast:recv hi;lo;hi",
                );
            })
            .prepared(sdp::simulcast)
            .also_breaks(&["simulcast-line-consistent"]),
        ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams(text: &str) -> Vec<Vec<SimulcastId>> {
        let id = |rid: &str| SimulcastId { rid: rid.to_owned(), paused: false };
        text.split(';').filter(|it| !it.is_empty()).map(|one| one.split(',').map(id).collect()).collect()
    }

    #[test]
    fn an_answer_only_takes_away() {
        let offered = streams("1,4;2;3");
        for fewer in ["", "1,4;2;3", "4;3", "2", "1", "2;1", "3;4,1"] {
            for may_be_new in [false, true] {
                assert!(is_fewer(&offered, &streams(fewer), may_be_new), "{fewer}");
            }
        }
        for other in ["5", "1;2;3;3", "1;4"] {
            for may_be_new in [false, true] {
                assert!(!is_fewer(&offered, &streams(other), may_be_new), "{other}");
            }
        }
        // §5.3.2: "MUST NOT add any alternative rid-ids in the "send" direction".
        assert!(is_fewer(&offered, &streams("2,5"), true) && !is_fewer(&offered, &streams("2,5"), false));
    }
}
