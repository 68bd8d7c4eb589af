//! RFC 6184 §8.2.2: an answer that uses an offered payload type of H.264 keeps its profile and its packetization-mode.
//! Of the level it may say what it likes where both allow it. Several spellings are one profile (§8.1, table 5), and the third constraint flag
//! may be a part of the level (1b).
//!
//! That an answer uses the same number for the same configuration is a SHOULD (RFC 3264 §6.1, RFC 6184 §8.2.2), so another number is not judged. An
//! offered number with another configuration is, also if that was offered by another number: "An answer MUST NOT contain the payload
//! type number used in the offer unless the configuration is exactly the same as in the offer."

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

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::Status;
    use crate::checks::controls::Recording;

    /// How the answerer stands if its answer has these numbers for the two configurations, which were offered as 102 and 104.
    fn result(numbers: [&str; 2]) -> Status {
        let mut evidence = Recording::Descriptions.evidence();
        let [offer, answer] = [0, 1].map(|at| evidence.descriptions[at].sdp.as_str().to_owned());
        let video = |line: &str, of: [&str; 2]| {
            let [one, other] = of;
            let formats = format!(
                "a=rtpmap:{one} H264/90000\r\na=fmtp:{one} packetization-mode=1;profile-level-id=42e01f\r\n\
                 a=rtpmap:{other} H264/90000\r\na=fmtp:{other} packetization-mode=0;profile-level-id=42e01f\r\n"
            );
            let begin = line.find("m=video").unwrap();
            let (before, section) = line.split_at(begin);
            let others = section.split("\r\n").skip(1);
            let kept =
                others.filter(|it| !["a=rtpmap", "a=fmtp", "a=rtcp-fb"].iter().any(|a| it.starts_with(a)));
            format!(
                "{before}m=video 9 UDP/TLS/RTP/SAVPF {one} {other}\r\n{}{formats}",
                kept.map(|it| if it.is_empty() { String::new() } else { format!("{it}\r\n") })
                    .collect::<String>()
            )
        };
        let parse = peerproof_captures::sdp::SessionDescription::parse;
        evidence.descriptions[0].sdp = parse(video(&offer, ["102", "104"]));
        evidence.descriptions[1].sdp = parse(video(&answer, numbers));
        CHECK.run(&evidence)[1].result
    }

    #[test]
    fn a_number_of_the_offer_stands_for_what_it_stood_for() {
        assert_eq!(result(["102", "104"]), Status::Pass);
        assert_eq!(result(["120", "121"]), Status::NotApplicable);
        assert_eq!(result(["104", "102"]), Status::Fail);
    }
}
