//! RFC 9429 §5.2.1: an initial offer has one BUNDLE group that lists every media section.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "jsep-offer-bundles-everything",
    layer: Layer::Sdp,
    subject: "initial offers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for offer in look::initial_offers(evidence, peer) {
        let tags: BTreeSet<String> = offer.sdp.media().filter_map(|section| section.mid()).collect();
        if offer.sdp.media().len() == 0 {
            continue;
        }
        let groups: Vec<_> = offer.sdp.groups().into_iter().filter(|group| group.is_bundle()).collect();
        let line = offer.sdp.session().named("group").next();
        let place = line.map_or(Place::Entry(offer.entry), |it| look::line(offer, it.line));
        match &groups[..] {
            [group] => {
                let listed: BTreeSet<String> = group.tags.iter().cloned().collect();
                tally.judge(Fault("section-not-bundled"), listed == tags, place, || {
                    let missing: Vec<_> = tags.symmetric_difference(&listed).map(String::as_str).collect();
                    format!("the BUNDLE group and the media sections differ in {}", missing.join(", "))
                });
            }
            _ => {
                tally.fail(
                    Fault("not-one-group"),
                    format!("an initial offer has {} BUNDLE groups, not one", groups.len()),
                    [place],
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};

    /// Leaves the second section out of the group.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0");
    })
    .also_breaks(&["bundle-group-membership-valid", "ice-credentials-per-transport"])
    .and(&[Mutation::new(Recording::Descriptions, "has 0 BUNDLE groups", |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=group:BUNDLE 0 1\r\n", "");
    })
    .also_breaks(&["bundle-group-membership-valid", "ice-credentials-per-transport"])]);
}
