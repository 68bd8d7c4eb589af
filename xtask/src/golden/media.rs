//! RTP, RTCP and their protection.

use super::dtls;
use super::rtp::{self, Header, control, extension};
use super::srtp::{Profile, senders_12};
use super::story::{ALICE, BOB, Story, noise};
use super::{File, hex};
use peerproof_captures::recording::Content;

pub(super) fn files() -> Vec<File> {
    let mut all = vec![headers(), payloads(), rtpmap(), rtcp()];
    for (profile, name) in [
        (1, "aes-cm-128-sha1-80"),
        (2, "aes-cm-128-sha1-32"),
        (7, "aead-aes-128-gcm"),
        (8, "aead-aes-256-gcm"),
    ] {
        all.push(protected(Profile(profile), name));
    }
    all
}

fn file(name: &str, story: Story) -> File {
    File { path: format!("{name}.pcapng"), bytes: story.file() }
}

const fn header(payload_type: u8, sequence: u16) -> Header {
    Header {
        payload_type,
        marker: sequence % 2 == 1,
        sequence,
        timestamp: 3_000 * sequence as u32,
        ssrc: 0x1020_3040,
    }
}

/// Contributing sources, padding, header extensions of both forms, a foreign one.
fn headers() -> File {
    let mut story = Story::new("RTP headers");
    let one_byte = extension(0xbede, &hex("10 85  22 a1b2c3  31 0007  40 30  00 50 68"));
    let two_byte = extension(0x1000, &hex("01 01 85  02 03 a1b2c3  00  20 00  21 02 0007"));
    let foreign = extension(0x1234, &hex("00010203"));
    let padded = rtp::packet(header(96, 5), &[], &[], &hex("aabbccdd 00000004"));
    for packet in [
        rtp::packet(header(96, 1), &[], &[], &hex("aabbcc")),
        rtp::packet(header(96, 2), &[1, 0xdead_beef], &one_byte, &hex("aabbcc")),
        rtp::packet(header(96, 3), &[], &two_byte, &hex("aabbcc")),
        rtp::packet(header(96, 4), &[7], &foreign, &[]),
        with_padding(padded),
    ] {
        story.put(ALICE, BOB, Content::Rtp(&packet)).wait(20);
    }
    file("rtp/headers", story)
}

fn with_padding(mut packet: Vec<u8>) -> Vec<u8> {
    if let Some(first) = packet.first_mut() {
        *first |= 0x20;
    }
    packet
}

/// Payload formats: payload type, name in `a=rtpmap`, payloads.
const PAYLOADS: [(u8, &str, &[&str]); 10] = [
    (96, "VP8/90000", &["10 000000 9d012a 4001 f000", "90 80 01 11 02 00 aabb", "80 f0 01 07 c3 aabb"]),
    (97, "rtx/90000", &["0007 10 000000 9d012a 4001 f000"]),
    (98, "VP9/90000", &["8c 8005 01 aabb", "84 05 aa"]),
    (
        102,
        "H264/90000",
        &[
            "67 640028acd940780227e5c05a808080a0000003002000000781e30632c0",
            "18 0002 41aa 0003 65bbcc",
            "7c85 8801",
            "7c45 8801",
            "41 9a0102",
        ],
    ),
    (45, "AV1/90000", &["28 03 08aabb 30cc", "10 30aabb"]),
    (111, "opus/48000/2", &["78 aabb", "fc aabb", "4b 03 aabbcc"]),
    (63, "red/48000/2", &["ef0f0002 6f aabb ccddee", "6f aabb"]),
    (116, "ulpfec/90000", &["0060 ffff 00000001 0002 0002 a001 aabb"]),
    (118, "flexfec-03/90000", &["0060 0002 00000001 01 000000 10203040 0001 a001 aabb"]),
    (119, "flexfec/90000", &["0060 0002 00000001 0001 2001 aabb"]),
];

fn payloads() -> File {
    let mut story = Story::new("RTP payloads; payloads.sdp tells their types");
    let mut sequence = 0;
    for (payload_type, _, payloads) in PAYLOADS {
        for payload in payloads {
            sequence += 1;
            let packet = rtp::packet(header(payload_type, sequence), &[], &[], &hex(payload));
            story.put(ALICE, BOB, Content::Rtp(&packet)).wait(20);
        }
    }
    file("rtp/payloads", story)
}

fn rtpmap() -> File {
    let types: Vec<String> = PAYLOADS.iter().map(|(payload_type, ..)| payload_type.to_string()).collect();
    let mut sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF {}\r\nc=IN IP4 0.0.0.0\r\n",
        types.join(" ")
    );
    for (payload_type, name, _) in PAYLOADS {
        sdp += &format!("a=rtpmap:{payload_type} {name}\r\n");
    }
    File { path: "rtp/payloads.sdp".into(), bytes: sdp.into_bytes() }
}

/// Every kind of RTCP packet.
fn compounds() -> Vec<Vec<u8>> {
    let one = 0x0000_0001;
    let block = [2, 0x0a00_0003, 0x0001_0010, 7, 0x1234_5678, 0x0000_8000];
    let report = |kind: u8, fixed: &[u32]| control(kind, 1, &[fixed, &block].concat());
    let sdes = control(202, 1, &[one, 0x0104_6162, 0x6364_0000]);
    let sender_report = report(200, &[one, 0xe000_0000, 0x8000_0000, 90_000, 100, 10_000]);
    let text = |digits: &str| hex(digits);
    vec![
        [sender_report, sdes.clone()].concat(),
        [report(201, &[one]), sdes.clone()].concat(),
        [control(201, 0, &[one]), sdes, text("81cb0003 00000001 05 62796521 21 0000")].concat(),
        text("83cc0003 00000001 61626364 00000007"),
        // NACK of 7, 8 and 10.
        control(205, 1, &[one, 2, 0x0007_0005]),
        control(206, 1, &[one, 2]),
        // FIR with command 3.
        control(206, 4, &[one, 0, 2, 0x0300_0000]),
        // SLI, RPSI.
        control(206, 2, &[one, 2, 0x0008_0042]),
        control(206, 3, &[one, 2, 0x0860_ab00]),
        // REMB of 2 Mbit/s (exponent 5) for one source.
        control(206, 15, &[one, 0, 0x5245_4d42, 0x0114_f424, 2]),
        // Transport-wide feedback on five packets from 5 on, of which the third is lost; padded.
        text("afcd0006 00000001 00000002 0005 0005 000001 00 d450 04040804 0002"),
        // RFC 8888: two packets of one source.
        text("8bcd0005 00000001 00000002 0007 0002 8001 8002 00000100"),
        // TMMBR, TMMBN.
        control(205, 3, &[one, 0, 2, 0x1403_e828]),
        control(205, 4, &[one, 0, 2, 0x1403_e828]),
        // XR: receiver reference time, DLRR.
        text("80cf0008 00000001 04000002 e0000000 80000000 05000003 00000002 00010000 00020000"),
        // The other blocks: loss and duplicates, times of receipt, summary, VoIP, target bitrate.
        text(
            "80cf0022 00000001  01000003 00000002 0005 0015 c123 0000  02000003 00000002 0005 0015 4005 0000
             03000003 00000002 0005 0006 00010000
             06e80009 00000002 0005 0015 00000001 00000002 00000003 00000004 00000005 00000006 40404000
             07000008 00000002 01020304 00050006 00070008 f0f11012 5d5e2a2b 10000014 00280000
             2a000001 010001f4",
        ),
        // Feedback that browsers do not send, and types that have no form here.
        (5..=9).flat_map(|format| control(205, format, &[one, 2, 0x0102_0304])).collect(),
        (5..=10).flat_map(|format| control(206, format, &[one, 2, 0x0102_0304])).collect(),
        (208..=211).flat_map(|kind| control(kind, 0, &[one, 0x0102_0304])).collect(),
        text("80d40001 aabbccdd"),
    ]
}

fn rtcp() -> File {
    let mut story = Story::new("RTCP packets");
    for compound in compounds() {
        story.put(ALICE, BOB, Content::Rtcp(&compound)).wait(20);
    }
    file("rtcp/packets", story)
}

/// SRTP over the roll-over of the sequence number, and SRTCP, under secrets that are in the file.
fn protected(profile: Profile, name: &str) -> File {
    let mut story = Story::new("SRTP and SRTCP");
    let (master, client, server) = ([0x42; 48], [0xb0; 32], [0x5e; 32]);
    let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    story.secrets(&format!("CLIENT_RANDOM {} {}\n", digits(&client), digits(&master)));
    let use_srtp = [0, 14, 0, 5, 0, 2, 0, profile.0, 0];
    let hello = dtls::client_hello(0xb0, &[], &[&dtls::EXTENDED_MASTER_SECRET, &use_srtp]);
    story.record(BOB, ALICE, dtls::HANDSHAKE, &dtls::message(1, 0, &hello));
    let hello = dtls::server_hello(0x5e, &[&dtls::EXTENDED_MASTER_SECRET, &use_srtp]);
    story.record(ALICE, BOB, dtls::HANDSHAKE, &dtls::message(2, 0, &hello));
    let (bob, alice) = senders_12(profile, &master, &client, &server);
    for (step, sequence) in (0..4).zip([65_534u16, 65_535, 0, 1]) {
        let roll_over = u32::from(sequence < 10);
        let header = Header { payload_type: 96, marker: false, sequence, timestamp: 3_000 * step, ssrc: 0xa };
        let packet = rtp::packet(header, &[], &[], &noise(u64::from(sequence), 20));
        story.udp(ALICE, BOB, &alice.rtp(&packet, 12, roll_over)).wait(5);
        let extension = extension(0xbede, &hex("10 85 00 00"));
        let packet =
            rtp::packet(Header { ssrc: 0xb, ..header }, &[], &extension, &noise(u64::from(sequence), 24));
        story.udp(BOB, ALICE, &bob.rtp(&packet, 20, roll_over)).wait(5);
    }
    let compounds = [control(201, 0, &[0xb]), control(206, 1, &[0xb, 0xa])].concat();
    story.udp(BOB, ALICE, &bob.rtcp(&compounds, 0)).wait(5);
    story.udp(ALICE, BOB, &alice.rtcp(&control(201, 0, &[0xa]), 7));
    file(&format!("srtp/{name}"), story)
}
