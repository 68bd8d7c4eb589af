//! Whole handshake messages from their fragments: RFC 6347 §4.2.3, RFC 9147 §5.5.
//!
//! Bounded: messages longer than a limit are refused, and only a limited number may be incomplete at once. Memory is as much as has
//! come, whatever length is claimed.

use super::super::version::Version;
use super::body::Body;
use super::fragment::{Fragment, HandshakeType};
use crate::intervals::IntervalSet;
use crate::wire::reader::Reader;
use crate::wire::stop::Read;
use std::borrow::Cow;
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

/// A whole message. Its body is borrowed if it came in one fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its type.
    pub kind: HandshakeType,
    /// Its `message_seq`.
    pub number: u16,
    /// Everything behind the header.
    pub body: Cow<'a, [u8]>,
    /// Whether some bytes came twice and differed.
    pub differed: bool,
}

impl Message<'_> {
    /// What it says. `version` decides between the forms of 1.2 and 1.3 that some messages have.
    ///
    /// # Errors
    /// If the body is not that of a message of its type.
    pub fn read(&self, version: Version) -> Read<Body<'_>> {
        let mut reader = Reader::at("DTLS handshake", &self.body, Fragment::HEADER);
        Body::read(&mut reader, self.kind, version)
    }

    /// The message with its header, as one fragment, for [`super::view`].
    pub fn to_bytes(&self) -> Vec<u8> {
        // Limits and the field that the length came from keep it in 24 bits.
        let [_, length @ ..] = u32::try_from(self.body.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut bytes = Vec::with_capacity(Fragment::HEADER + self.body.len());
        bytes.push(self.kind.raw());
        bytes.extend(length);
        bytes.extend(self.number.to_be_bytes());
        bytes.extend([0; 3]);
        bytes.extend(length);
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// What became of a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed<'a> {
    /// With it the message is whole.
    Whole(Message<'a>),
    /// The message is not whole yet.
    Waiting,
    /// The message had been whole before: a retransmission.
    Repeated,
    /// It was not taken.
    Refused(Refused),
}

/// What is done with a number that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Again {
    /// It is a retransmission. Bytes that came first stay.
    #[default]
    Retransmission,
    /// It may be of another handshake, which begins anew.
    NewHandshake,
}

#[derive(Debug)]
struct Partial {
    kind: HandshakeType,
    number: u16,
    length: u32,
    /// What has come, by offset, without overlaps.
    parts: BTreeMap<usize, Vec<u8>>,
    /// Bytes in `parts`.
    received: usize,
    differed: bool,
}

/// The messages of one side.
#[derive(Debug, Default)]
pub struct Reassembly {
    limits: Limits,
    again: Again,
    /// In the order in which they began.
    incomplete: Vec<Partial>,
    /// Numbers of the messages that have been whole.
    whole: IntervalSet<u32>,
}

impl Reassembly {
    /// Follows one handshake. Each message is given once. Bytes that came first stay, those that contradict them are
    /// reported ([`Message::differed`]).
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Follows a side that may begin several handshakes, whose messages have the same numbers. Messages are given as often
    /// as they are whole, a fragment that contradicts those before begins its message anew, and the oldest incomplete
    /// message makes room for a new one.
    pub fn of_several(limits: Limits) -> Self {
        Self { limits, again: Again::NewHandshake, ..Self::default() }
    }

    /// Takes the next fragment that this side sent.
    pub fn push<'a>(&mut self, fragment: &Fragment<'a>) -> Pushed<'a> {
        let number = fragment.message_seq.value;
        if self.whole.contains(number.into()) {
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
        let place = self.incomplete.iter().position(|partial| partial.number == number);
        let is_whole = start == 0 && end == length;
        let index = match (place, self.again) {
            (None, _) if is_whole => return self.whole(fragment),
            (Some(index), Again::NewHandshake) if is_whole => {
                self.incomplete.remove(index);
                return self.whole(fragment);
            }
            (Some(index), _) => index,
            (None, again) => {
                if self.incomplete.len() >= self.limits.incomplete {
                    match again {
                        Again::Retransmission => return Pushed::Refused(Refused::TooMany),
                        Again::NewHandshake => drop(self.incomplete.remove(0)),
                    }
                }
                self.incomplete.push(Partial::new(fragment));
                self.incomplete.len() - 1
            }
        };
        let Some(partial) = self.incomplete.get_mut(index) else {
            return Pushed::Refused(Refused::TooMany);
        };
        let header_differs = partial.kind != fragment.kind.value || partial.length != fragment.length.value;
        match self.again {
            Again::Retransmission if header_differs => return Pushed::Refused(Refused::HeaderDiffers),
            Again::Retransmission if partial.parts.len() >= self.limits.parts => {
                return Pushed::Refused(Refused::TooMany);
            }
            Again::NewHandshake if header_differs || partial.parts.len() >= self.limits.parts => {
                *partial = Partial::new(fragment);
            }
            _ => {}
        }
        partial.add(start, fragment.bytes.value);
        if partial.differed && self.again == Again::NewHandshake {
            *partial = Partial::new(fragment);
            partial.add(start, fragment.bytes.value);
        }
        if partial.received < length {
            return Pushed::Waiting;
        }
        let message = self.incomplete.remove(index).message();
        self.note_whole(number);
        Pushed::Whole(message)
    }

    /// Numbers of the messages of which only a part has come.
    pub fn incomplete(&self) -> impl Iterator<Item = u16> {
        self.incomplete.iter().map(|partial| partial.number)
    }

    fn whole<'a>(&mut self, fragment: &Fragment<'a>) -> Pushed<'a> {
        let number = fragment.message_seq.value;
        self.note_whole(number);
        let body = Cow::Borrowed(fragment.bytes.value);
        Pushed::Whole(Message { kind: fragment.kind.value, number, body, differed: false })
    }

    fn note_whole(&mut self, number: u16) {
        if self.again == Again::Retransmission {
            let number = u32::from(number);
            self.whole.insert(number..number + 1);
        }
    }
}

impl Partial {
    const fn new(fragment: &Fragment<'_>) -> Self {
        Self {
            kind: fragment.kind.value,
            number: fragment.message_seq.value,
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

    fn message(self) -> Message<'static> {
        let mut body = Vec::with_capacity(self.received);
        self.parts.values().for_each(|part| body.extend_from_slice(part));
        let Self { kind, number, differed, .. } = self;
        Message { kind, number, body: Cow::Owned(body), differed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dtls::handshake::view;
    use crate::wire::dtls::samples;
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

    fn push<'a>(reassembly: &mut Reassembly, bytes: &'a [u8]) -> Pushed<'a> {
        reassembly.push(&Fragment::read(&mut Reader::new("test", bytes)).unwrap())
    }

    fn message(number: u16, length: u32) -> Message<'static> {
        let body = (0..length).map(|byte| byte as u8).collect();
        Message { kind: HandshakeType::Certificate, number, body, differed: false }
    }

    fn whole(number: u16, length: u32) -> Pushed<'static> {
        Pushed::Whole(message(number, length))
    }

    #[test]
    fn fragments_in_any_order_and_overlapping_make_the_message() {
        let mut random = Random::new(7);
        for _ in 0..500 {
            let mut reassembly = Reassembly::default();
            let length = 1 + random.below(60) as u32;
            let is_whole = (0..2000).any(|_| {
                let start = random.below(length as usize) as u32;
                let end = start + 1 + random.below((length - start) as usize) as u32;
                let bytes = fragment(3, length, start, end);
                let pushed = push(&mut reassembly, &bytes);
                assert!(pushed == Pushed::Waiting || pushed == whole(3, length));
                pushed != Pushed::Waiting
            });
            assert!(is_whole);
        }
    }

    #[test]
    fn an_empty_message_is_whole_and_a_whole_one_is_not_reported_twice() {
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
    fn contradicting_fragments_are_reported_and_the_first_bytes_stay() {
        let mut reassembly = Reassembly::default();
        assert_eq!(push(&mut reassembly, &fragment(0, 8, 0, 4)), Pushed::Waiting);
        assert_eq!(push(&mut reassembly, &fragment(0, 9, 4, 9)), Pushed::Refused(Refused::HeaderDiffers));
        let mut other = fragment(0, 8, 2, 8);
        other[12] = 0xff;
        let expected = Pushed::Whole(Message { differed: true, ..message(0, 8) });
        assert_eq!(push(&mut reassembly, &other), expected);
    }

    #[test]
    fn a_message_has_its_header_again() {
        assert_eq!(message(5, 40).to_bytes(), fragment(5, 40, 0, 40));
    }

    /// Of ten bytes, sixteen, sixteen others: what is of another handshake does not mix with what was there.
    #[test]
    fn handshakes_one_after_the_other_have_the_same_numbers() {
        let mut reassembly = Reassembly::of_several(Limits { incomplete: 2, parts: 3, ..Limits::default() });
        for _ in 0..2 {
            assert_eq!(push(&mut reassembly, &fragment(0, 4, 0, 4)), whole(0, 4), "each time");
        }
        assert_eq!(push(&mut reassembly, &fragment(0, 10, 0, 4)), Pushed::Waiting);
        assert_eq!(push(&mut reassembly, &fragment(0, 16, 8, 16)), Pushed::Waiting, "another length");
        let other = |start, end| {
            let mut bytes = fragment(0, 16, start, end);
            bytes[12..].iter_mut().for_each(|byte| *byte |= 0x80);
            bytes
        };
        assert_eq!(push(&mut reassembly, &other(6, 16)), Pushed::Waiting, "the same length");
        let first = other(0, 8);
        let Pushed::Whole(message) = push(&mut reassembly, &first) else { panic!("it is whole") };
        assert_eq!(message.to_bytes(), other(0, 16));
        for number in [1, 2, 3] {
            assert_eq!(push(&mut reassembly, &fragment(number, 8, 0, 4)), Pushed::Waiting);
        }
        assert_eq!(reassembly.incomplete().collect::<Vec<_>>(), [2, 3], "the oldest makes room");
        assert_eq!(push(&mut reassembly, &fragment(3, 8, 0, 8)), whole(3, 8));
        assert_eq!(reassembly.incomplete().collect::<Vec<_>>(), [2]);
        for start in [1, 3, 5, 7, 0] {
            assert_eq!(push(&mut reassembly, &fragment(4, 8, start, start + 1)), Pushed::Waiting);
        }
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
                        if let Pushed::Whole(message) = reassembly.push(&fragment) {
                            let body = message.read(Version::Dtls12).unwrap();
                            assert!(!matches!(body, Body::Fragment(_) | Body::Other(_)));
                            let bytes = message.to_bytes();
                            assert_eq!(view(&bytes, Version::Dtls12).unwrap().body, body);
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
