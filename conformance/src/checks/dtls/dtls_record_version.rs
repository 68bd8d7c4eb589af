//! RFC 6347 §4.1, §4.2.1, RFC 9147 §4: records have the version 254.253, in DTLS 1.3 too; only before the version is negotiated may they have that
//! of DTLS 1.0.

use super::{OF_SEVERAL_VERSIONS, Share, records, with_version};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::HandshakeType;
use peerproof_captures::wire::dtls::record::{ContentType, PlainRecord, Record};

pub(super) const CHECK: Check = Check {
    id: "dtls-record-version",
    layer: Layer::Dtls,
    subject: "records",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    match with_version(evidence, peer, &[Version::Dtls12, Version::Dtls13]) {
        Share::None => return tally.not_applicable("neither DTLS 1.2 nor DTLS 1.3 was negotiated"),
        Share::Some => return tally.inconclusive(OF_SEVERAL_VERSIONS, []),
        Share::All => {}
    }
    for (packet, record) in records(evidence, peer) {
        let Ok(record @ Record::Plain(plain)) = record else { continue };
        if evidence.is_faulted(packet.frame) {
            continue;
        }
        let version = plain.version.value;
        let allowed =
            version == Version::Dtls12 || version == Version::Dtls10 && may_be_older(&record, &plain);
        tally.judge(Fault("other-version"), allowed, Place::Frame(packet.frame), || {
            format!("a record of type {} has the version {version}", plain.kind.value)
        });
    }
}

/// Whether a record may come before the version is negotiated.
fn may_be_older(record: &Record<'_>, plain: &PlainRecord<'_>) -> bool {
    let mut fragments = record.fragments().into_iter().flatten().map_while(Result::ok);
    let hello = fragments.next().is_some_and(|fragment| {
        matches!(fragment.kind.value, HandshakeType::ClientHello | HandshakeType::HelloVerifyRequest)
    });
    record.is_plaintext() && (hello || plain.kind.value == ContentType::Alert)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Gives the application data of both sides the version of DTLS 1.0.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        dtls::edit_records(evidence, |_, record| dtls::is_record(record, 23, 1), |record| record[2] = 0xff);
    });
}
