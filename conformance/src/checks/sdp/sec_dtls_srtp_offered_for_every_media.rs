//! RFC 8827 §6.5: every audio and video section is offered with keys by DTLS: with a fingerprint and over a profile
//! that says so.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sec-dtls-srtp-offered-for-every-media",
    layer: Layer::Sdp,
    subject: "offered media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The profiles of DTLS-SRTP (RFC 5764 §8, RFC 7850 §3.1). Which of them JSEP has is another requirement.
const DTLS_SRTP: [&str; 4] =
    ["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP"];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for offer in evidence.offers(peer) {
        for (index, section) in offer.sdp.media().enumerate() {
            let Some(media) =
                look::media(&section).filter(|it| matches!(it.media.as_str(), "audio" | "video"))
            else {
                continue;
            };
            if section.is_rejected() {
                continue;
            }
            let place: Place = look::media_line(offer, &section);
            if !DTLS_SRTP.contains(&media.proto.as_str()) {
                tally.fail(
                    Fault("other-profile"),
                    format!("{} is offered over {}, without DTLS-SRTP", media.media, media.proto),
                    [place],
                );
            } else {
                let has = offer.sdp.effective(index, "fingerprint").is_some();
                tally.judge(Fault("no-fingerprint"), has, place, || {
                    format!("{} is offered without a fingerprint", media.media)
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, line_of, replace, replace_all};

    /// Offers the video without protection.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "m=video 9 UDP/TLS/RTP/SAVPF", "m=video 9 RTP/AVPF");
    })
    .also_breaks(&["jsep-answer-echoes-profile", "jsep-offer-profile"])
    .and(&[Mutation::new(Recording::Descriptions, "is offered without a fingerprint", |evidence| {
        let offer = &mut evidence.descriptions[0].sdp;
        let (_, line) = line_of(offer, "a=fingerprint:");
        replace_all(offer, &format!("{line}\r\n"), "");
    })]);
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::{Recording, replace_all};
    use crate::checks::{Status, of};

    #[test]
    fn savp_with_tls_is_dtls_srtp() {
        let mut evidence = Recording::Descriptions.evidence();
        replace_all(&mut evidence.descriptions[0].sdp, "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP");
        let found = |id| of(id).unwrap().run(&evidence).swap_remove(0).result;
        assert_eq!(found("sec-dtls-srtp-offered-for-every-media"), Status::Pass);
        assert_eq!(found("jsep-offer-profile"), Status::Fail, "JSEP wants feedback");
    }
}
