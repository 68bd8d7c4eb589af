//! RFC 9429 §5.2.1, §5.3.1: a section whose direction is sendrecv or sendonly has an `a=msid` (RFC 8830) for each stream of its track, or
//! `a=msid:-` if that is in none.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "jsep-msid-in-sending-sections",
    layer: Layer::Sdp,
    subject: "RTP sections that send",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media().filter(|it| look::is_rtp(it) && !it.is_rejected()) {
            // A direction that is not there would be sendrecv.
            if !section.direction().sends() {
                continue;
            }
            let place: Place = look::attribute(made, &section, "msid");
            tally.judge(Fault("no-msid"), section.has("msid"), place, || {
                let mid = section.mid().unwrap_or_default();
                format!("section {mid:?} sends and has no a=msid")
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sdp};

    /// Deletes it from the video of the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        sdp::edit_section(&mut evidence.descriptions[1].sdp, 1, |section| {
            sdp::without(section, &["a=msid:"])
        });
    });
}
