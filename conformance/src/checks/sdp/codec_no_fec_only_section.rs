//! RFC 8854 §5.2: FEC goes beside what it protects, not in a media section of its own.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Codec;
use peerproof_captures::wire::payload::Format;

pub(super) const CHECK: Check = Check {
    id: "codec-no-fec-only-section",
    layer: Layer::Sdp,
    subject: "offered RTP sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for offer in evidence.offers(peer) {
        for group in offer.sdp.session().named("group") {
            if group.value.is_some_and(|value| value.starts_with("FEC-FR")) {
                tally.fail(
                    Fault("fec-group"),
                    "an offer groups sections by FEC-FR",
                    [look::line(offer, group.line)],
                );
            }
        }
        for section in offer.sdp.media() {
            if !look::is_rtp(&section) || section.is_rejected() {
                continue;
            }
            let codecs = look::codecs(&section);
            let fec = |codec: &Codec| {
                let format = codec.format();
                matches!(format, Some(Format::Flexfec | Format::Flexfec03 | Format::Ulpfec | Format::Red))
            };
            let alone = !codecs.is_empty() && codecs.iter().all(|(_, codec)| fec(codec));
            let place: Place = look::media_line(offer, &section);
            tally.judge(Fault("fec-alone"), !alone, place, || {
                "an offered section has nothing but FEC".to_owned()
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};
    use peerproof_captures::sdp::SessionDescription;

    /// Adds a section of FEC to the exchange, in the group too.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        for made in &mut evidence.descriptions {
            let text = made.sdp.as_str();
            let setup = if text.contains("a=setup:active") { "active" } else { "actpass" };
            let ufrag = made.sdp.effective_value(0, "ice-ufrag").unwrap();
            let pwd = made.sdp.effective_value(0, "ice-pwd").unwrap();
            let print = made.sdp.effective_value(0, "fingerprint").unwrap();
            let more = format!(
                "m=video 9 UDP/TLS/RTP/SAVPF 124\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n\
                a=ice-options:trickle\r\na=fingerprint:{print}\r\na=setup:{setup}\r\na=mid:2\r\na=rtcp-mux\r\n\
                a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=rtpmap:124 flexfec-03/90000\r\n"
            );
            let text = text.replacen("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 1 2", 1);
            made.sdp = SessionDescription::parse(format!("{text}{more}"));
        }
    })
    .also_breaks(&["jsep-rtcp-rsize-in-offer", "jsep-msid-in-sending-sections", "codec-mandatory-video-offered", "jsep-balanced-bundle-only"])
    .and(&[Mutation::new(Recording::Descriptions, "groups sections by FEC-FR", |evidence| {
        let bundle = "a=group:BUNDLE 0 1\r\n";
        replace(&mut evidence.descriptions[0].sdp, bundle, &format!("{bundle}a=group:FEC-FR 0 1\r\n"));
    })]);
}
