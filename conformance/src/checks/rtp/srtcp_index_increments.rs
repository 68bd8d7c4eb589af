//! RFC 3711 §3.4: the SRTCP index of a source rises by one from packet to packet, and is never repeated.
//!
//! libsrtp counts before it uses the counter, so that what is built on it begins with one, not zero. That is not held against it.

use crate::checks::dtls::{associations, of_all, srtp_profile};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::evidence::{Kind, Packet};
use crate::verdict::Layer;
use peerproof_captures::decrypt::srtp::Profile;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "srtcp-index-increments",
    layer: Layer::Srtp,
    subject: "SRTCP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(profile) = of_all(evidence, peer, srtp_profile) else { return };
    let complete = evidence.sees_all_sent_by(peer);
    // Each association has keys of its own, and an index that begins anew.
    let begins: Vec<u64> =
        associations(evidence, peer).into_iter().skip(1).map(|(_, frames)| frames.start).collect();
    let unsent = evidence.unsent(peer);
    let faulted = evidence.faulted();
    let mut newest: BTreeMap<u32, (u32, &Packet)> = BTreeMap::new();
    for packet in evidence.wire.iter().flat_map(|wire| wire.sent(peer)) {
        let Some((ssrc, index)) = index(packet, profile) else { continue };
        let place = Place::Frame(packet.frame);
        let Some((before, earlier)) = newest.insert(ssrc, (index, packet)) else {
            tally.pass(place);
            continue;
        };
        // 31 bits (§3.4).
        let is_skip = index.wrapping_sub(before) & 0x7fff_ffff < 0x4000_0000 && index != before;
        if index == (before.wrapping_add(1) & 0x7fff_ffff) {
            tally.pass(place);
        } else if is_skip && unsent.touches(earlier.t_us, packet.t_us) {
            tally.inconclusive("what took the indices between may not have left the peer", [place]);
        } else if begins.iter().any(|begin| (earlier.frame..packet.frame).contains(begin)) {
            tally.inconclusive("another DTLS association began between the two packets", [place]);
        } else if complete && !faulted.contains(&packet.frame) && !faulted.contains(&earlier.frame) {
            tally.fail(
                Fault("index-skips"),
                format!("index {index} of source {ssrc:#010x} follows {before}"),
                [place, Place::Frame(earlier.frame)],
            );
        } else {
            tally
                .inconclusive("what is between two indices may have been lost before the recording", [place]);
        }
    }
}

/// The source and the index of an opened SRTCP packet.
fn index(packet: &Packet, profile: Profile) -> Option<(u32, u32)> {
    let (ssrc, word) = word(packet, profile)?;
    Some((ssrc, word & 0x7fff_ffff))
}

/// The source of an opened SRTCP packet, and the word of its E flag and its index: before the tag, or last with an AEAD (RFC 7714 §9.1).
pub(super) fn word(packet: &Packet, profile: Profile) -> Option<(u32, u32)> {
    let clear = packet.clear.iter().find(|clear| clear.kind == Kind::Rtcp)?;
    let ssrc = u32::from_be_bytes(*clear.bytes.get(4..)?.first_chunk()?);
    let tag = match profile {
        Profile::Aes128CmSha1With80 | Profile::Aes128CmSha1With32 => 10,
        Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => 0,
    };
    let end = packet.bytes.len().checked_sub(tag)?;
    let word = u32::from_be_bytes(*packet.bytes.get(..end)?.last_chunk()?);
    Some((ssrc, word))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::{Evidence, Kind, Peer};

    fn index(evidence: &mut Evidence, n: usize) -> &mut [u8] {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let own = |it: &crate::evidence::Packet| {
            it.sender == Peer(1) && it.tap == Peer(1) && it.clear.iter().any(|it| it.kind == Kind::Rtcp)
        };
        let bytes = &mut packets.iter_mut().filter(|it| own(it)).nth(n).unwrap().bytes;
        bytes.last_chunk_mut::<14>().unwrap().split_at_mut(4).0
    }

    /// Copies an index to the packet after it.
    pub(super) const CONTROL: Control = Control::new(Recording::Video, |evidence| {
        let first = index(evidence, 0).to_vec();
        index(evidence, 1).copy_from_slice(&first);
    });
}
