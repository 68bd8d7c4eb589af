//! RFC 3711 §9.1: one key, source and packet index protect one plaintext only.

use crate::checks::media::{Extender, packets};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer};
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
    let numbered = packets(evidence, peer).map(|(packet, rtp)| {
        let (ssrc, sequence) = (rtp.header.ssrc.value, rtp.header.sequence.value);
        Sent { packet, ssrc, index: extenders.entry(ssrc).or_default().extend(sequence) }
    });
    let sent: Vec<Sent<'_>> = numbered.collect();
    let before = same_number_before(&sent);
    for (at, one) in sent.iter().enumerate() {
        let place = Place::Frame(one.packet.frame);
        match before.get(&at).and_then(|before| sent.get(*before)) {
            Some(before)
                if before.plaintext() != one.plaintext() && !evidence.is_faulted(one.packet.frame) =>
            {
                let (sequence, ssrc) = (one.index & 0xffff, one.ssrc);
                tally.fail(
                    Fault("number-of-two-packets"),
                    format!("number {sequence} of source {ssrc:#010x} protects two different packets"),
                    [place, Place::Frame(before.packet.frame)],
                );
            }
            _ => tally.pass(place),
        }
    }
}

/// A packet with its source, and its sequence number with rollover counter.
struct Sent<'a> {
    packet: &'a Packet,
    ssrc: u32,
    index: i64,
}

impl Sent<'_> {
    fn plaintext(&self) -> &[u8] {
        self.packet.clear.first().map_or(&[][..], |clear| clear.bytes.as_slice())
    }
}

/// Of packets with source and number of one before, the last such one. All are sorted instead of kept in a map, which would take several
/// times the room for a long call.
fn same_number_before(sent: &[Sent<'_>]) -> BTreeMap<usize, usize> {
    let mut order: Vec<u32> = (0..).take(sent.len()).collect();
    let sent = |at: u32| usize::try_from(at).ok().and_then(|at| Some((at, sent.get(at)?)));
    let key = |at: u32| sent(at).map(|(at, it)| (it.ssrc, it.index, at));
    order.sort_unstable_by_key(|at| key(*at));
    let pairs = order.iter().zip(order.iter().skip(1)).filter_map(|(one, next)| key(*one).zip(key(*next)));
    let same = pairs.filter(|(one, next)| (one.0, one.1) == (next.0, next.1));
    same.map(|(one, next)| (next.2, one.2)).collect()
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
