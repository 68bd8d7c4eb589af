//! Limits in time that a busy machine stretches.
//!
//! A peer that has a processor to itself answers in milliseconds; beside thirty other threads on two processors it takes many times as
//! long, and nothing is wrong with it. A [`Limit`] therefore counts the time that other work on the machine left to this process and to
//! those that it started: all of it while they are alone or have nothing to do, a third of it while they have to wait for the
//! rest since others use two thirds of the processors. On a machine that does nothing else, and in virtual time, that is the time
//! of the clock.

use super::{Monitor, running};
use peerproof_stack::simulation;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A limit in time, which begins when it is made.
#[derive(Debug)]
pub struct Limit {
    within: Duration,
    began: Instant,
    /// The monitor, and what it had counted when the limit began. Nothing where nobody watches the machine.
    counted: Option<(Arc<Monitor>, Duration)>,
}

/// A limit has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time limit has passed")]
pub struct Passed;

impl Limit {
    /// A limit of this much time, counted as above while a [`Watch`](super::Watch) is there, by the clock otherwise.
    #[must_use]
    pub fn new(within: Duration) -> Self {
        let monitor = if simulation::is_running() { None } else { running() };
        let counted = monitor.map(|monitor| {
            let given = monitor.given();
            (monitor, given)
        });
        Self { within, began: Instant::now(), counted }
    }

    /// A span of the clock, for what lasts a given time: an outage, a pause in which nothing may happen.
    #[must_use]
    pub fn by_clock(span: Duration) -> Self {
        Self { within: span, began: Instant::now(), counted: None }
    }

    /// Its length, as it was asked for.
    #[must_use]
    pub const fn within(&self) -> Duration {
        self.within
    }

    /// What is left of it.
    #[must_use]
    pub fn left(&self) -> Duration {
        let gone = match &self.counted {
            Some((monitor, since)) => monitor.given().saturating_sub(*since),
            None => self.began.elapsed(),
        };
        self.within.saturating_sub(gone)
    }

    /// Waits until it has passed.
    pub async fn passed(&self) {
        loop {
            let left = self.left();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    /// Waits for a future, until the limit has passed.
    ///
    /// # Errors
    /// The limit passed first.
    pub async fn bound<F: Future>(&self, future: F) -> Result<F::Output, Passed> {
        tokio::select! {
            biased;
            output = future => Ok(output),
            () = self.passed() => Err(Passed),
        }
    }
}

/// Waits for a future for at most a given time, counted as by a [`Limit`].
///
/// # Errors
/// The time passed first.
pub async fn within<F: Future>(time: Duration, future: F) -> Result<F::Output, Passed> {
    Limit::new(time).bound(future).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[tokio::test(start_paused = true)]
    async fn where_nobody_watches_the_clock_decides() {
        let began = Instant::now();
        let limit = Limit::by_clock(Duration::from_secs(7));
        assert_eq!(limit.bound(ready(1)).await, Ok(1));
        assert_eq!(limit.bound(pending::<()>()).await, Err(Passed));
        assert_eq!((began.elapsed().as_secs(), limit.left()), (7, Duration::ZERO));
        // What is there in time is taken even when the limit has passed.
        assert_eq!(limit.bound(ready(2)).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_gives_a_third_of_the_time_stretches_it_by_three() {
        let monitor = Arc::new(Monitor::idle());
        let limit = Limit {
            within: Duration::from_secs(5),
            began: Instant::now(),
            counted: Some((Arc::clone(&monitor), Duration::ZERO)),
        };
        let began = Instant::now();
        let giving = async {
            loop {
                tokio::time::sleep(Duration::from_millis(30)).await;
                monitor.give(Duration::from_millis(10));
            }
        };
        tokio::select! {
            biased;
            () = giving => {}
            passed = limit.bound(pending::<()>()) => assert_eq!(passed, Err(Passed)),
        }
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(15) && took < Duration::from_secs(16), "{took:?}");
    }
}
