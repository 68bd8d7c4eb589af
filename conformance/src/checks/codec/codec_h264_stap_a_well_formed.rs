//! RFC 6184 §5.7, §5.7.1: a STAP-A holds single NAL units, none of them empty; its NRI is the highest of theirs, and its F is set if one of theirs
//! is.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{
    Format,
    h264::{self, Content},
};

pub(super) const CHECK: Check = Check {
    id: "codec-h264-stap-a-well-formed",
    layer: Layer::Media,
    subject: "aggregation packets of H.264",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const FORBIDDEN: u8 = 0x80;
const NRI: u8 = 0x60;
/// The types of single NAL units (§5.2).
const SINGLE: std::ops::RangeInclusive<u8> = 1..=23;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packet in carried(evidence, peer, Format::H264, tally).values().flatten() {
        let Ok(read) = h264::view(packet.payload) else { continue };
        let Content::Aggregation(units) = read.content else { continue };
        if evidence.is_faulted(packet.packet.frame) {
            continue;
        }
        let headers: Vec<Option<u8>> = units.iter().map(|unit| Some(unit.0?.header.value)).collect();
        let place = Place::Frame(packet.packet.frame);
        let known = headers.iter().flatten();
        let most = known.clone().map(|header| header & NRI).max().unwrap_or_default();
        let forbidden = known.clone().fold(0, |all, header| all | header & FORBIDDEN);
        if headers.is_empty() || headers.contains(&None) {
            tally.fail(Fault("empty-unit"), "a STAP-A has a unit without a byte", [place]);
        } else if let Some(other) = known.clone().find(|header| !SINGLE.contains(&(**header & 0x1f))) {
            tally.fail(
                Fault("not-single"),
                format!("a STAP-A holds a unit of type {}", other & 0x1f),
                [place],
            );
        } else if read.header.value & NRI != most {
            tally.fail(
                Fault("other-nri"),
                format!("a STAP-A has NRI {}, its units up to {}", (read.header.value & NRI) >> 5, most >> 5),
                [place],
            );
        } else {
            tally.judge(
                Fault("other-forbidden-bit"),
                read.header.value & FORBIDDEN == forbidden,
                place,
                || "F of a STAP-A differs from that of its units".to_owned(),
            );
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::{Evidence, Packet};

    fn edit(evidence: &mut Evidence, edit: impl FnOnce(&mut Vec<u8>)) {
        let is = |it: &Packet| {
            rtp::payload_type(it) == rtp::H264
                && rtp::payload_of(it).first().is_some_and(|it| it & 0x1f == 24)
        };
        rtp::edit_payload_where(evidence, is, edit);
    }

    /// Lowers its NRI.
    pub(super) const CONTROL: Control = Control::new(Recording::H264, |evidence| {
        edit(evidence, |payload| payload[0] &= !0x60);
    })
    .also_breaks(&["rtx-packet-mirrors-original"])
    .and(&[
        Mutation::new(Recording::H264, "a unit without a byte", |evidence| {
            edit(evidence, |payload| payload.extend([0, 0]));
        })
        .also_breaks(&["rtx-packet-mirrors-original"]),
        Mutation::new(Recording::H264, "a unit of type 28", |evidence| {
            edit(evidence, |payload| payload.extend([0, 2, 28, 0]));
        })
        .also_breaks(&["rtx-packet-mirrors-original"]),
        Mutation::new(Recording::H264, "F of a STAP-A", |evidence| {
            edit(evidence, |payload| payload[0] |= 0x80);
        })
        .also_breaks(&["codec-h264-forbidden-bit-zero", "rtx-packet-mirrors-original"]),
    ]);
}
