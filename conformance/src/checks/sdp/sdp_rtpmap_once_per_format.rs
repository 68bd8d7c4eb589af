//! RFC 8866 §6.6: "Up to one "a=rtpmap:" attribute can be defined for each media format specified."

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::RtpMap;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "sdp-rtpmap-once-per-format",
    layer: Layer::Sdp,
    subject: "payload types with a=rtpmap",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media().filter(|it| look::is_rtp(it) && !it.is_rejected()) {
            let mut first: BTreeMap<u8, (usize, RtpMap)> = BTreeMap::new();
            for map in section.typed::<RtpMap>() {
                let Ok(value) = map.value else { continue };
                let place: Place = look::line(made, map.line);
                let payload_type = value.payload_type;
                match first.insert(payload_type, (map.line, value.clone())) {
                    None => tally.pass(place),
                    Some((before, was)) => tally.fail(
                        Fault("second-rtpmap"),
                        format!(
                            "payload type {payload_type} of the {} is {} and {}",
                            made.kind, was.encoding, value.encoding
                        ),
                        [place, look::line(made, before)],
                    ),
                }
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Says what a payload type stands for twice.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let line = "a=rtpmap:0 PCMU/8000\r\n";
        replace(&mut evidence.descriptions[0].sdp, line, &line.repeat(2));
    });
}
