//! RFC 8853 §5.2, RFC 9429 §5.8.3: a section has one `a=simulcast` at most; it names `a=rid` lines of the section, each once, in the direction that
//! these have. That it stands in no session is judged by `sdp-attribute-level`.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Rid, RidDirection, Section, Simulcast};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "simulcast-line-consistent",
    layer: Layer::Sdp,
    subject: "sections with a=simulcast",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media().filter(|section| !section.is_rejected()) {
            judge(made, &section, tally);
        }
    }
}

fn judge(made: &Description, section: &Section<'_>, tally: &mut Tally) {
    let kind = made.kind;
    let lines: Vec<Place> = section.named("simulcast").map(|it| look::line(made, it.line)).collect();
    if lines.len() > 1 {
        tally.fail(
            Fault("simulcast-twice"),
            format!("a section of the {kind} has two a=simulcast"),
            lines.iter().copied(),
        );
    }
    let known: Vec<Rid> = section.every().collect();
    // Of lines that cannot be read, which are for `sdp-grammar-strict`, the identifier at least.
    let is_unreadable = |id: &str| {
        let mut unreadable = section.named("rid").filter(|line| line.read::<Rid>().is_err());
        unreadable.any(|line| line.value.and_then(|value| value.split(' ').next()) == Some(id))
    };
    for line in section.typed::<Simulcast>() {
        let Ok(simulcast) = line.value else { continue };
        let place: Place = look::line(made, line.line);
        let mut named = BTreeSet::new();
        let all = simulcast.directions.iter().flat_map(|(direction, streams)| {
            streams.iter().flatten().map(move |stream| (*direction, stream.rid.as_str()))
        });
        let mut is_consistent = true;
        for (direction, id) in all {
            let is_of = |as_what: RidDirection| known.iter().any(|it| it.id == id && it.direction == as_what);
            let other = match direction {
                RidDirection::Send => RidDirection::Recv,
                RidDirection::Recv => RidDirection::Send,
            };
            let (fault, sentence) = if !named.insert(id) {
                (Fault("rid-named-twice"), format!("a=simulcast of the {kind} names the rid {id} twice"))
            } else if is_of(direction) || is_unreadable(id) {
                continue;
            } else if is_of(other) {
                let sentence =
                    format!("a=simulcast of the {kind} would {direction} the rid {id}, which is of {other}");
                (Fault("other-direction"), sentence)
            } else {
                let sentence =
                    format!("a=simulcast of the {kind} names the rid {id}, of which there is no a=rid");
                (Fault("rid-undefined"), sentence)
            };
            is_consistent = false;
            tally.fail(fault, sentence, [place]);
        }
        if is_consistent && lines.len() == 1 {
            tally.pass(place);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, sdp};

    /// Names a rid twice in one line.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, sdp::simulcast, |evidence| {
            replace(&mut evidence.descriptions[0].sdp, "a=simulcast:send hi;lo", "a=simulcast:send hi;lo,hi");
        })
        .and(&[
            Mutation::new(Recording::Descriptions, "has two a=simulcast", |evidence| {
                let line = "a=simulcast:send hi;lo\r\n";
                replace(&mut evidence.descriptions[0].sdp, line, &line.repeat(2));
            })
            .prepared(sdp::simulcast),
            Mutation::new(Recording::Descriptions, "would send the rid lo, which is of recv", |evidence| {
                replace(&mut evidence.descriptions[0].sdp, "a=rid:lo send", "a=rid:lo recv");
            })
            .prepared(sdp::simulcast)
            .also_breaks(&["simulcast-answer-mirrors-offer"]),
            Mutation::new(
                Recording::Descriptions,
                "names the rid mid, of which there is no a=rid",
                |evidence| {
                    replace(
                        &mut evidence.descriptions[0].sdp,
                        "a=simulcast:send hi;lo",
                        "a=simulcast:send hi;lo;mid",
                    );
                },
            )
            .prepared(sdp::simulcast),
        ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::{Recording, replace, sdp};
    use crate::finding::Status;

    fn result(from: &str, to: &str) -> Status {
        let mut evidence = Recording::Descriptions.evidence();
        sdp::simulcast(&mut evidence);
        replace(&mut evidence.descriptions[0].sdp, from, to);
        CHECK.run(&evidence)[0].result
    }

    #[test]
    fn directions_alternatives_and_pauses_are_free_and_a_rid_that_cannot_be_read_is_there() {
        assert_eq!(result("send hi;lo", "send ~hi,lo"), Status::Pass);
        assert_eq!(result("a=rid:lo send\r\n", "a=rid:lo send\r\na=rid:in recv\r\n"), Status::Pass, "unused");
        let both = "a=rid:in recv\r\na=simulcast:recv in send hi;lo";
        assert_eq!(result("a=simulcast:send hi;lo", both), Status::Pass);
        assert_eq!(result("a=rid:lo send", "a=rid:lo both"), Status::Pass);
        assert_eq!(result("a=rid:lo send\r\n", ""), Status::Fail);
    }
}
