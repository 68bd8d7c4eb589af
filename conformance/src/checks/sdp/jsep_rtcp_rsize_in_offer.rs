//! RFC 9429 §5.2.1: each RTP section of an initial offer with a transport of its own, and so each that is not bundle-only, has `a=rtcp-rsize`
//! (RFC 5506 §5).

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "jsep-rtcp-rsize-in-offer",
    layer: Layer::Sdp,
    subject: "RTP sections of initial offers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for offer in look::initial_offers(evidence, peer) {
        for section in offer.sdp.media() {
            if !look::is_rtp(&section) || section.is_rejected() || section.has("bundle-only") {
                continue;
            }
            let place: Place = look::media_line(offer, &section);
            tally.judge(Fault("no-rtcp-rsize"), section.has("rtcp-rsize"), place, || {
                "an RTP section of the offer has no a=rtcp-rsize".to_owned()
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sdp};

    /// Deletes it from the second section of the offer, in which no RTCP was recorded.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        sdp::edit_section(&mut evidence.descriptions[0].sdp, 1, |section| {
            sdp::without(section, &["a=rtcp-rsize"])
        });
    });
}
