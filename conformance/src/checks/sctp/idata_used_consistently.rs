//! RFC 8260 §2.2.1, §2.3.1: user data goes by I-DATA if both sides announced it, and else by DATA; FORWARD-TSN likewise.

use super::chunks;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::{Body, ChunkType};

pub(super) const CHECK: Check = Check {
    id: "idata-used-consistently",
    layer: Layer::Sctp,
    subject: "chunks of user data",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    // What each side announced, by INIT or INIT ACK.
    let (mut own, mut other): (Option<bool>, Option<bool>) = (None, None);
    for (packet, body) in chunks(evidence, peer) {
        let interleaved = match body {
            Body::Init(init) | Body::InitAck(init) => {
                let announced = Some(init.supports(ChunkType::IData));
                *(if packet.sender == peer { &mut own } else { &mut other }) = announced;
                continue;
            }
            Body::IData(_) | Body::IForwardTsn(_) => true,
            Body::Data(_) | Body::ForwardTsn(_) => false,
            _ => continue,
        };
        if packet.sender != peer {
            continue;
        }
        let place = Place::Frame(packet.frame);
        match own.zip(other) {
            None => tally.inconclusive("what the sides announced is not in the recording", [place]),
            Some((own, other)) => {
                tally.judge(Fault("other-kind-than-agreed"), interleaved == (own && other), place, || {
                    let (sent, not) = if interleaved { ("I-DATA", "was not") } else { ("DATA", "was") };
                    format!("the chunk is of the kind of {sent}, although I-DATA {not} agreed on")
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};
    use crate::evidence::{Evidence, Peer};

    fn announce(evidence: &mut Evidence, from: u8, to: u8) {
        for kind in [sctp::INIT, sctp::INIT_ACK] {
            sctp::edit_first(evidence, kind, |packet| {
                let at = packet.windows(2).position(|it| it == [0x80, 0x08]).unwrap();
                let end = at + usize::from(packet[at + 3]);
                packet[at + 4..end].iter_mut().filter(|it| **it == from).for_each(|it| *it = to);
            });
        }
    }

    /// Announces I-DATA on both sides of an association that does not use it: no recording has one that does.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| announce(evidence, 192, 64))
        .and(&[
            // I-FORWARD-TSN up to the TSN of what it is bundled with.
            Mutation::new(Recording::Data, "of I-DATA, although I-DATA was not", |evidence| {
                sctp::edit_last_of(evidence, Peer(0), sctp::DATA, |packet| {
                    let tsn = packet[16..20].to_vec();
                    packet.extend([194, 0, 0, 8]);
                    packet.extend(tsn);
                });
            })
            .also_breaks(&["sctp-control-chunks-first"]),
        ]);
}
