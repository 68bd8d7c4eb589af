//! RFC 8851 §4, §6.1: the identifiers of the `a=rid` lines of a section are different, in offers and in answers.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Rid;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "rid-unique-in-section",
    layer: Layer::Sdp,
    subject: "a=rid lines",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media().filter(|section| !section.is_rejected()) {
            let mut first: BTreeMap<String, usize> = BTreeMap::new();
            for rid in section.typed::<Rid>() {
                let Ok(value) = rid.value else { continue };
                let place: Place = look::line(made, rid.line);
                match first.insert(value.id.clone(), rid.line) {
                    None => tally.pass(place),
                    Some(before) => tally.fail(
                        Fault("rid-twice"),
                        format!("a section of the {} has a=rid:{} twice", made.kind, value.id),
                        [place, look::line(made, before)],
                    ),
                }
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace, sdp};

    /// Says a rid of the offer twice.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, sdp::simulcast, |evidence| {
            let offer = &mut evidence.descriptions[0].sdp;
            replace(offer, "a=rid:hi send\r\n", "a=rid:hi send\r\na=rid:hi send\r\n");
        });
}
