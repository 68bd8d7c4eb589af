//! Traces of captures that the tests put together packet by packet.

use super::testing::{Story, data, open};
use super::*;
use crate::link::Transport;
use crate::wire::stun::{Class, Method};

#[test]
fn checks_of_both_sides_make_one_pair_that_is_nominated_by_its_success() {
    let mut story = Story::default();
    story.connect();
    let trace = story.trace();
    let [connection] = trace.connections.as_slice() else { panic!("one connection") };
    let [pair] = connection.pairs.as_slice() else { panic!("one pair") };
    assert_eq!((pair.state, pair.nominated.unwrap().frame), (PairState::Nominated, 6));
    assert_eq!((pair.checks.a.sent, pair.checks.a.succeeded, pair.checks.b.sent), (2, 2, 1));
    assert_eq!(pair.checks.a.round_trips.mean_ns(), Some(10_000_000));
    assert_eq!(connection.peers.a.ufrag.as_deref(), Some("aaaa"));
    assert!(connection.peers.a.role.unwrap().controlling && !connection.peers.b.role.unwrap().controlling);
}

#[test]
fn a_retransmission_is_no_second_check_and_an_error_is_told_by_its_code() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    let check = story.check(alice, bob, false);
    story.wait(500);
    story.send_check(check, false, true);
    story.error(check, 487);
    let trace = story.trace();
    let pair = &trace.connections[0].pairs[0];
    assert_eq!((pair.checks.a.sent, pair.checks.a.retransmissions), (1, 1));
    assert_eq!(pair.checks.a.errors.get(&487), Some(&1));
    assert_eq!(pair.transactions[0].outcome, Outcome::Error(487));
    assert_eq!(pair.transactions[0].rtt_ns, Some(10_000_000));
}

#[test]
fn pairs_of_the_same_user_fragments_are_one_connection() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    story.check(alice, bob, false);
    story.check(bob, "203.0.113.1:7000".parse().unwrap(), false);
    let trace = story.trace();
    assert_eq!(trace.connections.len(), 1);
    let connection = &trace.connections[0];
    assert_eq!(connection.pairs.len(), 2);
    assert_eq!((connection.pairs[1].checks.a.sent, connection.pairs[1].checks.b.sent), (0, 1));
    assert_eq!(connection.pairs[1].addresses.a, "203.0.113.1:7000".parse().unwrap());
}

#[test]
fn a_handshake_has_flights_and_ends_when_both_have_finished() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    story.connect().client_hello(bob, alice).wait(1000);
    story.secure();
    let trace = story.trace();
    let [handshake] = trace.connections[0].handshakes.as_slice() else { panic!("one handshake") };
    assert_eq!(handshake.client, Side::B);
    assert_eq!(handshake.retransmissions, 1);
    assert_eq!(handshake.srtp_profile.as_deref(), Some("SRTP_AES128_CM_HMAC_SHA1_80"));
    assert_eq!(handshake.version.as_deref(), Some("DTLS 1.2"));
    let flights: Vec<_> = handshake
        .flights
        .iter()
        .map(|flight| (flight.from, flight.messages.join(" "), flight.retransmissions))
        .collect();
    assert_eq!(
        flights,
        [
            (Side::B, "ClientHello".to_owned(), 1),
            (Side::A, "ServerHello Certificate ServerHelloDone".to_owned(), 0),
            (Side::B, "ClientKeyExchange Finished (encrypted)".to_owned(), 0),
            (Side::A, "Finished (encrypted)".to_owned(), 0)
        ]
    );
    assert_eq!(handshake.complete.unwrap().frame, trace.last.unwrap().frame);
    assert_eq!(
        handshake.certificates[0].sha256,
        "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81"
    );
}

#[test]
fn a_stream_counts_loss_reordering_and_repetitions() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    story.connect();
    for sequence in [65_534, 65_535, 1, 0, 0, 4] {
        story.rtp(alice, bob, 7, sequence).wait(10);
    }
    let trace = story.trace();
    let stream = &trace.connections[0].streams[0];
    assert_eq!((stream.packets, stream.expected, stream.lost), (6, 7, 2));
    assert_eq!((stream.reordered, stream.duplicates), (1, 1));
    assert_eq!(stream.from, Side::A);
}

#[test]
fn numbers_that_begin_anew_are_not_loss() {
    let stream = |numbers: &[u16], ms: u64| {
        let mut story = Story::default();
        let (alice, bob) = (story.alice, story.bob);
        story.connect();
        for sequence in numbers {
            story.rtp(alice, bob, 7, *sequence).wait(ms);
        }
        let trace = story.trace();
        let stream = &trace.connections[0].streams[0];
        (stream.restarts, stream.expected, stream.lost, stream.reordered)
    };
    assert_eq!(stream(&[1, 2, 4, 20_000, 20_001, 20_003], 20), (1, 8, 2, 0));
    assert_eq!(stream(&[20_000, 20_001, 5, 6, 7], 20), (1, 5, 0, 0), "behind, with newer timestamps");
    assert_eq!(stream(&[1, 2, 4, 20_000, 5, 6], 20).0, 0, "one alone is a stray");
    // As many can have been sent in that time.
    assert_eq!(stream(&[1, 2, 3_500, 3_501], 1_000), (0, 3_501, 3_497, 0));
    assert_eq!(stream(&[1, 2, 3_500, 3_501], 20), (1, 4, 0, 0));
}

#[test]
fn the_clock_rate_is_inferred_and_an_even_stream_has_no_jitter() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    story.connect().stream(alice, bob, 7, 0..100);
    let trace = story.trace();
    let stream = &trace.connections[0].streams[0];
    assert_eq!(stream.clock_rate, Some(90_000));
    assert!(stream.worst_jitter_ns.unwrap() < 1_000_000, "{:?}", stream.worst_jitter_ns);
    assert_eq!(stream.bitrate(), Some(100 * 112 * 8 * 100 / 99));
}

#[test]
fn datagrams_that_only_look_like_rtp_make_no_stream() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    for sequence in [5, 900, 17, 3] {
        story.rtp(alice, bob, u32::from(sequence), sequence);
    }
    let trace = story.trace();
    assert!(trace.connections.is_empty());
    assert_eq!(trace.flows[0].forth.other, 4);
}

#[test]
fn the_packets_before_the_one_that_proves_rtp_belong_to_their_streams() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    story.rtp(alice, bob, 7, 0).rtp(bob, alice, 9, 5).stream(alice, bob, 7, 1..20);
    story.rtp(bob, alice, 9, 6);
    let trace = story.trace();
    let connection = &trace.connections[0];
    let seen = |side: Side, ssrc: u32| {
        let stream = &connection.streams[&(side, ssrc)];
        (stream.packets, stream.bytes, stream.expected, stream.first.frame)
    };
    assert_eq!(seen(Side::A, 7), (20, 20 * 112, 20, 1));
    assert_eq!(seen(Side::B, 9), (2, 2 * 112, 2, 2));
    assert_eq!(connection.first.frame, 1);
    let flow = &trace.flows[0];
    assert_eq!((flow.forth.rtp, flow.forth.other, flow.back.rtp, flow.back.other), (20, 0, 2, 0));
}

#[test]
fn a_channel_opens_carries_messages_and_a_repeated_tsn_is_a_retransmission() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    story.associate();
    story.sctp(alice, bob, &[&data(1, 0, 50, &open("chat"))]).sctp(bob, alice, &[&data(1, 0, 50, &[2])]);
    story.sctp(alice, bob, &[&data(2, 0, 51, b"hello")]).wait(100);
    story.sctp(alice, bob, &[&data(2, 0, 51, b"hello")]);
    let trace = story.trace();
    let association = &trace.connections[0].associations[0];
    assert!(association.established.is_some());
    let channel = &association.channels[0];
    assert_eq!(channel.label.as_deref(), Some("chat"));
    assert_eq!((channel.opened_by, channel.acknowledged.is_some()), (Some(Side::A), true));
    assert_eq!((channel.sent.a.messages, channel.sent.a.text, channel.sent.a.bytes), (1, 1, 5));
    assert_eq!(association.sent.a.retransmissions, 1);
}

#[test]
fn a_key_frame_answers_the_picture_loss_indication_before_it() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    let key = [0x10, 0x00, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00];
    let delta = [0x10, 0x01, 0x00, 0x00, 0x11];
    let pli = [0x81, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 7];
    for (sequence, payload) in [(0, &key[..]), (1, &delta[..])] {
        let packet = story.rtp_bytes(7, sequence, payload);
        story.clear(Transport::ClearRtp, alice, bob, &packet).wait(10);
    }
    story.clear(Transport::ClearRtcp, bob, alice, &pli).wait(30);
    let packet = story.rtp_bytes(7, 2, &key);
    story.clear(Transport::ClearRtp, alice, bob, &packet);
    story.clear(Transport::ClearRtcp, bob, alice, &pli).wait(30);
    let trace = story.trace();
    let stream = &trace.connections[0].streams[0];
    assert_eq!((stream.codec.as_deref(), stream.codec_known), (Some("VP8"), Some(Knowledge::Inferred)));
    assert_eq!((stream.key_frames, stream.feedback.plis), (2, 2));
    assert_eq!(stream.feedback.slowest_key_frame_ns, Some(30_000_000));
    assert!(stream.feedback.key_frame_awaited_since.is_some());
}

#[test]
fn key_frames_within_red_are_told_from_other_frames() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    // RED's header byte reads as the start of a VP8 partition, and what follows it as a key frame's tag.
    let key = [0x78, 0x90, 0x80, 0x98, 0x75, 0x10, 0x0b, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00];
    let delta = [0x78, 0x90, 0x80, 0x98, 0x76, 0x11, 0x0b, 0x00, 0xe4];
    for (sequence, payload) in [(0, &key[..]), (1, &delta[..]), (2, &delta[..])] {
        let packet = story.rtp_bytes(7, sequence, payload);
        story.clear(Transport::ClearRtp, alice, bob, &packet).wait(10);
    }
    let trace = story.trace();
    let stream = &trace.connections[0].streams[0];
    assert_eq!((stream.codec.as_deref(), stream.key_frames), (Some("red with VP8"), 1));
}

#[test]
fn what_a_turn_server_relays_is_followed_between_relayed_address_and_peer() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    let server = "203.0.113.9:3478".parse().unwrap();
    let peer = xor_address([198, 51, 100, 2], 6000);
    let id = story.id();
    story.stun((alice, server), (Method::Allocate, Class::Request), id, &[]);
    let relayed = xor_address([203, 0, 113, 9], 50_000);
    story.stun((server, alice), (Method::Allocate, Class::Success), id, &[(0x0016, &relayed)]);
    let id = story.id();
    story.stun(
        (alice, server),
        (Method::ChannelBind, Class::Request),
        id,
        &[(0x000c, &[0x40, 1, 0, 0]), (0x0012, &peer)],
    );
    story.stun((server, alice), (Method::ChannelBind, Class::Success), id, &[]);
    let mut channel_data = vec![0x40, 1, 0, 12];
    channel_data.extend([0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7]);
    story.udp(alice, server, &channel_data);
    channel_data[7] = 2;
    story.udp(alice, server, &channel_data);
    let trace = story.trace();
    let allocation = &trace.allocations[0];
    assert_eq!(allocation.bound[0].channel, Some(0x4001));
    assert!(allocation.bound[0].granted.is_some() && allocation.granted.is_some());
    let inner = trace.flows.iter().find(|flow| flow.via.is_some()).unwrap();
    assert_eq!((inner.initiator, inner.responder), ("203.0.113.9:50000".parse().unwrap(), bob));
    assert_eq!(trace.connections[0].streams[0].ssrc, 7);
}

/// An IPv4 address as XOR-PEER-ADDRESS has it.
fn xor_address(address: [u8; 4], port: u16) -> Vec<u8> {
    let mut value = vec![0, 1];
    value.extend((port ^ 0x2112).to_be_bytes());
    value.extend((u32::from_be_bytes(address) ^ 0x2112_a442).to_be_bytes());
    value
}

#[test]
fn a_capture_with_more_flows_than_are_kept_counts_the_rest() {
    let mut story = Story::default();
    let bob = story.bob;
    for flow in 0..limits::FLOWS as u32 + 1_000 {
        let from = std::net::SocketAddr::from((std::net::Ipv4Addr::from(0x0a00_0000 + flow), 9));
        story.check_as(from, bob, false, true);
    }
    let trace = story.trace();
    assert_eq!(trace.flows.len(), limits::FLOWS);
    assert_eq!(trace.over.packets_of_other_flows, 1_000);
    assert!(trace.connections.iter().all(|connection| connection.pairs.len() <= limits::PAIRS));
    assert!(trace.over.forgotten_requests > 0 || trace.over.checks_on_other_pairs > 0);
}

/// What is missing is not held against the length in the packet.
#[test]
fn rtcp_that_a_snap_length_cut_is_rtcp() {
    let counted = |is_cut: bool| {
        let mut story = Story::default();
        story.connect();
        let (alice, bob) = (story.alice, story.bob);
        // A receiver report of 32 bytes, and what protects it.
        let report = [&[0x81, 201, 0, 7, 0, 0, 0, 1][..], &[7; 12]].concat();
        if is_cut {
            story.udp_cut(bob, alice, &report)
        } else {
            story.udp(bob, alice, &report)
        };
        story.trace().connections[0].peers.b.rtcp
    };
    assert_eq!([counted(true), counted(false)], [1, 0]);
}

#[test]
fn any_bytes_are_taken_in() {
    let mut random = crate::wire::testing::Random::new(3);
    let mut story = Story::default();
    story.connect().secure();
    let (alice, bob) = (story.alice, story.bob);
    for round in 0..20_000 {
        let length = random.below(120);
        let mut bytes = random.bytes(length);
        if let Some(first) = bytes.first_mut() {
            *first = [0, 1, 20, 21, 22, 23, 26, 44, 64, 128, 144][round % 11];
        }
        if round % 3 == 0 && bytes.len() > 13 {
            bytes[1..3].copy_from_slice(&[0xfe, 0xfd]);
        }
        match round % 4 {
            0 => story.clear(Transport::ClearSctp, bob, alice, &bytes),
            1 => story.clear(Transport::ClearRtcp, bob, alice, &bytes),
            _ => story.udp(alice, bob, &bytes),
        };
    }
    let trace = story.trace();
    assert!(trace.frames > 20_000);
}

#[test]
fn a_packet_that_a_capture_on_all_interfaces_shows_twice_counts_once() {
    let mut frame = vec![0, 4, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0];
    let payload = b"whatever";
    let length = 28 + payload.len() as u8;
    frame.extend([0x45, 0, 0, length, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 1]);
    frame.extend([0x13, 0x88, 0x17, 0x70, 0, length - 20, 0, 0]);
    frame.extend(payload);
    let traced = |apart_ns: u64| {
        let mut builder = Builder::new();
        builder.packet(1, 1_000, crate::file::LinkType::LINUX_SLL, &frame);
        builder.packet(2, 1_000 + apart_ns, crate::file::LinkType::LINUX_SLL, &frame);
        let trace = builder.finish();
        (trace.packets, trace.copies)
    };
    assert_eq!(traced(30_000), (1, 1));
    assert_eq!(traced(50_000_000), (2, 0));
}

#[test]
fn datagrams_of_another_protocol_behind_ice_are_neither_dtls_nor_rtp() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    story.connect();
    // As a messenger encrypts them: nothing in them is fixed, not even the first byte.
    let mut word = 7_u32;
    for _ in 0..400 {
        let mut bytes = Vec::new();
        for _ in 0..25 {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes.extend(word.to_be_bytes());
        }
        story.udp(alice, bob, &bytes).wait(20);
    }
    let trace = story.trace();
    let [connection] = trace.connections.as_slice() else { panic!("one connection") };
    assert_eq!(connection.recognised.nature, Nature::IceAndUnknown, "{:?}", connection.recognised);
    assert!(connection.streams.is_empty() && connection.handshakes.is_empty());
    assert_eq!(connection.peers.a.rtcp, 0);
}

#[test]
fn what_a_connection_is_follows_from_all_that_was_seen_of_it() {
    let [alice, bob] = [Story::default().alice, Story::default().bob];
    let media = |story: &mut Story| {
        story.stream(alice, bob, 7, 0..20);
    };
    let checks = |story: &mut Story| {
        story.connect();
    };
    let handshake = |story: &mut Story| {
        story.secure();
    };
    let data = |story: &mut Story| {
        for sequence in 0..9 {
            story.record(bob, alice, 23, 1, 1 + sequence, &[9; 40]);
        }
    };
    let clear = |story: &mut Story| {
        story.associate();
    };
    let other = |story: &mut Story| {
        for _ in 0..40 {
            story.udp(alice, bob, &[0xf7; 40]).wait(10);
        }
    };
    let nature = |tell: &[&dyn Fn(&mut Story)]| {
        let mut story = Story::default();
        tell.iter().for_each(|tell| tell(&mut story));
        story.trace().connections[0].recognised.nature
    };
    assert_eq!(nature(&[&checks, &handshake, &media]), Nature::WebRtc);
    assert_eq!(nature(&[&checks]), Nature::WebRtc);
    assert_eq!(nature(&[&checks, &media]), Nature::IceAndRtp);
    let reports = |story: &mut Story| {
        for _ in 0..3 {
            story.udp(alice, bob, &[0x80, 201, 0, 1, 0, 0, 0, 7]).wait(1_000);
        }
    };
    assert_eq!(nature(&[&checks, &reports]), Nature::IceAndRtp, "RTCP alone is of RTP too");
    assert_eq!(nature(&[&reports, &checks]), Nature::WebRtc);
    assert_eq!(nature(&[&media, &checks]), Nature::WebRtc, "the handshake may have been before the capture");
    assert_eq!(nature(&[&checks, &data]), Nature::WebRtc, "the same");
    assert_eq!(nature(&[&media]), Nature::Rtp);
    assert_eq!(nature(&[&handshake, &media]), Nature::DtlsSrtp);
    assert_eq!(nature(&[&data]), Nature::Dtls);
    assert_eq!(nature(&[&clear]), Nature::Clear);
    assert_eq!(nature(&[&media, &other]), Nature::Unknown);
    assert_eq!(nature(&[&checks, &media, &other]), Nature::IceAndUnknown);
}

#[test]
fn other_protocols_are_named_and_make_no_server_and_no_connection() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    for id in 0..5 {
        // The ping of a messenger: cookie and length of STUN, a type of its own.
        story.stun((alice, bob), (Method::Unknown(0x201), Class::Request), id, &[]);
        story.stun((alice, bob), (Method::Allocate, Class::Request), 100 + id, &[(0x4000, &[1; 8])]);
        story.udp(bob, alice, &[0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0]);
        story.wait(1_000);
    }
    let trace = story.trace();
    assert!(trace.connections.is_empty() && trace.allocations.is_empty() && trace.gatherings.is_empty());
    let others: Vec<(&str, u64)> =
        trace.others.iter().map(|other| (other.protocol.as_str(), other.packets)).collect();
    assert!(others[0].0.contains("message type of its own (0x0801)"), "{others:?}");
    assert_eq!(others.iter().map(|(_, packets)| *packets).collect::<Vec<_>>(), [5, 5, 5]);
    assert!(others[2].0.contains("QUIC"), "{others:?}");
}

#[test]
fn a_single_packet_is_no_stream_unless_its_source_is_announced() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    story.connect().rtp(alice, bob, 7, 1).rtp(alice, bob, 8, 1).rtp(alice, bob, 8, 2);
    let trace = story.trace();
    let streams: Vec<u32> = trace.connections[0].streams.values().map(|stream| stream.ssrc).collect();
    assert_eq!(streams, [8]);
}

#[test]
fn packets_of_many_sources_do_not_push_out_a_stream() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    story.connect();
    for ssrc in 100..100 + 2 * limits::STREAMS as u32 {
        story.rtp(alice, bob, ssrc, 1);
    }
    story.stream(alice, bob, 7, 0..20);
    let trace = story.trace();
    let streams: Vec<u32> = trace.connections[0].streams.values().map(|stream| stream.ssrc).collect();
    assert_eq!(streams, [7]);
    assert!(trace.over.is_nothing(), "{:?}", trace.over);
}

#[test]
fn checksums_of_zero_are_counted_where_the_receiver_did_not_announce_them() {
    let mut story = Story::default();
    let (alice, bob) = (story.alice, story.bob);
    story.associate().sctp(alice, bob, &[&data(1, 0, 51, b"x")]);
    let trace = story.trace();
    let checksums = &trace.connections[0].associations[0].checksums;
    // All of the story's packets have none: those of INIT and COOKIE-ECHO must, whatever was announced.
    assert_eq!((checksums.a.zero, checksums.b.zero, checksums.a.wrong), (3, 2, 0));
    assert_eq!(checksums.a.takes_zero, Some(false));
}
