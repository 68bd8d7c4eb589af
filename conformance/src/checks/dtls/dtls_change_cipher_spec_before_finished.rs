//! RFC 5246 §7.4.9: "It is a fatal error if a Finished message is not preceded by a ChangeCipherSpec message at the appropriate point in
//! the handshake"; §7.1: that message is one byte of the value 1.

use super::{associations, records};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::record::{ContentType, PlainRecord, Record};
use std::ops::Range;

pub(super) const CHECK: Check = Check {
    id: "dtls-change-cipher-spec-before-finished",
    layer: Layer::Dtls,
    subject: "changes of keys",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("DTLS 1.2 was not negotiated");
    for (n, (handshake, frames)) in associations(evidence, peer).into_iter().enumerate() {
        if handshake.version == Some(Version::Dtls12) {
            association(evidence, peer, n == 0, &frames, tally);
        }
    }
}

/// Judges the records of an association, which are those of these frames.
fn association(evidence: &Evidence, peer: Peer, is_first: bool, frames: &Range<u64>, tally: &mut Tally) {
    let mut changed = false;
    let mut first: Option<(&Packet, PlainRecord<'_>, bool)> = None;
    for (packet, record) in records(evidence, peer).filter(|(packet, _)| frames.contains(&packet.frame)) {
        let Ok(Record::Plain(plain)) = record else { continue };
        if plain.kind.value == ContentType::ChangeCipherSpec && plain.epoch.value == 0 {
            changed = true;
            let content = plain.fragment.value;
            if content != [1] && !evidence.is_faulted(packet.frame) {
                tally.fail(
                    Fault("other-content"),
                    format!("a ChangeCipherSpec has {} bytes, not one of the value 1", content.len()),
                    [Place::Frame(packet.frame)],
                );
            }
        }
        // The first of its epoch, whatever came first.
        let number = |plain: &PlainRecord<'_>| plain.sequence.value;
        if plain.epoch.value == 1 && first.is_none_or(|(_, before, _)| number(&plain) < number(&before)) {
            first = Some((packet, plain, changed));
        }
    }
    let Some((packet, record, changed)) = first else { return };
    let place = Place::Frame(packet.frame);
    let kind = record.kind.value;
    if changed && record.sequence.value == 0 {
        let is_handshake = matches!(kind, ContentType::Handshake | ContentType::Tls12Cid);
        tally.judge(Fault("not-finished-first"), is_handshake, place, || {
            format!("the first protected record is of type {kind}, not a Finished")
        });
    } else if !is_first {
        // It may be a record of the association before.
    } else if changed || !evidence.sees_all_sent_by(peer) {
        tally.inconclusive("what came before may be missing in the recording", [place]);
    } else {
        tally.fail(
            Fault("no-change-cipher-spec"),
            "the first protected record comes without a ChangeCipherSpec before it",
            [place],
        );
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    const CHANGE_CIPHER_SPEC: u8 = 20;

    /// Makes the ChangeCipherSpec of both sides an alert.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_records(
            evidence,
            |_, record| dtls::is_record(record, CHANGE_CIPHER_SPEC, 0),
            |record| (record[0], record[13]) = (24, 1),
        );
    })
    .and(&[
        Mutation::new(Recording::Media, "has 2 bytes", |evidence| {
            dtls::edit_records(
                evidence,
                |_, record| dtls::is_record(record, CHANGE_CIPHER_SPEC, 0),
                |record| record.push(1),
            );
        }),
        Mutation::new(Recording::Media, "is of type", |evidence| {
            dtls::edit_records(evidence, |_, record| dtls::is_record(record, 22, 1), |record| record[0] = 24);
        }),
    ]);
}
