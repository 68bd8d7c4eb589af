//! The clock of a peer outside this process, in terms of the case's clock.
//!
//! Nobody can read a peer's clock from here, but each message bounds it. An answer says the peer's time `t`; the command left at `t0` and
//! the answer was there at `t1`, so `t0 <= offset + t <= t1`. An event happened before it arrived, so `offset + t <= t1`. The offset
//! is in the interval that all messages of the case leave: its middle is the estimate, half its width the error. However busy
//! the machine is, each bound is true, and a message that was quick makes good for all that were slow.
//!
//! Clocks of browsers step by a few microseconds. A message takes longer than that each way, so the true offset is never that near an
//! end of the interval.

use std::collections::BTreeMap;

/// Most that a clock may run faster or slower than the case's. The kernel corrects its clock by no more than that (`adjtimex`), and
/// no quartz is so far off.
const MOST_DRIFT: f64 = 500e-6;
/// The length of a slice of the peer's time, of whose bounds only the tightest are kept.
const SLICE_US: f64 = 1e6;
/// Most slices of which bounds are kept: an hour's. No case takes that long, and a peer that reports wild times costs no more memory.
const MOST_SLICES: usize = 3600;
/// Microseconds by which a time that is written down as a whole number may be off.
const ROUNDING_US: f64 = 0.5;
/// A clock that shows more microseconds than this cannot show single ones.
const MOST_TIME_US: f64 = 9e15;
/// Halvings and thirds of an interval after which nothing is left of it that matters.
const NARROWINGS: usize = 64;

/// What a peer said of an event's time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReportedTime {
    /// When it happened, in microseconds on the peer's own clock.
    pub t_us: f64,
    /// When it arrived, in microseconds on the case's clock.
    pub heard_us: u64,
}

/// A peer's time from milliseconds, as they are in messages, to microseconds; nothing if no clock shows that.
#[must_use]
pub fn valid_us(t_ms: f64) -> Option<f64> {
    let t_us = t_ms * 1000.0;
    (t_us.abs() <= MOST_TIME_US).then_some(t_us)
}

/// A bound of the offset.
#[derive(Debug, Clone, Copy)]
struct Bound {
    /// The peer's time, counted from the first that it reported.
    t: f64,
    /// The offset there, if the clocks run alike.
    offset: f64,
}

impl Bound {
    /// The bound of the offset at the first time reported, if the case's clock runs faster by `drift`.
    fn at_zero(self, drift: f64) -> f64 {
        self.offset - drift * self.t
    }
}

/// The tightest bounds in a slice of the peer's time.
#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    least: Option<Bound>,
    most: Option<Bound>,
}

/// What the messages of a case reveal of a peer's clock. The times are those of [`valid_us`].
#[derive(Debug, Clone)]
pub struct PeerClock {
    /// The first time that the peer reported; the others are counted from it, so that they are small numbers.
    zero: Option<f64>,
    /// The first and the last time reported.
    span: (f64, f64),
    /// The bounds of the offset if the clocks run alike.
    least: f64,
    most: f64,
    slices: BTreeMap<i64, Slice>,
}

impl Default for PeerClock {
    fn default() -> Self {
        Self {
            zero: None,
            span: (0.0, 0.0),
            least: f64::NEG_INFINITY,
            most: f64::INFINITY,
            slices: BTreeMap::new(),
        }
    }
}

impl PeerClock {
    /// Takes up an answer: the peer's time in it, and when the command was given and the answer was there, in microseconds on the
    /// case's clock.
    pub fn answered(&mut self, t_us: f64, asked_us: u64, heard_us: u64) {
        let t = self.since_zero(t_us);
        let bound = Bound { t, offset: asked_us as f64 - t };
        self.least = self.least.max(bound.offset);
        if let Some(slice) = self.slice(t) {
            slice.least = slice.least.filter(|least| least.offset >= bound.offset).or(Some(bound));
        }
        self.heard(t_us, heard_us);
    }

    /// Takes up an event: the peer's time of it, and when it was there on the case's clock.
    pub fn heard(&mut self, t_us: f64, heard_us: u64) {
        let t = self.since_zero(t_us);
        // The case's clock is read in whole microseconds, rounded down.
        let bound = Bound { t, offset: heard_us as f64 + 1.0 - t };
        self.most = self.most.min(bound.offset);
        if let Some(slice) = self.slice(t) {
            slice.most = slice.most.filter(|most| most.offset <= bound.offset).or(Some(bound));
        }
    }

    fn since_zero(&mut self, t_us: f64) -> f64 {
        let t = t_us - *self.zero.get_or_insert(t_us);
        self.span = (self.span.0.min(t), self.span.1.max(t));
        t
    }

    fn slice(&mut self, t: f64) -> Option<&mut Slice> {
        let number = (t / SLICE_US).floor() as i64;
        let room = self.slices.len() < MOST_SLICES || self.slices.contains_key(&number);
        room.then(|| self.slices.entry(number).or_default())
    }

    /// When something happened by what is known so far, on the case's clock; nothing before the first answer. Drift does not matter
    /// yet: all is placed again when the case has ended.
    #[must_use]
    pub fn place(&self, t_us: f64) -> Option<f64> {
        let zero = self.zero?;
        self.least.is_finite().then(|| t_us - zero + f64::midpoint(self.least, self.most))
    }

    /// What is known of the clock by all that was heard.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        match self.zero {
            Some(zero) if self.least.is_finite() && self.least <= self.most => {
                let offset = f64::midpoint(self.least, self.most);
                Estimate::new(zero, offset, 0.0, (self.most - self.least) / 2.0)
            }
            Some(zero) if self.least.is_finite() => self.drifting(zero),
            _ => Estimate { line: None, error_us: u64::MAX, doubt: Some(Doubt::Unknown) },
        }
    }

    /// The estimate where no one offset is right all the time.
    fn drifting(&self, zero: f64) -> Estimate {
        let bounds =
            |of: fn(&Slice) -> Option<Bound>| -> Vec<Bound> { self.slices.values().filter_map(of).collect() };
        let (least, most) = (bounds(|slice| slice.least), bounds(|slice| slice.most));
        let lowest = |drift| least.iter().map(|bound| bound.at_zero(drift)).fold(f64::NEG_INFINITY, f64::max);
        let highest = |drift| most.iter().map(|bound| bound.at_zero(drift)).fold(f64::INFINITY, f64::min);
        // Concave: the highest is the least of straight lines, the lowest the greatest.
        let width = |drift| highest(drift) - lowest(drift);
        let drift = peak(-MOST_DRIFT, MOST_DRIFT, width);
        let offset = f64::midpoint(lowest(drift), highest(drift));
        let best = width(drift);
        if best < 0.0 {
            let estimate = Estimate::new(zero, offset, drift, -best);
            return Estimate { doubt: Some(Doubt::Impossible { by_us: whole(-best) }), ..estimate };
        }
        // Other drifts are possible too. How far the placed times may be off grows towards the ends of what was reported, since it is
        // convex in the time.
        let slowest = edge(drift, -MOST_DRIFT, |drift| width(drift) >= 0.0);
        let fastest = edge(drift, MOST_DRIFT, |drift| width(drift) >= 0.0);
        let error = |t: f64| {
            let latest = |drift| highest(drift) + drift * t;
            let earliest = |drift| lowest(drift) + drift * t;
            let placed = offset + drift * t;
            let late = latest(peak(slowest, fastest, latest)) - placed;
            late.max(placed - earliest(peak(slowest, fastest, |drift| -earliest(drift))))
        };
        Estimate::new(zero, offset, drift, error(self.span.0).max(error(self.span.1)))
    }
}

/// Where a concave function is greatest in an interval.
fn peak(mut low: f64, mut high: f64, of: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..NARROWINGS {
        let third = (high - low) / 3.0;
        if of(low + third) < of(high - third) {
            low += third;
        } else {
            high -= third;
        }
    }
    f64::midpoint(low, high)
}

/// The last place on the way from one that is good to another at which it is still good.
fn edge(mut good: f64, mut other: f64, is_good: impl Fn(f64) -> bool) -> f64 {
    if is_good(other) {
        return other;
    }
    for _ in 0..NARROWINGS {
        let middle = f64::midpoint(good, other);
        if is_good(middle) {
            good = middle;
        } else {
            other = middle;
        }
    }
    good
}

/// Whole microseconds, never fewer.
fn whole(us: f64) -> u64 {
    us.ceil() as u64
}

/// What is known of a peer's clock when the case has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    line: Option<Placing>,
    /// By how much placed times may be off, either way, in microseconds; [`u64::MAX`] if nothing is known.
    pub error_us: u64,
    /// What is wrong with the clock, if something is.
    pub doubt: Option<Doubt>,
}

/// How times of the peer become times of the case.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Placing {
    /// A time of the peer.
    zero: f64,
    /// The case's time then.
    offset: f64,
    /// How much faster the case's clock runs.
    drift: f64,
}

/// What is wrong with a peer's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Its answers contain no time.
    Unknown,
    /// No offset and no drift fit what it reports.
    Impossible {
        /// By how much its times contradict one another at least, in microseconds.
        by_us: u64,
    },
}

impl Estimate {
    fn new(zero: f64, offset: f64, drift: f64, error: f64) -> Self {
        let line = Some(Placing { zero, offset, drift });
        Self { line, error_us: whole(error + ROUNDING_US), doubt: None }
    }

    /// When an event happened, in microseconds on the case's clock: not after it arrived.
    #[must_use]
    pub fn place(&self, reported: ReportedTime) -> u64 {
        let Some(Placing { zero, offset, drift }) = self.line else { return reported.heard_us };
        let placed = offset + (reported.t_us - zero) * (1.0 + drift);
        (placed.round().max(0.0) as u64).min(reported.heard_us)
    }

    /// Microseconds to add to the peer's clock to get the case's, when the case began.
    #[must_use]
    pub fn offset_us(&self) -> i64 {
        let offset = |Placing { zero, offset, drift }| offset / (1.0 + drift) - zero;
        self.line.map_or(0, |line| offset(line).round() as i64)
    }

    /// How much faster the case's clock runs, in parts per million.
    #[must_use]
    pub fn drift_ppm(&self) -> f64 {
        self.line.map_or(0.0, |line| line.drift * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// What a clock of a browser shows when a case begins: microseconds since 1970.
    const BEGIN: f64 = 1_763_831_234_567_891.0;

    /// A peer whose clock is known to the test, and whose messages take as long as chance wants.
    struct Far {
        chance: StdRng,
        clock: PeerClock,
        /// How much faster the case's clock runs.
        drift: f64,
        /// What the peer shows of its events, and when they truly happened on the case's clock.
        events: Vec<(ReportedTime, f64)>,
    }

    impl Far {
        fn new(seed: u64, drift: f64) -> Self {
            Self {
                chance: StdRng::seed_from_u64(seed),
                clock: PeerClock::default(),
                drift,
                events: Vec::new(),
            }
        }

        fn shows(&self, at: f64) -> f64 {
            BEGIN + at / (1.0 + self.drift)
        }

        /// Mostly quick, now and then as slow as on a busy machine.
        fn delay(&mut self) -> f64 {
            let most = if self.chance.random_range(0..4) == 0 { 300_000.0 } else { 2_000.0 };
            self.chance.random_range(10.0..most)
        }

        fn message(&mut self, at: f64) {
            let (there, back) = (self.delay(), self.delay());
            if self.chance.random_range(0..3) == 0 {
                let t_us = self.shows(at + there);
                self.clock.answered(t_us, at as u64, (at + there + back) as u64);
            } else {
                let reported = ReportedTime { t_us: self.shows(at), heard_us: (at + back) as u64 };
                self.clock.heard(reported.t_us, reported.heard_us);
                self.events.push((reported, at));
            }
        }

        fn play(&mut self, seconds: f64) {
            for _ in 0..300 {
                let at = self.chance.random_range(0.0..seconds * 1e6);
                self.message(at);
            }
        }

        /// By how much the worst placed event is off.
        fn worst(&self, estimate: &Estimate) -> f64 {
            let off = |(reported, at): &(ReportedTime, f64)| (estimate.place(*reported) as f64 - at).abs();
            self.events.iter().map(off).fold(0.0, f64::max)
        }
    }

    #[test]
    fn a_quick_round_trip_makes_good_for_a_slow_one() {
        let mut clock = PeerClock::default();
        assert_eq!(clock.place(BEGIN), None);
        // It took 220 ms, nearly all of it on the way back: by half the round trip it would be 100 ms off.
        clock.answered(BEGIN + 10_000.0, 0, 220_000);
        assert_eq!(clock.estimate().error_us, 110_001);
        assert!((clock.place(BEGIN).unwrap() - 100_000.0).abs() < 1.0);
        clock.answered(BEGIN + 500_200.0, 500_000, 500_399);
        let estimate = clock.estimate();
        assert_eq!(estimate.error_us, 201);
        assert_eq!(estimate.doubt, None);
        assert_eq!(estimate.offset_us(), -(BEGIN as i64));
        assert_eq!(estimate.place(ReportedTime { t_us: BEGIN + 700_000.0, heard_us: 900_000 }), 700_000);
        // What was heard of has happened.
        assert_eq!(estimate.place(ReportedTime { t_us: BEGIN + 700_000.0, heard_us: 699_900 }), 699_900);
        assert_eq!(estimate.place(ReportedTime { t_us: BEGIN - 1e6, heard_us: 5 }), 0);
    }

    #[test]
    fn an_event_bounds_the_clock_too() {
        let mut clock = PeerClock::default();
        clock.answered(BEGIN + 50.0, 0, 1_000);
        clock.heard(BEGIN + 5_000.0, 5_099);
        assert_eq!((clock.estimate().offset_us(), clock.estimate().error_us), (25 - BEGIN as i64, 76));
    }

    #[test]
    fn the_truth_is_within_the_error_however_long_messages_take() {
        for seed in 0..200 {
            let mut far = Far::new(seed, 0.0);
            far.play(20.0);
            let estimate = far.clock.estimate();
            assert_eq!(estimate.doubt, None, "seed {seed}");
            let worst = far.worst(&estimate);
            assert!(worst <= estimate.error_us as f64, "seed {seed}: {worst} {estimate:?}");
            assert!(estimate.error_us < 500, "seed {seed}: {estimate:?}");
        }
    }

    #[test]
    fn the_truth_is_within_the_error_of_a_clock_that_drifts() {
        for seed in 0..50 {
            let drift = f64::from(u32::try_from(seed).unwrap()) * 18e-6 - 441e-6;
            let mut far = Far::new(seed, drift);
            far.play(60.0);
            let estimate = far.clock.estimate();
            assert_eq!(estimate.doubt, None, "seed {seed}");
            let worst = far.worst(&estimate);
            assert!(worst <= estimate.error_us as f64, "seed {seed}: {worst} {estimate:?}");
            assert!(estimate.error_us < 4_000, "seed {seed}: {estimate:?}");
            let off = (estimate.drift_ppm() - drift * 1e6).abs();
            assert!(off < 50.0 || estimate.drift_ppm() == 0.0, "seed {seed}: {estimate:?}");
        }
    }

    #[test]
    fn drift_is_found() {
        let mut clock = PeerClock::default();
        for second in 0..60_u32 {
            let at = f64::from(second) * 1e6;
            let t_us = BEGIN + (at + 100.0) / (1.0 + 200e-6);
            clock.answered(t_us, at as u64, at as u64 + 199);
        }
        let estimate = clock.estimate();
        assert!((estimate.drift_ppm() - 200.0).abs() < 2.0, "{estimate:?}");
        assert!(estimate.error_us < 300, "{estimate:?}");
        assert!((estimate.offset_us() + BEGIN as i64).abs() < 300, "{estimate:?}");
    }

    #[test]
    fn a_clock_that_jumps_is_impossible() {
        let mut clock = PeerClock::default();
        clock.answered(BEGIN, 0, 200);
        clock.answered(BEGIN + 1e6, 1_000_000, 1_000_200);
        // It was put back by 350 ms.
        clock.answered(BEGIN + 1.65e6, 2_000_000, 2_000_200);
        let estimate = clock.estimate();
        let Some(Doubt::Impossible { by_us }) = estimate.doubt else { panic!("{estimate:?}") };
        assert!((340_000..350_000).contains(&by_us), "{by_us}");
        assert!(estimate.error_us >= by_us && estimate.error_us <= by_us + 1);
    }

    #[test]
    fn a_peer_that_reports_no_time_in_its_answers_is_placed_where_it_was_heard() {
        let mut clock = PeerClock::default();
        clock.heard(BEGIN, 700);
        let estimate = clock.estimate();
        assert_eq!((estimate.doubt, estimate.error_us), (Some(Doubt::Unknown), u64::MAX));
        assert_eq!(estimate.place(ReportedTime { t_us: BEGIN, heard_us: 700 }), 700);
        assert_eq!((estimate.offset_us(), estimate.drift_ppm()), (0, 0.0));
    }

    #[test]
    fn wild_times_cost_no_memory_and_break_nothing() {
        assert_eq!(valid_us(f64::NAN), None);
        assert_eq!(valid_us(f64::INFINITY), None);
        assert_eq!(valid_us(-1e300), None);
        assert_eq!(valid_us(1.5), Some(1500.0));
        let mut clock = PeerClock::default();
        let mut chance = StdRng::seed_from_u64(1);
        for n in 0..10_000 {
            clock.answered(chance.random_range(-MOST_TIME_US..MOST_TIME_US), n, n + 1);
        }
        assert_eq!(clock.slices.len(), MOST_SLICES);
        let estimate = clock.estimate();
        assert!(matches!(estimate.doubt, Some(Doubt::Impossible { .. })), "{estimate:?}");
        assert!(estimate.place(ReportedTime { t_us: MOST_TIME_US, heard_us: 9 }) <= 9);
    }
}
