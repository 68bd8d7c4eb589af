//! The units that were on the wire, as seen at the peers' taps: what expectations on packets count, and connecting is timed by.

use super::{Kind, Packet, Peer, ServerMessage, Wire};
use peerproof_captures::decrypt::Content;
use peerproof_captures::observe::{StunClass, Unit, unit};
use peerproof_captures::wire::stun::Method;

/// A unit of a datagram at a peer's tap.
#[derive(Debug, Clone, Copy)]
pub struct SeenUnit<'a> {
    /// Number of the frame, from one.
    pub frame: u64,
    /// Microseconds since the case began.
    pub t_us: u64,
    /// At whose tap it was seen.
    pub tap: Peer,
    /// Whether it went out of that peer.
    pub out: bool,
    /// What it is.
    pub unit: Unit<'a>,
}

/// A datagram between peers, or between a peer and a server of it.
enum Datagram<'a> {
    Packet(&'a Packet),
    Server(&'a ServerMessage),
}

impl Wire {
    /// All units in the order of their frames. What is relayed counts as the TURN message that carries it; what could be decrypted
    /// counts as it was on the wire, and in the clear.
    pub fn units(&self) -> impl Iterator<Item = SeenUnit<'_>> {
        let (mut packets, mut servers) = (self.packets.iter().peekable(), self.servers.iter().peekable());
        let datagrams = std::iter::from_fn(move || match (packets.peek(), servers.peek()) {
            (Some(packet), Some(server)) if packet.frame > server.frame => {
                servers.next().map(Datagram::Server)
            }
            (Some(_), _) => packets.next().map(Datagram::Packet),
            (None, _) => servers.next().map(Datagram::Server),
        });
        datagrams.flat_map(|datagram| match datagram {
            Datagram::Packet(packet) => packet.units(),
            Datagram::Server(message) => message.units(),
        })
    }

    /// What `from` sent to `to`: as it left `from` if that was recorded, otherwise as it reached `to`.
    pub fn units_sent(&self, from: Peer, to: Peer) -> impl Iterator<Item = SeenUnit<'_>> {
        let tapped = self.sees(from);
        self.units().filter(move |seen| match tapped {
            true => seen.out && seen.tap == from,
            false => !seen.out && seen.tap == to,
        })
    }

    /// Whether anything was seen at the tap of a peer.
    #[must_use]
    pub fn sees(&self, peer: Peer) -> bool {
        self.is_tapped(peer) || self.servers.iter().any(|message| message.peer == peer)
    }
}

impl Packet {
    fn units(&self) -> Vec<SeenUnit<'_>> {
        let mut units = Vec::new();
        let (frame, t_us, tap, out) = (self.frame, self.t_us, self.tap, self.tap == self.sender);
        let mut add = |unit| units.push(SeenUnit { frame, t_us, tap, out, unit });
        match self.via {
            Some(via) if via.channel.is_some() => add(Unit::ChannelData),
            Some(_) => {
                let (class, method) = (StunClass::Indication, if out { Method::Send } else { Method::Data });
                add(Unit::Stun { class, method, use_candidate: false, controlling: None, error: None });
            }
            None => unit::each(&self.bytes, self.cid_length.into(), &mut add),
        }
        for clear in &self.clear {
            let content = match clear.kind {
                Kind::Rtp => Content::Rtp,
                Kind::Rtcp => Content::Rtcp,
                Kind::Record { content_type, epoch, sequence } => {
                    Content::Dtls { content_type, epoch, sequence }
                }
            };
            unit::each_in_clear(content, &clear.bytes, &mut add);
        }
        units
    }
}

impl ServerMessage {
    fn units(&self) -> Vec<SeenUnit<'_>> {
        let mut units = Vec::new();
        let Self { frame, t_us, peer: tap, sent: out, .. } = *self;
        unit::each(&self.bytes, 0, |unit| units.push(SeenUnit { frame, t_us, tap, out, unit }));
        units
    }
}

/// For tests: datagrams as they were seen.
#[cfg(test)]
impl Wire {
    /// Adds a message of a peer to its server, from that address.
    pub(crate) fn put_server(&mut self, peer: Peer, client: &str) {
        self.seen += 1;
        self.servers.push(ServerMessage {
            frame: self.seen,
            t_us: 0,
            peer,
            sent: true,
            client: client.parse().unwrap(),
            server: "192.0.2.200:3478".parse().unwrap(),
            bytes: Vec::new().into(),
        });
    }

    /// Adds one that was seen at a peer's tap, between two peers.
    pub(crate) fn put(&mut self, tap: Peer, out: bool, t_us: u64, bytes: &[u8]) {
        use super::Way;
        use std::sync::Arc;
        let frame = self.seen + 1;
        self.seen = frame;
        self.packets.push(Packet {
            frame,
            t_us,
            way: Arc::new(Way {
                tap,
                sender: if out { tap } else { Peer(1 - tap.0) },
                from: "192.0.2.1:1000".parse().unwrap(),
                to: "192.0.2.2:2000".parse().unwrap(),
                via: None,
                tcp: false,
            }),
            bytes: bytes.to_vec().into(),
            cid_length: 0,
            protection: super::Protection::None,
            clear: Vec::new(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::Recording;

    #[test]
    fn what_a_peer_sent_is_counted_once_although_two_taps_saw_it() {
        let rtp = [0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5];
        let (alice, bob) = (Peer(0), Peer(1));
        let mut both = Wire::default();
        both.put(alice, true, 0, &rtp);
        both.put(bob, false, 0, &rtp);
        assert_eq!(both.units_sent(alice, bob).map(|seen| seen.frame).collect::<Vec<_>>(), [1]);
        let mut one = Wire::default();
        one.put(bob, false, 0, &rtp);
        assert_eq!((one.units_sent(alice, bob).count(), one.units_sent(bob, alice).count()), (1, 0));
    }

    #[test]
    fn a_relayed_packet_counts_as_the_message_that_carries_it_and_in_the_clear() {
        let evidence = Recording::Relay.evidence();
        let wire = evidence.wire.as_ref().unwrap();
        let names: Vec<_> = wire.units().map(|seen| (seen.frame, seen.unit.name())).collect();
        assert!(names.is_sorted_by_key(|(frame, _)| *frame));
        let count = |name: &str| names.iter().filter(|(_, it)| it == name).count();
        assert!(count("Allocate request") > 0);
        assert_eq!(count("ClientHello"), 0, "all of it went by the relays");
        assert!(count("Send indication") + count("ChannelData") > 3);
        assert!(count("INIT") > 0);
    }
}
