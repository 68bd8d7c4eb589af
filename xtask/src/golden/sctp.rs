//! SCTP packets (RFC 9260 §3) and DCEP messages (RFC 8832 §5).

/// Payload protocol identifiers.
pub(super) const DCEP: u32 = 50;
pub(super) const STRING: u32 = 51;
pub(super) const BINARY: u32 = 53;

/// A packet between ports 5000, its checksum included.
pub(super) fn packet(tag: u32, chunks: &[&[u8]]) -> Vec<u8> {
    let mut packet = vec![0x13, 0x88, 0x13, 0x88];
    packet.extend(tag.to_be_bytes());
    packet.extend([0; 4]);
    for chunk in chunks {
        packet.extend(*chunk);
        packet.resize(packet.len().next_multiple_of(4), 0);
    }
    let checksum = crc32c::crc32c(&packet).to_le_bytes();
    if let Some(place) = packet.get_mut(8..12) {
        place.copy_from_slice(&checksum);
    }
    packet
}

/// A chunk.
pub(super) fn chunk(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, flags], &((value.len() + 4) as u16).to_be_bytes()[..], value].concat()
}

/// INIT (1) or INIT-ACK (2), which bears a cookie too.
pub(super) fn init(kind: u8, tag: u32, first_tsn: u32) -> Vec<u8> {
    let fixed = [&tag.to_be_bytes()[..], &[0, 2, 0, 0, 4, 0, 4, 0], &first_tsn.to_be_bytes()].concat();
    let cookie: &[u8] = if kind == 2 { b"\x00\x07\x00\x0ccookie!!" } else { &[] };
    // Forward-TSN supported.
    chunk(kind, 0, &[&fixed, cookie, &[0xc0, 0, 0, 4]].concat())
}

/// DATA with a whole message.
pub(super) fn data(tsn: u32, stream: u16, sequence: u16, protocol: u32, message: &[u8]) -> Vec<u8> {
    data_part(0x03, tsn, (stream, sequence), protocol, message)
}

/// DATA with these flags.
pub(super) fn data_part(
    flags: u8,
    tsn: u32,
    (stream, sequence): (u16, u16),
    protocol: u32,
    part: &[u8],
) -> Vec<u8> {
    let header =
        [&tsn.to_be_bytes()[..], &stream.to_be_bytes(), &sequence.to_be_bytes(), &protocol.to_be_bytes()];
    chunk(0, flags, &[&header.concat(), part].concat())
}

/// SACK without gaps.
pub(super) fn sack(tsn: u32) -> Vec<u8> {
    chunk(3, 0, &[&tsn.to_be_bytes()[..], &[0, 2, 0, 0, 0, 0, 0, 0]].concat())
}

/// DATA_CHANNEL_OPEN.
pub(super) fn open(channel: u8, reliability: u32, label: &str, protocol: &str) -> Vec<u8> {
    let lengths = [(label.len() as u16).to_be_bytes(), (protocol.len() as u16).to_be_bytes()].concat();
    [&[3, channel, 0, 0], &reliability.to_be_bytes()[..], &lengths, label.as_bytes(), protocol.as_bytes()]
        .concat()
}
