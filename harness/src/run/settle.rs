//! What is recorded when a case has been played: how long the machine may have delayed it, and how well the peers' clocks are
//! known.

use super::actor::Actor;
use crate::machine::{WINDOW_US, Watch};
use crate::recording::Journal;
use peerproof_captures::timeline::What;
use std::sync::Arc;
use std::time::Instant;

/// Ends the case's story: what follows from ending the peers is no part of it. Places the peers' events by all that is known of their
/// clocks. Nobody watches in virtual time, where nothing is delayed.
pub(super) fn settle(journal: &Journal, actors: &[Arc<Actor>], watch: Option<&Watch>) {
    let waited_us = watch.map(|watch| watch.stalls(journal.clock().began(), Instant::now()));
    journal.write(What::Stalls { window_us: WINDOW_US, waited_us: waited_us.unwrap_or_default() });
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
