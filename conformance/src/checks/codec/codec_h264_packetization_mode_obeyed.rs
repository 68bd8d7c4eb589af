//! RFC 6184 §6.2, §6.3: in packetization mode 0 there are single NAL units alone, in mode 1 units, STAP-A and FU-A.

use super::carried;
use crate::checks::media::sections;
use crate::checks::transports::Apart;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Section;
use peerproof_captures::wire::payload::Format;
use peerproof_captures::wire::payload::h264::{self, NalType};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "codec-h264-packetization-mode-obeyed",
    layer: Layer::Media,
    subject: "payloads of H.264",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let modes = modes(evidence, peer);
    for packet in carried(evidence, peer, Format::H264, tally).values().flatten() {
        let Some(mode) = modes.of(packet.packet).get(&packet.rtp.header.payload_type()) else { continue };
        let Ok(read) = h264::view(packet.payload) else { continue };
        let kind = read.kind();
        let allowed = match mode {
            0 => !matches!(kind.raw(), 24..=29),
            1 => !matches!(kind, NalType::StapB | NalType::Mtap16 | NalType::Mtap24 | NalType::FuB),
            _ => continue,
        };
        tally.judge(Fault("payload-of-other-mode"), allowed, Place::Frame(packet.packet.frame), || {
            format!("a payload of the type {kind} is sent in packetization mode {mode}")
        });
    }
}

/// The packetization mode of each payload type that a peer sends, as the receiver says it first.
fn modes(evidence: &Evidence, peer: Peer) -> Apart<BTreeMap<u8, u8>> {
    Apart::new(evidence, |among| modes_of(sections(evidence, peer, among)))
}

fn modes_of<'a>(sections: impl Iterator<Item = Section<'a>>) -> BTreeMap<u8, u8> {
    let mut modes = BTreeMap::new();
    for section in sections {
        for map in section.rtpmaps().into_iter().filter(|map| map.encoding.eq_ignore_ascii_case("H264")) {
            let fmtp = section.fmtp(map.payload_type);
            let mode = fmtp.as_ref().and_then(|fmtp| fmtp.get("packetization-mode"));
            if let Ok(mode) = mode.unwrap_or("0").parse() {
                modes.entry(map.payload_type).or_insert(mode);
            }
        }
    }
    modes
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace_all};

    /// Has the answer say mode 0 where the other side sends fragments.
    pub(super) const CONTROL: Control = Control::new(Recording::H264, |evidence| {
        replace_all(&mut evidence.descriptions[1].sdp, "packetization-mode=1", "packetization-mode=0");
    })
    .also_breaks(&["codec-h264-answer-keeps-configuration"]);
}
