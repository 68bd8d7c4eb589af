//! RFC 3711 §3.3.1: "each time the RTP sequence number, SEQ, wraps modulo 2^16, the sender side MUST increment ROC by one, modulo 2^32".

use crate::checks::media::Extender;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer, Protection};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::rtp;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "srtp-rollover-counter-sender",
    layer: Layer::Srtp,
    subject: "packets after their numbers wrapped",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// A source: the numbers of its packets, and the first of them that was opened.
#[derive(Default)]
struct Source {
    extender: Extender,
    opened: Option<i64>,
}

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no sequence number wrapped");
    let mut sources: BTreeMap<u32, Source> = BTreeMap::new();
    for packet in evidence.wire.iter().flat_map(|wire| wire.sent(peer)) {
        let Some((ssrc, sequence)) = numbers(packet).filter(|_| !evidence.is_faulted(packet.frame)) else {
            continue;
        };
        let source = sources.entry(ssrc).or_default();
        let index = source.extender.extend(sequence);
        let place = Place::Frame(packet.frame);
        match (source.opened, packet.protection) {
            (None, Protection::Opened) => source.opened = Some(index),
            (Some(first), Protection::Opened) if index >> 16 > first >> 16 => tally.pass(place),
            // It was opened before by the same keys.
            (Some(first), Protection::Forged) if index >> 16 > first >> 16 => tally.fail(
                Fault("other-counter"),
                format!(
                    "packet {sequence} of source {ssrc:#010x}, after a wrap, does not authenticate by the next \
                     rollover counter"
                ),
                [place],
            ),
            _ => {}
        }
    }
}

fn numbers(packet: &Packet) -> Option<(u32, u16)> {
    let header = rtp::view(&packet.bytes).ok().filter(|_| packet.class() == Class::Rtp)?.header;
    Some((header.ssrc.value, header.sequence.value))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::{Evidence, Packet, Protection};

    fn media(evidence: &mut Evidence) -> impl Iterator<Item = &mut Packet> {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.iter_mut().filter(|it| crate::checks::controls::rtp::is(it))
    }

    /// As if the numbers of all packets were such that they wrap in the middle.
    fn wrap(evidence: &mut Evidence) {
        let numbers: Vec<u16> =
            media(evidence).map(|it| u16::from_be_bytes([it.bytes[2], it.bytes[3]])).collect();
        let shift = 0_u16.wrapping_sub(numbers[numbers.len() / 2]);
        for packet in media(evidence) {
            for bytes in [packet.bytes.to_mut(), packet.clear[0].bytes.to_mut()] {
                let number = u16::from_be_bytes([bytes[2], bytes[3]]).wrapping_add(shift);
                bytes[2..4].copy_from_slice(&number.to_be_bytes());
            }
        }
    }

    /// Has those after the wrap not authenticate.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Media, wrap, |evidence| {
        for packet in media(evidence).filter(|it| it.bytes[2] < 0x80) {
            packet.protection = Protection::Forged;
            packet.clear.clear();
        }
    })
    .also_breaks(&["sec-media-never-cleartext"]);
}
