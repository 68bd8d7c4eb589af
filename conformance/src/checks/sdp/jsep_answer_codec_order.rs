//! RFC 9429 §5.3.1: unless the application prefers codecs, an answer has them in the order of the offer, and others
//! behind them.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Codec;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "jsep-answer-codec-order",
    layer: Layer::Sdp,
    subject: "answered media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if evidence.calls(peer).iter().any(|call| call.name == "setCodecPreferences") {
        tally.not_applicable("the application preferred codecs");
        return;
    }
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            if !look::is_rtp(&offered) || !look::is_rtp(&answered) || answered.is_rejected() {
                continue;
            }
            let ranks = ranks(&look::codecs(&offered), &look::codecs(&answered));
            if ranks.iter().flatten().count() < 2 {
                continue;
            }
            let place: Place = look::media_line(answer, &answered);
            let as_offered = ranks.windows(2).all(|pair| match pair {
                [Some(one), Some(next)] => one < next,
                [None, Some(_)] => false,
                _ => true,
            });
            tally.judge(Fault("other-order"), as_offered, place, || {
                "the formats are not in the order in which they were offered".to_owned()
            });
        }
    }
}

/// The place of each answered codec among those offered: that of its payload type if it stands for the same encoding there,
/// however configured, else that of the same codec.
fn ranks(offered: &[(u8, Codec)], answered: &[(u8, Codec)]) -> Vec<Option<usize>> {
    let mut by_codec: BTreeMap<&Codec, usize> = BTreeMap::new();
    for (rank, (_, codec)) in offered.iter().enumerate() {
        by_codec.entry(codec).or_insert(rank);
    }
    let rank = |answered: &(u8, Codec)| {
        let (payload_type, codec) = answered;
        let by_number =
            offered.iter().position(|(offered, of)| offered == payload_type && of.has_encoding_of(codec));
        by_number.or_else(|| by_codec.get(codec).copied())
    };
    answered.iter().map(rank).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Swaps the first two payload types of the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[1].sdp, "SAVPF 111 63 ", "SAVPF 63 111 ");
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerproof_captures::sdp::SessionDescription;

    #[test]
    fn codecs_under_other_payload_types_keep_their_rank_and_additional_ones_have_none() {
        let codecs = |text: &str| {
            let sdp = SessionDescription::parse(text);
            look::codecs(&sdp.section(0).unwrap())
        };
        let offered = codecs("m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8\r\na=rtpmap:111 opus/48000/2\r\n");
        let answered = codecs("m=audio 9 UDP/TLS/RTP/SAVPF 96 8 9\r\na=rtpmap:96 opus/48000/2\r\n");
        assert_eq!(ranks(&offered, &answered), [Some(0), Some(2), None]);
    }
}
