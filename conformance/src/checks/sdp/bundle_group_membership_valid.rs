//! RFC 9143 §5, §7.3 and §7.5.3, RFC 9429 §5.3.1: a BUNDLE group lists no rejected section and none of another BUNDLE group, one of an answer no
//! section that the offered group does not list, and answers do not use `a=bundle-only`.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "bundle-group-membership-valid",
    layer: Layer::Sdp,
    subject: "descriptions with a BUNDLE group",
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

fn judge(made: &Description, offer: Option<&Description>, tally: &mut Tally) {
    let rejected: BTreeSet<String> =
        made.sdp.media().filter(|it| it.is_rejected()).filter_map(|section| section.mid()).collect();
    let offered: Option<Vec<BTreeSet<String>>> = offer.map(|offer| {
        let groups = offer.received().groups().into_iter().filter(|it| it.is_bundle());
        groups.map(|group| group.tags.into_iter().collect()).collect()
    });
    let groups = look::groups(made);
    let mut bundled = BTreeSet::new();
    for (group, place) in &groups {
        let tags: BTreeSet<String> = group.tags.iter().cloned().collect();
        if let Some(tag) = tags.intersection(&bundled).next() {
            tally.fail(
                Fault("section-in-two-groups"),
                format!("the section {tag} is in two BUNDLE groups"),
                [*place],
            );
        }
        bundled.extend(tags.iter().cloned());
        if let Some(tag) = tags.intersection(&rejected).next() {
            tally.fail(
                Fault("rejected-section-listed"),
                format!("a BUNDLE group lists the rejected section {tag}"),
                [*place],
            );
        } else if offered
            .as_ref()
            .is_some_and(|all| !tags.is_empty() && !all.iter().any(|it| tags.is_subset(it)))
        {
            tally.fail(
                Fault("not-offered"),
                "an answered BUNDLE group lists what no offered one does",
                [*place],
            );
        } else {
            tally.pass(*place);
        }
    }
    if made.kind == SdpType::Offer || groups.is_empty() {
        return;
    }
    for section in made.sdp.media().filter(|section| section.has("bundle-only")) {
        let place: Place = look::attribute(made, &section, "bundle-only");
        tally.fail(Fault("bundle-only-in-answer"), "an answer has a=bundle-only", [place]);
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};

    /// Leaves a section that the answer rejects in its group.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[1].sdp, "m=video 9 ", "m=video 0 ");
    })
    .and(&[
        Mutation::new(Recording::Descriptions, "lists what no offered one does", |evidence| {
            replace(&mut evidence.descriptions[0].sdp, "a=group:BUNDLE 0 1\r\n", "a=group:BUNDLE 0\r\n");
        })
        .also_breaks(&["ice-credentials-per-transport", "jsep-offer-bundles-everything"]),
        Mutation::new(Recording::Descriptions, "is in two BUNDLE groups", |evidence| {
            replace(
                &mut evidence.descriptions[0].sdp,
                "a=group:BUNDLE 0 1\r\n",
                "a=group:BUNDLE 0 1\r\na=group:BUNDLE 1\r\n",
            );
        })
        .also_breaks(&["jsep-offer-bundles-everything"]),
        Mutation::new(Recording::Descriptions, "an answer has a=bundle-only", |evidence| {
            replace(&mut evidence.descriptions[1].sdp, "a=mid:1\r\n", "a=mid:1\r\na=bundle-only\r\n");
        }),
    ]);
}
