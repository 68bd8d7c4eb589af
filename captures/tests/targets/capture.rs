//! What reads whole captures.

use peerproof_captures::file::{CaptureReader, Item, Limits, LinkType};
use peerproof_captures::link::{self, Network};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::trace::Builder;

/// Link types that are read.
const LINKS: [LinkType; 10] = [
    LinkType::ETHERNET,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::RAW,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::WIRESHARK_UPPER_PDU,
    LinkType::SCTP,
];

/// Cuts the input into parts, each behind two bytes: one for the caller, one with the length in units of `unit`.
fn parts(data: &[u8], unit: usize) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let [head, length, tail @ ..] = rest else { return None };
        let (part, after) = tail.split_at(tail.len().min(usize::from(*length) * unit));
        rest = after;
        Some((*head, part))
    })
}

pub(super) fn link(data: &[u8]) {
    let mut network = Network::new();
    for (head, frame) in parts(data, 1) {
        let link = LINKS[usize::from(head) % LINKS.len()];
        let tree = link::tree(link, frame);
        assert!(tree.node.range.end as usize <= frame.len());
        assert!(!tree.node.to_string().is_empty());
        network.bytes(link, Some(usize::from(head >> 6)), frame, &mut |packet| {
            assert!(packet.payload.len() <= data.len());
        });
    }
}

pub(super) fn file(data: &[u8]) {
    let limits = Limits { block: 1 << 16, interfaces: 64 };
    let mut reader = CaptureReader::with_limits(data, limits);
    let mut builder = Builder::new();
    let (mut items, mut frames) = (0_u64, 0);
    while let Some(item) = reader.next_item() {
        items += 1;
        match item {
            Item::Frame(frame) => {
                frames += 1;
                assert!(frame.data.len() <= limits.block);
                let _ = frame.comments().count();
                builder.frame(&frame);
            }
            Item::Secrets(secrets) => {
                builder.secrets(&secrets);
            }
            Item::Names(names) => assert!(names.count() <= limits.block),
            _ => {}
        }
        // Compressed data may be much longer than the input; a few thousand items are enough.
        if items > 5_000 {
            return;
        }
    }
    assert!(frames <= reader.frames());
    assert!(reader.interfaces().len() <= limits.interfaces && reader.sections().len() <= limits.interfaces);
    if let Some(stop) = reader.stop() {
        assert!(!stop.to_string().is_empty());
    }
    let _ = builder.finish();
}

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n\
    a=ice-ufrag:a\r\na=ice-pwd:passwordpasswordpassword\r\na=sendrecv\r\na=rtpmap:96 VP8/90000\r\n\
    a=rtpmap:97 rtx/90000\r\n";

/// Frames are made of the parts of the input, with lengths, cookies and types that let them pass the first look, so that
/// what is behind it is reached.
pub(super) fn trace(data: &[u8]) {
    let mut builder = Builder::new();
    let Some((first, data)) = data.split_first() else { return };
    if first & 1 == 1 {
        builder.description("alice", &SessionDescription::parse(OFFER));
    }
    let mut ns = 0;
    for (number, (head, part)) in parts(data, 4).enumerate() {
        // Two bits say who sends, one that much time has gone, the others what it is.
        ns += if head & 4 != 0 { 3_000_000_000 } else { 1_000_000 };
        let payload = message(head >> 3, part);
        let frame = number as u64 + 1;
        match head >> 3 {
            30 => builder.packet(frame, ns, LINKS[part.len() % LINKS.len()], part),
            31 => builder.key_log(part),
            _ => builder.packet(frame, ns, LinkType::RAW, &ipv4(head & 3, &payload)),
        }
    }
    let trace = builder.finish();
    assert!(serde_json::to_string(&trace).is_ok());
}

/// A datagram of the kind asked for.
fn message(kind: u8, part: &[u8]) -> Vec<u8> {
    let length = (part.len() as u16).to_be_bytes();
    let mut bytes = match kind {
        // Binding request, success, error, indication; Allocate, CreatePermission, ChannelBind and their answers; Send, Data.
        0..=13 => {
            const TYPES: [u16; 14] = [
                0x001, 0x101, 0x111, 0x011, 0x003, 0x103, 0x113, 0x008, 0x108, 0x118, 0x009, 0x109, 0x016,
                0x017,
            ];
            let mut head = TYPES[usize::from(kind)].to_be_bytes().to_vec();
            // The transaction repeats with the first byte of the attributes' values.
            head.extend(length);
            head.extend([0x21, 0x12, 0xa4, 0x42]);
            head.extend([part.get(4).copied().unwrap_or(0) & 3; 12]);
            head
        }
        // ClientHello, ServerHello, another handshake message.
        14..=16 => {
            let mut head = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, kind];
            head.extend((part.len() as u16 + 12).to_be_bytes());
            let message = match kind {
                14 => 1,
                15 => 2,
                _ => part.first().copied().unwrap_or(0),
            };
            head.extend([message, 0, length[0], length[1], 0, kind - 14, 0, 0, 0, 0, length[0], length[1]]);
            head
        }
        // Alert, ChangeCipherSpec, application data in epoch 1.
        17..=19 => {
            let mut head = vec![[21, 20, 23][usize::from(kind - 17)], 0xfe, 0xfd];
            head.extend([0, kind - 17, 0, 0, 0, 0, 0, 1]);
            head.extend(length);
            head
        }
        // A unified header.
        20 => vec![0x2e, 0, 1, length[0], length[1]],
        // RTP of one of four sources.
        21 | 22 => vec![0x80],
        // RTCP.
        23 | 24 => {
            let types = [200, 201, 202, 203, 205, 206, 207];
            let kind = types[usize::from(part.first().copied().unwrap_or(0)) % types.len()];
            vec![0x81, kind, 0, (part.len() / 4) as u8]
        }
        // ChannelData.
        25 => vec![0x40, 1, length[0], length[1]],
        _ => Vec::new(),
    };
    bytes.extend_from_slice(part);
    bytes
}

/// The datagram in an IPv4 packet; `way` decides the ends.
fn ipv4(way: u8, payload: &[u8]) -> Vec<u8> {
    let ((a, b), (ports_a, ports_b)): ((u8, u8), (u16, u16)) = match way {
        0 => ((1, 2), (5_000, 6_000)),
        1 => ((2, 1), (6_000, 5_000)),
        2 => ((1, 3), (5_000, 3_478)),
        _ => ((3, 1), (3_478, 5_000)),
    };
    let mut frame = vec![0x45, 0];
    frame.extend((payload.len() as u16 + 28).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, a, 192, 0, 2, b]);
    frame.extend(ports_a.to_be_bytes());
    frame.extend(ports_b.to_be_bytes());
    frame.extend((payload.len() as u16 + 8).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend_from_slice(payload);
    frame
}
