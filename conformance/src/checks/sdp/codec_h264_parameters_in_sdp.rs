//! RFC 7742 §6.2: H.264 is described with `profile-level-id` and without `sprop-parameter-sets`, once at least with
//! packetization-mode 1. An answer takes the configuration as it was offered (RFC 6184 §8.2.2).

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::{Fmtp, H264, RtpMap, Section};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "codec-h264-parameters-in-sdp",
    layer: Layer::Sdp,
    subject: "sections with H.264",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        let mut exchanges = evidence.answered_by(peer);
        let offer = exchanges.find(|it| it.answer.entry == made.entry).map(|it| it.offer.received());
        for (index, section) in made.sdp.media().enumerate().filter(|(_, section)| !section.is_rejected()) {
            let offered = offer.and_then(|offer| offer.section(index));
            judge(made, &section, offered.as_ref(), tally);
        }
    }
}

fn formats(section: &Section<'_>) -> BTreeMap<u8, Fmtp> {
    section.every::<Fmtp>().filter_map(|fmtp| Some((fmtp.payload_type()?, fmtp))).collect()
}

fn judge(made: &Description, section: &Section<'_>, offered: Option<&Section<'_>>, tally: &mut Tally) {
    let formats = formats(section);
    let mut modes = Vec::new();
    for map in section.typed::<RtpMap>() {
        let place: Place = look::line(made, map.line);
        let Some(map) = map.value.ok().filter(|map| map.is("H264")) else { continue };
        let format = formats.get(&map.payload_type);
        let has = |name| format.and_then(|format| format.get(name)).is_some();
        modes.push(H264::of(format).packetization_mode);
        let value = format.and_then(|format| format.get("profile-level-id"));
        if value.is_some_and(str::is_empty) {
            tally.fail(
                Fault("empty-profile-level-id"),
                format!("H.264 as {} has a profile-level-id without a value", map.payload_type),
                [place],
            );
        } else if !has("profile-level-id") && offered.is_some_and(|it| has_no_profile(it, map.payload_type)) {
            tally.pass(place);
        } else if !has("profile-level-id") {
            tally.fail(
                Fault("no-profile-level-id"),
                format!("H.264 as {} has no profile-level-id", map.payload_type),
                [place],
            );
        } else {
            tally.judge(Fault("parameter-sets-out-of-band"), !has("sprop-parameter-sets"), place, || {
                format!(
                    "H.264 as {} has its parameter sets in the description, but they are sent in band",
                    map.payload_type
                )
            });
        }
    }
    // An answer takes what was offered.
    if made.kind == SdpType::Offer && !modes.is_empty() && !modes.contains(&1) {
        tally.fail(
            Fault("no-packetization-mode-1"),
            "no H.264 is offered with packetization-mode 1",
            [look::media_line(made, section)],
        );
    }
}

/// Whether a section has H.264 as a payload type without `profile-level-id`.
fn has_no_profile(section: &Section<'_>, payload_type: u8) -> bool {
    let mut maps = section.typed::<RtpMap>().filter_map(|map| map.value.ok());
    maps.any(|map| map.payload_type == payload_type && map.is("H264"))
        && formats(section).get(&payload_type).is_none_or(|format| format.get("profile-level-id").is_none())
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, replace_all};

    /// Signals parameter sets.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let profile = "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
        let sets = format!("{profile};sprop-parameter-sets=Z0IAKeKQ,aM48gA==");
        replace(&mut evidence.descriptions[0].sdp, profile, &sets);
    })
    .and(&[
        Mutation::new(Recording::Descriptions, "H.264 as 108 has no profile-level-id", |evidence| {
            for made in &mut evidence.descriptions {
                replace(
                    &mut made.sdp,
                    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
                    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1",
                );
            }
        })
        .also_breaks(&["codec-mandatory-video-offered"]),
        Mutation::new(Recording::Descriptions, "has a profile-level-id without a value", |evidence| {
            for made in &mut evidence.descriptions {
                replace(
                    &mut made.sdp,
                    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
                    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=",
                );
            }
        })
        .also_breaks(&["codec-mandatory-video-offered"]),
        Mutation::new(Recording::Descriptions, "no H.264 is offered with packetization-mode 1", |evidence| {
            for made in &mut evidence.descriptions {
                replace_all(&mut made.sdp, "packetization-mode=1", "packetization-mode=0");
            }
        })
        .also_breaks(&["codec-mandatory-video-offered"]),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, replace};

    #[test]
    fn an_answer_has_no_profile_that_was_not_offered() {
        let judged = |without: &[usize]| {
            let mut evidence = Recording::Descriptions.evidence();
            for made in without {
                let profile =
                    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
                let sdp = &mut evidence.descriptions[*made].sdp;
                replace(sdp, profile, "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1");
            }
            CHECK.run(&evidence).iter().map(|it| it.result).collect::<Vec<_>>()
        };
        assert_eq!(judged(&[0, 1]), [Status::Fail, Status::Pass]);
        assert_eq!(judged(&[1]), [Status::Pass, Status::Fail]);
    }
}
