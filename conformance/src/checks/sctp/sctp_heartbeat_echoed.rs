//! RFC 9260 §8.3: a HEARTBEAT is answered by a HEARTBEAT ACK with the information of the HEARTBEAT, unchanged.

use super::packets;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::ChunkType;

pub(super) const CHECK: Check = Check {
    id: "sctp-heartbeat-echoed",
    layer: Layer::Sctp,
    subject: "HEARTBEATs that arrived",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    // What is asked for and not answered so far: its frame and its information.
    let mut asked: Vec<(u64, &[u8])> = Vec::new();
    let complete = super::reads_all_at(evidence, peer);
    for (packet, sctp) in packets(evidence, peer) {
        let place = Place::Frame(packet.frame);
        for chunk in sctp.chunks.iter() {
            match chunk.kind.value {
                ChunkType::Heartbeat if packet.sender != peer => {
                    asked.push((packet.frame, chunk.value.value));
                }
                ChunkType::HeartbeatAck if packet.sender == peer => {
                    match asked.iter().position(|(_, information)| *information == chunk.value.value) {
                        Some(at) => {
                            asked.drain(..=at);
                            tally.pass(place);
                        }
                        None if complete => tally.fail(
                            Fault("other-information"),
                            "a HEARTBEAT ACK has information that no HEARTBEAT has which is not answered yet",
                            [place],
                        ),
                        None => tally.inconclusive("HEARTBEATs may be missing in the capture", [place]),
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};
    use crate::evidence::{Evidence, Peer};

    /// Bob asks and Alice answers.
    fn ask(evidence: &mut Evidence) {
        sctp::prepend(evidence, Peer(1), sctp::SACK, &[4, 0, 0, 12, 0, 1, 0, 8, 1, 2, 3, 4]);
        sctp::prepend(evidence, Peer(0), sctp::SACK, &[5, 0, 0, 12, 0, 1, 0, 8, 1, 2, 3, 4]);
    }

    /// Answers with a bit changed.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Data, ask, |evidence| {
        sctp::edit_each_of(evidence, Peer(0), 5, |packet| packet[20] ^= 1);
    });
}
