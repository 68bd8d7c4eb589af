//! What identifies a message on both sides: its kind, length and checksum.

use crate::expect::{MessageMatch, Pattern};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use peerproof_captures::event::Message;
use serde::Deserialize;
use serde_json::Value;

/// A message, however long, in a few bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// As a string or binary.
    pub(crate) text: bool,
    /// Bytes.
    pub(crate) size: u64,
    /// CRC-32 (IEEE 802.3).
    pub(crate) crc32: u32,
    /// The text, where it is short.
    value: Option<String>,
}

impl Fingerprint {
    /// Of a message with these bytes.
    pub(crate) fn of(bytes: &[u8], text: bool) -> Self {
        let value = text.then(|| String::from_utf8_lossy(bytes).chars().take(60).collect());
        Self { text, size: bytes.len() as u64, crc32: crc32(bytes), value }
    }

    /// The same message: the text shown is no part of it.
    pub(crate) fn is(&self, other: &Self) -> bool {
        (self.text, self.size, self.crc32) == (other.text, other.size, other.crc32)
    }

    /// A message as the receiver reported it.
    pub(crate) fn received(message: &Message) -> Self {
        Self { text: message.text, size: message.size, crc32: message.crc32, value: message.value.clone() }
    }

    fn of_pattern(pattern: &Pattern, more: u32) -> Self {
        let seed = pattern.seed.wrapping_add(more);
        let bytes = pattern_bytes(pattern.size.min(MOST), seed, pattern.text);
        Self { value: None, ..Self::of(&bytes, pattern.text) }
    }

    /// The messages that a `send` command of the peer protocol stands for.
    pub(crate) fn sent(args: &Value) -> Vec<Self> {
        let times = args.get("times").and_then(Value::as_u64).unwrap_or(1).min(u64::from(MOST_TIMES));
        let times = u32::try_from(times).unwrap_or(MOST_TIMES);
        let Some(message) = args.get("message") else { return Vec::new() };
        if let Some(text) = message.get("text").and_then(Value::as_str) {
            return vec![Self::of(text.as_bytes(), true); times as usize];
        }
        if let Some(binary) = message.get("binary").and_then(Value::as_str) {
            return match STANDARD.decode(binary) {
                Ok(bytes) => vec![Self::of(&bytes, false); times as usize],
                Err(_) => Vec::new(),
            };
        }
        match message.get("pattern").map(Pattern::deserialize) {
            Some(Ok(pattern)) => (0..times).map(|more| Self::of_pattern(&pattern, more)).collect(),
            _ => Vec::new(),
        }
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            Some(value) if value.chars().count() <= 40 => write!(f, "{value:?}"),
            _ => {
                let kind = if self.text { "text" } else { "binary" };
                write!(f, "{} bytes of {kind} (CRC-32 {:08x})", self.size, self.crc32)
            }
        }
    }
}

/// Bounds of what a recording can make us compute.
const MOST: u32 = 64 << 20;
const MOST_TIMES: u32 = 100_000;

/// What one expected message must be.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// This very message.
    This(Fingerprint),
    /// Any like it.
    Like { size: Option<u64>, crc32: Option<u32>, as_text: Option<bool> },
}

impl Wanted {
    /// Expected messages one by one.
    pub(crate) fn list(matches: &[MessageMatch]) -> Vec<Self> {
        let mut list = Vec::new();
        for one in matches {
            match one {
                MessageMatch::Text { text, times } => {
                    let this = Self::This(Fingerprint::of(text.as_bytes(), true));
                    list.extend((0..*times.min(&MOST_TIMES)).map(|_| this.clone()));
                }
                MessageMatch::Pattern { pattern, times } => {
                    list.extend(
                        (0..*times.min(&MOST_TIMES))
                            .map(|more| Self::This(Fingerprint::of_pattern(pattern, more))),
                    );
                }
                MessageMatch::Like { size, crc32, as_text, times } => {
                    let like = Self::Like { size: *size, crc32: *crc32, as_text: *as_text };
                    list.extend((0..*times.min(&MOST_TIMES)).map(|_| like.clone()));
                }
            }
        }
        list
    }

    /// Whether `message` is one.
    pub(crate) fn is(&self, message: &Fingerprint) -> bool {
        match self {
            Self::This(this) => this.is(message),
            Self::Like { size, crc32, as_text } => {
                size.is_none_or(|size| size == message.size)
                    && crc32.is_none_or(|crc32| crc32 == message.crc32)
                    && as_text.is_none_or(|text| text == message.text)
            }
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::This(this) => this.fmt(f),
            Self::Like { size, crc32, as_text } => {
                f.write_str("a message")?;
                if let Some(size) = size {
                    write!(f, " of {size} bytes")?;
                }
                match as_text {
                    Some(true) => f.write_str(" of text")?,
                    Some(false) => f.write_str(" of binary")?,
                    None => {}
                }
                if let Some(crc32) = crc32 {
                    write!(f, " with CRC-32 {crc32:08x}")?;
                }
                Ok(())
            }
        }
    }
}

/// The pattern of the peer protocol (`docs/peer-protocol.md`, `send`).
fn pattern_bytes(size: u32, seed: u32, text: bool) -> Vec<u8> {
    let mut state = seed;
    (0..size)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let byte = (state >> 24) as u8;
            if text { b'a' + byte % 26 } else { byte }
        })
        .collect()
}

const TABLE: [u32; 256] = {
    let mut table = [0_u32; 256];
    let mut i = 0;
    while i < 256 {
        let mut value = i as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xEDB8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[i] = value;
        i += 1;
    }
    table
};

/// CRC-32 of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| TABLE[((crc ^ u32::from(*byte)) & 0xFF) as usize] ^ (crc >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn what_is_sent_and_what_is_received_have_one_fingerprint() {
        let received = |text: bool, value: Option<&str>, size, crc32| {
            Fingerprint::received(&Message {
                channel: "chat".into(),
                text,
                size,
                crc32,
                value: value.map(str::to_owned),
            })
        };
        let sent = Fingerprint::sent(&json!({"channel": "chat", "message": {"text": "hello"}}));
        assert!(sent[0].is(&received(true, Some("hello"), 5, crc32(b"hello"))));
        let sent = Fingerprint::sent(&json!({"message": {"binary": "AAECAw=="}, "times": 2}));
        assert_eq!(sent.len(), 2);
        assert!(sent[1].is(&received(false, None, 4, crc32(&[0, 1, 2, 3]))));
        assert!(!sent[1].is(&received(true, None, 4, crc32(&[0, 1, 2, 3]))));
    }

    #[test]
    fn a_repeated_pattern_counts_its_seed_up_on_both_sides() {
        let sent = Fingerprint::sent(&json!({"message": {"pattern": {"size": 9, "seed": 1}}, "times": 3}));
        let wanted = Wanted::list(&[MessageMatch::Pattern {
            pattern: Pattern { size: 9, seed: 1, text: false },
            times: 3,
        }]);
        assert!(wanted.iter().zip(&sent).all(|(wanted, sent)| wanted.is(sent)));
        assert!(!wanted[0].is(&sent[1]));
    }
}
