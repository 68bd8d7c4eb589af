//! RFC 9143 §9.3.1.1: each RTP section that an initial offer bundles, with a transport of its own, asks for
//! `a=rtcp-mux`. Of descriptions alone nobody knows whether the first offer is the initial one: there it is judged if no section asks at all.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "bundle-rtcp-mux-in-offer",
    layer: Layer::Sdp,
    subject: "bundled RTP sections of initial offers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for offer in look::first_offers(evidence, peer) {
        // A later offer asks in the tagged section alone (§7.1.3).
        let may_be_later =
            !evidence.whole && !evidence.begins && offer.sdp.media().any(|section| section.has("rtcp-mux"));
        if may_be_later {
            continue;
        }
        for section in offer.sdp.media() {
            let bundled = section.mid().is_some_and(|mid| offer.sdp.bundle_of(&mid).is_some());
            if !bundled || !look::is_rtp(&section) || section.has("bundle-only") || section.is_rejected() {
                continue;
            }
            let place: Place = look::media_line(offer, &section);
            let asks = section.has("rtcp-mux") || offer.sdp.session().has("rtcp-mux");
            tally.judge(Fault("no-rtcp-mux"), asks, place, || {
                "a bundled section does not ask for a=rtcp-mux".to_owned()
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sdp};

    /// Deletes it from the second section of the offer, whose answer then takes it from the tagged one.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        sdp::edit_section(&mut evidence.descriptions[0].sdp, 1, |section| {
            sdp::without(section, &["a=rtcp-mux"])
        });
    });
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::{Recording, sdp};
    use crate::checks::{Status, of};

    /// What is found of an offer alone, if that many of its sections do not ask.
    fn found(silent: usize, begins: bool) -> Status {
        let mut evidence = Recording::Descriptions.evidence();
        evidence.timeline.clear();
        (evidence.whole, evidence.begins) = (false, begins);
        for at in 2 - silent..2 {
            sdp::edit_section(&mut evidence.descriptions[0].sdp, at, |section| {
                sdp::without(section, &["a=rtcp-mux"])
            });
        }
        of("bundle-rtcp-mux-in-offer").unwrap().run(&evidence).swap_remove(0).result
    }

    #[test]
    fn an_offer_of_which_no_section_asks_is_none_that_follows_another() {
        assert_eq!([found(0, false), found(1, false)], [Status::NotApplicable; 2]);
        assert_eq!(found(2, false), Status::Fail);
        assert_eq!([found(0, true), found(1, true)], [Status::Pass, Status::Fail], "of the first round");
    }
}
