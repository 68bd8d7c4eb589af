//! Handshake messages of DTLS 1.2 cut into fragments on their way (RFC 6347 §4.2.3).
//!
//! Each fragment is a record of its own, and records have numbers of their own: one that comes twice is a replay (§4.1.2.6). So
//! that there are numbers for those that come to be, all records of epoch 0 of the same sender are spread: the one with number n
//! gets 8n, and the fragments that it is cut into those from 8n on. Nothing protects these numbers before the
//! ChangeCipherSpec, and the Finished covers messages as they were before they were cut (§4.2.6).

use peerproof_captures::wire::dtls::handshake::{Fragment, HandshakeType};
use peerproof_captures::wire::dtls::{self, PlainRecord, Record};

/// How far apart the numbers are put: most records that one record becomes.
const SPREAD: usize = 8;

/// Most pieces of one message.
pub(crate) const MOST_PIECES: usize = 4;

/// The datagrams that go instead of this one when the messages that are meant are cut into that number of pieces; nothing if there
/// are none, or none that can be cut. A piece after the first begins a new datagram.
pub(super) fn cut(
    datagram: &[u8],
    pieces: usize,
    is_meant: impl Fn(HandshakeType) -> bool,
) -> Option<Vec<Vec<u8>>> {
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

impl Rewriting {
    fn end(mut self) -> Vec<Vec<u8>> {
        self.done.push(self.now);
        self.done
    }

    fn records(&mut self, datagram: &[u8], is_meant: &impl Fn(HandshakeType) -> bool) {
        let mut end = 0;
        for record in dtls::view(datagram).records().map_while(Result::ok) {
            // The unified header of DTLS 1.3: nothing behind it is in clear.
            let Record::Plain(plain) = &record else { break };
            let range = record.range().range();
            end = range.end;
            if plain.epoch.value == 0 {
                // Nothing is cut if the record does not end with a message.
                let fragments = record.fragments().into_iter().flatten().collect::<Result<Vec<_>, _>>();
                self.record(plain, &fragments.unwrap_or_default(), is_meant);
            } else {
                self.now.extend_from_slice(datagram.get(range).unwrap_or_default());
            }
        }
        self.now.extend_from_slice(datagram.get(end..).unwrap_or_default());
    }

    fn record(
        &mut self,
        record: &PlainRecord<'_>,
        fragments: &[Fragment<'_>],
        is_meant: &impl Fn(HandshakeType) -> bool,
    ) {
        let pieces_of = |fragment: &Fragment<'_>| {
            let is_long = fragment.bytes.value.len() >= self.pieces;
            if is_long && is_meant(fragment.kind.value) { self.pieces } else { 1 }
        };
        let pieces: Vec<usize> = fragments.iter().map(pieces_of).collect();
        let total: usize = pieces.iter().sum();
        if total > SPREAD || pieces.iter().all(|pieces| *pieces == 1) {
            self.put(record, 0, &[record.fragment.value]);
            return;
        }
        self.cut = true;
        let mut number = 0;
        for (fragment, pieces) in fragments.iter().zip(pieces) {
            let body = fragment.bytes.value;
            let longest = body.len().div_ceil(pieces).max(1);
            let offset = fragment.fragment_offset.value as usize;
            for piece in 0..pieces {
                let from = (piece * longest).min(body.len());
                let part = body.get(from..).unwrap_or_default();
                let part = part.get(..longest).unwrap_or(part);
                if piece > 0 {
                    self.done.push(std::mem::take(&mut self.now));
                }
                // The handshake header of RFC 6347 §4.2.2.
                let header: [&[u8]; 5] = [
                    &[fragment.kind.value.raw()],
                    &three(fragment.length.value as usize),
                    &fragment.message_seq.value.to_be_bytes(),
                    &three(offset + from),
                    &three(part.len()),
                ];
                self.put(record, number, &[&header.concat(), part]);
                number += 1;
            }
        }
    }

    /// Puts a record down, with the `n`-th of the numbers of the one that it comes from.
    fn put(&mut self, record: &PlainRecord<'_>, n: usize, body: &[&[u8]]) {
        let number = record.sequence.value.wrapping_mul(SPREAD as u64).wrapping_add(n as u64);
        let length: usize = body.iter().map(|part| part.len()).sum();
        self.now.push(record.kind.value.raw());
        self.now.extend_from_slice(&record.version.value.raw().to_be_bytes());
        self.now.extend_from_slice(&record.epoch.value.to_be_bytes());
        self.now.extend_from_slice(number.to_be_bytes().get(2..).unwrap_or_default());
        self.now.extend_from_slice(three(length).get(1..).unwrap_or_default());
        body.iter().for_each(|part| self.now.extend_from_slice(part));
    }
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

    /// Lengths of the headers of a record and of a handshake message.
    const HEADERS: usize = 13 + Fragment::HEADER;

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
        assert_eq!(cut(&datagram, 2, |kind| kind == HandshakeType::Certificate).unwrap(), expected);
        assert_eq!(
            cut(&datagram, 2, |kind| kind == HandshakeType::ServerKeyExchange),
            None,
            "it holds no such message"
        );
        assert_eq!(
            cut(&datagram, 3, |kind| kind == HandshakeType::ServerHello),
            None,
            "two bytes cannot be cut into three"
        );
    }

    #[test]
    fn fragments_and_messages_that_share_a_record_are_cut_too() {
        let shared = [message(2, 2, 0, &[7, 7]), message(11, 9, 4, &[1, 2, 3, 4])].concat();
        let pieces = cut(&record(22, 1, &shared), 2, |kind| kind == HandshakeType::Certificate).unwrap();
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
            let first = HEADERS + 3;
            let datagrams = cut(given, 2, |_| true);
            assert_eq!(datagrams.is_some(), length >= first, "{length}");
            let gone = datagrams.into_iter().flatten().collect::<Vec<_>>().concat();
            if length >= first {
                assert_eq!(gone.len(), length + HEADERS, "one piece more");
                assert!(length == whole.len() || gone.ends_with(&given[first..]), "the rest goes as it is");
            }
            assert!(renumbered(given).is_none_or(|renumbered| renumbered.len() == length), "{length}");
        }
    }
}
