//! RFC 9429 §5.2.1, RFC 5888 §4: every section of an offer has exactly one MID, which no other has.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "sdp-mid-present-and-unique",
    layer: Layer::Sdp,
    subject: "offered media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for offer in evidence.offers(peer) {
        let mut seen = BTreeSet::new();
        for section in offer.sdp.media() {
            let place: Place = look::attribute(offer, &section, "mid");
            let tags: Vec<_> = section.named("mid").map(|it| it.value.unwrap_or_default()).collect();
            match tags[..] {
                [] => tally.fail(Fault("no-mid"), "an offered section has no MID", [place]),
                [tag] => tally.judge(Fault("same-mid"), seen.insert(tag), place, || {
                    format!("two sections have the tag {tag}")
                }),
                _ => tally.fail(Fault("several-mids"), format!("a section has {} MIDs", tags.len()), [place]),
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};

    /// Gives both sections of the offer the same tag.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=mid:1\r\n", "a=mid:0\r\n");
    })
    .also_breaks(&["candidate-event-contents", "jsep-answer-mid-echo", "jsep-offer-bundles-everything"])
    .and(&[
        Mutation::new(Recording::Descriptions, "an offered section has no MID", |evidence| {
            replace(&mut evidence.descriptions[0].sdp, "a=mid:1\r\n", "");
        })
        .also_breaks(&[
            "candidate-event-contents",
            "ice-credentials-per-transport",
            "jsep-offer-bundles-everything",
        ]),
        Mutation::new(Recording::Descriptions, "a section has 2 MIDs", |evidence| {
            replace(&mut evidence.descriptions[0].sdp, "a=mid:1\r\n", "a=mid:1\r\na=mid:2\r\n");
        }),
    ]);
}
