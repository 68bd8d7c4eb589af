//! Whole handshake messages from their fragments: RFC 9147 §5.5.
//!
//! Bounded: messages longer than a limit are refused, and so are messages beyond a number that are incomplete at once. Bytes that
//! came first stay; those that contradict them are told.

use super::fragment::{Fragment, HandshakeType};
use std::collections::BTreeMap;

/// Bounds of a [`Reassembly`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest message in bytes, header not counted.
    pub message: usize,
    /// Most messages that are incomplete at once.
    pub incomplete: usize,
    /// Most pieces, apart from each other or not, that a message may come in.
    pub parts: usize,
}

impl Default for Limits {
    /// 128 KiB (certificate chains stay far below), 16 messages (a flight has no more), 1024 pieces (of 128 bytes then).
    fn default() -> Self {
        Self { message: 128 * 1024, incomplete: 16, parts: 1024 }
    }
}

/// Why a fragment was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The message is longer than the limit.
    #[error("message of {0} bytes is longer than the limit")]
    TooLong(u32),
    /// Too many messages are incomplete, or one has come in too many pieces.
    #[error("too many incomplete messages or pieces of one")]
    TooMany,
    /// The fragment lies outside of its message.
    #[error("fragment ends beyond its message")]
    Outside,
    /// Kind or length differ from those in an earlier fragment of the message.
    #[error("fragment contradicts an earlier one on the message's type or length")]
    HeaderDiffers,
}

/// What became of a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// With it the message is whole: its header (as one fragment) and body, for [`super::view`].
    Whole {
        /// The message.
        message: Vec<u8>,
        /// Whether some bytes came twice and differed.
        differed: bool,
    },
    /// The message is not whole yet.
    Waiting,
    /// The message had been whole before: a retransmission.
    Repeated,
    /// It was not taken.
    Refused(Refused),
}

#[derive(Debug)]
struct Partial {
    kind: HandshakeType,
    length: u32,
    /// What has come, by offset, without overlaps. Memory is as much as has come, whatever length is claimed.
    parts: BTreeMap<usize, Vec<u8>>,
    /// Bytes in `parts`.
    received: usize,
    differed: bool,
}

/// The messages of one side.
#[derive(Debug, Default)]
pub struct Reassembly {
    limits: Limits,
    incomplete: BTreeMap<u16, Partial>,
    /// Numbers of whole messages as ranges `first → last`, apart from each other.
    whole: BTreeMap<u16, u16>,
}

impl Reassembly {
    /// With other bounds than usual.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes the next fragment that this side sent.
    pub fn push(&mut self, fragment: &Fragment<'_>) -> Pushed {
        let number = fragment.message_seq.value;
        if self.was_whole(number) {
            return Pushed::Repeated;
        }
        let length = fragment.length.value as usize;
        let start = fragment.fragment_offset.value as usize;
        let end = start + fragment.bytes.value.len();
        if end > length {
            return Pushed::Refused(Refused::Outside);
        }
        if length > self.limits.message {
            return Pushed::Refused(Refused::TooLong(fragment.length.value));
        }
        if end == length && start == 0 && !self.incomplete.contains_key(&number) {
            let mut partial = Partial::new(fragment);
            partial.add(0, fragment.bytes.value);
            self.note_whole(number);
            return Pushed::Whole { message: partial.message(number), differed: false };
        }
        if !self.incomplete.contains_key(&number) && self.incomplete.len() >= self.limits.incomplete {
            return Pushed::Refused(Refused::TooMany);
        }
        let partial = self.incomplete.entry(number).or_insert_with(|| Partial::new(fragment));
        if partial.kind != fragment.kind.value || partial.length != fragment.length.value {
            return Pushed::Refused(Refused::HeaderDiffers);
        }
        if partial.parts.len() >= self.limits.parts {
            return Pushed::Refused(Refused::TooMany);
        }
        partial.add(start, fragment.bytes.value);
        if partial.received < length {
            return Pushed::Waiting;
        }
        let pushed = Pushed::Whole { message: partial.message(number), differed: partial.differed };
        self.incomplete.remove(&number);
        self.note_whole(number);
        pushed
    }

    /// Numbers of the messages of which only a part has come.
    pub fn incomplete(&self) -> impl Iterator<Item = u16> {
        self.incomplete.keys().copied()
    }

    fn was_whole(&self, number: u16) -> bool {
        self.whole.range(..=number).next_back().is_some_and(|(_, last)| number <= *last)
    }

    fn note_whole(&mut self, number: u16) {
        let (mut first, mut last) = (number, number);
        if let Some(end) = number.checked_add(1).and_then(|next| self.whole.remove(&next)) {
            last = end;
        }
        let before = self.whole.range(..number).next_back().map(|(first, last)| (*first, *last));
        if let Some((start, end)) = before
            && end.checked_add(1) == Some(number)
        {
            first = start;
        }
        self.whole.insert(first, last);
    }
}

impl Partial {
    const fn new(fragment: &Fragment<'_>) -> Self {
        Self {
            kind: fragment.kind.value,
            length: fragment.length.value,
            parts: BTreeMap::new(),
            received: 0,
            differed: false,
        }
    }

    /// Keeps what is new of `bytes`, and compares the rest with what is there.
    fn add(&mut self, start: usize, bytes: &[u8]) {
        let end = start + bytes.len();
        let first = self.parts.range(..=start).next_back().map_or(start, |(first, _)| *first);
        let (mut at, mut gaps) = (start, Vec::new());
        for (from, part) in self.parts.range(first..end) {
            let to = from + part.len();
            let (common, common_end) = (start.max(*from), end.min(to));
            if common < common_end {
                let there = part.get(common - from..common_end - from);
                self.differed |= there != bytes.get(common - start..common_end - start);
                gaps.push((at, common));
                at = common_end;
            }
        }
        gaps.push((at, end));
        for (from, to) in gaps {
            if let Some(new) = bytes.get(from - start..to - start).filter(|new| !new.is_empty()) {
                self.parts.insert(from, new.to_vec());
                self.received += new.len();
            }
        }
    }

    fn message(&self, number: u16) -> Vec<u8> {
        let [_, length @ ..] = self.length.to_be_bytes();
        let mut message = Vec::with_capacity(Fragment::HEADER + self.received);
        message.push(self.kind.raw());
        message.extend(length);
        message.extend(number.to_be_bytes());
        message.extend([0; 3]);
        message.extend(length);
        self.parts.values().for_each(|part| message.extend(part));
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dtls::handshake::{Body, view};
    use crate::wire::dtls::{Version, samples};
    use crate::wire::reader::Reader;
    use crate::wire::testing::Random;

    /// A fragment of message `number`, which consists of the bytes 0, 1, 2, …
    fn fragment(number: u16, length: u32, start: u32, end: u32) -> Vec<u8> {
        let mut bytes = vec![11];
        bytes.extend(&length.to_be_bytes()[1..]);
        bytes.extend(number.to_be_bytes());
        bytes.extend(&start.to_be_bytes()[1..]);
        bytes.extend(&(end - start).to_be_bytes()[1..]);
        bytes.extend((start..end).map(|byte| byte as u8));
        bytes
    }

    fn push(reassembly: &mut Reassembly, bytes: &[u8]) -> Pushed {
        reassembly.push(&Fragment::read(&mut Reader::new("test", bytes)).unwrap())
    }

    fn whole(number: u16, length: u32) -> Pushed {
        Pushed::Whole { message: fragment(number, length, 0, length), differed: false }
    }

    #[test]
    fn fragments_in_any_order_and_overlapping_make_the_message() {
        let mut random = Random::new(7);
        for _ in 0..500 {
            let mut reassembly = Reassembly::default();
            let length = 1 + random.below(60) as u32;
            let mut results = (0..2000).map(|_| {
                let start = random.below(length as usize) as u32;
                let end = start + 1 + random.below((length - start) as usize) as u32;
                push(&mut reassembly, &fragment(3, length, start, end))
            });
            let last = results.find(|pushed| *pushed != Pushed::Waiting);
            assert_eq!(last, Some(whole(3, length)));
        }
    }

    #[test]
    fn an_empty_message_is_whole_and_a_whole_one_is_not_told_twice() {
        let mut reassembly = Reassembly::default();
        for number in [2, 0, 1, 5, 4, u16::MAX] {
            assert_eq!(push(&mut reassembly, &fragment(number, 0, 0, 0)), whole(number, 0));
            assert_eq!(push(&mut reassembly, &fragment(number, 9, 0, 4)), Pushed::Repeated);
        }
        assert_eq!(push(&mut reassembly, &fragment(3, 9, 0, 4)), Pushed::Waiting);
        assert_eq!(reassembly.incomplete().collect::<Vec<_>>(), [3]);
        assert_eq!(reassembly.whole.len(), 3);
    }

    #[test]
    fn contradicting_fragments_are_told_and_the_first_bytes_stay() {
        let mut reassembly = Reassembly::default();
        assert_eq!(push(&mut reassembly, &fragment(0, 8, 0, 4)), Pushed::Waiting);
        assert_eq!(push(&mut reassembly, &fragment(0, 9, 4, 9)), Pushed::Refused(Refused::HeaderDiffers));
        let mut other = fragment(0, 8, 2, 8);
        other[12] = 0xff;
        let expected = Pushed::Whole { message: fragment(0, 8, 0, 8), differed: true };
        assert_eq!(push(&mut reassembly, &other), expected);
    }

    #[test]
    fn memory_is_bounded() {
        let limits = Limits { message: 1000, incomplete: 2, parts: 3 };
        let mut reassembly = Reassembly::with_limits(limits);
        assert_eq!(push(&mut reassembly, &fragment(0, 1001, 0, 1)), Pushed::Refused(Refused::TooLong(1001)));
        for start in [0, 2, 4] {
            assert_eq!(push(&mut reassembly, &fragment(0, 1000, start, start + 1)), Pushed::Waiting);
        }
        assert_eq!(push(&mut reassembly, &fragment(0, 1000, 6, 7)), Pushed::Refused(Refused::TooMany));
        assert_eq!(push(&mut reassembly, &fragment(1, 1000, 0, 1)), Pushed::Waiting);
        assert_eq!(push(&mut reassembly, &fragment(2, 1000, 0, 1)), Pushed::Refused(Refused::TooMany));
        assert_eq!(push(&mut reassembly, &fragment(2, 4, 0, 4)), whole(2, 4));
        let mut outside = fragment(1, 1000, 990, 1000);
        outside[8] += 1;
        assert_eq!(push(&mut reassembly, &outside), Pushed::Refused(Refused::Outside));
    }

    #[test]
    fn messages_of_recorded_handshakes_are_reassembled_and_read() {
        for (datagrams, client, names) in [
            (
                samples::openssl(),
                true,
                "ClientHello ClientHello Certificate ClientKeyExchange CertificateVerify",
            ),
            (samples::chrome(), true, "ClientHello"),
        ] {
            let mut reassembly = Reassembly::default();
            let mut seen = Vec::new();
            for datagram in &datagrams {
                for record in crate::wire::dtls::view(datagram).records().map(Result::unwrap) {
                    for fragment in record.fragments().into_iter().flatten().map(Result::unwrap) {
                        let kind = fragment.kind.value.name().unwrap();
                        let of_client = names.contains(kind) && datagram.len() != 739;
                        if of_client != client {
                            continue;
                        }
                        if let Pushed::Whole { message, .. } = reassembly.push(&fragment) {
                            let handshake = view(&message, Version::Dtls12).unwrap();
                            assert!(!matches!(handshake.body, Body::Fragment(_) | Body::Other(_)));
                            seen.push(kind);
                        }
                    }
                }
            }
            assert_eq!(seen.join(" "), names);
            assert_eq!(reassembly.incomplete().count(), 0);
        }
    }
}
