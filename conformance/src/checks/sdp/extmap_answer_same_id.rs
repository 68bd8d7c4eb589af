//! RFC 8285 §6: an answer keeps the identifier of each header extension that it takes, but for the offer's placeholders from
//! 4096 on, which it maps into the valid range.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{ExtMap, OnLine};

pub(super) const CHECK: Check = Check {
    id: "extmap-answer-same-id",
    layer: Layer::Sdp,
    subject: "header extensions in answers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Identifiers in offers that stand for "to be chosen by the answer".
const PLACEHOLDERS: std::ops::RangeInclusive<u16> = 4096..=4351;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            let is_read = offered.typed::<ExtMap>().all(|it| it.value.is_ok());
            let offered = offered.extmaps();
            for OnLine { line, value, .. } in answered.typed::<ExtMap>() {
                let Ok(taken) = value else { continue };
                let same = |offer: &&ExtMap| offer.uri == taken.uri && offer.attributes == taken.attributes;
                let ids: Vec<u16> = offered.iter().filter(same).map(|offer| offer.id).collect();
                let place = Place::Line { entry: answer.entry, line };
                if !is_read && ids.is_empty() {
                    tally.inconclusive("an a=extmap of the offer cannot be read", [place]);
                    continue;
                }
                if !offered.iter().any(|offer| offer.uri == taken.uri) {
                    // RFC 9429 §5.11 lets it be.
                    tally.warn(Fault("not-offered"), format!("{} was not offered", taken.uri), [place]);
                    continue;
                }
                if ids.is_empty() || ids.iter().all(|id| PLACEHOLDERS.contains(id)) {
                    continue;
                }
                tally.judge(Fault("other-id"), ids.contains(&taken.id), place, || {
                    format!("{} was offered with id {} and answered with {}", taken.uri, ids[0], taken.id)
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, replace_all};

    /// Renumbers sdes:mid in the answer alone.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let mid = "urn:ietf:params:rtp-hdrext:sdes:mid";
        replace_all(
            &mut evidence.descriptions[1].sdp,
            &format!("a=extmap:4 {mid}"),
            &format!("a=extmap:9 {mid}"),
        );
    })
    .and(&[Mutation::new(Recording::Descriptions, "was not offered", |evidence| {
        replace(&mut evidence.descriptions[1].sdp, "a=extmap:", "a=extmap:12 urn:x-another\r\na=extmap:");
    })]);
}
