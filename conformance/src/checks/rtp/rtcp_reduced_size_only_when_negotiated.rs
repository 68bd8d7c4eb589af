//! RFC 5506 §5: RTCP packets without a report in front are sent only if both descriptions have `a=rtcp-rsize`.

use crate::checks::rtcp::is_reduced;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "rtcp-reduced-size-only-when-negotiated",
    layer: Layer::Media,
    subject: "RTCP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let has = |sdp: &peerproof_captures::sdp::SessionDescription| {
        sdp.media().any(|section| section.has("rtcp-rsize"))
    };
    let exchanges = evidence.exchanges();
    let negotiated = exchanges.iter().any(|it| has(&it.offer.sdp) && has(&it.answer.sdp));
    for (packet, compound) in evidence.wire.iter().flat_map(|wire| wire.rtcp(peer)) {
        let place = Place::Frame(packet.frame);
        // Another packet that begins with no report is judged by `rtcp-compound-starts-with-report`.
        if !is_reduced(&compound) || negotiated {
            tally.pass(place);
        } else if exchanges.is_empty() {
            tally.inconclusive("the descriptions are not in the recording", [place]);
        } else {
            tally.fail(
                Fault("no-report-first"),
                "an RTCP packet begins with no report, and a=rtcp-rsize was not negotiated",
                [place],
            );
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, line_of};

    /// Takes `a=rtcp-rsize` out of the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let answer = &mut evidence.descriptions[1].sdp;
        let (number, _) = line_of(answer, "a=rtcp-rsize");
        *answer = answer.with_line_removed(number);
    });
}
