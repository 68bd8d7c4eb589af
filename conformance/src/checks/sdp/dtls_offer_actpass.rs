//! RFC 9429 §5.2.1, RFC 8842 §5.2 and §5.5: every offer, the later ones too, leaves the DTLS role to the other side.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "dtls-offer-actpass",
    layer: Layer::Sdp,
    subject: "offered media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for offer in evidence.offers(peer) {
        for (index, section) in offer.sdp.media().enumerate() {
            let secured = look::media(&section).is_some_and(|it| it.proto.contains("TLS"));
            if !secured || section.is_rejected() || section.has("bundle-only") {
                continue;
            }
            let line = offer.sdp.effective(index, "setup");
            let place: Place = match &line {
                Some(line) => look::line(offer, line.attribute.line),
                None => look::media_line(offer, &section),
            };
            let found = line.and_then(|line| line.attribute.value).unwrap_or("none");
            tally.judge(Fault("not-actpass"), found == "actpass", place, || {
                format!("an offer has the setup {found}, not actpass")
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace_all, sdp};

    /// Offers a role in the second offer; the answer is left with the other.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, sdp::renegotiate, |evidence| {
            replace_all(&mut evidence.descriptions[2].sdp, "a=setup:actpass", "a=setup:passive");
        });
}
