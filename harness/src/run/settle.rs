//! What is put on record when a case has been played: how well the peers' clocks are known.

use super::actor::Actor;
use super::journal::Journal;
use std::sync::Arc;

/// Ends the case's story: what follows from ending the peers is no part of it. Places the peers' events by all that is known of their
/// clocks.
pub(super) fn settle(journal: &Journal, actors: &[Arc<Actor>]) {
    journal.seal();
    let clocks = actors.iter().filter_map(|actor| Some((actor.name(), actor.clock()?)));
    let mut settled = false;
    for (peer, clock) in clocks {
        journal.settle(peer, &clock);
        settled = true;
    }
    if settled {
        journal.rewrite();
    }
}
