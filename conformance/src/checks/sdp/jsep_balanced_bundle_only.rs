//! RFC 9429 §4.1.1 and §5.2.1: by the policy `balanced`, the default, all sections of a type but the first are
//! bundle-only in an initial offer.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "jsep-balanced-bundle-only",
    layer: Layer::Sdp,
    subject: "media sections of one type",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let calls = evidence.calls(peer);
    let policy = |name| {
        let configured = calls.iter().filter(move |call| call.name == name);
        configured.filter_map(|call| call.args.get("configuration")?.get("bundlePolicy"))
    };
    let policies = policy("createPeerConnection").chain(policy("setConfiguration"));
    if policies.into_iter().any(|policy| policy != "balanced") {
        tally.not_applicable("another bundle policy was configured");
        return;
    }
    if !calls.iter().any(|call| call.name == "createPeerConnection") {
        tally.not_applicable("the configuration of the connection is not in the recording");
        return;
    }
    for offer in look::initial_offers(evidence, peer) {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let sections: Vec<_> = offer.sdp.media().collect();
        for section in &sections {
            *seen.entry(look::media(section).map(|it| it.media).unwrap_or_default()).or_default() += 1;
        }
        let mut first: BTreeMap<String, ()> = BTreeMap::new();
        for section in &sections {
            let Some(media) = look::media(section) else { continue };
            if seen.get(&media.media).is_none_or(|count| *count < 2) {
                continue;
            }
            let is_first = first.insert(media.media.clone(), ()).is_none();
            let bundle_only = section.has("bundle-only") && media.port == 0;
            let place: Place = look::media_line(offer, section);
            tally.judge(Fault("bundle-only-of-wrong-section"), bundle_only != is_first, place, || {
                let (which, how) = if is_first { ("the first", "is") } else { ("a later", "is not") };
                format!("{which} section of {} {how} bundle-only with port 0", media.media)
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sdp};
    use crate::evidence::Evidence;

    /// Offers a second video section, bundle-only.
    fn offer_two(evidence: &mut Evidence) {
        sdp::add_bundle_only_section(&mut evidence.descriptions[0].sdp);
    }

    /// Takes the mark away and sets a port.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, offer_two, |evidence| {
        sdp::edit_section(&mut evidence.descriptions[0].sdp, 2, |section| {
            section.replace("a=bundle-only\r\n", "").replace("m=video 0 ", "m=video 9 ")
        });
    })
    .also_breaks(&["bundle-rtcp-mux-in-offer"])
    .and(&[Mutation::new(
        Recording::Descriptions,
        "the first section of video is bundle-only",
        |evidence| {
            sdp::edit_section(&mut evidence.descriptions[0].sdp, 1, |section| {
                section.replace("m=video 9 ", "m=video 0 ").replace("a=mid:1", "a=bundle-only\r\na=mid:1")
            });
        },
    )
    .prepared(offer_two)
    .also_breaks(&["bundle-only-section-shape"])]);
}
