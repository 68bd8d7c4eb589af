//! RFC 8851 §6.1: the payload types that an offered `a=rid` is restricted to are on the `m=` line.

use super::look;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Rid;

pub(super) const CHECK: Check = Check {
    id: "rid-payload-types-valid",
    layer: Layer::Sdp,
    subject: "offered a=rid lines with pt=",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for offer in evidence.offers(peer) {
        for section in offer.sdp.media().filter(|section| !section.is_rejected()) {
            let Some(media) = look::media(&section) else { continue };
            for rid in section.typed::<Rid>() {
                let Ok(value) = rid.value else { continue };
                if value.formats().next().is_none() {
                    continue;
                }
                let stray = value.formats().find(|format| !media.formats.iter().any(|it| it == format));
                tally.judge(Fault("format-not-listed"), stray.is_none(), look::line(offer, rid.line), || {
                    let stray = stray.unwrap_or_default();
                    format!("a=rid:{} names pt={stray}, which the m= line does not list", value.id)
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace, sdp};
    use crate::evidence::Evidence;

    /// As if alice restricted one size to VP8, and bob took that.
    fn restricted(evidence: &mut Evidence) {
        sdp::simulcast(evidence);
        replace(&mut evidence.descriptions[0].sdp, "a=rid:hi send", "a=rid:hi send pt=96");
        replace(&mut evidence.descriptions[1].sdp, "a=rid:hi recv", "a=rid:hi recv pt=96");
    }

    /// Restricts it to a payload type that is not there.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, restricted, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=rid:hi send pt=96", "a=rid:hi send pt=96,77");
    });
}
