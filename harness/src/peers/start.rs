//! Starting a program where a peer lives, few at once.

use crate::machine::processors;
use crate::network::lab::Namespace;
use crate::process::{Owned, Spec};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Starts it on this machine or in a namespace: a child is where the thread is that starts it.
pub(super) async fn start_in(spec: Spec, namespace: Option<&Arc<Namespace>>) -> Result<Owned, String> {
    let Some(namespace) = namespace else { return Owned::spawn(&spec).map_err(|error| error.to_string()) };
    let runtime = Handle::current();
    let spawned = namespace.run_async(move || {
        let _entered = runtime.enter();
        Owned::spawn(&spec)
    });
    spawned.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// Lets few browsers and programs start at once. A start keeps a processor busy for seconds: many at once would all take as long as all together,
/// and some would miss their deadline, which begins when their turn comes.
#[derive(Debug, Clone)]
pub struct Starts(Arc<Semaphore>);

impl Default for Starts {
    /// As many at once as there are processors.
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(processors())))
    }
}

impl Starts {
    /// Waits for a turn; it is over when the result is dropped.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes the semaphore.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn browsers_start_one_after_the_other_beyond_the_processors() {
        let starts = Starts::default();
        let mut turns = Vec::new();
        for _ in 0..processors() {
            turns.push(starts.turn().await.unwrap());
        }
        assert!(starts.clone().turn().now_or_never().is_none());
        turns.pop();
        assert!(starts.turn().now_or_never().is_some());
    }
}
