//! RFC 9260 §8.5: INIT and INIT ACK stand alone and choose a tag that is not zero; INIT goes with tag zero, and every later
//! packet with the tag that its receiver chose. An INIT and its retransmission may be answered by INIT
//! ACKs with different tags. The other side uses one of them and discards the rest (§5.2.3), so any of them is right.

use super::packets;
use super::tags::{MOST_TAGS, initiates, reflects};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sctp-init-tag-rules",
    layer: Layer::Sctp,
    subject: "SCTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut chosen: Vec<u32> = Vec::new();
    for (packet, sctp) in packets(evidence, peer) {
        let place = Place::Frame(packet.frame);
        let begins = initiates(&sctp);
        if packet.sender != peer {
            let fresh = begins.map(|(tag, _)| tag).filter(|tag| !chosen.contains(tag));
            chosen.extend(fresh.filter(|_| chosen.len() <= MOST_TAGS));
            continue;
        }
        let tag = sctp.verification_tag.value;
        match begins {
            Some((0, _)) => tally.fail(Fault("initiate-tag-zero"), "the initiate tag is zero", [place]),
            Some(_) if sctp.chunks.iter().count() > 1 => {
                tally.fail(Fault("bundled"), "INIT or INIT ACK is bundled with another chunk", [place]);
            }
            Some((_, true)) => tally.judge(Fault("init-with-tag"), tag == 0, place, || {
                format!("an INIT has tag {tag:#x}, not zero")
            }),
            _ if reflects(&sctp) => tally.pass(place),
            _ => match chosen.last() {
                Some(_) if chosen.len() > MOST_TAGS && !chosen.contains(&tag) => {
                    tally.inconclusive("the receiver chose more tags than are kept", [place]);
                }
                Some(_) if !chosen.contains(&tag) && !evidence.whole => {
                    tally
                        .inconclusive("the receiver may have chosen another tag before the capture", [place]);
                }
                Some(last) => tally.judge(Fault("other-tag"), chosen.contains(&tag), place, || {
                    format!("the tag is {tag:#x}, the receiver chose {last:#x}")
                }),
                None => tally.inconclusive("the receiver's choice of tag is not in the recording", [place]),
            },
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};
    use crate::evidence::Peer;

    /// Bundles a SACK behind the INIT.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_first(evidence, sctp::INIT, |packet| {
            packet.extend_from_slice(&[3, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
        });
    })
    .and(&[
        Mutation::new(Recording::Data, "the receiver chose", |evidence| {
            sctp::edit_last_of(evidence, Peer(0), sctp::SACK, |packet| packet[4] ^= 1);
        }),
        Mutation::new(Recording::Data, "the initiate tag is zero", |evidence| {
            sctp::edit_first(evidence, sctp::INIT, |packet| packet[16..20].fill(0));
        }),
        Mutation::new(Recording::Data, "an INIT has tag 0x1000000, not zero", |evidence| {
            sctp::edit_first(evidence, sctp::INIT, |packet| packet[4] = 1);
        }),
    ]);
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, sctp};

    /// Gives an INIT ACK another tag: it stands behind the header of twelve bytes and the head of the chunk.
    fn choose(packet: &mut [u8], tag: u32) {
        packet[16..20].copy_from_slice(&tag.to_be_bytes());
    }

    #[test]
    fn a_second_init_ack_with_another_tag_is_discarded() {
        let mut evidence = Recording::Data.evidence();
        let wire = evidence.wire.as_mut().unwrap();
        let is_init_ack = |bytes: &[u8]| bytes.get(12) == Some(&sctp::INIT_ACK);
        let at = wire.packets.iter().position(|it| it.clear.iter().any(|clear| is_init_ack(&clear.bytes)));
        let at = at.unwrap();
        let mut again = wire.packets[at].clone();
        again.clear.iter_mut().for_each(|clear| choose(&mut clear.bytes, 0x1234_5678));
        wire.packets.insert(at + 1, again);
        assert!(CHECK.run(&evidence).iter().all(|it| it.result == Status::Pass));

        let wire = evidence.wire.as_mut().unwrap();
        wire.packets[at].clear.iter_mut().for_each(|clear| choose(&mut clear.bytes, 0x8765_4321));
        assert!(CHECK.run(&evidence).iter().any(|it| it.result == Status::Fail), "nobody chose that tag");
    }
}
