//! RFC 3711 §9.1: one key, source and packet index protect one plaintext only.

use crate::checks::media::{Extender, packets};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "srtp-index-never-encrypts-two-plaintexts",
    layer: Layer::Srtp,
    subject: "SRTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut extenders: BTreeMap<u32, Extender> = BTreeMap::new();
    // By source, then by sequence number with rollover counter.
    let mut seen: BTreeMap<(u32, i64), (u64, &[u8])> = BTreeMap::new();
    for (packet, rtp) in packets(evidence, peer) {
        let (ssrc, sequence) = (rtp.header.ssrc.value, rtp.header.sequence.value);
        let index = extenders.entry(ssrc).or_default().extend(sequence);
        let place = Place::Frame(packet.frame);
        let bytes = packet.clear.first().map_or(&[][..], |clear| clear.bytes.as_slice());
        match seen.insert((ssrc, index), (packet.frame, bytes)) {
            Some((frame, before)) if before != bytes && !evidence.is_faulted(packet.frame) => tally.fail(
                Fault("number-of-two-packets"),
                format!("number {sequence} of source {ssrc:#010x} protects two different packets"),
                [place, Place::Frame(frame)],
            ),
            _ => tally.pass(place),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtp};

    /// Sends a packet once more, with another payload.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let at = packets.iter().position(rtp::is).unwrap();
        let mut clone = packets[at].clone();
        *clone.clear[0].bytes.last_mut().unwrap() ^= 1;
        packets.insert(at + 1, clone);
    });
}
