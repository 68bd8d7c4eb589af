//! A value that tasks wait for.

use crate::sync::lock;
use std::sync::Mutex;
use tokio::sync::Notify;

/// A value that changes, and whose waiters are woken in the order in which they wait. Tokio's `watch` wakes several in an order
/// that it draws, which no seed can fix.
#[derive(Debug, Default)]
pub struct Latest<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T> Latest<T> {
    /// With this value.
    pub fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Notify::new() }
    }

    /// Changes it.
    pub fn update(&self, change: impl FnOnce(&mut T)) {
        change(&mut lock(&self.value));
        self.changed.notify_waiters();
    }

    /// Waits until it is so. May be dropped while it waits.
    pub async fn wait_for(&self, holds: impl Fn(&T) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            if holds(&lock(&self.value)) {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn waiters_go_on_in_the_order_of_waiting() {
        let latest = Arc::new(Latest::new(0));
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiters: Vec<_> = (0..20)
            .map(|n| {
                let (latest, order) = (Arc::clone(&latest), Arc::clone(&order));
                tokio::spawn(async move {
                    latest.wait_for(|value| *value == 2).await;
                    lock(&order).push(n);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        for _ in 0..2 {
            latest.update(|value| *value += 1);
            tokio::task::yield_now().await;
        }
        for waiter in waiters {
            waiter.await.unwrap();
        }
        assert!(lock(&order).is_sorted() && lock(&order).len() == 20);
    }
}
