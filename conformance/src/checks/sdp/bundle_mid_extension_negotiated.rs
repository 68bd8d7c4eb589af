//! RFC 9143 §9.1: each RTP section of a BUNDLE group maps the header extension of the MID; in answers if
//! it was offered.

use super::look;
use crate::checks::{Check, Place, Tally};
use crate::evidence::{Description, Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::{Section, SessionDescription};

pub(super) const CHECK: Check = Check {
    id: "bundle-mid-extension-negotiated",
    layer: Layer::Sdp,
    subject: "bundled RTP sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for offer in evidence.offers(peer) {
        offer.sdp.media().for_each(|section| judge(offer, &section, tally));
    }
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        debug_assert_ne!(answer.kind, SdpType::Offer);
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            if has_mid(&offered) {
                judge(answer, &answered, tally);
            }
        }
    }
}

fn judge(made: &Description, section: &Section<'_>, tally: &mut Tally) {
    if look::is_rtp(section) && !section.is_rejected() && is_bundled(&made.sdp, section) {
        let place: Place = look::media_line(made, section);
        tally.judge(has_mid(section), place, || {
            format!("a bundled section of the {} does not map {MID}", made.kind)
        });
    }
}

fn has_mid(section: &Section<'_>) -> bool {
    section.extmaps().iter().any(|map| map.uri == MID)
}

fn is_bundled(sdp: &SessionDescription, section: &Section<'_>) -> bool {
    section.mid().is_some_and(|mid| sdp.bundle_of(&mid).is_some())
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sdp};

    /// Deletes the extension from the video section of the offer.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        sdp::edit_section(&mut evidence.descriptions[0].sdp, 1, |section| {
            sdp::without(section, &["a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"])
        });
    });
}
