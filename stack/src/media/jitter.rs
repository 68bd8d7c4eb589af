//! Puts packets back into the order in which they were sent, and decides when one that is missing is lost.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Packets that wait behind a gap at most.
const MOST_WAITING: usize = 512;
/// A jump of the sequence number beyond this begins a new sequence (RFC 3550 §A.1: MAX_DROPOUT).
const MOST_JUMP: i64 = 3000;

/// A packet that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// RTP marker bit.
    pub marker: bool,
    /// RTP payload without padding; empty in a packet that only pads.
    pub payload: Bytes,
}

/// What comes out, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ordered {
    /// The next packet.
    Packet(Arrived),
    /// How many packets before the next are lost; zero if that is unknown.
    Lost(u64),
}

/// Orders the packets of one stream.
#[derive(Debug)]
pub(super) struct JitterBuffer {
    /// How long a gap is waited for.
    patience: Duration,
    /// Extended number of the packet to come out next.
    next: Option<i64>,
    waiting: BTreeMap<i64, (Instant, Arrived)>,
}

impl JitterBuffer {
    /// An empty one, which waits so long for what is missing.
    pub(super) const fn new(patience: Duration) -> Self {
        Self { patience, next: None, waiting: BTreeMap::new() }
    }

    /// Takes one packet and gives what has become ready.
    pub(super) fn push(&mut self, packet: Arrived, now: Instant) -> Vec<Ordered> {
        let mut ready = Vec::new();
        let next = *self.next.get_or_insert(i64::from(packet.sequence));
        // The distance on the circle of sequence numbers, from −32768 to 32767.
        let distance = i64::from(packet.sequence.wrapping_sub(next as u16).cast_signed());
        if distance.abs() > MOST_JUMP {
            ready.extend(std::mem::take(&mut self.waiting).into_values().map(|(_, p)| Ordered::Packet(p)));
            ready.push(Ordered::Lost(0));
            self.next = Some(next + distance);
        } else if distance < 0 {
            return ready;
        }
        self.waiting.entry(next + distance).or_insert((now, packet));
        self.drain(&mut ready);
        // A gap counts as lost once the packet behind it has waited long enough, or too many wait.
        while let Some((&number, (since, _))) = self.waiting.first_key_value() {
            if now.saturating_duration_since(*since) < self.patience && self.waiting.len() <= MOST_WAITING {
                break;
            }
            self.skip_to(number, &mut ready);
        }
        ready
    }

    /// Gives all that waits, since nothing comes any more.
    pub(super) fn end(&mut self) -> Vec<Ordered> {
        let mut ready = Vec::new();
        while let Some((&number, _)) = self.waiting.first_key_value() {
            self.skip_to(number, &mut ready);
        }
        ready
    }

    /// Goes on with that packet, which is behind a gap.
    fn skip_to(&mut self, number: i64, ready: &mut Vec<Ordered>) {
        let missing = self.next.map_or(0, |next| number.saturating_sub(next));
        ready.push(Ordered::Lost(u64::try_from(missing).unwrap_or(0)));
        self.next = Some(number);
        self.drain(ready);
    }

    fn drain(&mut self, ready: &mut Vec<Ordered>) {
        while let Some(next) = self.next {
            let Some((_, packet)) = self.waiting.remove(&next) else { break };
            ready.push(Ordered::Packet(packet));
            self.next = Some(next + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16) -> Arrived {
        Arrived { sequence, timestamp: 0, marker: false, payload: Bytes::new() }
    }

    /// Pushes packets, each with its time in milliseconds; gives the numbers that came out, and how many are lost with a minus.
    fn play(packets: &[(u16, u64)]) -> Vec<i32> {
        let (mut buffer, start) = (JitterBuffer::new(Duration::from_millis(150)), Instant::now());
        packets
            .iter()
            .flat_map(|&(sequence, at)| buffer.push(packet(sequence), start + Duration::from_millis(at)))
            .map(|out| match out {
                Ordered::Packet(p) => i32::from(p.sequence),
                Ordered::Lost(missing) => -i32::try_from(missing).unwrap(),
            })
            .collect()
    }

    #[test]
    fn order_is_restored_and_duplicates_vanish() {
        assert_eq!(play(&[(1, 0), (3, 1), (3, 1), (2, 2), (2, 3), (1, 4), (4, 5)]), [1, 2, 3, 4]);
    }

    #[test]
    fn numbers_wrap() {
        assert_eq!(play(&[(65_534, 0), (0, 1), (65_535, 2), (1, 3)]), [65_534, 65_535, 0, 1]);
    }

    #[test]
    fn a_gap_is_waited_for_and_then_lost() {
        assert_eq!(play(&[(1, 0), (3, 10), (4, 100)]), [1]);
        assert_eq!(play(&[(1, 0), (3, 10), (4, 100), (5, 160)]), [1, -1, 3, 4, 5]);
    }

    #[test]
    fn two_gaps_are_two_losses() {
        assert_eq!(play(&[(1, 0), (3, 10), (5, 20), (6, 200)]), [1, -1, 3, -1, 5, 6]);
    }

    #[test]
    fn what_waits_at_the_end_comes_out() {
        let (mut buffer, now) = (JitterBuffer::new(Duration::from_millis(150)), Instant::now());
        for sequence in [1, 5, 9] {
            buffer.push(packet(sequence), now);
        }
        let expected =
            [Ordered::Lost(3), Ordered::Packet(packet(5)), Ordered::Lost(3), Ordered::Packet(packet(9))];
        assert_eq!(buffer.end(), expected);
        assert_eq!(buffer.end(), []);
    }

    #[test]
    fn a_jump_begins_anew() {
        assert_eq!(play(&[(1, 0), (2, 1), (20_000, 2), (20_001, 3)]), [1, 2, 0, 20_000, 20_001]);
        assert_eq!(play(&[(20_000, 0), (2, 1), (3, 3)]), [20_000, 0, 2, 3]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut buffer, now) = (JitterBuffer::new(Duration::from_millis(150)), Instant::now());
        buffer.push(packet(0), now);
        for sequence in 2..2800 {
            buffer.push(packet(sequence), now);
            assert!(buffer.waiting.len() <= MOST_WAITING);
        }
    }
}
