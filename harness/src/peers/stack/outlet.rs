//! Where a stack peer's events leave it: numbered, on the case's clock, closed after the last.

use super::super::{CaseClock, Reported};
use peerproof_captures::event::PeerEvent;
use peerproof_stack::latest::Latest;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;

#[derive(Debug)]
struct Sequence {
    seq: u64,
    newest_us: u64,
    sender: Option<UnboundedSender<Reported>>,
    lost: Option<String>,
}

/// The events of one peer.
#[derive(Debug)]
pub(super) struct Outlet {
    clock: CaseClock,
    state: Mutex<Sequence>,
    /// How many of the stack's events have come this far.
    taken: Latest<u64>,
}

impl Outlet {
    pub(super) fn new(clock: CaseClock, sender: UnboundedSender<Reported>) -> Self {
        let state = Sequence { seq: 0, newest_us: 0, sender: Some(sender), lost: None };
        Self { clock, state: Mutex::new(state), taken: Latest::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, Sequence> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports an event that happened at `at`. Two tasks may report at once; the case's time never runs backwards.
    pub(super) fn report_at(&self, at: Instant, event: PeerEvent) {
        let mut state = self.state();
        let at_us = self.clock.at_us(at).max(state.newest_us);
        let Some(sender) = &state.sender else { return };
        let is_last = if let PeerEvent::Lost { reason, .. } = &event { Some(reason.clone()) } else { None };
        // Whoever dropped the receiver does not want to know.
        let _ = sender.send(Reported { seq: state.seq, at_us, time: None, event });
        state.seq += 1;
        state.newest_us = at_us;
        if let Some(reason) = is_last {
            state.sender = None;
            state.lost = Some(reason);
        }
    }

    pub(super) fn report(&self, event: PeerEvent) {
        self.report_at(Instant::now(), event);
    }

    /// How many events were reported.
    pub(super) fn reported(&self) -> u64 {
        self.state().seq
    }

    /// One more of the stack's events has come this far.
    pub(super) fn took(&self) {
        self.taken.update(|taken| *taken = taken.saturating_add(1));
    }

    /// None of the stack's events follows.
    pub(super) fn took_all(&self) {
        self.taken.update(|taken| *taken = u64::MAX);
    }

    /// Waits until this number of the stack's events has come this far.
    pub(super) async fn caught_up(&self, count: u64) {
        self.taken.wait_for(|taken| *taken >= count).await;
    }

    /// Why the peer is lost, if it is.
    pub(super) fn lost(&self) -> Option<String> {
        self.state().lost.clone()
    }

    /// Nothing follows.
    pub(super) fn close(&self) {
        self.state().sender = None;
    }
}
