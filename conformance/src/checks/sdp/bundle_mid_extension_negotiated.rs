//! RFC 9143 §9.1: each RTP section of a BUNDLE group maps the header extension of the MID; in answers if
//! it was offered, and in a later offer if the last answer took it (RFC 9429 §5.2.2: a later offer has no other
//! header extensions for the section than the last answer).

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
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
    let exchanges = evidence.exchanges();
    for offer in evidence.offers(peer) {
        let before = |exchange: &&Exchange<'_>| {
            exchange.answer.kind == SdpType::Answer && exchange.answer.entry < offer.entry
        };
        let last = exchanges.iter().rfind(before).map(|exchange| exchange.answer);
        let refused = |section: &Section<'_>| last.is_some_and(|answer| did_not_take(answer, section));
        let sections = offer.sdp.media().filter(|section| !refused(section));
        sections.for_each(|section| judge(offer, &section, tally));
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
        tally.judge(Fault("mid-not-mapped"), has_mid(section), place, || {
            format!("a bundled section of the {} does not map {MID}", made.kind)
        });
    }
}

/// Whether an answer accepts the section of this MID without the extension.
fn did_not_take(answer: &Description, section: &Section<'_>) -> bool {
    let same = |answered: &Section<'_>| answered.mid().is_some() && answered.mid() == section.mid();
    answer
        .received()
        .media()
        .any(|answered| same(&answered) && !answered.is_rejected() && !has_mid(&answered))
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

    /// Whether an offer that follows this answer must have the extension for the section.
    #[test]
    fn a_later_offer_follows_the_last_answer() {
        use super::{Description, SdpType, did_not_take};
        use crate::evidence::Peer;
        use peerproof_captures::sdp::SessionDescription;
        let section = |port: u16, extension: &str| {
            let text = format!("v=0\r\nm=audio {port} UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n{extension}");
            SessionDescription::parse(text)
        };
        let with = format!("a=extmap:4 {}\r\n", super::MID);
        let answer = |sdp: SessionDescription| Description {
            by: Peer(1),
            to: Some(Peer(0)),
            kind: SdpType::Answer,
            sdp,
            munged: false,
            delivered: None,
            entry: 1,
            t_us: 0,
        };
        let offer = section(9, "");
        let offered = offer.media().next().unwrap();
        assert!(did_not_take(&answer(section(9, "")), &offered));
        assert!(!did_not_take(&answer(section(9, &with)), &offered));
        assert!(!did_not_take(&answer(section(0, "")), &offered), "a rejected section decides nothing");
    }

    /// Deletes the extension from the video section of the offer.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        sdp::edit_section(&mut evidence.descriptions[0].sdp, 1, |section| {
            sdp::without(section, &["a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"])
        });
    });
}
