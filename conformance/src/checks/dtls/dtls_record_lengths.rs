//! RFC 5246 §6.2.1, §6.2.3, RFC 8446 §5.1, §5.2: a fragment has at most 2^14 bytes, and under protection 2^14 + 2048 (in 1.3 2^14 + 256);
//! "implementations MUST NOT send zero-length fragments of Handshake, Alert, or ChangeCipherSpec content types".

use super::records;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Kind, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::record::{ContentType, Record};

pub(super) const CHECK: Check = Check {
    id: "dtls-record-lengths",
    layer: Layer::Dtls,
    subject: "records",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const LONGEST: usize = 1 << 14;
const LONGEST_PROTECTED: usize = LONGEST + 2048;
const LONGEST_PROTECTED_13: usize = LONGEST + 256;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, record) in records(evidence, peer) {
        let Ok(record) = record else { continue };
        if evidence.is_faulted(packet.frame) {
            continue;
        }
        let place = Place::Frame(packet.frame);
        let (length, most) = match record {
            Record::Plain(plain) if plain.epoch.value == 0 => (plain.fragment.value.len(), LONGEST),
            Record::Plain(plain) => (plain.fragment.value.len(), LONGEST_PROTECTED),
            Record::Unified(unified) => (unified.fragment.value.len(), LONGEST_PROTECTED_13),
        };
        tally.judge(Fault("too-long"), length <= most, place, || {
            format!("a record has {length} bytes, more than {most}")
        });
        let kind = match record {
            Record::Plain(plain) if plain.epoch.value == 0 && length == 0 => Some(plain.kind.value),
            _ => None,
        };
        let opened =
            packet.clear.iter().filter(|clear| clear.bytes.is_empty()).find_map(|it| match it.kind {
                Kind::Record { content_type, .. } => Some(ContentType::from(content_type)),
                _ => None,
            });
        let is_whole = |kind: &ContentType| {
            matches!(kind, ContentType::Handshake | ContentType::Alert | ContentType::ChangeCipherSpec)
        };
        if let Some(kind) = kind.or(opened).filter(is_whole) {
            tally.fail(Fault("empty"), format!("a record of type {kind} is empty"), [place]);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};
    use crate::evidence::Peer;

    /// Sends a handshake record without anything in it.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        dtls::say(evidence, Peer(0), 22, &[], 1_000);
    })
    .and(&[Mutation::new(Recording::Data, "a record has 18433 bytes", |evidence| {
        dtls::edit_records(
            evidence,
            |packet, record| packet.sender == Peer(0) && dtls::is_record(record, 23, 1),
            |record| record.resize(13 + 18_433, 7),
        );
    })
    .also_breaks(&["sctp-initial-packet-size"])]);
}
