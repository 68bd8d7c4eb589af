//! RFC 7741 §6.2.1, RFC 9628 §7, RFC 6184 §8.2.1, AV1 RTP §7.3.1: the clock rate in `a=rtpmap` of VP8, VP9, H.264 and AV1 is 90000.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::RtpMap;

pub(super) const CHECK: Check = Check {
    id: "codec-video-clock-90000",
    layer: Layer::Sdp,
    subject: "payload types of video codecs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const CODECS: [&str; 4] = ["VP8", "VP9", "H264", "AV1"];
const RATE: u32 = 90_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for map in made.sdp.media().flat_map(|section| section.typed::<RtpMap>()) {
            let Ok(value) = map.value else { continue };
            if !CODECS.iter().any(|codec| value.is(codec)) {
                continue;
            }
            let place: Place = look::line(made, map.line);
            tally.judge(Fault("other-clock-rate"), value.clock_rate == RATE, place, || {
                format!("{} has the clock rate {}, not {RATE}", value.encoding, value.clock_rate)
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Lets VP9 have another clock in offer and answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        for made in &mut evidence.descriptions {
            replace(&mut made.sdp, "VP9/90000", "VP9/48000");
        }
    })
    .also_breaks(&["rtx-apt-names-existing-payload-type"]);
}
