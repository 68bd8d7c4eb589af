//! RFC 8866 §6.15: "At most one instance of this attribute is allowed for each format."

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Fmtp;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "sdp-fmtp-once-per-format",
    layer: Layer::Sdp,
    subject: "formats with a=fmtp",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media().filter(|it| look::is_rtp(it) && !it.is_rejected()) {
            let mut first: BTreeMap<String, usize> = BTreeMap::new();
            for fmtp in section.typed::<Fmtp>() {
                let Ok(value) = fmtp.value else { continue };
                let place: Place = look::line(made, fmtp.line);
                match first.insert(value.format.clone(), fmtp.line) {
                    None => tally.pass(place),
                    Some(before) => tally.fail(
                        Fault("second-fmtp"),
                        format!("the format {} has a second a=fmtp", value.format),
                        [place, look::line(made, before)],
                    ),
                }
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, line_of};

    /// Says the parameters of one format twice.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let offer = &mut evidence.descriptions[0].sdp;
        let (number, line) = line_of(offer, "a=fmtp:");
        *offer = offer.with_line_inserted(number, &line);
    });
}
