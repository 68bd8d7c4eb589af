//! What was decrypted, as a capture of its own: tshark has no SRTP keys and hands what DTLS carried to nobody, so the clear text is
//! given to it as exported PDUs.

/// What a clear part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rtp,
    Rtcp,
    Sctp,
}

/// A decrypted packet.
#[derive(Debug, Clone)]
pub(crate) struct Clear {
    /// The frame that carried it.
    pub(crate) frame: u64,
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
}

/// The tag that names the dissector of an exported PDU.
const DISSECTOR: u16 = 12;

/// The type of a pcapng file's first block.
pub(crate) const SECTION_HEADER: u32 = 0x0a0d_0d0a;

/// A pcapng file with one frame for each.
pub(crate) fn capture(clears: &[Clear]) -> Vec<u8> {
    let mut file = Vec::new();
    block(
        &mut file,
        SECTION_HEADER,
        &[&0x1a2b_3c4d_u32.to_le_bytes(), &[1, 0, 0, 0], &u64::MAX.to_le_bytes()],
    );
    // LINKTYPE_WIRESHARK_UPPER_PDU, no snap length.
    block(&mut file, 1, &[&[252, 0, 0, 0, 0, 0, 0, 0]]);
    for (clear, time) in clears.iter().zip(0u32..) {
        let name: &[u8; 4] = match clear.kind {
            Kind::Rtp => b"rtp\0",
            Kind::Rtcp => b"rtcp",
            Kind::Sctp => b"sctp",
        };
        let tags = [&DISSECTOR.to_be_bytes()[..], &[0, 4], name, &[0; 4]].concat();
        let length = ((tags.len() + clear.bytes.len()) as u32).to_le_bytes();
        let time = time.to_le_bytes();
        block(&mut file, 6, &[&[0; 8], &time, &length, &length, &tags, &clear.bytes]);
    }
    file
}

fn block(file: &mut Vec<u8>, kind: u32, parts: &[&[u8]]) {
    let body: usize = parts.iter().map(|part| part.len()).sum();
    let padded = body.next_multiple_of(4);
    let length = (padded as u32 + 12).to_le_bytes();
    file.extend(kind.to_le_bytes());
    file.extend(length);
    parts.iter().for_each(|part| file.extend(*part));
    file.extend(std::iter::repeat_n(0, padded - body));
    file.extend(length);
}
