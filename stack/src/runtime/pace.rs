//! How long the event loop may pause.
//!
//! The loop flushes packets first and then handles the events that make new ones, so that work is left after each turn
//! that did anything. A pause that something cut short was followed by such a turn; one that ran out was not.

use futures::future::BoxFuture;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// Turns that follow an activity, and the longest pause before each, from the last to the first.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(2), Duration::from_millis(1), Duration::ZERO];

#[derive(Debug)]
pub(super) struct Pace {
    /// Turns left before the loop may rest: an index into [`PAUSES`].
    left: AtomicU8,
}

impl Default for Pace {
    fn default() -> Self {
        Self { left: AtomicU8::new(PAUSES.len() as u8 - 1) }
    }
}

impl Pace {
    /// A pause of at most `duration`. What times it is put into `within`, which may hold its end back.
    pub(super) fn pause(
        self: &Arc<Self>,
        duration: Duration,
        within: impl FnOnce(BoxFuture<'static, ()>) -> BoxFuture<'static, ()>,
    ) -> Pause {
        let left = self.left.load(Ordering::Acquire);
        let most = PAUSES.get(usize::from(left)).copied().unwrap_or(Duration::ZERO);
        let pause = duration.min(most);
        let timer: BoxFuture<'static, ()> = if pause.is_zero() {
            Box::pin(tokio::task::yield_now())
        } else {
            Box::pin(tokio::time::sleep(pause))
        };
        Pause { timer: within(timer), pace: self.clone(), ran_out: false }
    }
}

/// One pause.
pub(super) struct Pause {
    timer: BoxFuture<'static, ()>,
    pace: Arc<Pace>,
    ran_out: bool,
}

impl Future for Pause {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let polled = this.timer.as_mut().poll(cx);
        this.ran_out |= polled.is_ready();
        polled
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        let left = self.pace.left.load(Ordering::Acquire);
        let next = if self.ran_out { left.saturating_sub(1) } else { PAUSES.len() as u8 - 1 };
        self.pace.left.store(next, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pauses_grow_until_something_cuts_one_short() {
        let pace = Arc::new(Pace::default());
        for _ in 0..3 {
            pace.pause(Duration::from_secs(1), |timer| timer).await;
        }
        assert_eq!(pace.left.load(Ordering::Acquire), 0);
        drop(pace.pause(Duration::from_secs(1), |timer| timer));
        assert_eq!(pace.left.load(Ordering::Acquire), 3);
    }
}
