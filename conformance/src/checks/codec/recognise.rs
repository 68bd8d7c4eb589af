//! Whether what a source sends is the format that the descriptions announce. Frames that are encrypted end to end (SFrame, RFC 9605), or
//! any other content under the payload type, are not judged by the rules of the format.

use super::Carried;
use crate::evidence::Evidence;
use peerproof_captures::wire::payload::{Format, h264, vp8};

/// Behind its tag a key frame of VP8 has this (RFC 6386 §9.1).
pub(super) const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];
/// Fewer than this that have no place in the format may be faults of an encoder.
const FEW: usize = 3;
/// From as many on it shows whether a bit is random.
const ENOUGH: usize = 8;

/// What the payloads of a source show.
#[derive(Debug, Default)]
struct Signs {
    /// Payloads that could show something.
    read: usize,
    /// Those of them that only another content explains.
    strange: usize,
    /// Those of them that only the format explains.
    familiar: usize,
    /// All payloads with a descriptor of VP8, and those whose reserved bit is set (RFC 7741 §4.2).
    described: usize,
    reserved: usize,
}

impl Signs {
    /// Random bytes are strange in half of the cases, faults of an encoder in few.
    fn are_of_another(&self) -> bool {
        let Self { read, strange, familiar, described, reserved } = *self;
        let least = (described / 8).max(2);
        let is_random = described >= ENOUGH && reserved.min(described - reserved) >= least;
        (strange >= FEW && strange * 4 >= read && familiar * 10 < strange) || (is_random && familiar == 0)
    }

    fn of_vp8(&mut self, payload: &[u8]) {
        self.described += 1;
        self.reserved += usize::from(payload.first().is_some_and(|first| first & 0x40 != 0));
        let Some(frame) = vp8::view(payload).ok().and_then(|read| read.frame) else { return };
        let behind = payload.get(frame.tag.range.end as usize..).unwrap_or_default();
        self.read += 1;
        if let (true, Some(code)) = (frame.is_key_frame(), behind.first_chunk::<3>()) {
            *(if *code == START_CODE { &mut self.familiar } else { &mut self.strange }) += 1;
        }
    }

    /// The forbidden bit (ITU-T H.264 §7.4.1), and the types that RFC 6184 §5.2 leaves undefined.
    fn of_h264(&mut self, payload: &[u8]) {
        let Ok(read) = h264::view(payload) else { return };
        self.read += 1;
        let header = read.header.value;
        self.strange += usize::from(header & 0x80 != 0 || matches!(header & 0x1f, 0 | 30 | 31));
    }
}

/// Whether the packets of a source hold something else than that format.
pub(super) fn is_another(evidence: &Evidence, packets: &[Carried<'_>], format: Format) -> bool {
    let mut signs = Signs::default();
    for packet in packets.iter().filter(|it| !it.payload.is_empty() && !evidence.is_faulted(it.packet.frame))
    {
        match format {
            Format::Vp8 => signs.of_vp8(packet.payload),
            Format::H264 => signs.of_h264(packet.payload),
            _ => {}
        }
    }
    signs.are_of_another()
}

#[cfg(test)]
mod tests {
    use super::Signs;

    fn signs(read: usize, strange: usize, familiar: usize) -> bool {
        Signs { read, strange, familiar, ..Signs::default() }.are_of_another()
    }

    #[test]
    fn a_reserved_bit_that_is_set_at_random_is_of_another_format() {
        let signs = |described, reserved, familiar| {
            Signs { described, reserved, familiar, ..Signs::default() }.are_of_another()
        };
        assert!(signs(8, 4, 0) && signs(1_000, 520, 0));
        assert!(!signs(7, 4, 0), "too few");
        assert!(!signs(16, 16, 0) && !signs(16, 1, 0) && !signs(1_000, 100, 0), "a fault of an encoder");
        assert!(!signs(16, 8, 1), "a key frame by its start code");
    }

    #[test]
    fn what_an_encoder_does_wrong_now_and_then_is_no_other_format() {
        assert!(signs(10, 5, 0) && signs(1_000, 500, 3) && signs(12, 3, 0));
        assert!(!signs(2, 2, 0), "too few");
        assert!(!signs(13, 3, 0), "frames between them are in order");
        assert!(!signs(10, 5, 1), "a key frame by its start code");
    }

    #[test]
    fn key_frames_of_vp8_are_known_by_their_start_code() {
        let mut signs = Signs::default();
        for payload in [
            &[0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xf0, 0][..],
            &[0x10, 0x10, 0, 0, 0x5a, 0x01, 0x2a, 0x40, 1, 0xf0, 0],
            // An inter frame, a key frame that goes on in the next packet, a packet inside a frame.
            &[0x10, 0x11, 0, 0, 0x5a, 0x01, 0x2a],
            &[0x10, 0x10, 0, 0, 0x9d],
            &[0x00, 0x10, 0, 0, 0x5a],
        ] {
            signs.of_vp8(payload);
        }
        assert_eq!((signs.read, signs.strange, signs.familiar), (4, 1, 1));
    }

    #[test]
    fn units_of_h264_have_a_type_and_no_forbidden_bit() {
        let mut signs = Signs::default();
        for payload in [&[0x65, 1][..], &[0x7c, 0x85, 1], &[0xe5, 1], &[0x60, 1], &[0x7f, 1], &[0x7e, 1]] {
            signs.of_h264(payload);
        }
        assert_eq!((signs.read, signs.strange, signs.familiar), (6, 4, 0));
    }
}
