//! RFC 9429 §5.3.1, RFC 5761 §5.1.1: an answer has `a=rtcp-mux` where the offer asks for it, and nowhere else.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "rtcpmux-answer-echo",
    layer: Layer::Sdp,
    subject: "answered RTP sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (index, section) in answer.sdp.media().enumerate() {
            // A bundled section has it from the tagged one.
            if section.is_rejected()
                || !look::is_rtp(&section)
                || look::transport_of(&answer.sdp, index) != index
            {
                continue;
            }
            let asked = offer.received().effective(index, "rtcp-mux").is_some();
            let taken = section.has("rtcp-mux") || answer.sdp.session().has("rtcp-mux");
            let place: Place = look::attribute(answer, &section, "rtcp-mux");
            tally.judge(Fault("mux-differs"), asked == taken, place, || {
                let (asked, taken) = if asked { ("with", "without") } else { ("without", "with") };
                format!("a section offered {asked} a=rtcp-mux was answered {taken} it")
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Deletes it from the tagged section of the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[1].sdp, "a=rtcp-mux\r\n", "");
    });
}
