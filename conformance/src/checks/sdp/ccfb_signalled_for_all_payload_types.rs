//! RFC 8888 §6: its feedback is negotiated for all payload types at once, and an answer keeps one kind of congestion
//! feedback.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::{OnLine, RtcpFb};

pub(super) const CHECK: Check = Check {
    id: "ccfb-signalled-for-all-payload-types",
    layer: Layer::Sdp,
    subject: "congestion feedback by RFC 8888",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media().filter(|section| !section.is_rejected()) {
            let transport_wide = section.every::<RtcpFb>().any(|fb| fb.id == "transport-cc");
            for OnLine { line, value, .. } in section.typed::<RtcpFb>() {
                let Some(fb) = value.ok().filter(|fb| fb.is("ack", Some("ccfb"))) else { continue };
                let place: Place = look::line(made, line);
                if let Some(payload_type) = fb.payload_type {
                    tally.fail(
                        Fault("for-one-payload-type"),
                        format!("ack ccfb is for payload type {payload_type} alone"),
                        [place],
                    );
                } else if transport_wide && made.kind != SdpType::Offer {
                    tally.warn(
                        Fault("both-kinds-answered"),
                        "an answer keeps both ack ccfb and transport-cc",
                        [place],
                    );
                } else {
                    tally.pass(place);
                }
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};
    use crate::evidence::Evidence;

    /// Nobody has it yet: it is offered for the video, and not taken.
    fn offer(evidence: &mut Evidence) {
        let offer = &mut evidence.descriptions[0].sdp;
        replace(offer, "a=rtpmap:96 VP8/90000\r\n", "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:* ack ccfb\r\n");
    }

    /// Offers it for one payload type.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, offer, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=rtcp-fb:* ack ccfb", "a=rtcp-fb:96 ack ccfb");
    })
    .and(&[Mutation::new(
        Recording::Descriptions,
        "an answer keeps both ack ccfb and transport-cc",
        |evidence| {
            replace(
                &mut evidence.descriptions[1].sdp,
                "a=rtpmap:96 VP8/90000\r\n",
                "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:* ack ccfb\r\n",
            );
        },
    )
    .prepared(offer)]);
}
