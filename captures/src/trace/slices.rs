//! What an RTP stream did over time, in slices of equal width.

use serde::Serialize;

/// Most slices of a stream. When a packet comes later than that, each two become one of twice the width.
const MOST: usize = 160;
/// Width of the first slices, in nanoseconds.
const FIRST_WIDTH: u64 = 50_000_000;

/// A slice of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Slice {
    /// Packets seen.
    pub packets: u32,
    /// Bytes of them, RTP header included.
    pub bytes: u32,
    /// By how much the number of missing packets grew: negative if late ones came.
    pub missing: i32,
    /// Packets with the marker bit.
    pub marked: u32,
    /// Key frames that began.
    pub key_frames: u32,
    /// Packets that NACKs asked for.
    pub nacked: u32,
    /// PLI and FIR.
    pub key_frame_requests: u32,
    /// Interarrival jitter at its end, in nanoseconds.
    pub jitter_ns: Option<u64>,
    /// The newest round trip by RTCP, in nanoseconds.
    pub round_trip_ns: Option<u64>,
}

impl Slice {
    fn join(self, later: Self) -> Self {
        Self {
            packets: self.packets.saturating_add(later.packets),
            bytes: self.bytes.saturating_add(later.bytes),
            missing: self.missing.saturating_add(later.missing),
            marked: self.marked.saturating_add(later.marked),
            key_frames: self.key_frames.saturating_add(later.key_frames),
            nacked: self.nacked.saturating_add(later.nacked),
            key_frame_requests: self.key_frame_requests.saturating_add(later.key_frame_requests),
            jitter_ns: later.jitter_ns.or(self.jitter_ns),
            round_trip_ns: later.round_trip_ns.or(self.round_trip_ns),
        }
    }
}

/// The slices of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slices {
    /// Where the first begins, in nanoseconds since 1970-01-01 00:00 UTC.
    pub from_ns: u64,
    /// Their width in nanoseconds.
    pub width_ns: u64,
    /// The slices, up to the last in which something was seen.
    pub all: Vec<Slice>,
}

impl Slices {
    pub(super) const fn from(from_ns: u64) -> Self {
        Self { from_ns, width_ns: FIRST_WIDTH, all: Vec::new() }
    }

    /// The slice of that time. What comes before the first counts to that.
    pub(super) fn at(&mut self, ns: u64) -> &mut Slice {
        let since = ns.saturating_sub(self.from_ns);
        while since / self.width_ns >= MOST as u64 {
            self.width_ns = self.width_ns.saturating_mul(2);
            let join = |pair: &[Slice]| pair.iter().copied().reduce(Slice::join).unwrap_or_default();
            self.all = self.all.chunks(2).map(join).collect();
        }
        let index = (since / self.width_ns) as usize;
        if self.all.len() <= index {
            self.all.resize(index + 1, Slice::default());
        }
        // It was just made.
        let last = self.all.len() - 1;
        &mut self.all[index.min(last)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_wider_and_keep_their_sums() {
        let mut slices = Slices::from(1_000);
        for n in 0..10_000_u64 {
            slices.at(1_000 + n * 10_000_000).packets += 1;
        }
        assert!(slices.all.len() <= MOST && slices.all.len() > MOST / 2 - 1, "{}", slices.all.len());
        assert_eq!(slices.all.iter().map(|slice| slice.packets).sum::<u32>(), 10_000);
        assert_eq!(slices.width_ns, FIRST_WIDTH << 4);
        assert_eq!(slices.all.first().map(|slice| slice.packets), Some(80));
    }

    #[test]
    fn a_time_at_the_end_of_all_clocks_is_no_panic() {
        let mut slices = Slices::from(0);
        slices.at(u64::MAX).packets += 1;
        slices.at(0).packets += 1;
        assert!(slices.all.len() <= MOST);
    }
}
