//! The order in which an event loop takes what is ready, where that order has to be the same each time.
//!
//! The loop waits by `futures::select!`, which takes one of several ready branches by a generator that nobody can seed: its seed
//! depends on how many threads of the process have used one before. In a simulation a gate stands before the branches that are
//! ours, the datagrams and the pause, and lets one of them through at a time, when the loop has taken everything that is its
//! own. So there is no choice.

use super::Hub;
use crate::sync::lock;
use futures::future::BoxFuture;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

/// What may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// One datagram.
    Datagram,
    /// The end of the pause.
    Timer,
}

#[derive(Debug, Default)]
struct GateState {
    open: Option<Turn>,
    /// The pause is over and has not passed yet.
    timer_waits: bool,
}

/// The gate of one connection.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<GateState>);

impl Gate {
    /// Lets one through.
    pub(super) fn open(&self, turn: Turn) {
        lock(&self.0).open = Some(turn);
    }

    /// Lets the pause end if it is over.
    pub(super) fn open_for_timer(&self) -> bool {
        let mut state = lock(&self.0);
        if state.timer_waits {
            state.open = Some(Turn::Timer);
        }
        state.timer_waits
    }

    /// Passes the gate, which shuts behind, if it is open for this.
    pub(super) fn pass(&self, turn: Turn) -> bool {
        let mut state = lock(&self.0);
        let passes = state.open == Some(turn);
        if passes {
            state.open = None;
        }
        passes
    }

    /// Shuts the gate. Whether it was still open.
    pub(super) fn shut(&self) -> bool {
        lock(&self.0).open.take().is_some()
    }

    fn timer_waits(&self, waits: bool) {
        lock(&self.0).timer_waits = waits;
    }
}

/// A timer whose end passes the gate. Before that it is not over for whoever waits, whether or not it was polled meanwhile.
pub(super) struct Gated {
    timer: BoxFuture<'static, ()>,
    hub: Arc<Hub>,
    over: bool,
}

impl Gated {
    pub(super) fn new(timer: BoxFuture<'static, ()>, hub: Arc<Hub>) -> Self {
        Self { timer, hub, over: false }
    }
}

impl Future for Gated {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if !this.over && this.timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.over = true;
        let Some(gate) = this.hub.gate() else { return Poll::Ready(()) };
        if gate.pass(Turn::Timer) {
            return Poll::Ready(());
        }
        // Whoever polls the event loop sees that it waits, and opens.
        gate.timer_waits(true);
        Poll::Pending
    }
}

impl Drop for Gated {
    fn drop(&mut self) {
        if let Some(gate) = self.hub.gate() {
            gate.timer_waits(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_passes_and_the_gate_is_shut() {
        let gate = Gate::default();
        assert!(!gate.pass(Turn::Datagram) && !gate.open_for_timer());
        gate.open(Turn::Datagram);
        assert!(!gate.pass(Turn::Timer) && gate.pass(Turn::Datagram) && !gate.pass(Turn::Datagram));
        gate.timer_waits(true);
        assert!(gate.open_for_timer() && gate.shut() && !gate.shut() && !gate.pass(Turn::Timer));
    }
}
