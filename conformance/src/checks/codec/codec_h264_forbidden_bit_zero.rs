//! RFC 6184 §1.3, §5.3: the forbidden zero bit of a NAL unit is zero; one says that the unit has errors.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, h264};

pub(super) const CHECK: Check = Check {
    id: "codec-h264-forbidden-bit-zero",
    layer: Layer::Media,
    subject: "NAL units of H.264",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const FORBIDDEN: u8 = 0x80;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packet in carried(evidence, peer, Format::H264, tally).values().flatten() {
        let Ok(read) = h264::view(packet.payload) else { continue };
        if !evidence.is_faulted(packet.packet.frame) {
            let place = Place::Frame(packet.packet.frame);
            tally.judge(Fault("bit-set"), read.header.value & FORBIDDEN == 0, place, || {
                format!("the forbidden bit of a {} is set", read.kind())
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtp};
    use crate::evidence::Packet;

    /// Sets that of a unit that is neither aggregated nor a fragment.
    pub(super) const CONTROL: Control = Control::new(Recording::H264, |evidence| {
        let is = |it: &Packet| {
            let single = |it: &u8| (1..=23).contains(&(it & 0x1f));
            rtp::payload_type(it) == rtp::H264 && rtp::payload_of(it).first().is_some_and(single)
        };
        rtp::edit_payload_where(evidence, is, |payload| payload[0] |= 0x80);
    });
}
