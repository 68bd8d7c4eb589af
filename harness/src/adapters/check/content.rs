//! Messages of data channels: what is sent, what must arrive, and what an echo must make of them.

use super::outcome::{Tried, shortened, violates};
use crate::peers::protocol::Payload;
use crate::scenario::pattern;
use peerproof_captures::event::Message;
use serde_json::{Value, json};

/// Longest text that is reported in full, in bytes.
const MOST_VALUE_BYTES: usize = 1024;

/// The defects of an echo that the protocol names.
pub(super) const DEFECTS: [&str; 4] = ["corrupt-last-byte", "swap-pairs", "as-text", "drop-every-third"];

/// A message as it must arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) text: bool,
    pub(super) bytes: Vec<u8>,
}

impl Content {
    /// The message that a payload stands for.
    pub(super) fn of(payload: &Payload) -> Self {
        let text = match payload {
            Payload::Text(_) => true,
            Payload::Binary(_) => false,
            Payload::Pattern { text, .. } => *text,
        };
        Self { text, bytes: pattern::bytes(payload).unwrap_or_default() }
    }

    /// The messages that a payload stands for if it is sent several times.
    pub(super) fn series(payload: &Payload, times: u32) -> Vec<Self> {
        let nth = |round| match payload {
            Payload::Pattern { size, seed, text } => {
                Self::of(&Payload::Pattern { size: *size, seed: seed.wrapping_add(round), text: *text })
            }
            other => Self::of(other),
        };
        (0..times).map(nth).collect()
    }

    /// Compares with what was reported of a message that arrived.
    pub(super) fn arrived(&self, reported: &Message) -> Tried {
        let value = || {
            std::str::from_utf8(&self.bytes)
                .ok()
                .filter(|_| self.text && self.bytes.len() <= MOST_VALUE_BYTES)
        };
        let as_reported = || serde_json::to_string(reported).unwrap_or_default();
        let (size, crc32) = (self.bytes.len() as u64, pattern::crc32(&self.bytes));
        let right = (reported.text, reported.size, reported.crc32) == (self.text, size, crc32)
            && reported.value.as_deref() == value();
        if right {
            return Ok(());
        }
        let mut expected = json!({ "text": self.text, "size": size, "crc32": crc32 });
        if let (Some(value), Value::Object(expected)) = (value(), &mut expected) {
            expected.insert("value".to_owned(), json!(value));
        }
        violates(shortened(&expected.to_string()), super::outcome::shortened(&as_reported()))
    }
}

/// What an echo with this defect sends back.
pub(super) fn echoed(defect: Option<&str>, sent: &[Content]) -> Vec<Content> {
    match defect {
        Some("corrupt-last-byte") => {
            let mut all = sent.to_vec();
            all.iter_mut().filter_map(|one| one.bytes.last_mut()).for_each(|last| *last ^= 1);
            all
        }
        Some("swap-pairs") => {
            sent.chunks_exact(2).flat_map(|pair| pair.iter().rev().cloned().collect::<Vec<_>>()).collect()
        }
        Some("as-text") => sent
            .iter()
            .map(|one| match one.text {
                true => one.clone(),
                false => {
                    let text: String = one.bytes.iter().copied().map(char::from).collect();
                    Content { text: true, bytes: text.into_bytes() }
                }
            })
            .collect(),
        Some("drop-every-third") => {
            sent.iter().enumerate().filter(|(n, _)| n % 3 != 2).map(|(_, one)| one.clone()).collect()
        }
        _ => sent.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Content {
        Content { text: true, bytes: text.as_bytes().to_vec() }
    }

    fn reported(of: &Content, value: Option<&str>) -> Message {
        Message {
            channel: "c".to_owned(),
            text: of.text,
            size: of.bytes.len() as u64,
            crc32: pattern::crc32(&of.bytes),
            value: value.map(str::to_owned),
        }
    }

    #[test]
    fn what_arrived_is_what_was_sent() {
        let hello = text("hello");
        assert_eq!(hello.arrived(&reported(&hello, Some("hello"))), Ok(()));
        assert!(hello.arrived(&reported(&hello, Some("hullo"))).is_err());
        assert!(hello.arrived(&reported(&hello, None)).is_err());
        assert!(hello.arrived(&Message { crc32: 1, ..reported(&hello, Some("hello")) }).is_err());
        let bytes = Content { text: false, ..hello.clone() };
        assert!(hello.arrived(&reported(&bytes, None)).is_err());
        assert_eq!(bytes.arrived(&reported(&bytes, None)), Ok(()));
        let long = text(&"x".repeat(MOST_VALUE_BYTES + 1));
        assert_eq!(long.arrived(&reported(&long, None)), Ok(()));
    }

    #[test]
    fn a_series_counts_its_seeds_up() {
        let series = Content::series(&Payload::Pattern { size: 3, seed: u32::MAX, text: false }, 2);
        assert_eq!(series[1], Content::of(&Payload::Pattern { size: 3, seed: 0, text: false }));
        assert_eq!(Content::series(&Payload::Text("a".to_owned()), 2), [text("a"), text("a")]);
    }

    #[test]
    fn echoes_are_falsified_as_their_defects_are_named() {
        let sent = ["a", "b", "c"].map(text);
        assert_eq!(echoed(None, &sent), sent);
        assert_eq!(echoed(Some("corrupt-last-byte"), &sent[..1]), [text("`")]);
        assert_eq!(echoed(Some("swap-pairs"), &sent), [text("b"), text("a")]);
        assert_eq!(echoed(Some("drop-every-third"), &sent), [text("a"), text("b")]);
        let bytes = Content { text: false, bytes: vec![0xe9, 0] };
        assert_eq!(echoed(Some("as-text"), &[bytes]), [text("é\0")]);
    }
}
