//! RFC 5888 §9.2: an answer groups sections as the offer does, or fewer of them, by the same semantics, and groups none on its own; no group lists a
//! rejected section. BUNDLE groups have rules of their own: `bundle-group-membership-valid`.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Group, SessionDescription};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "oa-groups-answered-as-offered",
    layer: Layer::Sdp,
    subject: "a=group lines other than BUNDLE",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let answered: Vec<Exchange<'_>> = evidence.answered_by(peer).collect();
    let mut answered = answered.iter().peekable();
    for made in evidence.generated_by(peer) {
        let exchange = answered.next_if(|it| it.answer.entry == made.entry);
        judge(made, exchange.map(|it| it.offer), tally);
    }
}

/// The groups of a description that are not of BUNDLE, with the numbers of their lines.
fn groups(sdp: &SessionDescription) -> Vec<(Group, usize)> {
    let all = sdp.session().typed::<Group>();
    let read = all.filter_map(|it| Some((it.value.ok()?, it.line)));
    read.filter(|(group, _)| !group.is_bundle()).collect()
}

fn judge(made: &Description, offer: Option<&Description>, tally: &mut Tally) {
    let rejected: BTreeSet<String> =
        made.sdp.media().filter(|it| it.is_rejected()).filter_map(|section| section.mid()).collect();
    let offered = offer.map(|offer| groups(offer.received()));
    for (group, line) in groups(&made.sdp) {
        let (place, semantics): (Place, _) = (look::line(made, line), &group.semantics);
        let same = offered.as_ref().map(|all| {
            let same = all.iter().map(|(it, _)| it).filter(|it| it.semantics == *semantics);
            same.map(|it| it.tags.iter().collect::<BTreeSet<_>>()).collect::<Vec<_>>()
        });
        let listed = |all: &BTreeSet<&String>| group.tags.iter().all(|tag| all.contains(tag));
        if let Some(tag) = group.tags.iter().find(|tag| rejected.contains(*tag)) {
            tally.fail(
                Fault("rejected-section-listed"),
                format!("the group {semantics} lists the rejected section {tag}"),
                [place],
            );
        } else if same.as_ref().is_some_and(Vec::is_empty) {
            tally.fail(
                Fault("not-offered"),
                format!("the answer has a group {semantics}, which the offer has not"),
                [place],
            );
        } else if same.is_some_and(|all| !all.iter().any(listed)) {
            tally.fail(
                Fault("more-than-offered"),
                format!("the answer's group {semantics} lists what no offered one does"),
                [place],
            );
        } else {
            tally.pass(place);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, replace_all};
    use crate::evidence::Evidence;

    /// Both group audio and video for lip synchronization.
    fn synchronize(evidence: &mut Evidence) {
        for made in &mut evidence.descriptions {
            replace(&mut made.sdp, "a=group:BUNDLE 0 1\r\n", "a=group:BUNDLE 0 1\r\na=group:LS 0 1\r\n");
        }
    }

    /// As the offer had grouped one section alone.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, synchronize, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=group:LS 0 1\r\n", "a=group:LS 0\r\n");
    })
    .and(&[
        Mutation::new(Recording::Descriptions, "which the offer has not", |evidence| {
            replace(&mut evidence.descriptions[0].sdp, "a=group:LS 0 1\r\n", "a=group:FID 0 1\r\n");
        })
        .prepared(synchronize),
        Mutation::new(Recording::Descriptions, "lists the rejected section 1", |evidence| {
            let answer = &mut evidence.descriptions[1].sdp;
            replace(answer, "m=video 9 ", "m=video 0 ");
            replace_all(answer, "a=group:BUNDLE 0 1\r\n", "a=group:BUNDLE 0\r\n");
        })
        .prepared(synchronize),
    ]);
}
