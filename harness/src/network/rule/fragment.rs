//! Handshake messages of DTLS 1.2 cut into fragments on their way (RFC 6347 §4.2.3).
//!
//! Each fragment is a record of its own, and records have numbers of their own: one that comes twice is a replay (§4.1.2.6). So
//! that there are numbers for those that come to be, all records of epoch 0 of the same sender are spread: the one with number n
//! gets 8n, and the fragments that it is cut into those from 8n on. Nothing protects these numbers before the
//! ChangeCipherSpec, and the Finished covers messages as they were before they were cut (§4.2.6).

/// How far apart the numbers are put: most records that one record becomes.
const SPREAD: usize = 8;
/// Lengths of the headers of records (§4.1) and of handshake messages (§4.2.2).
const RECORD: usize = 13;
const MESSAGE: usize = 12;
const HANDSHAKE: u8 = 22;

/// Most pieces of one message.
pub(crate) const MOST_PIECES: usize = 4;

/// The datagrams that go instead of this one when the messages that are meant are cut into so many pieces; nothing if there
/// are none, or none that can be cut. A piece after the first begins a new datagram.
pub(super) fn cut(datagram: &[u8], pieces: usize, is_meant: impl Fn(u8) -> bool) -> Option<Vec<Vec<u8>>> {
    let mut rewriting = Rewriting { pieces, done: Vec::new(), now: Vec::new(), cut: false };
    rewriting.records(datagram, &is_meant);
    rewriting.cut.then(|| rewriting.end())
}

/// The datagram with its records of epoch 0 numbered as [`cut`] numbers them; nothing if it holds none.
pub(super) fn renumbered(datagram: &[u8]) -> Option<Vec<u8>> {
    let mut rewriting = Rewriting { pieces: 1, done: Vec::new(), now: Vec::new(), cut: false };
    rewriting.records(datagram, &|_| false);
    (rewriting.now != datagram).then_some(rewriting.now)
}

struct Rewriting {
    pieces: usize,
    done: Vec<Vec<u8>>,
    now: Vec<u8>,
    cut: bool,
}

/// A handshake message, or a fragment of one.
struct Message<'a> {
    header: &'a [u8],
    body: &'a [u8],
}

impl Rewriting {
    fn end(mut self) -> Vec<Vec<u8>> {
        self.done.push(self.now);
        self.done
    }

    fn records(&mut self, mut bytes: &[u8], is_meant: &impl Fn(u8) -> bool) {
        while let Some((header, rest)) = bytes.split_at_checked(RECORD) {
            let [kind @ 20..=26, _, _, epoch @ .., _, _, _, _, _, _, high, low] = header else { break };
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some((body, after)) = rest.split_at_checked(length) else { break };
            if epoch != [0, 0] {
                self.now.extend_from_slice(bytes.get(..RECORD + length).unwrap_or_default());
            } else {
                let messages = if *kind == HANDSHAKE { messages(body) } else { None };
                self.record(header, body, messages.as_deref().unwrap_or_default(), is_meant);
            }
            bytes = after;
        }
        // The unified header of DTLS 1.3, or what is no record.
        self.now.extend_from_slice(bytes);
    }

    fn record(
        &mut self,
        header: &[u8],
        body: &[u8],
        messages: &[Message<'_>],
        is_meant: &impl Fn(u8) -> bool,
    ) {
        let pieces_of = |message: &Message<'_>| {
            let kind = message.header.first().copied().unwrap_or_default();
            if is_meant(kind) && message.body.len() >= self.pieces { self.pieces } else { 1 }
        };
        let pieces: Vec<usize> = messages.iter().map(pieces_of).collect();
        let total: usize = pieces.iter().sum();
        if total > SPREAD || pieces.iter().all(|pieces| *pieces == 1) {
            self.put(header, 0, &[body]);
            return;
        }
        self.cut = true;
        let mut number = 0;
        for (message, pieces) in messages.iter().zip(pieces) {
            let longest = message.body.len().div_ceil(pieces).max(1);
            let offset = message.header.get(6..9).map_or(0, number_in);
            for piece in 0..pieces {
                let from = (piece * longest).min(message.body.len());
                let part = message.body.get(from..).unwrap_or_default();
                let part = part.get(..longest).unwrap_or(part);
                if piece > 0 {
                    self.done.push(std::mem::take(&mut self.now));
                }
                let whole = message.header.get(..6).unwrap_or_default();
                self.put(header, number, &[whole, &three(offset + from), &three(part.len()), part]);
                number += 1;
            }
        }
    }

    /// Puts a record down, with the `n`-th of the numbers of the one that it comes from.
    fn put(&mut self, header: &[u8], n: usize, body: &[&[u8]]) {
        let number = header.get(5..11).unwrap_or_default();
        let number = number.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let number = number.wrapping_mul(SPREAD as u64).wrapping_add(n as u64);
        let length: usize = body.iter().map(|part| part.len()).sum();
        self.now.extend_from_slice(header.get(..5).unwrap_or_default());
        self.now.extend_from_slice(number.to_be_bytes().get(2..).unwrap_or_default());
        self.now.extend_from_slice(three(length).get(1..).unwrap_or_default());
        body.iter().for_each(|part| self.now.extend_from_slice(part));
    }
}

/// The handshake messages of a record; nothing if it does not end with one.
fn messages(mut bytes: &[u8]) -> Option<Vec<Message<'_>>> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let (header, rest) = bytes.split_at_checked(MESSAGE)?;
        let (body, after) = rest.split_at_checked(header.get(9..12).map_or(0, number_in))?;
        messages.push(Message { header, body });
        bytes = after;
    }
    Some(messages)
}

fn number_in(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// A number of three bytes.
fn three(number: usize) -> [u8; 3] {
    let number = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    let [_, rest @ ..] = number;
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of epoch 0.
    fn record(kind: u8, number: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 254, 253, 0, 0, 0, 0, 0, 0, 0, number, 0, body.len() as u8];
        bytes.extend(body);
        bytes
    }

    /// A handshake message or a fragment of it, `total` long.
    fn message(kind: u8, total: u8, offset: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0, 0, total, 0, 9, 0, 0, offset, 0, 0, body.len() as u8];
        bytes.extend(body);
        bytes
    }

    #[test]
    fn a_message_is_cut_and_what_stands_around_it_stays() {
        let before = record(22, 1, &message(2, 2, 0, &[7, 7]));
        let meant = record(22, 2, &message(11, 5, 0, &[1, 2, 3, 4, 5]));
        let after = record(20, 3, &[1]);
        let mut protected = record(22, 0, &[9; 4]);
        protected[4] = 1;
        let datagram = [before, meant, after, protected.clone()].concat();
        let expected = [
            [record(22, 8, &message(2, 2, 0, &[7, 7])), record(22, 16, &message(11, 5, 0, &[1, 2, 3]))]
                .concat(),
            [record(22, 17, &message(11, 5, 3, &[4, 5])), record(20, 24, &[1]), protected].concat(),
        ];
        assert_eq!(cut(&datagram, 2, |kind| kind == 11).unwrap(), expected);
        assert_eq!(cut(&datagram, 2, |kind| kind == 12), None, "it holds no such message");
        assert_eq!(cut(&datagram, 3, |kind| kind == 2), None, "two bytes cannot be cut into three");
    }

    #[test]
    fn fragments_and_messages_that_share_a_record_are_cut_too() {
        let shared = [message(2, 2, 0, &[7, 7]), message(11, 9, 4, &[1, 2, 3, 4])].concat();
        let pieces = cut(&record(22, 1, &shared), 2, |kind| kind == 11).unwrap();
        let first = [record(22, 8, &message(2, 2, 0, &[7, 7])), record(22, 9, &message(11, 9, 4, &[1, 2]))];
        assert_eq!(pieces, [first.concat(), record(22, 10, &message(11, 9, 6, &[3, 4]))]);
    }

    #[test]
    fn only_records_of_epoch_0_are_numbered_anew() {
        assert_eq!(renumbered(&record(21, 3, &[2, 40])), Some(record(21, 24, &[2, 40])));
        let mut protected = record(23, 3, &[9; 4]);
        protected[4] = 1;
        assert_eq!(renumbered(&protected), None);
        assert_eq!(renumbered(&[0x2e, 0, 1, 0, 1, 9]), None, "the unified header of DTLS 1.3");
    }

    #[test]
    fn what_is_cut_short_is_survived_and_kept() {
        let whole =
            [record(22, 1, &message(11, 3, 0, &[1, 2, 3])), record(22, 2, &message(14, 0, 0, &[]))].concat();
        for length in 0..whole.len() {
            let given = &whole[..length];
            // Its first record is whole from here on; the other's message is empty.
            let first = RECORD + MESSAGE + 3;
            let datagrams = cut(given, 2, |_| true);
            assert_eq!(datagrams.is_some(), length >= first, "{length}");
            let gone = datagrams.into_iter().flatten().collect::<Vec<_>>().concat();
            if length >= first {
                assert_eq!(gone.len(), length + RECORD + MESSAGE, "one piece more");
                assert!(length == whole.len() || gone.ends_with(&given[first..]), "the rest goes as it is");
            }
            assert!(renumbered(given).is_none_or(|renumbered| renumbered.len() == length), "{length}");
        }
    }
}
