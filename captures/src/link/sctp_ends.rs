//! The two ends of SCTP packets that a capture holds without a network layer. Data channels have the same port at both ends, so what identifies
//! them are the verification tags: each end chose the one of the packets that it receives (RFC 9260 §8.5).

use crate::hash::Lookup;
use crate::wire::sctp::{self, Body, ChunkType};
use std::net::{Ipv4Addr, SocketAddr};

/// What stands for the end that is seen to send first, and for the other: addresses for documentation (RFC 5737), as there are none.
const ENDS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
/// Most tags that are remembered.
const MOST_TAGS: usize = 4_096;
/// The flag of ABORT and SHUTDOWN-COMPLETE that says that the tag is the sender's own.
const REFLECTED: u8 = 1;

/// An interface and its two ports, the lower one first.
type Ports = (Option<usize>, u16, u16);

/// Which end chose which tag.
#[derive(Debug, Default)]
pub(super) struct SctpEnds {
    /// Zero is the end that was seen first.
    owners: Lookup<(Ports, u32), usize>,
    /// The places of which a tag is known.
    known: Lookup<Ports, ()>,
}

impl SctpEnds {
    /// Source and destination of a packet. `None` if it has no header.
    pub(super) fn of(&mut self, interface: Option<usize>, bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
        let packet = sctp::view(bytes).ok()?;
        let (source, destination) = (packet.source_port.value, packet.destination_port.value);
        let place = (interface, source.min(destination), source.max(destination));
        let (mut chosen, mut reflected) = (None, false);
        for chunk in packet.chunks {
            match (chunk.kind.value, chunk.body) {
                (_, Some(Body::Init(init) | Body::InitAck(init))) => chosen = Some(init.initiate_tag.value),
                (ChunkType::Abort | ChunkType::ShutdownComplete, _) => {
                    reflected |= chunk.flags.value & REFLECTED != 0;
                }
                _ => {}
            }
        }
        let tag = packet.verification_tag.value;
        // INIT has the tag zero, and chooses its own.
        let sender = match (chosen, tag) {
            (Some(own), 0) => self.owner(place, own),
            _ if reflected => self.owner(place, tag),
            _ => 1 - self.owner_of_receiver(place, tag),
        };
        if let Some(own) = chosen {
            self.learn(place, own, sender);
        }
        let address = |end: usize, port| {
            let [first, second] = ENDS;
            SocketAddr::from((if end == 0 { first } else { second }, port))
        };
        Some((address(sender, source), address(1 - sender, destination)))
    }

    /// The end that chose a tag; the one that has none yet if nothing shows.
    fn owner(&mut self, place: Ports, tag: u32) -> usize {
        let known = self.owners.get(&(place, tag)).copied();
        known.unwrap_or_else(|| self.learn(place, tag, usize::from(self.known.contains_key(&place))))
    }

    /// The same for the tag of a packet that arrives: the first that is seen is that of the other end.
    fn owner_of_receiver(&mut self, place: Ports, tag: u32) -> usize {
        let known = self.owners.get(&(place, tag)).copied();
        known.unwrap_or_else(|| self.learn(place, tag, usize::from(!self.known.contains_key(&place))))
    }

    fn learn(&mut self, place: Ports, tag: u32, end: usize) -> usize {
        if self.owners.len() < MOST_TAGS && self.owners.insert((place, tag), end).is_none() {
            self.known.insert(place, ());
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of ports 5000 with this tag and one chunk.
    fn packet(tag: u32, chunk: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x13, 0x88, 0x13, 0x88];
        bytes.extend(tag.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(chunk);
        bytes
    }

    fn init(kind: u8, tag: u8) -> Vec<u8> {
        vec![kind, 0, 0, 20, 0, 0, 0, tag, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]
    }

    /// The last digit of the sender's address, packet by packet.
    fn senders(packets: &[Vec<u8>]) -> String {
        let mut ends = SctpEnds::default();
        let of = packets.iter().map(|bytes| ends.of(Some(0), bytes).unwrap());
        of.map(|(from, to)| {
            assert_ne!(from.ip(), to.ip());
            from.ip().to_string().pop().unwrap()
        })
        .collect()
    }

    #[test]
    fn the_tags_tell_who_sends() {
        let data = [0, 3, 0, 17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 51, 97, 0, 0, 0];
        let (init, init_ack) = (init(1, 0x11), init(2, 0x22));
        let whole = [
            packet(0, &init),
            packet(0, &init),
            packet(0x11, &init_ack),
            packet(0x22, &[10, 0, 0, 4]),
            packet(0x11, &[11, 0, 0, 4]),
            packet(0x22, &data),
            packet(0x22, &[6, 0, 0, 4]),
            // With the T bit the tag is the sender's own.
            packet(0x22, &[14, 1, 0, 4]),
        ];
        assert_eq!(senders(&whole), "11212112");
        // In the middle of an association, the first that is seen is the first end.
        assert_eq!(senders(&whole[3..]), "12112");
        assert_eq!(senders(&whole[4..5]), "1");
    }

    #[test]
    fn both_may_begin() {
        assert_eq!(senders(&[packet(0, &init(1, 0x11)), packet(0, &init(1, 0x22))]), "12");
        assert_eq!(SctpEnds::default().of(None, &[0x13, 0x88]), None);
    }
}
