//! RTP (RFC 3550 §5.1) and RTCP packets.

/// What an RTP header says beside the payload type.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) payload_type: u8,
    pub(super) marker: bool,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
}

/// A packet with these contributing sources, header extension (with its four bytes of header) and payload.
pub(super) fn packet(header: Header, csrcs: &[u32], extension: &[u8], payload: &[u8]) -> Vec<u8> {
    let first = 0x80 | if extension.is_empty() { 0 } else { 0x10 } | csrcs.len() as u8;
    let second = header.payload_type | if header.marker { 0x80 } else { 0 };
    let mut packet = vec![first, second];
    packet.extend(header.sequence.to_be_bytes());
    packet.extend(header.timestamp.to_be_bytes());
    packet.extend(header.ssrc.to_be_bytes());
    packet.extend(csrcs.iter().flat_map(|csrc| csrc.to_be_bytes()));
    packet.extend(extension);
    packet.extend(payload);
    packet
}

/// A header extension of this profile, padded.
pub(super) fn extension(profile: u16, elements: &[u8]) -> Vec<u8> {
    let words = elements.len().div_ceil(4);
    let mut extension = profile.to_be_bytes().to_vec();
    extension.extend((words as u16).to_be_bytes());
    extension.extend(elements);
    extension.resize(4 + words * 4, 0);
    extension
}

/// An RTCP packet with this count or format.
pub(super) fn control(kind: u8, count: u8, words: &[u32]) -> Vec<u8> {
    let mut packet = vec![0x80 | count, kind];
    packet.extend((words.len() as u16).to_be_bytes());
    packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    packet
}
