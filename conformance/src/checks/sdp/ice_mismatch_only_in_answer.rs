//! RFC 8839 §4.2.5, §5.3: `a=ice-mismatch` stands in answers only, and in a section without candidates.

use super::look;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;

pub(super) const CHECK: Check = Check {
    id: "ice-mismatch-only-in-answer",
    layer: Layer::Sdp,
    subject: "sections with a=ice-mismatch",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media() {
            let Some(mismatch) = section.named("ice-mismatch").next() else { continue };
            let place = look::line(made, mismatch.line);
            if made.kind == SdpType::Offer {
                tally.fail(
                    Fault("in-offer"),
                    "the offer has a=ice-mismatch, which only an answer reports",
                    [place],
                );
            } else if section.has("candidate") {
                tally.fail(
                    Fault("with-candidates"),
                    format!("a section of the {} has a=ice-mismatch, and candidates beside it", made.kind),
                    [place, look::attribute(made, &section, "candidate")],
                );
            } else {
                tally.pass(place);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};
    use crate::evidence::Evidence;

    /// As if bob had seen a mismatch.
    fn mismatched(evidence: &mut Evidence) {
        replace(&mut evidence.descriptions[1].sdp, "a=mid:0\r\n", "a=mid:0\r\na=ice-mismatch\r\n");
    }

    /// Reports one in the offer, too.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, mismatched, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=mid:0\r\n", "a=mid:0\r\na=ice-mismatch\r\n");
    })
    .and(&[Mutation::new(Recording::Descriptions, "and candidates beside it", |evidence| {
        let candidate = "a=candidate:1 1 udp 2130706431 192.0.2.3 9 typ host\r\n";
        replace(
            &mut evidence.descriptions[1].sdp,
            "a=ice-mismatch\r\n",
            &format!("a=ice-mismatch\r\n{candidate}"),
        );
    })
    .prepared(mismatched)]);
}
