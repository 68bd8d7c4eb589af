//! A peer that lies: any opened peer, and one named lie about it. Whoever asks it hears what the peer would report and answer, but for
//! that lie. Controls ask for one (`break: { lie: … }`); nothing else does.
//!
//! What it is wrapped around does not know of it, so one liar serves the stack, browsers and programs alike, in virtual time as
//! well.

mod change;
mod lie;
mod paths;
mod teller;
#[cfg(test)]
mod tests;

pub use change::{Change, Fields};
pub use lie::{
    Invented, Lie, Misdescribed, OfCommands, OfEvents, Stale, Statistics, WrongClock, command_names,
    event_names,
};

use super::clock::Estimate;
use super::protocol::Command;
use super::{CaseClock, KeyLogFile, Opened, Peer, PeerInfo, Reported};
use async_trait::async_trait;
use peerproof_captures::timeline::Answer;
use peerproof_stack::tap::{Direction, SecretSink};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use teller::{Action, Teller};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Makes a liar of a peer that was opened.
#[must_use]
pub fn lying(opened: Opened, lie: Lie, clock: CaseClock) -> Opened {
    if let Lie::Several(lies) = lie {
        return lies.into_iter().fold(opened, |opened, lie| lying(opened, lie, clock));
    }
    let (sender, events) = unbounded_channel();
    let info = lie.greeting(opened.peer.info());
    let state = Progress { teller: Teller::new(lie), taken: 0 };
    let mind = Arc::new(Mind { clock, state: Mutex::new(state), changed: Notify::new() });
    tokio::spawn(Arc::clone(&mind).pass(opened.events, sender));
    Opened { peer: Box::new(Liar { peer: opened.peer, info, mind }), events }
}

/// Makes a liar of a peer about its keys: the lines that it reports are changed ones.
#[must_use]
pub fn lying_keys(change: Change, to: Arc<dyn SecretSink>) -> Arc<dyn SecretSink> {
    Arc::new(OtherKeys { change, to })
}

/// Passes on other secrets than it is given.
#[derive(Debug)]
struct OtherKeys {
    change: Change,
    to: Arc<dyn SecretSink>,
}

impl SecretSink for OtherKeys {
    fn key_log(&self, line: &str) {
        self.to.key_log(&self.change.text(line.trim_end()));
    }

    fn srtp_keying_material(&self, material: &[u8]) {
        self.to.srtp_keying_material(material);
    }

    fn application_data(&self, direction: Direction, payload: &[u8]) {
        self.to.application_data(direction, payload);
    }
}

/// What a liar knows.
struct Mind {
    clock: CaseClock,
    state: Mutex<Progress>,
    changed: Notify,
}

struct Progress {
    teller: Teller,
    /// How many of the peer's events were taken up.
    taken: u64,
}

impl Mind {
    fn state(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes on what the peer reports, until it has ended.
    async fn pass(self: Arc<Self>, mut events: UnboundedReceiver<Reported>, to: UnboundedSender<Reported>) {
        while let Some(reported) = events.recv().await {
            let mut state = self.state();
            for one in state.teller.event(reported, self.clock.now_us()) {
                // Whoever dropped the receiver does not want to know.
                let _ = to.send(one);
            }
            state.taken = state.taken.saturating_add(1);
            drop(state);
            self.changed.notify_waiters();
        }
        let mut state = self.state();
        if let Some(last) = state.teller.rest(self.clock.now_us()) {
            let _ = to.send(last);
        }
        state.taken = u64::MAX;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until this number of the peer's events was taken up.
    async fn caught_up(&self, reported: u64) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.state().taken >= reported {
                return;
            }
            changed.await;
        }
    }
}

struct Liar {
    peer: Box<dyn Peer>,
    info: PeerInfo,
    mind: Arc<Mind>,
}

#[async_trait]
impl Peer for Liar {
    fn info(&self) -> &PeerInfo {
        &self.info
    }

    async fn call(&self, command: Command) -> Answer {
        let asked_us = self.mind.clock.now_us();
        let action = self.mind.state().teller.command(command.clone());
        let answer = match action {
            Action::Once(command) => self.peer.call(command).await,
            Action::Twice(command) => {
                let first = self.peer.call(command.clone()).await;
                self.peer.call(command).await;
                first
            }
            Action::Not(answer) => Answer::Ok(answer),
        };
        // What the peer had reported before it answered is passed on before the answer is.
        self.mind.caught_up(self.peer.reported()).await;
        let now_us = self.mind.clock.now_us();
        self.mind.state().teller.answer(&command, answer, (asked_us, now_us))
    }

    fn reported(&self) -> u64 {
        self.mind.state().teller.passed()
    }

    fn clock(&self) -> Option<Estimate> {
        // Taken apart, so that the lock is not held while the peer is asked.
        let own = self.mind.state().teller.estimate();
        own.or_else(|| self.peer.clock())
    }

    async fn end(&self) {
        self.peer.end().await;
    }

    fn key_log_file(&self) -> Option<KeyLogFile> {
        self.peer.key_log_file()
    }

    async fn keylog(&self) -> String {
        self.peer.keylog().await
    }

    async fn files(&self) -> Vec<(String, Vec<u8>)> {
        self.peer.files().await
    }

    async fn diagnostics(&self) -> Vec<(String, Vec<u8>)> {
        self.peer.diagnostics().await
    }
}
