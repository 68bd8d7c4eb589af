//! Datagrams and their units.

use super::unit::{self, StunClass, Unit};
use crate::decrypt::Content;
use crate::wire::dcep::MessageType;
use crate::wire::dtls::Version;
use crate::wire::dtls::alert::{Description, Level};
use crate::wire::sctp::ChunkType;
use crate::wire::stun::Method;

const SCTP: Content = Content::Dtls { content_type: 23, epoch: 1, sequence: 0 };

fn units(bytes: &[u8]) -> Vec<Unit<'_>> {
    let mut units = Vec::new();
    unit::each(bytes, 0, |unit| units.push(unit));
    units
}

fn in_clear(content: Content, bytes: &[u8]) -> Vec<Unit<'_>> {
    let mut units = Vec::new();
    unit::each_in_clear(content, bytes, |unit| units.push(unit));
    units
}

fn names(bytes: &[u8]) -> Vec<String> {
    units(bytes).iter().map(|unit| unit.name().into_owned()).collect()
}

/// A record in epoch 0 or later around `body`.
fn record(kind: u8, epoch: u16, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 0xFE, 0xFD];
    record.extend(epoch.to_be_bytes());
    record.extend([0; 6]);
    record.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    record.extend(body);
    record
}

fn fragment(kind: u8, seq: u16, offset: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    let mut message = vec![kind, 0, 0, 200];
    message.extend(seq.to_be_bytes());
    message.extend([0, 0, offset, 0, 0, length]);
    message.extend(body);
    message
}

#[test]
fn a_check_with_use_candidate_is_told_from_one_without() {
    let mut check = vec![0x00, 0x01, 0x00, 0x0C, 0x21, 0x12, 0xA4, 0x42];
    check.extend([7; 12]);
    check.extend([0x80, 0x2A, 0x00, 0x08, 1, 2, 3, 4, 5, 6, 7, 8]);
    let plain = units(&check);
    assert_eq!(
        plain,
        [Unit::Stun {
            class: StunClass::Request,
            method: Method::Binding,
            use_candidate: false,
            controlling: Some(true),
            error: None
        }]
    );
    check.extend([0x00, 0x25, 0x00, 0x00]);
    check[3] += 4;
    assert!(matches!(units(&check)[..], [Unit::Stun { use_candidate: true, .. }]));
    assert_eq!(names(&check), ["Binding request"]);
}

#[test]
fn an_error_response_tells_its_code() {
    let mut error = vec![0x01, 0x13, 0x00, 0x08, 0x21, 0x12, 0xA4, 0x42];
    error.extend([7; 12]);
    error.extend([0x00, 0x09, 0x00, 0x04, 0x00, 0x00, 0x04, 0x01]);
    assert!(matches!(units(&error)[..], [Unit::Stun { error: Some(401), class: StunClass::Error, .. }]));
    assert_eq!(names(&error), ["Allocate error"]);
}

#[test]
fn a_flight_of_several_messages_in_several_records_is_read_and_a_later_fragment_is_no_message() {
    let mut flight = record(22, 0, &[fragment(2, 1, 0, &[0xFE, 0xFD]), fragment(11, 2, 0, b"cert")].concat());
    flight.extend(record(22, 0, &fragment(11, 2, 4, b"more")));
    flight.extend(record(20, 0, &[1]));
    flight.extend(record(22, 1, &[9; 40]));
    assert_eq!(names(&flight), ["ServerHello", "Certificate", "ChangeCipherSpec", "Finished"]);
    assert!(matches!(units(&flight)[0], Unit::Handshake { version: Some(Version::Dtls12), seq: 1, .. }));
}

#[test]
fn the_version_chosen_is_the_one_in_supported_versions() {
    let mut hello = vec![0xFE, 0xFD];
    hello.extend([3; 32]);
    hello.extend([0, 0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 0xFE, 0xFC]);
    let mut whole = fragment(2, 0, 0, &hello);
    whole[3] = u8::try_from(hello.len()).unwrap();
    assert!(matches!(
        units(&record(22, 0, &whole))[..],
        [Unit::Handshake { version: Some(Version::Dtls13), retry: false, .. }]
    ));
}

#[test]
fn alerts_are_read_in_clear_and_only_counted_when_encrypted() {
    assert_eq!(
        units(&record(21, 0, &[2, 42])),
        [Unit::Alert { level: Some(Level::Fatal), description: Some(Description::BadCertificate) }]
    );
    assert_eq!(units(&record(21, 1, &[2, 42])), [Unit::Alert { level: None, description: None }]);
}

#[test]
fn encrypted_records_of_dtls_13_are_split_by_their_lengths() {
    let one = [0b0010_1110, 0, 1, 0, 3, 9, 9, 9];
    let two = [one.as_slice(), &one].concat();
    assert_eq!(units(&two), [Unit::Record13, Unit::Record13]);
}

#[test]
fn rtp_and_rtcp_share_a_port_and_are_told_apart() {
    let rtp = [0x80, 0x80 | 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5];
    assert_eq!(units(&rtp), [Unit::Srtp { payload_type: 96, ssrc: 5, length: 12 }]);
    assert_eq!(names(&[0x80, 200, 0, 6, 0, 0, 0, 5]), ["SR"]);
}

#[test]
fn chunks_tell_strings_and_data_channel_messages() {
    let mut packet = vec![0; 12];
    packet.extend([0, 3, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 51]);
    packet.extend(b"lost");
    packet.extend([0, 3, 0, 17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 50, 3, 0, 0, 0]);
    packet.extend([3, 0, 0, 16]);
    packet.extend([0; 12]);
    let seen = in_clear(SCTP, &packet);
    assert_eq!(
        seen,
        [
            Unit::Chunk { kind: ChunkType::Data, text: Some("lost"), dcep: None },
            Unit::Chunk { kind: ChunkType::Data, text: None, dcep: Some(MessageType::Open) },
            Unit::Chunk { kind: ChunkType::Sack, text: None, dcep: None },
        ]
    );
}

#[test]
fn any_bytes_are_classified_without_a_panic_and_in_bounded_time() {
    let mut state = 1_u32;
    for length in 0..600 {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        for first in 0..=255 {
            let mut bytes = bytes.clone();
            if let Some(byte) = bytes.first_mut() {
                *byte = first;
            }
            let items = units(&bytes).len();
            assert!(items <= length, "{items} items in {length} bytes");
        }
        assert!(in_clear(SCTP, &bytes).len() <= length);
        assert!(in_clear(Content::Rtcp, &bytes).len() <= length);
    }
}
