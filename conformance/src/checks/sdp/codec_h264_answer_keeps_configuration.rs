//! RFC 6184 §8.2.2: an answer that uses an offered payload type of H.264 keeps its profile and its packetization-mode.
//! Of the level it may say what it likes where both allow it. Several spellings are one profile (§8.1, table 5), and the third constraint flag
//! may be a part of the level (1b).

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Fmtp, H264, RtpMap, Section};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "codec-h264-answer-keeps-configuration",
    layer: Layer::Sdp,
    subject: "H.264 in answers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            if answered.is_rejected() {
                continue;
            }
            let asked = all(&offered);
            for (payload_type, (now, line)) in all(&answered) {
                let Some((was, _)) = asked.get(&payload_type) else { continue };
                let place: Place = look::line(answer, line);
                let kept = |it: &H264| (it.same_profile(), it.packetization_mode);
                tally.judge(Fault("other-configuration"), kept(was) == kept(&now), place, || {
                    let stated = |it: &H264| {
                        format!(
                            "{:02x}{:02x}, packetization-mode {}",
                            it.profile, it.constraints, it.packetization_mode
                        )
                    };
                    format!(
                        "H.264 as {payload_type} was offered as {} and answered as {}",
                        stated(was),
                        stated(&now)
                    )
                });
            }
        }
    }
}

/// The payload types of H.264 with their configuration and their line.
fn all(section: &Section<'_>) -> BTreeMap<u8, (H264, usize)> {
    let formats = section.every::<Fmtp>().filter_map(|fmtp| Some((fmtp.payload_type()?, fmtp)));
    let formats: BTreeMap<u8, Fmtp> = formats.collect();
    let maps = section.typed::<RtpMap>().filter_map(|map| Some((map.value.ok()?, map.line)));
    let maps = maps.filter(|(map, _)| map.is("H264"));
    maps.map(|(map, line)| (map.payload_type, (H264::of(formats.get(&map.payload_type)), line))).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Answers another packetization-mode.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(
            &mut evidence.descriptions[1].sdp,
            "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1",
            "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=0",
        );
    });
}
