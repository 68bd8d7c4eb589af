//! By which of its addresses a peer was reached, by the packets alone: what a peer says of the pair in use is not asked.

use super::{Evidence, Packet, Peer};
use crate::address::AddressKind;
use peerproof_captures::wire::demux::Class;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// An address of a peer, and the last packet of DTLS, SRTP or SRTCP that came from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReachedBy {
    /// What it is.
    pub kind: AddressKind,
    /// As the other peer sees it.
    pub address: SocketAddr,
    /// The frame of the packet as it left.
    pub left: u64,
    /// As it arrived.
    pub arrived: u64,
}

impl Evidence {
    /// By which address a peer was reached last: where its last packet with data that arrived had left from, and from where it
    /// seemed to come. `None` unless there are packets of both peers' own taps.
    #[must_use]
    pub fn reached_by(&self, peer: Peer) -> Option<ReachedBy> {
        let (wire, other) = (self.wire.as_ref()?, self.other(peer)?);
        if wire.cut {
            return None;
        }
        let sent = |tap: Peer| {
            let all = wire.packets.iter().enumerate();
            all.filter(move |(_, it)| it.tap == tap && it.sender == peer && is_data(it))
        };
        let left: BTreeMap<&[u8], usize> = sent(peer).map(|(at, it)| (it.bytes.as_slice(), at)).collect();
        sent(other).rev().find_map(|(at, arrived)| {
            let left = *left.get(arrived.bytes.as_slice()).filter(|left| **left < at)?;
            let left = wire.packets.get(left)?;
            let stated = wire.stated.get(&peer);
            let kind = if left.via.is_some() {
                AddressKind::Relay
            } else if left.from == arrived.from {
                AddressKind::Host
            } else if stated.is_some_and(|it| it.mapped.contains(&(left.from, arrived.from))) {
                AddressKind::Srflx
            } else {
                AddressKind::Prflx
            };
            Some(ReachedBy { kind, address: arrived.from, left: left.frame, arrived: arrived.frame })
        })
    }
}

fn is_data(packet: &Packet) -> bool {
    matches!(packet.class(), Class::Dtls | Class::Rtp | Class::Rtcp)
}

#[cfg(test)]
mod tests {
    use super::AddressKind;
    use crate::checks::controls::Recording;
    use crate::evidence::{Evidence, Peer};

    const ALICE: Peer = Peer(0);
    const BOB: Peer = Peer(1);

    fn kind(evidence: &Evidence, peer: Peer) -> Option<AddressKind> {
        evidence.reached_by(peer).map(|it| it.kind)
    }

    #[test]
    fn each_kind_is_told_by_the_packets() {
        let direct = Recording::Conflict.evidence();
        assert_eq!([ALICE, BOB].map(|peer| kind(&direct, peer)), [Some(AddressKind::Host); 2]);
        let relayed = Recording::Relay.evidence();
        assert_eq!([ALICE, BOB].map(|peer| kind(&relayed, peer)), [Some(AddressKind::Relay); 2]);

        // The same as if there were a NAT between them.
        let mut translated = direct;
        let host = translated.reached_by(ALICE).unwrap().address;
        let outside = "203.0.113.77:4000".parse().unwrap();
        let wire = translated.wire.as_mut().unwrap();
        for packet in wire.packets.iter_mut().filter(|packet| packet.tap == BOB && packet.sender == ALICE) {
            packet.from = outside;
        }
        assert_eq!(kind(&translated, ALICE), Some(AddressKind::Prflx));
        assert_eq!(kind(&translated, BOB), Some(AddressKind::Host));
        let stated = translated.wire.as_mut().unwrap().stated.entry(ALICE).or_default();
        stated.mapped.insert((host, outside));
        let reached = translated.reached_by(ALICE).unwrap();
        assert_eq!((reached.kind, reached.address), (AddressKind::Srflx, outside));
    }

    #[test]
    fn what_was_not_seen_at_both_ends_tells_nothing() {
        let mut evidence = Recording::Data.evidence();
        assert_eq!(kind(&evidence, ALICE), None, "only one of the two taps was recorded");
        evidence = Recording::Conflict.evidence();
        evidence.wire.as_mut().unwrap().packets.retain(|packet| packet.tap != packet.sender);
        assert_eq!(kind(&evidence, ALICE), None);
        evidence = Recording::Conflict.evidence();
        evidence.wire.as_mut().unwrap().cut = true;
        assert_eq!(kind(&evidence, ALICE), None, "the last packets are missing");
    }
}
