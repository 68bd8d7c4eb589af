//! RFC 9147 §6.1: epoch 0 has the ClientHello and the ServerHello alone, epoch 2 the rest of the handshake, and application data is in epoch 1, which
//! is early data, or in epoch 3 and above. The Finished of a later authentication is above 2, too.

use super::{OF_SEVERAL_VERSIONS, Share, with_version};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Kind, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::{Fragments, HandshakeType};
use peerproof_captures::wire::dtls::record::ContentType;
use peerproof_captures::wire::field::{Field, Span};

pub(super) const CHECK: Check = Check {
    id: "dtls13-epochs",
    layer: Layer::Dtls,
    subject: "records of DTLS 1.3",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const OF_HANDSHAKE: u64 = 2;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    match with_version(evidence, peer, &[Version::Dtls13]) {
        Share::None => return tally.not_applicable("DTLS 1.3 was not negotiated"),
        Share::Some => return tally.inconclusive(OF_SEVERAL_VERSIONS, []),
        Share::All => {}
    }
    let mut is_finished = false;
    let sent = evidence.wire.iter().flat_map(|wire| wire.sent(peer));
    for packet in sent.filter(|it| it.class() == Class::Dtls && !evidence.is_faulted(it.frame)) {
        let place = Place::Frame(packet.frame);
        let records = packet.records().map_while(Result::ok);
        let plain = records.filter_map(|record| record.fragments()).flatten().map_while(Result::ok);
        let early =
            [HandshakeType::ClientHello, HandshakeType::ServerHello, HandshakeType::HelloVerifyRequest];
        for kind in plain.map(|fragment| fragment.kind.value) {
            tally.judge(Fault("unprotected"), early.contains(&kind), place, || {
                format!("a {kind} is sent without protection")
            });
        }
        for (kind, epoch, bytes) in opened(packet) {
            match kind {
                ContentType::ApplicationData => {
                    tally.judge(
                        Fault("data-in-epoch-of-handshake"),
                        !matches!(epoch, 0 | OF_HANDSHAKE),
                        place,
                        || format!("application data is in epoch {epoch}"),
                    );
                }
                ContentType::Handshake => {
                    let content = Field::new(Span::new(0, bytes.len()), bytes);
                    let kinds = Fragments::new(content).map_while(Result::ok).map(|it| it.kind.value);
                    let kinds: Vec<HandshakeType> = kinds.collect();
                    // What may come later is NewSessionTicket, KeyUpdate, another authentication, and what has to do with connection IDs.
                    let belongs = |kind: &HandshakeType| match kind {
                        HandshakeType::EncryptedExtensions => true,
                        HandshakeType::Finished => !is_finished || epoch < OF_HANDSHAKE,
                        _ => false,
                    };
                    let is_here = epoch == OF_HANDSHAKE || !kinds.iter().any(belongs);
                    tally.judge(Fault("handshake-in-other-epoch"), is_here, place, || {
                        format!("a message of the handshake is in epoch {epoch}, not in 2")
                    });
                    is_finished |= epoch == OF_HANDSHAKE && kinds.contains(&HandshakeType::Finished);
                }
                _ => {}
            }
        }
    }
}

/// Type, epoch and content of each record that was opened.
fn opened(packet: &Packet) -> impl Iterator<Item = (ContentType, u64, &[u8])> {
    packet.clear.iter().filter_map(|clear| match clear.kind {
        Kind::Record { content_type, epoch, .. } => {
            Some((ContentType::from(content_type), epoch, clear.bytes.as_slice()))
        }
        _ => None,
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};
    use crate::evidence::{Clear, Evidence, Kind, Packet};

    /// Moves the first or last opened record of a type to another epoch, under a number of its own.
    fn move_one(evidence: &mut Evidence, is_first: bool, wanted: u8, to: u64) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let own = |it: &&mut Packet| it.tap == it.sender;
        let mut clear = packets.iter_mut().filter(own).flat_map(|it| &mut it.clear);
        let is =
            |it: &&mut Clear| matches!(it.kind, Kind::Record { content_type, .. } if content_type == wanted);
        let kind = if is_first { clear.find(is) } else { clear.rfind(is) };
        if let Kind::Record { epoch, sequence, .. } = &mut kind.unwrap().kind {
            (*epoch, *sequence) = (to, 1 << 40);
        }
    }

    /// Has application data be in the epoch of the handshake.
    pub(super) const CONTROL: Control =
        Control::new(Recording::Conflict, |evidence| move_one(evidence, false, 23, 2)).and(&[
            Mutation::new(Recording::Conflict, "a message of the handshake is in epoch 3", |evidence| {
                move_one(evidence, true, 22, 3);
            })
            .also_breaks(&["dtls-record-sequence-increments"]),
            Mutation::new(Recording::Conflict, "is sent without protection", |evidence| {
                let empty =
                    [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 12, 8, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
                dtls::append_record(evidence, dtls::SERVER_HELLO, &empty);
            })
            .also_breaks(&["dtls-fragments-cover-message", "dtls-message-seq-numbering"]),
        ]);
}
