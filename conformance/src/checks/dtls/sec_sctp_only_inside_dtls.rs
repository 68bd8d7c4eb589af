//! RFC 8827 §6.5, RFC 8261 §5: SCTP travels inside protected DTLS records, and nowhere else.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::record::{ContentType, Record};
use peerproof_captures::wire::sctp::{self, Checksum};

pub(super) const CHECK: Check = Check {
    id: "sec-sctp-only-inside-dtls",
    layer: Layer::Dtls,
    subject: "records of application data",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packet in evidence.wire.iter().flat_map(|wire| wire.sent(peer)) {
        let place = Place::Frame(packet.frame);
        match packet.class() {
            Class::Dtls => {
                for record in packet.records().map_while(Result::ok) {
                    match record {
                        // Its content type is encrypted in DTLS 1.3 and beside a connection ID, so only an opened record shows it.
                        _ if hides_its_type(&record) => {
                            if packet.clear.iter().any(|clear| clear.is_application_data()) {
                                tally.pass(place);
                            }
                        }
                        Record::Plain(plain) if plain.kind.value != ContentType::ApplicationData => {}
                        Record::Plain(plain) if plain.epoch.value == 0 => {
                            if !evidence.is_faulted(packet.frame) {
                                tally.fail(
                                    Fault("unprotected-record"),
                                    "application data is in a record that nothing protects",
                                    [place],
                                );
                            }
                        }
                        _ => tally.pass(place),
                    }
                }
            }
            Class::Stun | Class::TurnChannel | Class::Rtp | Class::Rtcp => {}
            _ if is_sctp(&packet.bytes) && !evidence.is_faulted(packet.frame) => {
                tally.fail(
                    Fault("sctp-without-dtls"),
                    "an SCTP packet is sent as it is, in a datagram of its own",
                    [place],
                );
            }
            _ => {}
        }
    }
}

/// Whether bytes are an SCTP packet with a chunk and the right checksum.
const fn hides_its_type(record: &Record<'_>) -> bool {
    match record {
        Record::Plain(plain) => matches!(plain.kind.value, ContentType::Tls12Cid),
        Record::Unified(_) => true,
    }
}

fn is_sctp(bytes: &[u8]) -> bool {
    let read = sctp::view(bytes).is_ok_and(|packet| packet.chunks.iter().next().is_some());
    read && matches!(sctp::checksum(bytes), Checksum::Correct)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording};

    /// Sends one packet in the clear, as a record of epoch 0.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let packet = packets.iter_mut().rfind(|it| it.clear.iter().any(|clear| clear.is_application_data()));
        let packet = packet.unwrap();
        let content = packet.clear[0].bytes.clone();
        packet.bytes.to_mut().truncate(11);
        packet.bytes[3..5].fill(0);
        // No record of epoch 0 has this number.
        packet.bytes[10] = 200;
        packet.bytes.to_mut().extend((content.len() as u16).to_be_bytes());
        packet.bytes.to_mut().extend_from_slice(&content);
    })
    .and(&[Mutation::new(Recording::Data, "sent as it is", |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let packet =
            packets.iter_mut().rfind(|it| it.clear.iter().any(|clear| clear.is_application_data())).unwrap();
        packet.bytes = packet.clear[0].bytes.clone();
    })
    .also_breaks(&["mux-sent-datagram-first-byte-class"])]);
}
