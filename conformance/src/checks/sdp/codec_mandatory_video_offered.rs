//! RFC 7742 §5: VP8 and H.264 Constrained Baseline with packetization-mode 1 are offered, unless the application wants
//! other codecs.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Fmtp, H264, RtpMap};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "codec-mandatory-video-offered",
    layer: Layer::Sdp,
    subject: "offered video sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if evidence.calls(peer).iter().any(|call| call.name == "setCodecPreferences") {
        tally.not_applicable("the application preferred codecs");
        return;
    }
    for offer in look::initial_offers(evidence, peer) {
        for section in offer.sdp.media() {
            let Some(media) = look::media(&section).filter(|media| media.media == "video") else { continue };
            if section.is_rejected() {
                continue;
            }
            let listed: BTreeSet<u8> = media.payload_types().collect();
            let maps: Vec<RtpMap> =
                section.every::<RtpMap>().filter(|map| listed.contains(&map.payload_type)).collect();
            let formats = section.every::<Fmtp>().filter_map(|fmtp| Some((fmtp.payload_type()?, fmtp)));
            let formats: BTreeMap<u8, Fmtp> = formats.collect();
            let is_baseline = |map: &RtpMap| {
                let it = H264::of(formats.get(&map.payload_type));
                map.is("H264")
                    && it.packetization_mode == 1
                    && it.same_profile() == H264::CONSTRAINED_BASELINE
            };
            let mut missing = Vec::new();
            if !maps.iter().any(|map| map.is("VP8") && map.clock_rate == 90_000) {
                missing.push("VP8");
            }
            if !maps.iter().any(is_baseline) {
                missing.push("H.264 Constrained Baseline with packetization-mode 1");
            }
            let place: Place = look::media_line(offer, &section);
            tally.judge(Fault("codec-missing"), missing.is_empty(), place, || {
                format!("video is offered without {}", missing.join(" and "))
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sdp};

    /// Offers no Constrained Baseline, nor what would repair it.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        for made in &mut evidence.descriptions {
            sdp::edit_section(&mut made.sdp, 1, |section| {
                let section = section.replacen(" 108 109 114 115 ", " ", 1);
                let of = |pt: &str| ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].map(|name| format!("{name}{pt} "));
                let lines: Vec<String> = ["108", "109", "114", "115"].iter().flat_map(|pt| of(pt)).collect();
                sdp::without(&section, &lines.iter().map(String::as_str).collect::<Vec<_>>())
            });
        }
    });
}
