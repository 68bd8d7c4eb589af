//! RFC 5761 §4: where RTP and RTCP share a port, payload types 64 to 95 are not used: with the marker they would be
//! types of RTCP.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "mux-rtp-payload-type-avoids-rtcp-range",
    layer: Layer::Sdp,
    subject: "payload types beside RTCP",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const OF_RTCP: std::ops::RangeInclusive<u8> = 64..=95;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut muxed = false;
    for made in evidence.generated_by(peer) {
        for (index, section) in made.sdp.media().enumerate() {
            if section.is_rejected() || made.sdp.effective(index, "rtcp-mux").is_none() {
                continue;
            }
            let Some(media) = look::media(&section).filter(|media| media.is_rtp()) else { continue };
            muxed = true;
            let place = look::media_line(made, &section);
            let found = media.payload_types().find(|it| OF_RTCP.contains(it));
            tally.judge(Fault("listed"), found.is_none(), place, || {
                format!("a section with a=rtcp-mux has the payload type {}", found.unwrap_or_default())
            });
        }
    }
    if !muxed {
        return;
    }
    for (packet, rtp) in evidence.wire.iter().flat_map(|wire| wire.rtp_read(peer)) {
        let payload_type = rtp.header.payload_type();
        let place = Place::Frame(packet.frame);
        tally.judge(Fault("sent"), !OF_RTCP.contains(&payload_type), place, || {
            format!("an RTP packet beside RTCP has the payload type {payload_type}")
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, rtp};

    /// Gives the telephone events a number of RTCP, in the offer and in its answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        for made in &mut evidence.descriptions {
            replace(&mut made.sdp, " 13 110 126", " 13 110 72");
            replace(&mut made.sdp, "a=rtpmap:126 telephone", "a=rtpmap:72 telephone");
        }
    })
    .and(&[Mutation::new(
        Recording::Media,
        "an RTP packet beside RTCP has the payload type 72",
        |evidence| {
            let bytes = rtp::first(evidence);
            bytes[1] = bytes[1] & 0x80 | 72;
        },
    )
    .also_breaks(&["oa-rtp-payload-type-from-remote", "rtp-only-negotiated-payload-types"])]);
}
