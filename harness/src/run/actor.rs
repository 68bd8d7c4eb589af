//! A peer in a case, with all that it has reported and done.

use super::carrier::Carrier;
use crate::machine::{Limit, within};
use crate::peers::clock::Estimate;
use crate::peers::protocol::Command;
use crate::peers::{ANSWER_DEADLINE, Peer, PeerInfo, Reported};
use crate::recording::{CaseCapture, Journal};
use crate::scenario::condition::{Condition, is_near, is_on_another_channel, matches};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Answer, PeerState, Seen, What};
use std::mem::discriminant;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;

/// A peer in a case.
pub struct Actor {
    peer: Box<dyn Peer>,
    journal: Arc<Journal>,
    commands: AtomicU64,
    log: Mutex<Log>,
    changed: Notify,
    /// Held while an answer is written with what belongs to it, so that nothing comes between.
    writing: Mutex<()>,
}

/// What a peer has reported.
#[derive(Default)]
struct Log {
    events: Vec<PeerEvent>,
    /// Events that a step has awaited already, by index.
    taken: Vec<bool>,
    lost: Option<String>,
    connection: Connection,
    /// The text of its last local description.
    local: Option<String>,
}

/// Whether a peer has a connection whose statistics can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Connection {
    /// Not yet, or not any more.
    #[default]
    None,
    /// It has.
    Open,
    /// It has, and answered that it cannot report statistics.
    WithoutStatistics,
}

/// Why what was awaited did not come.
#[derive(Debug, Clone, PartialEq)]
pub enum Missed {
    /// In time; this is there instead.
    TimedOut(Box<Seen>),
    /// The peer is gone.
    Lost(String),
}

impl Actor {
    /// Takes a peer into a case.
    #[must_use]
    pub fn new(peer: Box<dyn Peer>, journal: Arc<Journal>) -> Arc<Self> {
        Arc::new(Self {
            peer,
            journal,
            commands: AtomicU64::new(0),
            log: Mutex::default(),
            changed: Notify::new(),
            writing: Mutex::default(),
        })
    }

    /// Who it is.
    #[must_use]
    pub fn info(&self) -> &PeerInfo {
        self.peer.info()
    }

    /// Its name in the scenario.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.peer.info().name
    }

    /// Takes up what the peer reports until it has ended: into the timeline, the log and, for candidates, the carrier.
    pub async fn listen(
        self: Arc<Self>,
        mut events: UnboundedReceiver<Reported>,
        carrier: Arc<Carrier>,
        stage: Arc<CaseCapture>,
        watch: bool,
    ) {
        while let Some(Reported { seq, at_us, time, event }) = events.recv().await {
            if let Some(state) = PeerState::of(&event) {
                stage.remark(format!("{}: {state}", self.name()));
            }
            let what = What::Event { peer: self.name().to_owned(), seq, event: event.clone() };
            self.journal.write_reported(at_us, time, what);
            match &event {
                PeerEvent::IceCandidate { candidate } => carrier.found(candidate.clone()),
                PeerEvent::Track { id, .. } if watch => {
                    let (actor, track) = (Arc::clone(&self), id.clone());
                    tokio::spawn(async move { actor.call(Command::Watch { track }).await });
                }
                // By then the peer has written its secrets down, if it writes them at all.
                PeerEvent::DtlsStateChange { .. } | PeerEvent::ConnectionStateChange { .. }
                    if stage.collects_key_logs() =>
                {
                    self.keylog().await.lines().for_each(|line| stage.key_log(line));
                }
                _ => {}
            }
            let mut log = self.log();
            match &event {
                PeerEvent::Lost { reason, .. } => log.lost = Some(reason.clone()),
                PeerEvent::Acted { operation, description: Some(set), error: None }
                    if operation == "setLocalDescription" =>
                {
                    log.local = Some(set.sdp.clone());
                }
                _ => {}
            }
            log.events.push(event);
            log.taken.push(false);
            drop(log);
            self.changed.notify_waiters();
        }
    }

    /// Gives a command; command and answer go into the timeline, and statistics as such, too.
    pub async fn call(&self, command: Command) -> Answer {
        if command == Command::Close {
            self.log().connection = Connection::None;
        }
        let asked = self.ask(&command);
        self.answer(command, asked).await
    }

    /// Reads the statistics of the peer, if it has a connection that it was not told to close, is there, and has not refused them.
    pub async fn read_statistics(&self) {
        let asked = {
            let log = self.log();
            if log.lost.is_some() || log.connection != Connection::Open {
                return;
            }
            // With the log held, so that no command to close comes before in the timeline.
            self.ask(&Command::GetStats)
        };
        self.answer(Command::GetStats, asked).await;
    }

    /// Writes that a command is given. Returns its number and name.
    fn ask(&self, command: &Command) -> (u64, String) {
        let id = self.commands.fetch_add(1, Ordering::Relaxed);
        let (name, args) = command.to_json();
        self.journal.write(What::Command { peer: self.name().to_owned(), id, name: name.clone(), args });
        (id, name)
    }

    /// Gives a command and writes the answer.
    async fn answer(&self, command: Command, (id, name): (u64, String)) -> Answer {
        let peer = self.name().to_owned();
        let opens = matches!(command, Command::CreatePeerConnection { .. });
        let is_stats = command == Command::GetStats;
        let describes = matches!(command, Command::SetLocalDescription { .. });
        // A peer keeps its own deadline; this one is for a peer that breaks that promise.
        let limit = ANSWER_DEADLINE + Duration::from_secs(5);
        let answer = within(limit, self.peer.call(command)).await.unwrap_or_else(|_| Answer::Lost {
            reason: format!("no answer to {name} within {} s", limit.as_secs()),
        });
        self.caught_up(limit).await;
        match &answer {
            Answer::Ok(_) if opens => self.log().connection = Connection::Open,
            Answer::Ok(set) if describes => {
                self.log().local = set.get("sdp").and_then(|sdp| sdp.as_str()).map(str::to_owned);
            }
            Answer::Unsupported { .. } | Answer::Rejected { .. } if is_stats => {
                self.log().refuses_statistics();
            }
            _ => {}
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.journal.write(What::Answer { peer: peer.clone(), id, answer: answer.clone() });
        if let (true, Answer::Ok(report)) = (is_stats, &answer) {
            self.journal.write(What::Stats { peer, report: report.clone() });
        }
        answer
    }

    /// Waits until everything that the peer has reported is taken up: it happened before whatever comes next.
    async fn caught_up(&self, limit: Duration) {
        let reported = self.peer.reported();
        let taken_up = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let log = self.log().events.len() as u64;
                if log >= reported {
                    return;
                }
                changed.await;
            }
        };
        // Bounded, since nobody takes events up any more when the case is being taken down.
        let _ = within(limit, taken_up).await;
    }

    /// Why the peer is gone, if it is.
    #[must_use]
    pub fn lost(&self) -> Option<String> {
        self.log().lost.clone()
    }

    /// How many events there are: what comes later is from now on.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.log().events.len()
    }

    /// Waits until the condition holds. A state that was passed through since `mark` counts; an event if no step has
    /// awaited it yet, whenever it came, or only `fresh` ones since `mark`. Returns the event that decided.
    ///
    /// # Errors
    /// It did not come within the limit, or the peer is gone.
    pub async fn wait(
        &self,
        condition: &Condition,
        mark: usize,
        fresh: bool,
        limit: &Limit,
        track: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<Option<PeerEvent>, Missed> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(event) = self.log().find(condition, mark, fresh, track) {
                return Ok(event);
            }
            if let Some(reason) = self.lost() {
                return Err(Missed::Lost(reason));
            }
            if limit.bound(changed).await.is_err() {
                return Err(Missed::TimedOut(Box::new(self.log().instead_of(condition, track))));
            }
        }
    }

    /// Waits until the peer has reported such an event, at any time, taken by a step or not. Returns whether it has.
    pub async fn has_reported(&self, wanted: impl Fn(&PeerEvent) -> bool, limit: &Limit) -> bool {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.log().events.iter().any(&wanted) {
                return true;
            }
            if self.lost().is_some() || limit.bound(changed).await.is_err() {
                return false;
            }
        }
    }

    /// The text of the peer's last local description, if it has set one.
    #[must_use]
    pub fn local_description(&self) -> Option<String> {
        self.log().local.clone()
    }

    /// What is known of the peer's clock by now; nothing if it is the case's own.
    #[must_use]
    pub fn clock(&self) -> Option<Estimate> {
        self.peer.clock()
    }

    /// The secrets that the peer has written down so far.
    pub async fn keylog(&self) -> String {
        self.peer.keylog().await
    }

    /// What belongs to the recording of every case, as files.
    pub async fn files(&self) -> Vec<(String, Vec<u8>)> {
        self.peer.files().await
    }

    /// What the peer offers to explain a failure, as files.
    pub async fn diagnostics(&self) -> Vec<(String, Vec<u8>)> {
        self.peer.diagnostics().await
    }

    /// Ends the peer's part.
    pub async fn end(&self) {
        self.peer.end().await;
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn refuses_statistics(&mut self) {
        if self.connection == Connection::Open {
            self.connection = Connection::WithoutStatistics;
        }
    }

    /// The event by which the condition holds (`Some(None)` if a state has never changed), marked as taken.
    fn find(
        &mut self,
        condition: &Condition,
        mark: usize,
        fresh: bool,
        track: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Option<Option<PeerEvent>> {
        if condition.is_state() {
            let since = self.events.iter().skip(mark);
            if let Some(event) = since.clone().find(|event| matches(condition, event, track)) {
                return Some(Some(event.clone()));
            }
            let initial = PeerState::initial(condition)?;
            return match self.present(&initial) {
                Some((state, event)) => condition.allows(state).then(|| Some(event.clone())),
                None => condition.allows(initial).then_some(None),
            };
        }
        let wanted = condition.times() as usize;
        let found: Vec<usize> = self
            .events
            .iter()
            .enumerate()
            .skip(if fresh { mark } else { 0 })
            .filter(|(n, event)| self.taken.get(*n) == Some(&false) && matches(condition, event, track))
            .map(|(n, _)| n)
            .take(wanted)
            .collect();
        if found.len() < wanted {
            return None;
        }
        for n in &found {
            if let Some(taken) = self.taken.get_mut(*n) {
                *taken = true;
            }
        }
        found.last().and_then(|n| self.events.get(*n)).map(|event| Some(event.clone()))
    }

    /// The last state of the same kind, and the event that reported it.
    fn present(&self, kind: &PeerState) -> Option<(PeerState, &PeerEvent)> {
        let states = self.events.iter().rev().filter_map(|event| Some((PeerState::of(event)?, event)));
        states.into_iter().find(|(state, _)| discriminant(state) == discriminant(kind))
    }

    /// What is there instead of what was awaited.
    fn instead_of(&self, condition: &Condition, track: &(dyn Fn(&str) -> Option<String> + Sync)) -> Seen {
        if let Some(initial) = PeerState::initial(condition) {
            return Seen::State(self.present(&initial).map_or(initial, |(state, _)| state));
        }
        let mut states = self.events.iter().rev().filter_map(PeerState::of);
        let connection = states.clone().find_map(|state| match state {
            PeerState::ConnectionState(state) => Some(state),
            _ => None,
        });
        let dtls = states.find_map(|state| match state {
            PeerState::DtlsState(state) => Some(state),
            _ => None,
        });
        // That a buffer has room again says nothing of what the other peer does.
        let last = self.events.iter().rev().find(|it| !matches!(it, PeerEvent::BufferedAmountLow { .. }));
        let newest = self.events.iter().zip(&self.taken).rev();
        // What an earlier step awaited has come, and not instead.
        let open = newest.clone().filter(|(_, taken)| !**taken).map(|(event, _)| event);
        let other = open
            .clone()
            .find(|event| is_on_another_channel(condition, event))
            .or_else(|| open.clone().find(|event| is_near(condition, event)));
        let counted = newest.filter(|(_, taken)| **taken).map(|(event, _)| event);
        let counted = counted.filter(|_| other.is_none()).find(|event| matches(condition, event, track));
        let nearest = counted.or(other.filter(|nearest| last != Some(*nearest)));
        let (nearest, counted) = (nearest.cloned().map(Box::new), counted.is_some());
        let last = last.cloned().map(Box::new);
        Seen::Events { connection, dtls, last, nearest, counted }
    }
}
