//! The bytes of a message that a scenario names, and their CRC-32.

use crate::peers::protocol::Payload;
use base64::Engine as _;
use peerproof_conformance::expect::volume::LARGEST_MESSAGE;

/// The bytes of a payload; nothing if its base64 is broken, or if it is a pattern beyond [`LARGEST_MESSAGE`].
#[must_use]
pub fn bytes(payload: &Payload) -> Option<Vec<u8>> {
    match payload {
        Payload::Text(text) => Some(text.clone().into_bytes()),
        Payload::Binary(base64) => base64::engine::general_purpose::STANDARD.decode(base64).ok(),
        Payload::Pattern { size, .. } if *size > LARGEST_MESSAGE => None,
        Payload::Pattern { size, seed, text } => {
            let mut x = *seed;
            let mut next = || {
                x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let byte = (x >> 24) as u8;
                if *text { b'a' + byte % 26 } else { byte }
            };
            Some((0..*size).map(|_| next()).collect())
        }
    }
}

/// CRC-32 of IEEE 802.3.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard_comes_out() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn text_patterns_are_letters() {
        let text = bytes(&Payload::Pattern { size: 500, seed: 7, text: true }).unwrap();
        assert!(text.len() == 500 && text.iter().all(u8::is_ascii_lowercase));
    }
}
