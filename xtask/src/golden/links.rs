//! Capture formats, link types, fragments and TCP: how packets come, whatever is in them.

use super::story::noise;
use super::stun::{self, Message};
use super::{File, dtls, hex, rtp, sctp};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Link-layer header types of the tcpdump registry.
const NULL: u16 = 0;
const ETHERNET: u16 = 1;
const RAW: u16 = 101;
const SLL: u16 = 113;
const SLL2: u16 = 276;
const RAW_BSD: u16 = 12;
const RAW_OPENBSD: u16 = 14;
const LOOP: u16 = 108;
const IPV4: u16 = 228;
const IPV6: u16 = 229;
const SCTP: u16 = 248;

pub(super) fn files() -> Vec<File> {
    let (v4, v6) = (ipv4(17, 0, &[], &udp(&check(1))), ipv6(17, &udp(&check(2))));
    let frames = |header4: &str, header6: &str| vec![with(header4, &v4), with(header6, &v6)];
    let macs = "020202020202 010101010101";
    let vlan = frames(&format!("{macs} 8100 2005 0800"), &format!("{macs} 88a8 0001 8100 0002 86dd"));
    let ethernet = frames(&format!("{macs} 0800"), &format!("{macs} 86dd"));
    let cooked = frames("0000 0001 0006 0101010101010000 0800", "0004 0001 0006 0101010101010000 86dd");
    let cooked2 = frames(
        "0800 0000 00000002 0001 00 06 0101010101010000",
        "86dd 0000 00000002 0001 04 06 0101010101010000",
    );
    let little = Pcap { big: false, nanoseconds: false, snap: 65_535 };
    let big = Pcap { big: true, nanoseconds: true, snap: 65_535 };
    let file = |name: &str, bytes: Vec<u8>| File { path: format!("link/{name}"), bytes };
    let compressed = compress(&little.file(ETHERNET, &ethernet));
    let whole = little.file(RAW, &[v4.clone(), v6.clone()]);
    let truncated = whole.get(..whole.len() - 9).unwrap_or_default().to_vec();
    vec![
        file("ethernet.pcap", little.file(ETHERNET, &ethernet)),
        file("vlan.pcap", little.file(ETHERNET, &vlan)),
        file("cooked.pcap", little.file(SLL, &cooked)),
        file("cooked-2.pcap", little.file(SLL2, &cooked2)),
        file("loopback-little-endian.pcap", little.file(NULL, &frames("02000000", "1e000000"))),
        file("loopback-big-endian.pcap", big.file(NULL, &frames("00000002", "0000001e"))),
        file("raw-big-endian-nanoseconds.pcap", big.file(RAW, &[v4.clone(), v6.clone()])),
        file("compressed.pcap.gz", compressed),
        file("truncated.pcap", truncated),
        file("snapped.pcap", Pcap { snap: 60, ..little }.file(ETHERNET, &ethernet)),
        file("raw-ipv4.pcap", little.file(IPV4, &[ipv4(17, 0, &[], &udp(&check(5)))])),
        file("raw-ipv6.pcap", little.file(IPV6, &[ipv6(17, &udp(&check(6)))])),
        file("raw-openbsd.pcap", little.file(RAW_OPENBSD, &[ipv4(17, 0, &[], &udp(&check(7)))])),
        file("raw-bsd.pcap", little.file(RAW_BSD, &[ipv4(17, 0, &[], &udp(&check(8)))])),
        file("loopback-openbsd.pcap", little.file(LOOP, &frames("00000002", "00000018"))),
        file("sctp.pcap", little.file(SCTP, &[sctp::packet(0, &[&sctp::init(1, 0xa11, 1)])])),
        file("fragments.pcap", little.file(RAW, &fragments())),
        file("options-and-extensions.pcap", little.file(RAW, &extended())),
        file("sections.pcapng", sections(&ethernet)),
        File { path: "tcp/rfc4571.pcap".into(), bytes: little.file(RAW, &segments(&framed(), 20_000)) },
        File { path: "tcp/turn.pcap".into(), bytes: little.file(RAW, &segments(&turn_stream(), 3_478)) },
    ]
}

fn with(header: &str, packet: &[u8]) -> Vec<u8> {
    [hex(header), packet.to_vec()].concat()
}

/// A check that is worth the name.
fn check(id: u32) -> Vec<u8> {
    Message::new(stun::BINDING_REQUEST, id)
        .with(stun::USERNAME, b"bbbb:aaaa")
        .with(stun::PRIORITY, &[0x6e, 0, 0x1e, 0xff])
        .with(stun::ICE_CONTROLLING, &[7; 8])
        .signed(b"password-of-bob-123456")
}

/// The Internet checksum.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (!((folded & 0xffff) + (folded >> 16)) as u16).to_be_bytes()
}

/// An IPv4 packet from 192.0.2.1 to 192.0.2.2 with these flags and offset (in 8 bytes).
fn ipv4(protocol: u8, flags_and_offset: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = 20 + options.len();
    let total = ((length + payload.len()) as u16).to_be_bytes();
    let fragment = flags_and_offset.to_be_bytes();
    let mut header = [
        &[0x40 | (length / 4) as u8, 0][..],
        &total,
        &[0xab, 0xcd],
        &fragment,
        &[64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2],
        options,
    ]
    .concat();
    [header[10], header[11]] = checksum(&header);
    [&header, payload].concat()
}

/// An IPv6 packet from 2001:db8::1 to 2001:db8::2.
fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let addresses = hex("20010db8000000000000000000000001 20010db8000000000000000000000002");
    [&hex("60000000")[..], &(payload.len() as u16).to_be_bytes(), &[next, 64], &addresses, payload].concat()
}

/// A datagram from port 5000 to port 6000, without checksum.
fn udp(payload: &[u8]) -> Vec<u8> {
    [&hex("1388 1770")[..], &(8 + payload.len() as u16).to_be_bytes(), &[0, 0], payload].concat()
}

/// Fragments of IPv4 and IPv6 in the wrong order, one of them twice.
fn fragments() -> Vec<Vec<u8>> {
    let datagram = udp(&dtls::record(dtls::HANDSHAKE, 0, 0, &dtls::message(1, 0, &long_hello())));
    let (first, rest) = datagram.split_at(480);
    let (second, third) = rest.split_at(480);
    const MORE: u16 = 0x2000;
    let v6 = |offset: u16, more: u16, part: &[u8]| {
        let header = [&[17, 0][..], &(offset | more).to_be_bytes(), &hex("00001234")].concat();
        ipv6(44, &[&header, part].concat())
    };
    vec![
        ipv4(17, MORE | 60, &[], second),
        ipv4(17, 120, &[], third),
        ipv4(17, 120, &[], third),
        ipv4(17, MORE, &[], first),
        v6(960, 0, third),
        v6(0, 1, first),
        v6(480, 1, second),
    ]
}

/// A ClientHello that fits no datagram, as post-quantum key shares make it.
fn long_hello() -> Vec<u8> {
    let share = [&hex("0033 04c6 04c4 11ec 04c0")[..], &noise(1, 1216)].concat();
    dtls::client_hello(0xa1, &[], &[&hex("002b 0003 02 fefc"), &share])
}

/// IPv4 options; IPv6 hop-by-hop and destination options.
fn extended() -> Vec<Vec<u8>> {
    let options = hex("94040000");
    let padding = hex("01 04 00000000");
    let destination = [&[17, 0][..], &padding, &udp(&check(4))].concat();
    let hop = [&[60, 0][..], &padding, &destination].concat();
    vec![ipv4(17, 0, &options, &udp(&check(3))), ipv6(0, &hop)]
}

/// TCP segments of a stream: a handshake, parts in the wrong order, one of them twice.
fn segments(stream: &[u8], port: u16) -> Vec<Vec<u8>> {
    let segment = |back: bool, sequence: u32, flags: u8, payload: &[u8]| {
        let ports = [50_000u16.to_be_bytes(), port.to_be_bytes()];
        let ports = if back { [ports[1], ports[0]] } else { ports };
        let acknowledged = if back { 1_001u32 } else { 501 };
        let fixed = [
            &ports.concat()[..],
            &sequence.to_be_bytes(),
            &acknowledged.to_be_bytes(),
            &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0],
            payload,
        ];
        ipv4(6, 0, &[], &fixed.concat())
    };
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    const PUSH: u8 = 0x18;
    let (one, rest) = stream.split_at(40);
    let (two, three) = rest.split_at(60);
    vec![
        segment(false, 1_000, SYN, &[]),
        segment(true, 500, SYN | ACK, &[]),
        segment(false, 1_001, PUSH, one),
        segment(false, 1_101, PUSH, three),
        segment(false, 1_041, PUSH, two),
        segment(false, 1_041, PUSH, two),
    ]
}

/// Packets behind their lengths (RFC 4571).
fn framed() -> Vec<u8> {
    let header = rtp::Header { payload_type: 96, marker: true, sequence: 1, timestamp: 90, ssrc: 0xa };
    let hello = dtls::message(1, 0, &dtls::client_hello(0xa1, &[], &[&dtls::USE_SRTP]));
    let packets =
        [check(5), dtls::record(dtls::HANDSHAKE, 0, 0, &hello), rtp::packet(header, &[], &[], &noise(1, 30))];
    packets
        .iter()
        .flat_map(|packet| [&(packet.len() as u16).to_be_bytes(), packet.as_slice()].concat())
        .collect()
}

/// STUN messages and ChannelData, padded (RFC 8656 §12.5).
fn turn_stream() -> Vec<u8> {
    let allocate = Message::new(stun::ALLOCATE_REQUEST, 1).with(stun::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    let inner = check(6);
    let odd = noise(9, 33);
    let media = [&hex("80 60 0001 00000000 0000000a")[..], &odd].concat();
    let channel = |data: &[u8]| {
        let mut message = [&[0x40, 1, 0, data.len() as u8], data].concat();
        message.resize(message.len().next_multiple_of(4), 0);
        message
    };
    [allocate.with_fingerprint(), channel(&inner), channel(&media)].concat()
}

/// How a pcap file is written.
#[derive(Clone, Copy)]
struct Pcap {
    big: bool,
    nanoseconds: bool,
    snap: u32,
}

impl Pcap {
    fn u32(self, number: u32) -> [u8; 4] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn u16(self, number: u16) -> [u8; 2] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn file(self, link: u16, frames: &[Vec<u8>]) -> Vec<u8> {
        let magic = if self.nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        let mut file = self.u32(magic).to_vec();
        file.extend([self.u16(2), self.u16(4)].concat());
        file.extend([0; 8]);
        file.extend([self.u32(self.snap), self.u32(link.into())].concat());
        for (frame, number) in frames.iter().zip(1..) {
            let kept = frame.get(..self.snap as usize).unwrap_or(frame);
            let fraction = number * if self.nanoseconds { 20_000_000 } else { 20_000 };
            file.extend([self.u32(1_700_000_000), self.u32(fraction)].concat());
            file.extend([self.u32(kept.len() as u32), self.u32(frame.len() as u32)].concat());
            file.extend(kept);
        }
        file
    }
}

#[expect(clippy::expect_used, reason = "nothing fails that is written to memory")]
fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Two sections of different byte orders; simple and enhanced packet blocks, names, a comment.
fn sections(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for big in [false, true] {
        let order = Pcap { big, nanoseconds: false, snap: 0 };
        let mut block = |kind: u32, body: &[u8]| {
            let padded = body.len().next_multiple_of(4);
            let length = order.u32(padded as u32 + 12);
            file.extend([order.u32(kind), length].concat());
            file.extend(body);
            file.extend(std::iter::repeat_n(0, padded - body.len()));
            file.extend(length);
        };
        let version = [order.u16(1), order.u16(0)].concat();
        block(0x0a0d_0d0a, &[&order.u32(0x1a2b_3c4d)[..], &version, &[0xff; 8]].concat());
        block(1, &[&order.u16(ETHERNET)[..], &[0, 0], &order.u32(0)].concat());
        // A name for 192.0.2.1.
        let record = [&order.u16(1)[..], &order.u16(10), &[192, 0, 2, 1], b"alice\0\0\0"].concat();
        block(4, &[&record[..], &[0; 4]].concat());
        for frame in frames {
            let length = order.u32(frame.len() as u32);
            block(3, &[&length[..], frame].concat());
            let mut padded = frame.clone();
            padded.resize(padded.len().next_multiple_of(4), 0);
            let comment = [&order.u16(1)[..], &order.u16(5), b"hello\0\0\0", &[0; 4]].concat();
            block(
                6,
                &[
                    &[0; 4][..],
                    &order.u32(0x0006_0a24),
                    &order.u32(0x1800_0000),
                    &length,
                    &length,
                    &padded,
                    &comment,
                ]
                .concat(),
            );
        }
    }
    file
}
