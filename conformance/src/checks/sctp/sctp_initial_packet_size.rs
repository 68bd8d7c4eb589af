//! RFC 8831 §5: until a probe has shown that more goes through, IP packets with SCTP have at most 1,200 bytes, or 1,280 with IPv6.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer, Wire};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::{self, Body, ChunkType};

pub(super) const CHECK: Check = Check {
    id: "sctp-initial-packet-size",
    layer: Layer::Sctp,
    subject: "datagrams with SCTP",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let at = evidence.wire.iter().flat_map(|wire| wire.at(peer));
    // Of what was captured in the clear only, nobody knows in which datagrams it was.
    let at = at.filter(|packet| !packet.tcp && !packet.bytes.is_empty());
    let (mut probed, mut proven) = (0, 0);
    if !evidence.wire.as_ref().is_some_and(Wire::carries_sctp) {
        return;
    }
    for packet in at.filter(|packet| packet.clear.iter().any(|clear| clear.is_application_data())) {
        if packet.sender != peer {
            if has(packet, ChunkType::HeartbeatAck) {
                proven = proven.max(probed);
            }
            continue;
        }
        let size = size(packet);
        if is_probe(packet) {
            probed = probed.max(size);
            continue;
        }
        let limit = if packet.from.is_ipv4() { 1_200 } else { 1_280 };
        if size > limit.max(proven) && !evidence.whole {
            tally.inconclusive(
                "what showed that larger packets go through may be missing in the capture",
                [Place::Frame(packet.frame)],
            );
            continue;
        }
        tally.judge(Fault("too-large"), size <= limit.max(proven), Place::Frame(packet.frame), || {
            format!(
                "an IP packet of {size} bytes is sent before it is known that more than {limit} go through"
            )
        });
    }
}

/// Bytes of the IP packet, which has no options: 20 or 40 of IP, 8 of UDP.
fn size(packet: &Packet) -> usize {
    packet.bytes.len() + 8 + if packet.from.is_ipv4() { 20 } else { 40 }
}

fn has(packet: &Packet, kind: ChunkType) -> bool {
    let packets = packet.clear.iter().filter_map(|clear| sctp::view(&clear.bytes).ok());
    packets.flat_map(|packet| packet.chunks.iter()).any(|chunk| chunk.kind.value == kind)
}

/// Whether a packet looks for the size of the path (RFC 8899): a HEARTBEAT with PAD.
fn is_probe(packet: &Packet) -> bool {
    let packets = packet.clear.iter().filter_map(|clear| sctp::view(&clear.bytes).ok());
    let pads =
        packets.flat_map(|packet| packet.chunks.iter()).any(|it| matches!(it.body, Some(Body::Pad(_))));
    pads && has(packet, ChunkType::Heartbeat)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};

    /// Makes the datagram with the last packet larger.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let last = packets.iter_mut().rfind(|it| it.clear.iter().any(|it| it.is_application_data())).unwrap();
        let grown = 1_400 - last.bytes.len();
        last.bytes.to_mut().resize(1_400, 0);
        let length = u16::from_be_bytes([last.bytes[11], last.bytes[12]]) + grown as u16;
        last.bytes[11..13].copy_from_slice(&length.to_be_bytes());
    });
}
