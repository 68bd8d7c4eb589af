//! How many messages a client may send: a token bucket.

use std::time::Instant;

/// A bucket that fills at a rate and holds a burst.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        Self { per_second: per_second.into(), burst: burst.into(), tokens: burst.into(), at: now }
    }

    /// Takes one token; `false` if there is none.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.burst);
        let is_left = self.tokens >= 1.0;
        if is_left {
            self.tokens -= 1.0;
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, 3, start);
        assert_eq!([(); 4].map(|()| bucket.take(start)), [true, true, true, false]);
        assert!(!bucket.take(start + Duration::from_millis(90)));
        assert!(bucket.take(start + Duration::from_millis(101)));
        let later = start + Duration::from_secs(60);
        assert_eq!([(); 4].map(|()| bucket.take(later)), [true, true, true, false]);
    }
}
