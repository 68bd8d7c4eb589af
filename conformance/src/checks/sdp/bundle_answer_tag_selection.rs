//! RFC 9143 §7.3.1: the tagged section of an answered BUNDLE group is the first of the offered group that the answer
//! neither rejects nor takes out of the group, and that "does not contain a zero port value" in the offer: not a bundle-only one.

use super::look;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "bundle-answer-tag-selection",
    layer: Layer::Sdp,
    subject: "answered BUNDLE groups",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        let accepted: BTreeSet<String> =
            answer.sdp.media().filter(|it| !it.is_rejected()).filter_map(|section| section.mid()).collect();
        let open = offer.received().media().filter(|it| !look::has_port_zero(it));
        let open: BTreeSet<String> = open.filter_map(|section| section.mid()).collect();
        let offered: Vec<_> = offer.received().groups().into_iter().filter(|it| it.is_bundle()).collect();
        let places = look::groups(answer);
        for (group, place) in places {
            let bundled: BTreeSet<&String> = group.tags.iter().collect();
            let Some(first) = group.tags.first() else { continue };
            let Some(of) = offered.iter().find(|of| of.tags.contains(first)) else { continue };
            let may_be =
                |tag: &&String| accepted.contains(*tag) && bundled.contains(tag) && open.contains(*tag);
            let Some(due) = of.tags.iter().find(may_be) else { continue };
            tally.judge(Fault("other-first-section"), due == first, place, || {
                format!("the group begins with {first}, not with {due} as in the offer")
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Turns the group of the answer around.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[1].sdp, "a=group:BUNDLE 0 1", "a=group:BUNDLE 1 0");
    });
}
