//! RFC 6347 §4.1: "Sequence numbers are maintained separately for each epoch, with each sequence_number initially being 0 for each epoch";
//! RFC 5246 §6.1: it rises with each record. That some are left out is no fault: a datagram may not have left its host.

use super::begins_anew;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Kind, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::handshake::HandshakeType;
use peerproof_captures::wire::dtls::record::Record;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "dtls-record-sequence-increments",
    layer: Layer::Dtls,
    subject: "records",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut newest: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut hello: Option<&[u8; 32]> = None;
    let sent = evidence.wire.iter().flat_map(|wire| wire.sent(peer));
    let complete = evidence.sees_all_sent_by(peer);
    // What a rule held back comes a second time, when it lets it go. A peer that repeats a datagram as it was is judged by
    // `dtls-record-sequence-never-reused`.
    let mut seen: BTreeSet<&[u8]> = BTreeSet::new();
    for packet in sent.filter(|packet| packet.class() == Class::Dtls) {
        if !seen.insert(&packet.bytes) {
            continue;
        }
        let records = packet.records().map_while(Result::ok);
        let fragments = records.filter_map(|record| record.fragments()).flatten().map_while(Result::ok);
        let mut mirrors = false;
        for fragment in fragments {
            if let Some(random) = fragment.hello_random() {
                if begins_anew(hello, random) {
                    newest.clear();
                }
                hello = Some(random);
            }
            // A server that keeps no state takes over the number of the ClientHello (§4.2.1).
            mirrors |=
                matches!(fragment.kind.value, HandshakeType::HelloVerifyRequest | HandshakeType::ServerHello);
        }
        let place = Place::Frame(packet.frame);
        for (epoch, sequence) in numbers(packet) {
            match newest.insert(epoch, (sequence, packet.frame)) {
                _ if evidence.is_faulted(packet.frame) => {}
                None if sequence == 0 => tally.pass(place),
                None if mirrors && epoch == 0 => {}
                None if complete => tally.fail(
                    Fault("not-from-zero"),
                    format!("the first record of epoch {epoch} has number {sequence}"),
                    [place],
                ),
                None => tally.inconclusive("earlier records may be missing in the recording", [place]),
                Some((before, frame)) if sequence < before && complete && !(mirrors && epoch == 0) => tally
                    .fail(
                        Fault("number-falls"),
                        format!("a record of epoch {epoch} has number {sequence}, after {before}"),
                        [place, Place::Frame(frame)],
                    ),
                Some(_) => tally.pass(place),
            }
        }
    }
}

/// Epoch and number of each record of a datagram; of those of 1.3, whose numbers are encrypted, once they are opened.
fn numbers(packet: &Packet) -> Vec<(u64, u64)> {
    let records: Vec<Record<'_>> = packet.records().map_while(Result::ok).collect();
    let plain = records.iter().filter_map(|record| match record {
        Record::Plain(plain) => Some((plain.epoch.value.into(), plain.sequence.value)),
        Record::Unified(_) => None,
    });
    let is_unified = records.iter().any(|record| matches!(record, Record::Unified(_)));
    let opened = packet.clear.iter().filter(|_| is_unified).filter_map(|clear| match clear.kind {
        Kind::Record { epoch, sequence, .. } => Some((epoch, sequence)),
        _ => None,
    });
    plain.chain(opened).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};
    use crate::evidence::{Packet, Peer};

    const ALICE: Peer = Peer(0);

    fn is_protected(packet: &Packet) -> bool {
        packet.sender == ALICE && (20..32).contains(&packet.bytes[0]) && packet.bytes[3..5] == [0, 1]
    }

    /// Has the protected records of Alice begin with number 9.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        dtls::edit_records(
            evidence,
            |packet, record| packet.sender == ALICE && record[3..5] == [0, 1],
            |record| record[10] += 9,
        );
    })
    .and(&[Mutation::new(Recording::Data, "after", |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let last = packets.iter().rposition(is_protected).unwrap();
        let before = packets[..last].iter().rposition(is_protected).unwrap();
        packets[last].bytes[10] -= 1;
        packets[before].bytes[10] += 1;
    })]);
}
