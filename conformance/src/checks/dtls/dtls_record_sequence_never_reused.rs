//! RFC 6347 §4.1: no record has the epoch and the sequence number of another one, those that are retransmitted included.

use super::begins_anew;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::evidence::{Kind, Packet};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::handshake::HandshakeType;
use peerproof_captures::wire::dtls::record::Record;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "dtls-record-sequence-never-reused",
    layer: Layer::Dtls,
    subject: "records",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let faulted = evidence.faulted();
    let mut seen: BTreeMap<(u64, u64), &Packet> = BTreeMap::new();
    let mut hello: Option<&[u8; 32]> = None;
    let sent = evidence.wire.iter().flat_map(|wire| wire.sent(peer));
    for packet in sent.filter(|packet| packet.class() == Class::Dtls) {
        for record in packet.records().map_while(Result::ok) {
            let fragments = || record.fragments().into_iter().flatten().map_while(Result::ok);
            if let Some(random) = fragments().find_map(|fragment| fragment.hello_random()) {
                if begins_anew(hello, random) {
                    seen.clear();
                }
                hello = Some(random);
            }
            // A server that keeps no state mirrors the client's number (RFC 6347 §4.2.1).
            let mirrors = fragments().any(|fragment| {
                matches!(fragment.kind.value, HandshakeType::HelloVerifyRequest | HandshakeType::ServerHello)
            });
            let Record::Plain(plain) = record else { continue };
            if !mirrors && !faulted.contains(&packet.frame) {
                let number = (u64::from(plain.epoch.value), plain.sequence.value);
                note(evidence, packet, number, &mut seen, tally);
            }
        }
        // The numbers of DTLS 1.3 are themselves encrypted.
        if faulted.contains(&packet.frame) || !is_unified(packet) {
            continue;
        }
        for clear in &packet.clear {
            if let Kind::Record { epoch, sequence, .. } = clear.kind {
                note(evidence, packet, (epoch, sequence), &mut seen, tally);
            }
        }
    }
}

fn is_unified(packet: &Packet) -> bool {
    packet.records().any(|record| matches!(record, Ok(Record::Unified(_))))
}

fn note<'a>(
    evidence: &Evidence,
    packet: &'a Packet,
    number: (u64, u64),
    seen: &mut BTreeMap<(u64, u64), &'a Packet>,
    tally: &mut Tally,
) {
    let place = Place::Frame(packet.frame);
    match seen.insert(number, packet) {
        None => tally.pass(place),
        // A capture that somebody took may have it twice, and so may the network.
        Some(before) if !evidence.whole && *before.bytes == *packet.bytes => {
            tally.inconclusive("the same datagram is there twice", [place, Place::Frame(before.frame)]);
        }
        Some(before) => tally.fail(
            Fault("number-reused"),
            format!("record {} of epoch {} was there before", number.1, number.0),
            [place, Place::Frame(before.frame)],
        ),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::Peer;
    use peerproof_captures::wire::demux::Class;

    /// Gives a record the number of the one before it.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let mut own = packets.iter_mut().rev().filter(|it| it.class() == Class::Dtls && it.sender == Peer(1));
        let (last, before) = (own.next().unwrap(), own.next().unwrap());
        last.bytes[5..11].copy_from_slice(&before.bytes[5..11]);
    });
}
