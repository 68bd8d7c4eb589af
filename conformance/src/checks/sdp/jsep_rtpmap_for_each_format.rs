//! RFC 9429 §5.2.1, §5.3.1: there is an `a=rtpmap` for each format of the `m=` line of an RTP section. Those of static payload types are
//! recommended alone by what these sections refer to (RFC 3264 §6.1: "SHOULD contain mappings for static payload types").

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "jsep-rtpmap-for-each-format",
    layer: Layer::Sdp,
    subject: "formats of RTP sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The last payload type that RFC 3551 §6 assigns.
const LAST_STATIC: u8 = 34;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media().filter(|it| look::is_rtp(it) && !it.is_rejected()) {
            let Some(media) = look::media(&section) else { continue };
            let place: Place = look::media_line(made, &section);
            for payload_type in media.payload_types() {
                let text = || format!("payload type {payload_type} has no a=rtpmap");
                let has = section.rtpmap(payload_type).is_some();
                if !has && payload_type <= LAST_STATIC {
                    tally.warn(Fault("static-without-rtpmap"), format!("the static {}", text()), [place]);
                } else {
                    tally.judge(Fault("no-rtpmap"), has, place, text);
                }
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};

    /// Deletes that of a codec which nobody uses and which has no parameters.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=rtpmap:110 telephone-event/48000\r\n", "");
    })
    // What has no mapping is a codec that the answer does not know.
    .also_breaks(&["jsep-answer-codec-order"])
    .and(&[Mutation::new(Recording::Descriptions, "the static payload type 13", |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=rtpmap:13 CN/8000\r\n", "");
    })]);
}
