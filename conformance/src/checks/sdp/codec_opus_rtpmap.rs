//! RFC 7587 §7: Opus is always mapped as `opus/48000/2`, whatever is sent.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::RtpMap;

pub(super) const CHECK: Check = Check {
    id: "codec-opus-rtpmap",
    layer: Layer::Sdp,
    subject: "maps of Opus",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media().filter(|section| !section.is_rejected()) {
            for map in section.typed::<RtpMap>() {
                let place: Place = look::line(made, map.line);
                let Some(map) = map.value.ok().filter(|map| map.is("opus")) else { continue };
                tally.judge(
                    Fault("other-mapping"),
                    (map.clock_rate, map.channels) == (48_000, Some(2)),
                    place,
                    || format!("Opus is mapped as {map}, not opus/48000/2"),
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Leaves out the channels, in the offer and its answer: then it is not the codec that every offer has to have.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        for made in &mut evidence.descriptions {
            replace(&mut made.sdp, "opus/48000/2", "opus/48000");
        }
    })
    .also_breaks(&["codec-mandatory-audio-offered"]);
}
