//! RFC 6184 §5.8: the fragments of a NAL unit follow each other without a gap, from one with the start bit to one with the end bit, and
//! are of one kind.

use super::{Carried, carried};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::Format;
use peerproof_captures::wire::payload::h264::{self, Content, NalType};

pub(super) const CHECK: Check = Check {
    id: "codec-h264-fu-a-well-formed",
    layer: Layer::Media,
    subject: "fragments of H.264",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const START: u8 = 0x80;
const END: u8 = 0x40;
const RESERVED: u8 = 0x20;
const NRI: u8 = 0x60;
const TYPE: u8 = 0x1f;

/// Where a stream stands after a packet.
#[derive(Clone, Copy)]
enum Within {
    /// What came before is not known.
    Unknown,
    /// A unit has ended.
    Nothing,
    /// A unit goes on: NRI and type.
    Unit(u8, u8),
}

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packets in carried(evidence, peer, Format::H264, tally).values() {
        let mut before: Option<&Carried<'_>> = None;
        let mut within = Within::Unknown;
        for packet in packets {
            if before.is_some_and(|before| before.number + 1 != packet.number) {
                within = Within::Unknown;
            }
            let last = before.replace(packet);
            let faulted = evidence.is_faulted(packet.packet.frame)
                || last.is_some_and(|last| evidence.is_faulted(last.packet.frame));
            let Ok(read) = h264::view(packet.payload) else {
                // Padding stands in no unit's way; what is malformed is not judged here.
                within = Within::Unknown;
                continue;
            };
            let place = Place::Frame(packet.packet.frame);
            let Content::Fragment { header, .. } = read.content else {
                if matches!(within, Within::Unit(..)) && !faulted {
                    tally.fail(
                        Fault("unit-interrupted"),
                        "another unit interrupts the fragments of one",
                        [place],
                    );
                }
                within = Within::Nothing;
                continue;
            };
            if read.kind() != NalType::FuA {
                within = Within::Unknown;
                continue;
            }
            let unit = (read.header.value & NRI, header.value & TYPE);
            match fault(within, header.value, unit) {
                Some(_) if faulted => {}
                Some((fault, sentence)) => tally.fail(fault, sentence, [place]),
                None => tally.pass(place),
            }
            within = if header.value & END == 0 { Within::Unit(unit.0, unit.1) } else { Within::Nothing };
        }
    }
}

fn fault(within: Within, header: u8, unit: (u8, u8)) -> Option<(Fault, &'static str)> {
    let (starts, ends) = (header & START != 0, header & END != 0);
    match within {
        _ if starts && ends => {
            Some((Fault("start-and-end"), "a fragment has both the start bit and the end bit"))
        }
        _ if header & RESERVED != 0 => Some((Fault("reserved-bit"), "a fragment has the reserved bit set")),
        Within::Unit(..) if starts => {
            Some((Fault("started-again"), "a fragment starts a unit before the last one has ended"))
        }
        Within::Nothing if !starts => {
            Some((Fault("not-started"), "a fragment continues a unit that has not started"))
        }
        Within::Unit(nri, kind) if (nri, kind) != unit => {
            Some((Fault("other-header"), "a fragment has another NRI or type than the one before"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::{Evidence, Packet};

    /// Edits the payload of a fragment that is neither the first nor the last.
    fn edit_middle(evidence: &mut Evidence, edit: impl FnOnce(&mut Vec<u8>)) {
        let is_middle = |packet: &Packet| {
            rtp::payload_type(packet) == rtp::H264
                && matches!(rtp::payload_of(packet), [unit, fragment, ..] if unit & 0x1f == 28 && fragment & 0xc0 == 0)
        };
        rtp::edit_payload_where(evidence, is_middle, edit);
    }

    /// Sets the end bit, too, on the first fragment.
    pub(super) const CONTROL: Control = Control::new(Recording::H264, |evidence| {
        let is_first = |packet: &Packet| {
            rtp::payload_type(packet) == rtp::H264
                && matches!(rtp::payload_of(packet), [unit, fragment, ..] if unit & 0x1f == 28 && fragment & 0xc0 == 0x80)
        };
        rtp::edit_payload_where(evidence, is_first, |payload| payload[1] |= 0x40);
    })
    .and(&[
        // Supplemental enhancement information, which nobody has to understand.
        Mutation::new(Recording::H264, "another unit interrupts", |evidence| {
            edit_middle(evidence, |payload| payload[0] = 6);
        }),
        Mutation::new(Recording::H264, "has the reserved bit set", |evidence| {
            edit_middle(evidence, |payload| payload[1] |= super::RESERVED);
        }),
        Mutation::new(Recording::H264, "starts a unit before the last one has ended", |evidence| {
            edit_middle(evidence, |payload| payload[1] |= super::START);
        }),
        Mutation::new(Recording::H264, "has another NRI or type", |evidence| {
            edit_middle(evidence, |payload| payload[0] ^= 0x20);
        }),
    ]);
}

#[cfg(test)]
mod tests {
    use super::{Within, fault};

    #[test]
    fn each_thing_that_may_be_wrong_is_named() {
        let unit = (0x60, 5);
        assert_eq!(fault(Within::Nothing, 0x85, unit), None);
        assert_eq!(fault(Within::Unknown, 0x05, unit), None);
        assert_eq!(fault(Within::Unit(0x60, 5), 0x45, unit), None);
        assert!(fault(Within::Nothing, 0xc5, unit).unwrap().1.contains("both"));
        assert!(fault(Within::Unit(0x60, 5), 0x25, unit).unwrap().1.contains("reserved"));
        assert!(fault(Within::Unit(0x60, 5), 0x85, unit).unwrap().1.contains("before the last"));
        assert!(fault(Within::Nothing, 0x05, unit).unwrap().1.contains("not started"));
        assert!(fault(Within::Unit(0x60, 1), 0x05, unit).unwrap().1.contains("another NRI"));
    }
}
