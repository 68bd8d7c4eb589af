//! Statistics that are read while steps wait, so that a recording shows how they went on.

use super::Player;
use crate::scenario::Action;
use indexmap::IndexMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// After that many readings the time between two is doubled, so that the recording of a long case can be read again: a reading of a browser has
/// some 30 KB, and is in the timeline twice.
const DOUBLED_AFTER: u32 = 200;

/// Reads the statistics of peers while steps wait. No step waits for a reading: those under way are awaited when all steps are over.
pub(super) struct Readings {
    /// The time between two; none are taken without.
    every: Option<Duration>,
    /// How many were taken of each peer at this distance.
    taken: u32,
    /// When the next ones are due, by the clock of the case, which is a virtual one in virtual time.
    due: Instant,
    /// The last one of each peer, which may be under way.
    last: IndexMap<String, AbortHandle>,
    /// Those that were begun.
    under_way: JoinSet<()>,
}

impl Readings {
    /// Readings at this distance, the first of them a distance from now.
    pub(super) fn new(every: Option<Duration>) -> Self {
        let due = Instant::now() + every.unwrap_or_default();
        Self { every, taken: 0, due, last: IndexMap::new(), under_way: JoinSet::new() }
    }

    /// Runs a step to its end, with readings meanwhile if it is one that waits.
    pub(super) async fn beside<T>(
        &mut self,
        player: &Player,
        step: &Action,
        run: impl Future<Output = T>,
    ) -> T {
        let Some(mut every) = self.every.filter(|_| waits(step)) else { return run.await };
        tokio::pin!(run);
        loop {
            tokio::select! {
                biased;
                outcome = &mut run => return outcome,
                () = sleep_until(self.due) => self.begin(player),
            }
            self.taken += 1;
            if self.taken == DOUBLED_AFTER {
                (every, self.taken) = (every * 2, 0);
                self.every = Some(every);
            }
            // None is made up for.
            self.due = Instant::now() + every;
        }
    }

    /// Asks each peer that does not owe an earlier answer.
    fn begin(&mut self, player: &Player) {
        while self.under_way.try_join_next().is_some() {}
        for (name, part) in &player.parts {
            if self.last.get(name).is_none_or(AbortHandle::is_finished) {
                let actor = Arc::clone(&part.actor);
                let reading = self.under_way.spawn(async move { actor.read_statistics().await });
                self.last.insert(name.clone(), reading);
            }
        }
    }

    /// Waits for the readings that are under way; a peer that does not answer is given up by its own deadline.
    pub(super) async fn end(mut self) {
        while self.under_way.join_next().await.is_some() {}
    }
}

/// Whether a step waits for something to happen.
const fn waits(step: &Action) -> bool {
    matches!(step, Action::Await { .. } | Action::Never { .. } | Action::Quiet(_) | Action::Connect(_))
}
