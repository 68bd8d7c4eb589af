//! Packets and what the summary says of them.

use super::*;

fn udp(bytes: &[u8]) -> Vec<Kind> {
    classify::classify(Content::Udp(bytes))
}

fn names(bytes: &[u8]) -> Vec<String> {
    udp(bytes).iter().map(Kind::name).collect()
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
    let plain = udp(&check);
    assert_eq!(
        plain,
        [Kind::Stun {
            class: StunClass::Request,
            method: 1,
            use_candidate: false,
            controlling: Some(true),
            error: None
        }]
    );
    check.extend([0x00, 0x25, 0x00, 0x00]);
    assert!(matches!(udp(&check)[..], [Kind::Stun { use_candidate: true, .. }]));
    assert_eq!(names(&check), ["Binding request"]);
}

#[test]
fn an_error_response_tells_its_code() {
    let mut error = vec![0x01, 0x13, 0x00, 0x08, 0x21, 0x12, 0xA4, 0x42];
    error.extend([7; 12]);
    error.extend([0x00, 0x09, 0x00, 0x04, 0x00, 0x00, 0x04, 0x01]);
    assert!(matches!(udp(&error)[..], [Kind::Stun { error: Some(401), class: StunClass::Error, .. }]));
    assert_eq!(names(&error), ["Allocate error"]);
}

#[test]
fn a_flight_of_several_messages_in_several_records_is_read_and_a_later_fragment_is_no_message() {
    let mut flight = record(22, 0, &[fragment(2, 1, 0, &[0xFE, 0xFD]), fragment(11, 2, 0, b"cert")].concat());
    flight.extend(record(22, 0, &fragment(11, 2, 4, b"more")));
    flight.extend(record(20, 0, &[1]));
    flight.extend(record(22, 1, &[9; 40]));
    assert_eq!(names(&flight), ["ServerHello", "Certificate", "ChangeCipherSpec", "Finished"]);
    assert!(matches!(udp(&flight)[0], Kind::Handshake { version: Some(0xFEFD), seq: 1, .. }));
}

#[test]
fn the_version_chosen_is_the_one_in_supported_versions() {
    let mut hello = vec![0xFE, 0xFD];
    hello.extend([3; 32]);
    hello.extend([0, 0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 0xFE, 0xFC]);
    assert!(matches!(
        udp(&record(22, 0, &fragment(2, 0, 0, &hello)))[..],
        [Kind::Handshake { version: Some(0xFEFC), retry: false, .. }]
    ));
}

#[test]
fn alerts_are_read_in_clear_and_only_counted_when_encrypted() {
    assert_eq!(udp(&record(21, 0, &[2, 42])), [Kind::Alert { level: Some(2), description: Some(42) }]);
    assert_eq!(udp(&record(21, 1, &[2, 42])), [Kind::Alert { level: None, description: None }]);
}

#[test]
fn encrypted_records_of_dtls_13_are_split_by_their_lengths() {
    let one = [0b0010_1110, 0, 1, 0, 3, 9, 9, 9];
    let two = [one.as_slice(), &one].concat();
    assert_eq!(udp(&two), [Kind::Record13, Kind::Record13]);
}

#[test]
fn rtp_and_rtcp_share_a_port_and_are_told_apart() {
    let rtp = [0x80, 0x80 | 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5];
    assert_eq!(udp(&rtp), [Kind::Srtp { payload_type: 96, ssrc: 5, length: 12 }]);
    assert_eq!(names(&[0x80, 200, 0, 6, 0, 0, 0, 5]), ["SR"]);
}

#[test]
fn chunks_tell_strings_and_data_channel_messages() {
    let mut packet = vec![0; 12];
    packet.extend([0, 3, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 51]);
    packet.extend(b"lost");
    packet.extend([0, 3, 0, 17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 50, 3, 0, 0, 0]);
    packet.extend([3, 0, 0, 16]);
    let seen = classify::classify(Content::Sctp(&packet));
    assert_eq!(
        seen,
        [
            Kind::Chunk { kind: 0, text: Some("lost".to_owned()), dcep: None },
            Kind::Chunk { kind: 0, text: None, dcep: Some(3) },
            Kind::Chunk { kind: 3, text: None, dcep: None },
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
            let items = udp(&bytes).len();
            assert!(items <= length, "{items} items in {length} bytes");
        }
        assert!(classify::classify(Content::Sctp(&bytes)).len() <= length);
        assert!(classify::classify(Content::Rtcp(&bytes)).len() <= length);
    }
}

#[test]
fn what_a_peer_sent_is_counted_once_although_two_taps_saw_it() {
    let sighting = |frame, peer, direction| Sighting {
        frame,
        peer,
        t_us: 0,
        direction,
        content: Content::Udp(&[0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5]),
    };
    let both =
        WireSummary::of([sighting(1, "alice", Direction::Outbound), sighting(2, "bob", Direction::Inbound)]);
    assert_eq!(both.sent("alice", "bob").map(|item| item.frame).collect::<Vec<_>>(), [1]);
    let one = WireSummary::of([sighting(1, "bob", Direction::Inbound)]);
    assert_eq!(one.sent("alice", "bob").count(), 1);
    assert_eq!(one.sent("bob", "alice").count(), 0);
    assert_eq!(both.packets, 2);
}
