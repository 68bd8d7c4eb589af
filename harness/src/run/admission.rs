//! How many cases are played at once.
//!
//! Cases wait most of their time, for deadlines and round trips, so more of them run than there are processors; how many more depends on
//! what they do. Unless somebody says otherwise that is found out: as long as threads seldom wait for a processor there is room for
//! another case, and when they wait nearly always there is one too many.

use crate::machine::{Watch, pressure_is_reported, processors};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

/// Cases for each processor at the beginning.
const FIRST: usize = 4;
/// Cases for each processor, at least: two keep a processor busy when one of them waits, and the pressure that other work causes
/// does not get less when fewer cases run.
const LEAST: usize = 2;
/// Cases for each processor, at most: beyond that memory becomes short before processors do, by the browsers of labs.
const MOST: usize = 8;
/// There is room for another case below this share of time in which a thread waited for a processor.
const LOW: f64 = 0.7;
/// There is one too many above this: cases would show more of the machine than of the peers.
const HIGH: f64 = 0.9;
/// So often is that decided. The pressure is that of the last second, so that a decision shows in the next but one.
const EVERY: Duration = Duration::from_millis(500);

/// How many cases are to be played at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// Always this number.
    Fixed(usize),
    /// As many as the machine bears.
    Adaptive,
}

/// Between which numbers the limit adapts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    least: usize,
    most: usize,
}

impl Range {
    /// The next limit: one more if threads seldom waited and all places are taken, one fewer if they waited nearly always.
    fn next(self, limit: usize, pressure: f64, all_in_use: bool) -> usize {
        let wanted = if pressure > HIGH {
            limit.saturating_sub(1)
        } else if pressure < LOW && all_in_use {
            limit.saturating_add(1)
        } else {
            limit
        };
        wanted.clamp(self.least, self.most)
    }
}

/// Lets as many cases be played at once as the machine bears.
#[derive(Debug)]
pub struct Admission {
    places: Arc<Places>,
    adapting: Option<AbortHandle>,
    remark: Option<String>,
}

#[derive(Debug)]
struct Places {
    taken: Mutex<Taken>,
    /// Wakes one who waits.
    free: Notify,
}

#[derive(Debug)]
struct Taken {
    limit: usize,
    used: usize,
}

/// A case's place; free again when dropped.
#[derive(Debug)]
pub struct Permit {
    places: Arc<Places>,
}

impl Admission {
    /// Admission by this number of cases. To be called within the runtime in which the cases run.
    ///
    /// # Errors
    /// The machine cannot be watched.
    pub fn new(jobs: Jobs) -> io::Result<Self> {
        match jobs {
            Jobs::Fixed(jobs) => Ok(Self::fixed(jobs)),
            Jobs::Adaptive => Self::adaptive(),
        }
    }

    fn fixed(jobs: usize) -> Self {
        Self { places: Arc::new(Places::new(jobs.max(1))), adapting: None, remark: None }
    }

    fn adaptive() -> io::Result<Self> {
        let processors = processors();
        let mut admission = Self::fixed(FIRST * processors);
        if let Err(reason) = pressure_is_reported() {
            let limit = admission.limit();
            admission.remark = Some(format!("{limit} cases run in parallel regardless of load: {reason}"));
            return Ok(admission);
        }
        let watch = Watch::begin()?;
        let range = Range { least: LEAST * processors, most: most_jobs() };
        let places = Arc::clone(&admission.places);
        let adapting = tokio::spawn(async move {
            let mut every = tokio::time::interval(EVERY);
            every.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                every.tick().await;
                if let Some(pressure) = watch.cpu_pressure() {
                    places.adapt(range, pressure);
                }
            }
        });
        admission.adapting = Some(adapting.abort_handle());
        Ok(admission)
    }

    /// Waits for a place.
    pub async fn place(&self) -> Permit {
        loop {
            let free = self.places.free.notified();
            tokio::pin!(free);
            free.as_mut().enable();
            if self.places.take() {
                return Permit { places: Arc::clone(&self.places) };
            }
            free.await;
        }
    }

    /// How many cases may be played at once by now.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.places.taken().limit
    }

    /// What the user should know of it.
    #[must_use]
    pub fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(adapting) = &self.adapting {
            adapting.abort();
        }
    }
}

impl Places {
    fn new(limit: usize) -> Self {
        Self { taken: Mutex::new(Taken { limit, used: 0 }), free: Notify::new() }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> bool {
        let mut taken = self.taken();
        let free = taken.used < taken.limit;
        if free {
            taken.used += 1;
            if taken.used < taken.limit {
                // Whoever was woken for the same place finds another.
                self.free.notify_one();
            }
        }
        free
    }

    fn adapt(&self, range: Range, pressure: f64) {
        let mut taken = self.taken();
        taken.limit = range.next(taken.limit, pressure, taken.used >= taken.limit);
        if taken.used < taken.limit {
            self.free.notify_one();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.used = taken.used.saturating_sub(1);
        if taken.used < taken.limit {
            self.places.free.notify_one();
        }
    }
}

/// Most cases that are ever played at once while the limit adapts.
#[must_use]
pub fn most_jobs() -> usize {
    MOST * processors()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const RANGE: Range = Range { least: 2, most: 6 };

    #[test]
    fn the_limit_follows_the_pressure_within_its_range() {
        assert_eq!(RANGE.next(4, 0.2, true), 5);
        assert_eq!(RANGE.next(4, 0.2, false), 4, "nobody needs another place");
        for pressure in [0.7, 0.8, 0.9, f64::NAN] {
            assert_eq!(RANGE.next(4, pressure, true), 4);
        }
        assert_eq!(RANGE.next(4, 0.95, true), 3);
        assert_eq!(RANGE.next(4, 0.95, false), 3);
        assert_eq!(RANGE.next(2, 1.0, true), 2);
        assert_eq!(RANGE.next(6, 0.0, true), 6);
        assert_eq!(RANGE.next(0, 0.8, true), 2);
        assert_eq!(RANGE.next(usize::MAX, 0.0, true), 6);
    }

    #[tokio::test]
    async fn places_are_given_up_to_the_limit_and_again_when_they_are_free() {
        let admission = Admission::new(Jobs::Fixed(2)).unwrap();
        let (first, _second) = (admission.place().await, admission.place().await);
        let mut third = Box::pin(admission.place());
        assert!(third.as_mut().now_or_never().is_none());
        let waiting = tokio::join!(third, async { drop(first) });
        assert!(admission.place().now_or_never().is_none());
        drop(waiting);
        assert!(admission.place().now_or_never().is_some());
        assert_eq!(Admission::new(Jobs::Fixed(0)).unwrap().limit(), 1);
    }

    #[tokio::test]
    async fn one_who_waits_takes_a_place_that_is_new() {
        let admission = Admission::new(Jobs::Fixed(2)).unwrap();
        let taken = (admission.place().await, admission.place().await);
        let waits = async { tokio::join!(admission.place(), admission.place()) };
        let grow = async {
            admission.places.adapt(RANGE, 0.0);
            assert_eq!(admission.limit(), 3);
            while admission.places.taken().used < 3 {
                tokio::task::yield_now().await;
            }
            admission.places.adapt(RANGE, 0.0);
        };
        let (waited, ()) = tokio::join!(waits, grow);
        assert_eq!((admission.limit(), admission.places.taken().used), (4, 4));
        // With fewer places nobody is thrown out, but nobody is let in either until enough have gone.
        admission.places.adapt(RANGE, 1.0);
        admission.places.adapt(RANGE, 1.0);
        drop(taken);
        assert!(admission.place().now_or_never().is_none());
        drop(waited);
        assert!(admission.place().now_or_never().is_some());
    }

    #[tokio::test]
    async fn one_who_gives_up_waiting_keeps_no_place_from_the_next() {
        let admission = Admission::new(Jobs::Fixed(1)).unwrap();
        let first = admission.place().await;
        let mut gives_up = Box::pin(admission.place());
        let mut next = Box::pin(admission.place());
        assert!(gives_up.as_mut().now_or_never().is_none());
        assert!(next.as_mut().now_or_never().is_none());
        drop(first);
        drop(gives_up);
        assert!(next.now_or_never().is_some());
    }

    #[tokio::test]
    async fn an_adapting_limit_begins_in_its_range() {
        let admission = Admission::new(Jobs::Adaptive).unwrap();
        assert_eq!(admission.limit(), FIRST * processors());
        assert_eq!(admission.remark().is_some(), pressure_is_reported().is_err());
        assert!((LEAST * processors()..=most_jobs()).contains(&admission.limit()));
    }
}
