//! RFC 9429 §5.2.1, RFC 8841 §4.3 and §10.2: a data section has the format `webrtc-datachannel` alone and one
//! `a=sctp-port`.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "jsep-data-section-shape",
    layer: Layer::Sdp,
    subject: "offered data sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for offer in evidence.offers(peer) {
        for section in offer.sdp.media() {
            let Some(media) =
                look::media(&section).filter(|media| media.is_sctp() && media.media == "application")
            else {
                continue;
            };
            let place: Place = look::media_line(offer, &section);
            let ports = section.named("sctp-port").count();
            if media.formats != ["webrtc-datachannel"] {
                let formats = media.formats.join(" ");
                tally.fail(
                    Fault("other-formats"),
                    format!("a data section has the formats {formats:?}, not webrtc-datachannel alone"),
                    [place],
                );
            } else {
                tally.judge(Fault("not-one-sctp-port"), ports == 1 || section.is_rejected(), place, || {
                    format!("a data section has {ports} a=sctp-port lines, not one")
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};

    /// Deletes the port.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=sctp-port:5000\r\n", "");
    })
    .and(&[Mutation::new(Recording::Data, "not webrtc-datachannel alone", |evidence| {
        replace(
            &mut evidence.descriptions[0].sdp,
            "SCTP webrtc-datachannel",
            "SCTP webrtc-datachannel other",
        );
    })]);
}
