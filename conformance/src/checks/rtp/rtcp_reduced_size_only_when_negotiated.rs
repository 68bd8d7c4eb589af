//! RFC 5506 §5: RTCP packets without a report in front are sent only if both descriptions have `a=rtcp-rsize`.

use crate::checks::rtcp::{ReducedSize, is_reduced, reduced_size};
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
    let negotiated = reduced_size(evidence);
    for (packet, compound) in evidence.wire.iter().flat_map(|wire| wire.rtcp(peer)) {
        let place = Place::Frame(packet.frame);
        // Another packet that begins with no report is judged by `rtcp-compound-starts-with-report`.
        match *negotiated.of(packet) {
            _ if !is_reduced(&compound) => tally.pass(place),
            ReducedSize::Everywhere => tally.pass(place),
            ReducedSize::Unknown => {
                tally.inconclusive("the descriptions are not in the recording", [place]);
            }
            ReducedSize::Somewhere => {
                tally.inconclusive("a=rtcp-rsize was negotiated for some media sections only", [place]);
            }
            ReducedSize::Nowhere => {
                tally.fail(
                    Fault("no-report-first"),
                    "an RTCP packet begins with no report, and a=rtcp-rsize was not negotiated",
                    [place],
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace_all};

    /// Takes `a=rtcp-rsize` out of the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        replace_all(&mut evidence.descriptions[1].sdp, "a=rtcp-rsize", "a=x-rsize");
    })
    .also_breaks(&["rtcp-compound-starts-with-report"]);
}
