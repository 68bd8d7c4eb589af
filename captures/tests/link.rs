//! Packets are found under every link type, through fragments and extension headers, and cut ones as far as they go.

use peerproof_captures::file::{CaptureReader, Item, LinkType};
use peerproof_captures::link::{Network, Outcome, Source, Transport, tree};
use peerproof_captures::recording::{About, Content, Direction, Observes, PacketRecord, Recorder};
use std::path::Path;

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        digits.chars().filter(|c| !c.is_whitespace()).filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// An IPv4 packet from 192.0.2.1 to 192.0.2.2 with these flags, offset (in 8 bytes) and options.
fn ipv4(protocol: u8, flags_and_offset: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header = 20 + options.len();
    let mut out = vec![0x40 | (header / 4) as u8, 0];
    out.extend(((header + payload.len()) as u16).to_be_bytes());
    out.extend([0xab, 0xcd]);
    out.extend(flags_and_offset.to_be_bytes());
    out.extend([64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    out.extend(options);
    out.extend(payload);
    out
}

/// An IPv6 packet from 2001:db8::1 to 2001:db8::2.
fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = hex("60000000");
    out.extend((payload.len() as u16).to_be_bytes());
    out.extend([next, 64]);
    out.extend(hex("20010db8000000000000000000000001 20010db8000000000000000000000002"));
    out.extend(payload);
    out
}

/// A UDP datagram from port 1000 to port 2000.
fn udp(payload: &[u8]) -> Vec<u8> {
    let mut out = hex("03e8 07d0");
    out.extend((8 + payload.len() as u16).to_be_bytes());
    out.extend([0, 0]);
    out.extend(payload);
    out
}

/// The packets that come out of frames, as lines, and the last outcome.
fn look(network: &mut Network, link: LinkType, frame: &[u8]) -> (Vec<String>, Outcome) {
    let mut lines = Vec::new();
    let outcome = network.bytes(link, Some(0), frame, &mut |packet| {
        if let Source::Frame(at) = packet.source {
            assert_eq!(frame.get(at as usize..at as usize + packet.payload.len()), Some(packet.payload));
        }
        let text = String::from_utf8_lossy(packet.payload);
        let cut = if packet.cut { " cut" } else { "" };
        lines.push(format!("{:?} {} > {} {text}{cut}", packet.transport, packet.from, packet.to));
    });
    (lines, outcome)
}

fn one(link: LinkType, frame: &[u8]) -> String {
    let (lines, outcome) = look(&mut Network::new(), link, frame);
    assert_eq!((lines.len(), outcome), (1, Outcome::Packets(1)), "{link}");
    lines.concat()
}

const V4: &str = "Udp 192.0.2.1:1000 > 192.0.2.2:2000 hello";
const V6: &str = "Udp [2001:db8::1]:1000 > [2001:db8::2]:2000 hello";

#[test]
fn every_link_type_leads_to_the_datagram() {
    let (v4, v6) = (ipv4(17, 0, &[], &udp(b"hello")), ipv6(17, &udp(b"hello")));
    let with = |header: &str, packet: &[u8]| [hex(header), packet.to_vec()].concat();
    let macs = "020202020202 010101010101";
    for (link, header4, header6) in [
        (LinkType::ETHERNET, format!("{macs} 0800"), format!("{macs} 86dd")),
        (LinkType::ETHERNET, format!("{macs} 8100 2005 0800"), format!("{macs} 88a8 0001 8100 0002 86dd")),
        (
            LinkType::LINUX_SLL,
            "0000 0001 0006 0101010101010000 0800".into(),
            "0004 0304 0000 0000000000000000 86dd".into(),
        ),
        (
            LinkType::LINUX_SLL2,
            "0800 0000 00000002 0001 00 06 0101010101010000".into(),
            "86dd 0000 00000002 0001 00 06 0101010101010000".into(),
        ),
        (LinkType::NULL, "02000000".into(), "1e000000".into()),
        (LinkType::NULL, "00000002".into(), "0000001c".into()),
        (LinkType::LOOP, "00000002".into(), "00000018".into()),
        (LinkType::RAW, String::new(), String::new()),
        (LinkType::RAW_BSD, String::new(), String::new()),
    ] {
        assert_eq!(one(link, &with(&header4, &v4)), V4, "{link}");
        assert_eq!(one(link, &with(&header6, &v6)), V6, "{link}");
    }
    assert_eq!(one(LinkType::IPV4, &v4), V4);
    assert_eq!(one(LinkType::IPV6, &v6), V6);
}

#[test]
fn padding_behind_an_ethernet_payload_is_not_part_of_it() {
    let packet = ipv4(17, 0, &[], &udp(b"hello"));
    let frame = [hex("020202020202 010101010101 0800"), packet, vec![0; 20]].concat();
    assert_eq!(one(LinkType::ETHERNET, &frame), V4);
}

#[test]
fn options_and_extension_headers_are_passed_over() {
    let frame = ipv4(17, 0x4000, &hex("94040000 01010100"), &udp(b"hello"));
    assert_eq!(one(LinkType::RAW, &frame), V4);
    // Hop-by-hop, routing, destination options, an atomic fragment, authentication, UDP.
    let extensions = "2b 00 050200000000  3c 01 0000000000000000000000000000  2c 00 010400000000 \
                      33 00 0000 00000001  11 02 0000 00000001 00000002 00000003";
    let frame = ipv6(0, &[hex(extensions), udp(b"hello")].concat());
    assert_eq!(one(LinkType::RAW, &frame), V6);
}

#[test]
fn fragments_are_put_together_in_any_order() {
    let datagram = udp(b"hello, this takes three fragments");
    let expected = "Udp 192.0.2.1:1000 > 192.0.2.2:2000 hello, this takes three fragments";
    let fragments = [
        ipv4(17, 0x2000, &[], &datagram[..16]),
        ipv4(17, 0x2002, &[], &datagram[16..32]),
        ipv4(17, 4, &[], &datagram[32..]),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let mut network = Network::new();
        let mut found = Vec::new();
        for index in order {
            let (lines, outcome) = look(&mut network, LinkType::RAW, &fragments[index]);
            assert_eq!(outcome == Outcome::Fragment, lines.is_empty());
            found.extend(lines);
        }
        assert_eq!(found, [expected], "{order:?}");
    }
    // The same of IPv6, with a fragment header that says next UDP.
    let mut network = Network::new();
    let first = ipv6(44, &[hex("11 00 0001 00000009"), datagram[..16].to_vec()].concat());
    let second = ipv6(44, &[hex("11 00 0010 00000009"), datagram[16..].to_vec()].concat());
    assert_eq!(look(&mut network, LinkType::RAW, &second).1, Outcome::Fragment);
    let (lines, _) = look(&mut network, LinkType::RAW, &first);
    assert_eq!(lines, [expected.replace("192.0.2.1", "[2001:db8::1]").replace("192.0.2.2", "[2001:db8::2]")]);
}

#[test]
fn fragments_without_end_are_forgotten() {
    let mut network = Network::new();
    let datagram = udp(&[7; 24]);
    for identification in 0..100_000_u32 {
        let mut frame = ipv4(17, 0x2000, &[], &datagram[..16]);
        frame[4..6].copy_from_slice(&(identification as u16).to_be_bytes());
        frame[15] = (identification >> 16) as u8;
        assert_eq!(look(&mut network, LinkType::RAW, &frame).1, Outcome::Fragment);
    }
}

#[test]
fn a_packet_cut_by_a_snap_length_gives_what_there_is() {
    let frame = ipv4(17, 0, &[], &udp(b"hello"));
    let (lines, outcome) = look(&mut Network::new(), LinkType::RAW, &frame[..frame.len() - 2]);
    assert_eq!((lines.concat(), outcome), (V4.replace("hello", "hel cut"), Outcome::Packets(1)));
    for length in 0..28 {
        let (lines, outcome) = look(&mut Network::new(), LinkType::RAW, &frame[..length]);
        let Outcome::Stopped(stop) = outcome else { panic!("{outcome:?} at {length}") };
        assert!(lines.is_empty() && stop.offset as usize <= length, "{stop}");
    }
}

#[test]
fn what_webrtc_does_not_run_on_is_passed_over() {
    let arp = hex("ffffffffffff 010101010101 0806 0001 0800 06 04 0001");
    assert_eq!(look(&mut Network::new(), LinkType::ETHERNET, &arp).1, Outcome::Other);
    let icmp = ipv4(1, 0, &[], &[8, 0, 0, 0]);
    assert_eq!(look(&mut Network::new(), LinkType::RAW, &icmp).1, Outcome::Other);
    let unknown = look(&mut Network::new(), LinkType(147), &icmp).1;
    assert!(matches!(unknown, Outcome::Stopped(_)));
}

#[test]
fn what_the_recorder_writes_is_read_back_with_all_that_it_was_given() {
    let about = About { application: "test", comment: "" };
    let mut recorder = Recorder::new(Vec::new(), about).expect("a vector takes everything");
    let wire = recorder.interface("alice", "", Observes::Wire).expect("likewise");
    let clear = recorder.interface("alice in clear", "", Observes::Plaintext).expect("likewise");
    let stun = hex("0001 0000 2112a442 000102030405060708090a0b");
    let contents = [
        (wire, Content::Udp(&stun)),
        (wire, Content::Framed(&stun)),
        (clear, Content::Rtp(b"r")),
        (clear, Content::Rtcp(b"c")),
        (clear, Content::Sctp(b"s")),
    ];
    for (ipv6, direction) in [(false, Direction::Inbound), (true, Direction::Outbound)] {
        for (interface, content) in contents {
            let at = |host: &str| format!("{host}:1234").parse().expect("an address");
            let packet = PacketRecord {
                interface,
                time_ns: 1_700_000_000_000_000_001,
                direction,
                local: at(if ipv6 { "[2001:db8::1]" } else { "192.0.2.1" }),
                remote: at(if ipv6 { "[2001:db8::2]" } else { "192.0.2.2" }),
                content,
                carried_by: (interface == clear).then_some(1),
                comment: Some("said"),
            };
            recorder.packet(&packet).expect("a vector takes everything");
        }
    }
    let file = recorder.into_inner();
    let mut reader = CaptureReader::new(&file[..]);
    let mut network = Network::new();
    let mut found = Vec::new();
    while let Some(item) = reader.next_item() {
        let Item::Frame(frame) = item else { continue };
        assert_eq!(frame.time_ns, Some(1_700_000_000_000_000_001));
        assert_eq!(frame.comments().collect::<Vec<_>>(), [b"said"]);
        let outcome = network.frame(&frame, &mut |packet| {
            let clear = !matches!(packet.transport, Transport::Udp | Transport::Tcp);
            assert_eq!(packet.carried_by, clear.then_some(1));
            found.push((packet.transport, packet.payload.len(), packet.from.to_string()));
        });
        assert_eq!(outcome, Outcome::Packets(1));
    }
    let transports = [
        (Transport::Udp, 20),
        (Transport::Tcp, 20),
        (Transport::ClearRtp, 1),
        (Transport::ClearRtcp, 1),
        (Transport::ClearSctp, 1),
    ];
    let expected: Vec<_> = ["192.0.2.2:1234", "[2001:db8::1]:1234"]
        .iter()
        .flat_map(|from| transports.map(|(transport, length)| (transport, length, (*from).to_owned())))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_tree_shows_each_header_with_its_bytes() {
    let frame =
        [hex("020202020202 010101010101 8100 2005 0800"), ipv4(17, 0x4000, &[], &udp(b"hello"))].concat();
    let dissected = tree(LinkType::ETHERNET, &frame);
    let text = dissected.node.to_string();
    for line in [
        "Ethernet [0..18]",
        "VLAN tag [14..16]",
        "IPv4 [18..38]",
        "source [30..34] = 192.0.2.1",
        "UDP [38..46]",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert_eq!(dissected.view.expect("it is whole").place.range(), 46..51);
}

/// Every frame of the corpus cut anywhere, and with bits flipped, under every link type.
#[test]
fn damaged_frames_never_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/dtls12/aes128-gcm.pcapng");
    let file = std::fs::read(folder).expect("the corpus is there");
    let mut reader = CaptureReader::new(&file[..]);
    let links = [0, 1, 12, 101, 108, 113, 228, 229, 248, 252, 276].map(LinkType);
    let mut network = Network::new();
    while let Some(item) = reader.next_item() {
        let Item::Frame(frame) = item else { continue };
        for link in links {
            for length in 0..frame.data.len().min(120) {
                network.bytes(link, None, &frame.data[..length], &mut |_| {});
                let mut flipped = frame.data.to_vec();
                flipped[length] ^= 0xff;
                network.bytes(link, None, &flipped, &mut |_| {});
                let _ = tree(link, &flipped);
            }
        }
    }
}
