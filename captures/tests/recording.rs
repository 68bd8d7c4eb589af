//! Recordings are read by tshark as they were meant, and survive being cut off anywhere.
//!
//! Without tshark those tests are skipped, unless `PEERPROOF_REQUIRE` names it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests; the lints' exception for tests covers test functions only"
)]

use peerproof_captures::file::{CaptureReader, Item};
use peerproof_captures::link::Network;
use peerproof_captures::recording::{About, Content, Direction, Observes, PacketRecord, Recorder, finalise};
use std::io::Cursor;
use std::net::SocketAddr;
use std::process::Command;

const LOCAL: &str = "192.0.2.1:50001";
const REMOTE: &str = "192.0.2.2:50002";
const TIME_NS: u64 = 1_700_000_000_123_456_789;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A STUN binding request of RFC 8489 without attributes.
const BINDING_REQUEST: [u8; 20] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
/// RTP, payload type 111, sequence number 7, timestamp 960, SSRC 0x01020304.
const RTP: [u8; 16] = [0x80, 111, 0, 7, 0, 0, 3, 0xc0, 1, 2, 3, 4, 0xf8, 0xff, 0xfe, 0];
/// An RTCP receiver report without blocks.
const RTCP: [u8; 8] = [0x80, 201, 0, 1, 1, 2, 3, 4];
/// SCTP from port 5000 to 5000 with a COOKIE-ACK.
const SCTP: [u8; 16] = [0x13, 0x88, 0x13, 0x88, 0, 0, 0, 1, 0, 0, 0, 0, 11, 0, 0, 4];

fn recording() -> Vec<u8> {
    let about = About { application: "peerproof test", comment: "what is tested" };
    let mut recorder = Recorder::new(Vec::new(), about).unwrap();
    let wire = recorder.interface("alice (chrome 156.0)", "the tap of alice", Observes::Wire).unwrap();
    let packet = |interface, direction, content| PacketRecord {
        interface,
        time_ns: TIME_NS,
        direction,
        local: at(LOCAL),
        remote: at(REMOTE),
        content,
        carried_by: None,
        comment: None,
    };
    recorder.remark("step 1: alice createOffer");
    let request = packet(wire, Direction::Outbound, Content::Udp(&BINDING_REQUEST));
    assert_eq!(recorder.packet(&PacketRecord { comment: Some("dropped by a rule"), ..request }).unwrap(), 1);
    recorder.secrets("CLIENT_RANDOM 00 11").unwrap();
    let framed = packet(wire, Direction::Inbound, Content::Framed(&BINDING_REQUEST));
    assert_eq!(recorder.packet(&framed).unwrap(), 2);
    let v6 = PacketRecord { local: at("[2001:db8::1]:1"), remote: at("[2001:db8::2]:2"), ..request };
    assert_eq!(recorder.packet(&v6).unwrap(), 3);
    // A place of observation may come late.
    let clear = recorder.interface("alice (chrome 156.0), in the clear", "", Observes::Plaintext).unwrap();
    for content in [Content::Rtp(&RTP), Content::Rtcp(&RTCP), Content::Sctp(&SCTP)] {
        let packet = packet(clear, Direction::Inbound, content);
        recorder.packet(&PacketRecord { carried_by: Some(3), ..packet }).unwrap();
    }
    assert_eq!(recorder.frames(), 6);
    recorder.into_inner()
}

fn finalised(recording: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    finalise(Cursor::new(recording), &mut out).unwrap();
    out
}

/// The output of tshark, or nothing where it is not installed and not required.
fn tshark(capture: &[u8], args: &[&str]) -> Option<String> {
    let required = std::env::var("PEERPROOF_REQUIRE")
        .is_ok_and(|names| names.split(',').any(|name| name.trim() == "tshark"));
    let program = std::env::var_os("PEERPROOF_TSHARK").filter(|named| !named.is_empty());
    let program = program.unwrap_or_else(|| "tshark".into());
    let file = tempfile::NamedTempFile::with_suffix(".pcapng").unwrap();
    std::fs::write(file.path(), capture).unwrap();
    let output = match Command::new(&program).arg("-r").arg(file.path()).arg("-n").args(args).output() {
        Ok(output) => output,
        Err(error) if required => {
            panic!("PEERPROOF_REQUIRE names tshark, but {} cannot be run: {error}", program.display())
        }
        Err(error) => {
            eprintln!("skipped: {} cannot be run: {error}", program.display());
            return None;
        }
    };
    let complaints = String::from_utf8(output.stderr).unwrap();
    let complaints: Vec<_> = complaints.lines().filter(|line| !line.starts_with("Running as user")).collect();
    assert!(output.status.success() && complaints.is_empty(), "tshark complains: {complaints:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn fields(capture: &[u8], names: &[&str]) -> Option<Vec<Vec<String>>> {
    let mut args = vec!["-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-T", "fields"];
    args.extend(names.iter().flat_map(|name| ["-e", name]));
    let text = tshark(capture, &args)?;
    Some(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

#[test]
fn tshark_sees_interfaces_protocols_directions_and_frame_links() {
    for capture in [recording(), finalised(&recording())] {
        let names =
            ["frame.number", "frame.interface_name", "_ws.col.Protocol", "frame.packet_flags_direction"];
        let Some(rows) = fields(&capture, &names) else { return };
        let alice = "alice (chrome 156.0)";
        let clear = "alice (chrome 156.0), in the clear";
        let expected = [
            ["1", alice, "STUN", "0x00000002"],
            ["2", alice, "STUN", "0x00000001"],
            ["3", alice, "STUN", "0x00000002"],
            ["4", clear, "RTP", "0x00000001"],
            ["5", clear, "RTCP", "0x00000001"],
            ["6", clear, "SCTP", "0x00000001"],
        ];
        assert_eq!(rows, expected);
    }
}

#[test]
fn tshark_sees_comments_times_and_addresses() {
    let names = ["frame.comment", "frame.time_epoch", "ip.src", "exported_pdu.ipv4_src", "udp.dstport"];
    let Some(rows) = fields(&finalised(&recording()), &names) else { return };
    let first =
        ["step 1: alice createOffer,dropped by a rule", "1700000000.123456789", "192.0.2.1", "", "50002"];
    assert_eq!(rows[0], first);
    assert_eq!(rows[3][3], "192.0.2.2");
}

#[test]
fn checksums_are_those_that_tshark_computes() {
    let names = ["ip.checksum.status", "udp.checksum.status", "tcp.checksum.status"];
    let Some(rows) = fields(&recording(), &names) else { return };
    assert_eq!(rows[0][1], "1", "UDP over IPv4");
    assert_eq!(rows[1][2], "1", "TCP over IPv4");
    assert_eq!(rows[2][1], "1", "UDP over IPv6");
}

#[test]
fn finalising_puts_interfaces_and_secrets_before_packets_and_keeps_the_rest() {
    let kinds = |capture: &[u8]| -> Vec<u32> {
        let mut rest = capture;
        let mut kinds = Vec::new();
        while let [a, b, c, d, e, f, g, h, ..] = *rest {
            kinds.push(u32::from_le_bytes([a, b, c, d]));
            rest = &rest[u32::from_le_bytes([e, f, g, h]) as usize..];
        }
        kinds
    };
    assert_eq!(kinds(&recording()), [0x0a0d_0d0a, 1, 6, 10, 6, 6, 1, 6, 6, 6]);
    assert_eq!(kinds(&finalised(&recording())), [0x0a0d_0d0a, 1, 1, 10, 6, 6, 6, 6, 6, 6]);
    assert_eq!(finalised(&finalised(&recording())), finalised(&recording()));
}

#[test]
fn a_recording_cut_off_anywhere_keeps_its_whole_packets() {
    let whole = recording();
    let mut last = 0;
    for length in 0..=whole.len() {
        let mut out = Vec::new();
        match finalise(Cursor::new(&whole[..length]), &mut out) {
            Ok(packets) => {
                assert!(packets == last || packets == last + 1, "{packets} packets in {length} bytes");
                last = packets;
            }
            Err(error) => assert!(out.is_empty(), "{error}"),
        }
    }
    assert_eq!(last, 6);
}

#[test]
fn plaintext_is_refused_by_a_wire_interface() {
    let mut recorder = Recorder::new(Vec::new(), About::default()).unwrap();
    let wire = recorder.interface("alice", "", Observes::Wire).unwrap();
    let packet = PacketRecord {
        interface: wire,
        time_ns: 0,
        direction: Direction::Inbound,
        local: at(LOCAL),
        remote: at(REMOTE),
        content: Content::Rtp(&RTP),
        carried_by: None,
        comment: None,
    };
    assert_eq!(recorder.packet(&packet).unwrap_err().to_string(), "interface 0 records Wire, not Plaintext");
    assert_eq!(recorder.frames(), 0);
}

/// Packets of a conversation of OpenSSL's, recorded anew with its secrets behind them.
#[test]
fn tshark_decrypts_dtls_with_the_secrets_of_the_file() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/dtls12/aes128-gcm.pcapng");
    let mut recorder = Recorder::new(Vec::new(), About::default()).unwrap();
    let wire = recorder.interface("alice", "", Observes::Wire).unwrap();
    let mut reader = CaptureReader::new(std::fs::File::open(corpus).unwrap());
    let mut network = Network::new();
    let mut secrets = String::new();
    let mut frames = 0;
    while let Some(item) = reader.next_item() {
        match item {
            Item::Secrets(found) => secrets.push_str(std::str::from_utf8(found.data).unwrap()),
            Item::Frame(frame) => {
                network.frame(&frame, &mut |packet| {
                    let packet = PacketRecord {
                        interface: wire,
                        time_ns: frame.time_ns.unwrap(),
                        direction: Direction::Outbound,
                        local: packet.from,
                        remote: packet.to,
                        content: Content::Udp(packet.payload),
                        carried_by: None,
                        comment: None,
                    };
                    frames = recorder.packet(&packet).unwrap();
                });
            }
            _ => {}
        }
    }
    assert!(frames > 5);
    recorder.secrets(&secrets).unwrap();
    let Some(text) = tshark(&finalised(&recorder.into_inner()), &["-T", "fields", "-e", "data.data"]) else {
        return;
    };
    let hello: String = b"hello from the client".iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(text.contains(&hello), "{text}");
}
