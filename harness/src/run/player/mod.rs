//! Runs the steps of a case, one after the other. The kinds of steps have a file each: commands to a peer, conditions that
//! are awaited, negotiation, network, signalling, servers.

mod command;
mod negotiate;
mod network;
mod outcome;
mod readings;
mod servers;
mod signalling;
mod wait;

use super::actor::Actor;
use super::carrier::Carrier;
use crate::machine::Limit;
use crate::network::lab::Lab;
use crate::recording::{CaseCapture, Journal};
use crate::scenario::recorded;
use crate::scenario::{Action, Step};
use crate::servers::Servers;
use indexmap::IndexMap;
use outcome::{Ended, broken};
use peerproof_captures::timeline::{Expected, Seen, StepOutcome, What};
use peerproof_stack::signalling::Server as SignallingServer;
use readings::Readings;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One peer with the carrier of its candidates.
#[derive(Clone)]
pub struct Part {
    /// The peer.
    pub actor: Arc<Actor>,
    /// Carries its candidates to the other.
    pub carrier: Arc<Carrier>,
}

/// Runs the steps of one case.
pub struct Player {
    /// The peers by name, offerer first.
    parts: IndexMap<String, Part>,
    journal: Arc<Journal>,
    capture: Arc<CaseCapture>,
    seed: u64,
    bound: Mutex<IndexMap<String, Value>>,
    signalling: tokio::sync::Mutex<Option<SignallingServer>>,
    servers: Arc<Servers>,
    /// Where the signalling server listened first; it comes back there.
    signalling_address: Option<SocketAddr>,
    /// The network, if it is one that can be changed.
    lab: Option<Arc<Lab>>,
    /// How often statistics are read while steps wait.
    stats_every: Option<Duration>,
}

impl Player {
    /// A player for these peers, offerer first. `server` is the signalling server of an autonomous scenario; `servers` are its
    /// STUN and TURN servers, and with them comes the network of one that runs in a lab.
    #[must_use]
    pub fn new(
        parts: IndexMap<String, Part>,
        journal: Arc<Journal>,
        capture: Arc<CaseCapture>,
        seed: u64,
        server: Option<SignallingServer>,
        (servers, lab): (Arc<Servers>, Option<Arc<Lab>>),
    ) -> Self {
        let signalling_address = server.as_ref().map(SignallingServer::address);
        Self {
            parts,
            journal,
            capture,
            seed,
            bound: Mutex::default(),
            signalling: tokio::sync::Mutex::new(server),
            servers,
            signalling_address,
            lab,
            stats_every: None,
        }
    }

    /// The same, which reads the statistics of both peers that often while steps wait.
    #[must_use]
    pub fn reading(self, stats_every: Option<Duration>) -> Self {
        Self { stats_every, ..self }
    }

    /// Runs steps in order and stops at the first that does not end as wanted. `total` is the limit for all of them.
    /// Returns whether all were done.
    pub async fn play(&self, steps: &[Step], total: &Limit) -> bool {
        let mut readings = Readings::new(self.stats_every);
        let well = self.play_all(steps, total, &mut readings).await;
        readings.end().await;
        well
    }

    async fn play_all(&self, steps: &[Step], total: &Limit, readings: &mut Readings) -> bool {
        let mut marks = self.marks();
        for (n, step) in steps.iter().enumerate() {
            let definition = recorded::step(step);
            self.capture.remark(format!("step {}: {definition}", n + 1));
            self.capture.next_step();
            let place = step.place.as_deref().map(str::to_owned);
            self.journal.write(What::StepBegan { step: n, definition, place });
            let began = self.marks();
            let run = total.bound(self.step(step, &marks));
            let outcome = match readings.beside(self, &step.action, run).await {
                Ok(Ok(())) => StepOutcome::Done,
                Ok(Err(outcome)) => *outcome,
                Err(_) => StepOutcome::TimedOut {
                    awaited: Expected::AllSteps,
                    within_ms: self.journal.clock().now_us() / 1000,
                    seen: Seen::Running { step: n },
                },
            };
            // A state counts that was passed through since the step before began.
            marks = began;
            let done = outcome == StepOutcome::Done;
            self.journal.write(What::StepEnded { step: n, outcome });
            if !done {
                return false;
            }
        }
        true
    }

    /// Stops what the player started.
    pub async fn end(&self) {
        if let Some(server) = self.signalling.lock().await.take() {
            server.stop().await;
        }
    }

    fn marks(&self) -> Vec<usize> {
        self.parts.values().map(|part| part.actor.mark()).collect()
    }

    fn part(&self, name: &str) -> Result<&Part, Box<StepOutcome>> {
        self.parts.get(name).ok_or_else(|| broken(format!("there is no peer {name}")))
    }

    /// The other of the two peers.
    fn other(&self, name: &str) -> Result<&Part, Box<StepOutcome>> {
        let other = self.parts.iter().find(|(other, _)| *other != name).map(|(_, part)| part);
        other.ok_or_else(|| broken(format!("{name} has no counterpart")))
    }

    fn bound(&self, name: &str) -> Option<Value> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn bind(&self, name: &str, value: Value) {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value);
    }

    /// Runs one step. A condition counts if it was met since the marks, one for each peer.
    async fn step(&self, step: &Step, marks: &[usize]) -> Ended {
        match &step.action {
            Action::Command { peer, name, args } => self.command(step, peer, name, args).await,
            Action::Await { peer, condition } => {
                self.wait(step, peer, condition, self.mark_of(peer, marks)).await
            }
            Action::Never { peer, never } => self.never(peer, never).await,
            Action::Connect(connect) => self.connect(connect).await,
            Action::Negotiate(negotiate) => self.negotiate(negotiate).await,
            Action::Candidates(wanted) => {
                self.candidates(*wanted);
                Ok(())
            }
            Action::Network(network) => self.network(network).await,
            Action::Signalling(what) => self.signalling(*what).await,
            Action::Server(step) => self.server(step).await,
            Action::Quiet(quiet) => self.quiet(quiet).await,
            Action::Stats(_) => {
                self.stats().await;
                Ok(())
            }
        }
    }

    fn mark_of(&self, peer: &str, marks: &[usize]) -> usize {
        self.parts.get_index_of(peer).and_then(|n| marks.get(n)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
