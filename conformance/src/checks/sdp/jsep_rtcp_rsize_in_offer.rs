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
    for offer in look::known_initial_offers(evidence, peer) {
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

#[cfg(test)]
mod tests {
    use crate::checks::controls::{Recording, sdp};
    use crate::checks::{Status, of};

    /// What is found of an offer alone without the attribute, if it is said to be of the first round or not.
    fn found(begins: bool) -> Status {
        let mut evidence = Recording::Descriptions.evidence();
        (evidence.whole, evidence.begins) = (false, begins);
        sdp::edit_section(&mut evidence.descriptions[0].sdp, 1, |section| {
            sdp::without(section, &["a=rtcp-rsize"])
        });
        of("jsep-rtcp-rsize-in-offer").unwrap().run(&evidence).swap_remove(0).result
    }

    #[test]
    fn an_offer_that_is_given_as_the_first_round_is_an_initial_one() {
        assert_eq!([found(false), found(true)], [Status::NotApplicable, Status::Fail]);
    }
}
