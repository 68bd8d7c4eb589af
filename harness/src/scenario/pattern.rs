//! The bytes of a message that a scenario names, and their CRC-32.

use crate::peers::protocol::Payload;
use base64::Engine as _;
use peerproof_captures::timeline::condition::PatternCondition;
use peerproof_conformance::expect::volume::{LARGEST_MESSAGE, MOST_BYTES};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

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

/// What was asked for last, and its result.
type Remembered = Option<((PatternCondition, u32), Arc<BTreeSet<u32>>)>;

/// The CRC-32 of each of a number of generated messages, whose seeds grow by one from message to message. The last result is remembered, since
/// each message that arrives is compared.
#[must_use]
pub fn series(pattern: PatternCondition, times: u32) -> Arc<BTreeSet<u32>> {
    static LAST: Mutex<Remembered> = Mutex::new(None);
    let lock = || LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, found)) = lock().as_ref().filter(|(asked, _)| *asked == (pattern, times)) {
        return Arc::clone(found);
    }
    let PatternCondition { size, seed, text } = pattern;
    // No scenario sends more.
    let most = MOST_BYTES / u64::from(size.max(1));
    let payloads = (0..times).take(usize::try_from(most).unwrap_or(usize::MAX)).map(|n| Payload::Pattern {
        size,
        seed: seed.wrapping_add(n),
        text,
    });
    let found: BTreeSet<u32> = payloads.filter_map(|payload| Some(crc32(&bytes(&payload)?))).collect();
    let found = Arc::new(found);
    *lock() = Some(((pattern, times), Arc::clone(&found)));
    found
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
