//! Putting together the fragments of handshake messages (RFC 6347 §4.2.3).

use super::bytes::Bytes;

/// Longest message that is put together. Hellos are far shorter.
const LONGEST: usize = 32 << 10;
/// Most separate pieces of a message that is not whole.
const MOST_PIECES: usize = 64;
/// Most messages in the making.
const MOST_MESSAGES: usize = 4;

/// Messages in the making.
#[derive(Debug, Default)]
pub(in crate::decrypt) struct Reassembly {
    partial: Vec<Partial>,
}

#[derive(Debug)]
struct Partial {
    kind: u8,
    sequence: u16,
    bytes: Vec<u8>,
    /// What is there, sorted and apart.
    pieces: Vec<(usize, usize)>,
}

impl Reassembly {
    /// Takes in the plaintext of a handshake record and gives the messages of a wanted kind that are whole now.
    pub(in crate::decrypt) fn record(
        &mut self,
        plaintext: &[u8],
        wanted: impl Fn(u8) -> bool,
        mut each: impl FnMut(u8, &[u8]),
    ) {
        let mut rest = Bytes(plaintext);
        while let Some(fragment) = Fragment::read(&mut rest) {
            if !wanted(fragment.kind) || fragment.length > LONGEST {
                continue;
            }
            if fragment.body.len() == fragment.length {
                each(fragment.kind, fragment.body);
            } else if let Some(message) = self.fragment(&fragment) {
                each(message.kind, &message.bytes);
            }
        }
    }

    fn fragment(&mut self, fragment: &Fragment<'_>) -> Option<Partial> {
        let same = |partial: &Partial| {
            (partial.kind, partial.sequence, partial.bytes.len())
                == (fragment.kind, fragment.sequence, fragment.length)
        };
        let index = self.partial.iter().position(same).unwrap_or_else(|| {
            if self.partial.len() >= MOST_MESSAGES {
                self.partial.remove(0);
            }
            let bytes = vec![0; fragment.length];
            self.partial.push(Partial {
                kind: fragment.kind,
                sequence: fragment.sequence,
                bytes,
                pieces: Vec::new(),
            });
            self.partial.len() - 1
        });
        let partial = self.partial.get_mut(index)?;
        let end = fragment.offset.checked_add(fragment.body.len())?;
        partial.bytes.get_mut(fragment.offset..end)?.copy_from_slice(fragment.body);
        partial.add(fragment.offset, end);
        let whole = partial.pieces.as_slice() == [(0, fragment.length)];
        whole.then(|| self.partial.remove(index))
    }
}

impl Partial {
    fn add(&mut self, mut start: usize, mut end: usize) {
        self.pieces.retain(|&(from, to)| {
            let touches = from <= end && start <= to;
            if touches {
                (start, end) = (start.min(from), end.max(to));
            }
            !touches
        });
        if self.pieces.len() < MOST_PIECES {
            let at = self.pieces.partition_point(|&(from, _)| from < start);
            self.pieces.insert(at, (start, end));
        }
    }
}

struct Fragment<'a> {
    kind: u8,
    /// Of the whole message.
    length: usize,
    sequence: u16,
    offset: usize,
    body: &'a [u8],
}

impl<'a> Fragment<'a> {
    fn read(rest: &mut Bytes<'a>) -> Option<Self> {
        let kind = rest.u8()?;
        let length = rest.u24()?;
        let sequence = rest.u16()?;
        let offset = rest.u24()?;
        let size = rest.u24()?;
        Some(Self { kind, length, sequence, offset, body: rest.take(size)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(sequence: u8, length: u8, offset: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![1, 0, 0, length, 0, sequence, 0, 0, offset, 0, 0, body.len() as u8];
        out.extend(body);
        out
    }

    #[test]
    fn fragments_are_joined_in_any_order_with_overlaps_and_repetitions() {
        let mut reassembly = Reassembly::default();
        let mut whole = Vec::new();
        for (offset, body) in [(6, &b"gh"[..]), (0, b"abc"), (6, b"gh"), (2, b"cdef"), (0, b"abc")] {
            let record = fragment(0, 8, offset, body);
            reassembly.record(&record, |kind| kind == 1, |_, message| whole.push(message.to_vec()));
        }
        assert_eq!(whole, [b"abcdefgh"]);
    }

    #[test]
    fn a_fragment_beyond_its_message_is_ignored() {
        let mut reassembly = Reassembly::default();
        let mut count = 0;
        for record in [fragment(0, 4, 3, b"abc"), fragment(0, 4, 0, b"abc"), fragment(1, 3, 0, b"abc")] {
            reassembly.record(&record, |_| true, |_, _| count += 1);
        }
        assert_eq!(count, 1);
    }
}
