//! RFC 9147 §5.8.1, §7.1: the server acknowledges the client's last flight, since nothing else answers it. §7: an ACK is "a list of the records
//! containing handshake messages in the current flight which the endpoint has received and either processed or buffered".

use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Kind, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::ack::{self, RecordNumber};
use peerproof_captures::wire::dtls::record::ContentType;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "dtls13-client-final-flight-acked",
    layer: Layer::Dtls,
    subject: "last flights of clients",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Within which an ACK should come, in microseconds: a choice of ours, as the RFC has none.
const WITHIN_US: u64 = 2_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("the peer is not the server of a handshake of DTLS 1.3");
    let (Some(wire), Some(other)) = (&evidence.wire, evidence.other(peer)) else { return };
    let handshakes = evidence.handshakes(peer);
    let [handshake] = handshakes.as_slice() else { return };
    if handshake.version != Some(Version::Dtls13) || handshake.client() != Some(other) {
        return;
    }
    let Some((frame, since_us)) = handshake.finished(other) else { return };
    // What the client sent in each record that was opened, by number.
    let mut sent: BTreeMap<RecordNumber, ContentType> = BTreeMap::new();
    let (mut acked, mut end_us) = (None, 0);
    for packet in wire.at(peer) {
        end_us = end_us.max(packet.t_us);
        for clear in &packet.clear {
            let Kind::Record { content_type, epoch, sequence } = clear.kind else { continue };
            let kind = ContentType::from(content_type);
            if packet.sender != peer {
                sent.insert(RecordNumber { epoch, sequence }, kind);
            } else if kind == ContentType::Ack
                && let Ok(ack) = ack::view(&clear.bytes)
            {
                for number in ack.iter() {
                    match sent.get(&number) {
                        Some(ContentType::Handshake) => {
                            acked = acked.or(Some(packet.frame).filter(|_| packet.t_us >= since_us));
                        }
                        Some(kind) => tally.fail(
                            Fault("acks-other-record"),
                            format!("an ACK lists record {number}, which is of type {kind}"),
                            [Place::Frame(packet.frame)],
                        ),
                        None => {}
                    }
                }
            }
        }
    }
    match (acked, Off::late(since_us, WITHIN_US, end_us)) {
        (Some(frame), _) => tally.pass(Place::Frame(frame)),
        (None, Some(off)) if evidence.sees_all_sent_by(peer) => {
            let text = "the server sends no ACK of the client's Finished";
            tally.off(Fault("no-ack"), evidence, off, text, [Place::Frame(frame)]);
        }
        (None, _) => {
            tally.inconclusive(
                "the recording may lack an ACK of the client's Finished",
                [Place::Frame(frame)],
            );
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording};
    use crate::evidence::{Evidence, Kind, Packet, Peer};

    const ACK: u8 = 26;

    fn is_ack(packet: &Packet) -> bool {
        packet.clear.iter().any(|it| matches!(it.kind, Kind::Record { content_type: ACK, .. }))
    }

    /// Replaces the number in an ACK by that of a record with application data.
    pub(super) const CONTROL: Control = Control::new(Recording::Conflict, |evidence| {
        let client = evidence.first_handshake(Peer(0)).client().unwrap();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let ack =
            packets.iter().find(|it| is_ack(it) && it.sender != client && it.tap != client).unwrap().clone();
        let number = |it: &Packet| {
            it.clear.iter().find_map(|clear| match clear.kind {
                Kind::Record { content_type: 23, epoch, sequence } => Some((epoch, sequence)),
                _ => None,
            })
        };
        let (epoch, sequence) = packets.iter().filter(|it| it.sender != ack.sender).find_map(number).unwrap();
        let mut again = packets
            .iter()
            .rfind(|it| is_ack(it) && it.sender == ack.sender && it.tap == ack.tap)
            .unwrap()
            .clone();
        again.t_us = packets.iter().map(|it| it.t_us).max().unwrap() + 1_000;
        again.frame += 1_000_000;
        again.clear.retain(|it| matches!(it.kind, Kind::Record { content_type: ACK, .. }));
        let bytes = [&[0, 16][..], &epoch.to_be_bytes(), &sequence.to_be_bytes()].concat();
        again.clear[0].bytes = bytes.into();
        packets.push(again);
    })
    .also_breaks(&["dtls-record-sequence-never-reused"])
    .and(&[Mutation::new(Recording::Conflict, "sends no ACK", |evidence: &mut Evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        for packet in packets.iter_mut() {
            packet.clear.retain(|it| !matches!(it.kind, Kind::Record { content_type: ACK, .. }));
        }
        let mut last = packets.last().unwrap().clone();
        last.t_us += 10_000_000;
        last.frame += 1_000_000;
        packets.push(last);
    })
    .also_breaks(&["dtls-record-sequence-increments"])]);
}
