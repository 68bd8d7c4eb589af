//! RFC 9260 §5.1: until its COOKIE ECHO is answered a peer sends nothing but that; what the other side begins meanwhile it answers (§5.2).

use super::packets;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::{ChunkType, Packet};

pub(super) const CHECK: Check = Check {
    id: "sctp-waits-for-cookie-ack",
    layer: Layer::Sctp,
    subject: "packets between COOKIE ECHO and COOKIE ACK",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    // Of two associations that begin at once, the cookie of the other side establishes the one that results (§5.2.4).
    let (mut waiting, mut established) = (None, false);
    for (packet, sctp) in packets(evidence, peer) {
        let place = Place::Frame(packet.frame);
        let has = |kind: ChunkType| sctp.chunks.iter().any(|chunk| chunk.kind.value == kind);
        if packet.sender != peer {
            if [ChunkType::CookieAck, ChunkType::CookieEcho].into_iter().any(has) {
                (waiting, established) = (None, true);
            } else if has(ChunkType::Abort) {
                (waiting, established) = (None, false);
            }
        } else if has(ChunkType::CookieEcho) {
            waiting = Some(place).filter(|_| !established);
            tally.pass(place);
        } else if let Some(echo) = waiting.filter(|_| !sets_up(&sctp)) {
            // Where a rule of the scenario took the COOKIE ACK, what follows it establishes the association all the same.
            if evidence.faulted().is_empty() && super::reads_all_at(evidence, peer) {
                tally.fail(
                    Fault("packet-before-cookie-ack"),
                    "a packet is sent while the COOKIE ECHO is not answered",
                    [place, echo],
                );
            } else {
                tally.inconclusive("the COOKIE ACK may be missing in the capture", [place, echo]);
            }
        }
    }
}

/// Whether a packet answers what the other side begins, or a HEARTBEAT (§8.3: "after entering the COOKIE-ECHOED state"), or ends the association.
fn sets_up(packet: &Packet<'_>) -> bool {
    packet.chunks.iter().all(|chunk| {
        matches!(
            chunk.kind.value,
            ChunkType::Init
                | ChunkType::InitAck
                | ChunkType::CookieAck
                | ChunkType::HeartbeatAck
                | ChunkType::Abort
                | ChunkType::Error
                | ChunkType::ShutdownAck
                | ChunkType::ShutdownComplete
        )
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};
    use crate::evidence::Packet;

    /// Sends a HEARTBEAT right behind it.
    pub(super) const CONTROL: Control = Control::new(Recording::Restart, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let echo = |it: &Packet| {
            it.tap == it.sender
                && it.clear.iter().any(|clear| clear.bytes.get(12) == Some(&sctp::COOKIE_ECHO))
        };
        let at = packets.iter().position(echo).unwrap();
        let sender = packets[at].sender;
        let mut next = packets[at].clone();
        let bytes = next.clear[0].bytes.to_mut();
        bytes.truncate(12);
        bytes.extend([sctp::HEARTBEAT, 0, 0, 8, 0, 1, 0, 4]);
        packets.insert(at + 1, next);
        // That makes the checksum right.
        sctp::edit_each_of(evidence, sender, sctp::HEARTBEAT, |_| {});
    })
    .also_breaks(&["dtls-record-sequence-never-reused"]);
}
