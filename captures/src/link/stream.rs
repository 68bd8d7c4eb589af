//! Putting TCP segments in order and cutting the stream into messages.

use super::framing::{Framing, Lost};
use super::tcp::Tcp;
use crate::hash::Ordered;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The streams, one per direction of a connection.
#[derive(Debug)]
pub(super) struct Streams {
    streams: Ordered<Key, Stream>,
    most: usize,
    most_bytes: usize,
    evicted: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) interface: Option<usize>,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

#[derive(Debug, Default)]
struct Stream {
    /// Sequence number of the next byte in order.
    next: Option<u32>,
    /// Bytes in order that make no whole message yet.
    buffer: Vec<u8>,
    framing: Option<Framing>,
    /// Segments that came too early, by their distance from the first sequence number seen.
    early: BTreeMap<u64, Vec<u8>>,
    early_bytes: usize,
    /// `next`, counted without wrapping.
    position: u64,
}

impl Streams {
    /// Keeps at most `most` streams, each with at most `most_bytes` that are not in order or no whole message.
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        Self { streams: Ordered::default(), most: most.max(1), most_bytes, evicted: 0 }
    }

    /// Takes in a segment and gives the messages that are whole now. For a message that stands in this segment alone,
    /// where it begins in `payload`.
    pub(super) fn segment(
        &mut self,
        key: Key,
        header: &Tcp,
        payload: &[u8],
        each: &mut dyn FnMut(&[u8], Option<usize>),
    ) {
        if header.syn {
            let next = Some(header.sequence.wrapping_add(1));
            self.make_room(&key);
            self.streams.insert(key, Stream { next, position: 1 << 32, ..Stream::default() });
            return;
        }
        if !payload.is_empty() {
            self.make_room(&key);
            let most_bytes = self.most_bytes;
            let stream = self.streams.entry(key).or_insert_with(|| Stream {
                next: Some(header.sequence),
                position: 1 << 32,
                ..Stream::default()
            });
            stream.segment(header.sequence, payload, most_bytes, each);
        }
        if header.ends {
            self.streams.swap_remove(&key);
        }
    }

    fn make_room(&mut self, key: &Key) {
        if self.streams.len() >= self.most && !self.streams.contains_key(key) {
            self.evicted = (self.evicted + 1) % self.streams.len();
            self.streams.swap_remove_index(self.evicted);
        }
    }
}

impl Stream {
    fn segment(
        &mut self,
        sequence: u32,
        payload: &[u8],
        most_bytes: usize,
        each: &mut dyn FnMut(&[u8], Option<usize>),
    ) {
        let next = *self.next.get_or_insert(sequence);
        let distance = i64::from(sequence.wrapping_sub(next).cast_signed());
        let start = self.position.saturating_add_signed(distance);
        match self.position.checked_sub(start) {
            // In order, or partly seen before.
            Some(seen) => {
                let seen = usize::try_from(seen).unwrap_or(usize::MAX);
                if let Some(fresh) = payload.get(seen..).filter(|fresh| !fresh.is_empty()) {
                    self.append(fresh, seen, most_bytes, each);
                }
            }
            None => {
                if self.early_bytes + payload.len() > most_bytes {
                    self.skip_gap();
                    // Without room the gap is given up; this segment may be in order now.
                    if self.position < start {
                        self.restart(start);
                    }
                    if let Some(fresh) = payload.get((self.position - start) as usize..) {
                        self.append(fresh, 0, most_bytes, each);
                    }
                } else if !self.early.contains_key(&start) {
                    self.early_bytes += payload.len();
                    self.early.insert(start, payload.to_vec());
                }
            }
        }
        while let Some(entry) = self.early.first_entry().filter(|entry| *entry.key() <= self.position) {
            let start = *entry.key();
            let payload = entry.remove();
            self.early_bytes -= payload.len();
            let seen = usize::try_from(self.position - start).unwrap_or(usize::MAX);
            if let Some(fresh) = payload.get(seen..).filter(|fresh| !fresh.is_empty()) {
                self.append(fresh, usize::MAX, most_bytes, each);
            }
        }
    }

    /// Bytes are missing and will not come: goes on at the first ones that are there.
    fn skip_gap(&mut self) {
        if let Some(&start) = self.early.keys().next() {
            self.restart(start);
        }
    }

    fn restart(&mut self, position: u64) {
        let step = position.saturating_sub(self.position);
        self.next = self.next.map(|next| next.wrapping_add(step as u32));
        self.position = position;
        self.buffer.clear();
        // A message may begin here, or not: the framing is recognised anew.
        self.framing = None;
    }

    /// Takes in bytes in order, which begin at `offset` in the segment at hand (if it is that segment).
    fn append(
        &mut self,
        bytes: &[u8],
        offset: usize,
        most_bytes: usize,
        each: &mut dyn FnMut(&[u8], Option<usize>),
    ) {
        self.position += bytes.len() as u64;
        self.next = self.next.map(|next| next.wrapping_add(bytes.len() as u32));
        if self.framing == Some(Framing::Foreign) {
            return;
        }
        if self.buffer.is_empty() {
            let place = (offset != usize::MAX).then_some(offset);
            let done = cut(&mut self.framing, bytes, place, each);
            self.buffer.extend_from_slice(bytes.get(done..).unwrap_or_default());
        } else {
            self.buffer.extend_from_slice(bytes);
            let done = cut(&mut self.framing, &self.buffer, None, each);
            self.buffer.drain(..done);
        }
        if self.buffer.len() > most_bytes {
            self.buffer = Vec::new();
            self.framing = Some(Framing::Foreign);
        }
    }
}

/// Cuts whole messages off the beginning; how many bytes are done with.
fn cut(
    framing: &mut Option<Framing>,
    stream: &[u8],
    place: Option<usize>,
    each: &mut dyn FnMut(&[u8], Option<usize>),
) -> usize {
    let mut done = 0;
    while let Some(rest) = stream.get(done..).filter(|rest| !rest.is_empty()) {
        if framing.is_none() {
            *framing = Framing::recognise(rest);
        }
        let Some(known) = *framing else { break };
        match known.next(rest) {
            Some(Ok((message, next))) => {
                let at = place.map(|place| place + done + message.start);
                each(rest.get(message).unwrap_or_default(), at);
                done += next;
            }
            Some(Err(Lost)) => {
                *framing = Some(Framing::Foreign);
                return stream.len();
            }
            None => break,
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::hex;

    fn key() -> Key {
        let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
        Key { interface: None, from: at(1), to: at(2) }
    }

    fn segment(sequence: u32) -> Tcp {
        Tcp { source: 1, destination: 2, sequence, syn: false, ends: false }
    }

    /// The messages that come out of segments given by sequence number and bytes.
    fn messages(segments: &[(u32, &[u8])], most_bytes: usize) -> Vec<Vec<u8>> {
        let mut streams = Streams::new(4, most_bytes);
        let mut out = Vec::new();
        for (sequence, bytes) in segments {
            streams.segment(key(), &segment(*sequence), bytes, &mut |message, at| {
                if let Some(at) = at {
                    assert_eq!(&bytes[at..at + message.len()], message);
                }
                out.push(message.to_vec());
            });
        }
        out
    }

    /// Three RTP packets in frames of RFC 4571.
    fn framed() -> Vec<u8> {
        hex("000c 806000010000000a00000001 000d 806000020000000a00000001aa 000c 806000030000000a00000001")
    }

    #[test]
    fn frames_come_out_however_the_stream_is_cut_into_segments() {
        let stream = framed();
        let whole = messages(&[(7, &stream)], 1000);
        assert_eq!(whole.iter().map(Vec::len).collect::<Vec<_>>(), [12, 13, 12]);
        // Sequence numbers wrap around within the stream.
        let first = u32::MAX - 5;
        for size in 1..stream.len() {
            let segments: Vec<_> = stream
                .chunks(size)
                .enumerate()
                .map(|(n, chunk)| (first.wrapping_add((n * size) as u32), chunk))
                .collect();
            assert_eq!(messages(&segments, 1000), whole, "segments of {size}");
        }
    }

    #[test]
    fn segments_out_of_order_repeated_and_overlapping_are_put_right() {
        let stream = framed();
        let whole = messages(&[(0, &stream)], 1000);
        let part = |from: usize, to: usize| (from as u32, &stream[from..to]);
        let segments =
            [part(0, 10), part(20, 30), part(30, stream.len()), part(5, 15), part(0, 10), part(12, 25)];
        assert_eq!(messages(&segments, 1000), whole);
    }

    #[test]
    fn a_gap_is_given_up_when_too_much_waits_behind_it() {
        let stream = framed();
        // The second frame is missing, and the third comes again and again.
        let third = &stream[29..];
        let found = messages(&[(0, &stream[..14]), (29, third), (29 + 14, third), (29 + 28, third)], 20);
        assert!(found.len() >= 3, "{found:?}");
        assert_eq!(found[1], &third[2..]);
    }

    #[test]
    fn turn_over_tcp_is_cut_into_stun_and_channel_data() {
        let stream = hex(
            "0001 0000 2112a442 000102030405060708090a0b 4001 0005 16fefd0000 000000 4001 0002 aabb 0000",
        );
        let found = messages(&[(0, &stream[..25]), (25, &stream[25..])], 1000);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [20, 12, 8]);
    }

    #[test]
    fn foreign_streams_are_passed_over() {
        let request = b"GET / HTTP/1.1\r\n\r\n";
        assert!(messages(&[(0, request), (18, &framed())], 1000).is_empty());
    }

    #[test]
    fn more_streams_than_are_kept_are_forgotten() {
        let mut streams = Streams::new(4, 1000);
        for port in 0..100 {
            let key = Key { from: SocketAddr::from(([192, 0, 2, 1], port)), ..key() };
            streams.segment(key, &segment(0), &framed()[..5], &mut |_, _| {});
        }
        assert_eq!(streams.streams.len(), 4);
    }
}
