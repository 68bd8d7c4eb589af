//! RFC 9429 §5.1.2: the protocol of each offered media section is one of the two that secure its kind of content.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "jsep-offer-profile",
    layer: Layer::Sdp,
    subject: "offered media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for offer in evidence.offers(peer) {
        for section in offer.sdp.media() {
            let Some(line) = section.media_line() else { continue };
            let place = Place::Line { entry: offer.entry, line: line.line };
            let Ok(media) = line.value else {
                tally.inconclusive("a media line cannot be read", [place]);
                continue;
            };
            let allowed = match media.media.as_str() {
                "audio" | "video" => ["UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF"],
                "application" => ["UDP/DTLS/SCTP", "TCP/DTLS/SCTP"],
                _ => continue,
            };
            tally.judge(Fault("other-profile"), allowed.contains(&media.proto.as_str()), place, || {
                format!("{} is offered over {}, not {}", media.media, media.proto, allowed.join(" or "))
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Offers the first section without protection.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "UDP/TLS/RTP/SAVPF", "RTP/SAVPF");
    })
    .also_breaks(&["jsep-answer-echoes-profile", "sec-dtls-srtp-offered-for-every-media"]);
}
