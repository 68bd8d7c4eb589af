//! Edits of RTCP packets, of which there may be several in a compound one.

use crate::evidence::{Evidence, Kind, Packet, Peer};

pub(in crate::checks) const SR: u8 = 200;
pub(in crate::checks) const RR: u8 = 201;
pub(in crate::checks) const RTPFB: u8 = 205;
pub(in crate::checks) const SDES: u8 = 202;

/// Where an RTCP packet is: which packet of the recording, and where in its plaintext.
pub(in crate::checks) type Found = (usize, usize);

fn is(packet: &Packet, sender: Peer) -> bool {
    packet.sender == sender && packet.tap == sender && packet.clear.iter().any(|it| it.kind == Kind::Rtcp)
}

/// All RTCP packets of a type that a peer sent.
pub(in crate::checks) fn find_all(
    evidence: &Evidence,
    sender: Peer,
    kind: u8,
) -> impl DoubleEndedIterator<Item = Found> + use<> {
    let mut found = Vec::new();
    for (n, packet) in evidence.wire.as_ref().unwrap().packets.iter().enumerate() {
        if !is(packet, sender) {
            continue;
        }
        let bytes = &packet.clear[0].bytes;
        let mut at = 0;
        while at + 4 <= bytes.len() {
            if bytes[at + 1] == kind {
                found.push((n, at));
            }
            at += 4 + 4 * usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        }
    }
    found.into_iter()
}

/// Edits one of them.
pub(in crate::checks) fn edit(evidence: &mut Evidence, (n, at): Found, edit: impl FnOnce(&mut [u8])) {
    let bytes = evidence.wire.as_mut().unwrap().packets[n].clear[0].bytes.to_mut();
    let end = at + 4 + 4 * usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
    edit(&mut bytes[at..end]);
}

/// Edits the first compound packet that a peer sent that begins with a type.
pub(in crate::checks) fn edit_first(
    evidence: &mut Evidence,
    sender: Peer,
    kind: u8,
    edit: impl FnOnce(&mut Vec<u8>),
) {
    let mut packets = evidence.wire.as_mut().unwrap().packets.iter_mut();
    resized(packets.find(|packet| is(packet, sender) && packet.clear[0].bytes[1] == kind).unwrap(), edit);
}

/// Edits the last compound packet that a peer sent.
pub(in crate::checks) fn edit_last(evidence: &mut Evidence, sender: Peer, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut packets = evidence.wire.as_mut().unwrap().packets.iter_mut();
    resized(packets.rfind(|packet| is(packet, sender)).unwrap(), edit);
}

/// Edits the plaintext, and makes the datagram as much longer or shorter.
fn resized(packet: &mut Packet, edit: impl FnOnce(&mut Vec<u8>)) {
    // Behind the header, which is in clear, and before the index.
    const BEHIND: usize = 8;
    let plaintext = packet.clear[0].bytes.to_mut();
    let before = plaintext.len();
    edit(plaintext);
    let after = plaintext.len();
    if after > before {
        packet.bytes.to_mut().splice(BEHIND..BEHIND, vec![0; after - before]);
    } else {
        packet.bytes.to_mut().drain(BEHIND..BEHIND + before - after);
    }
}

/// Appends an RTCP packet to the last compound packet that a peer sent.
pub(in crate::checks) fn append(evidence: &mut Evidence, sender: Peer, rtcp: &[u8]) {
    edit_last(evidence, sender, |bytes| bytes.extend_from_slice(rtcp));
}
