//! One process of the program, and a client that gives it commands and keeps what it says.

use super::monitor::{Fault, Monitor, Rule, Said};
use super::outcome::{Tried, shortened, violates};
use super::reply::Reply;
use crate::machine;
use crate::peers::ANSWER_DEADLINE;
use crate::peers::program::process::{End, Heard, NoMore, Process};
use crate::process::Spec;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::Answer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, UnboundedSender};

/// How long a program may take from its start to its first answer: interpreters load libraries.
pub(super) const START_DEADLINE: Duration = Duration::from_secs(60);
/// Most events and bytes of one process that are kept. Beyond that it is given up: no check makes a program say that much.
const MOST_EVENTS: usize = 50_000;
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Most faults of a rule that are kept in words; the others are counted.
const MOST_FAULTS: u64 = 1;

/// What all processes came to together.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By rule: how often it was broken, and where it was first.
    pub(super) faults: BTreeMap<Rule, (u64, String)>,
    /// Whether a command ever did something: `false` if it was only ever unsupported.
    pub(super) used: BTreeMap<String, bool>,
    /// Answers without a time.
    pub(super) timeless: u64,
    /// Messages, events and keys that were looked at.
    pub(super) messages: u64,
    pub(super) events: u64,
    pub(super) keys: u64,
    /// Whether a selected candidate pair was ever reported.
    pub(super) pairs: bool,
    /// The secrets of all processes, by label and client random.
    secrets: BTreeMap<String, String>,
}

impl Ledger {
    fn fault(&mut self, session: &str, fault: Fault) {
        let (count, first) = self.faults.entry(fault.rule).or_default();
        *count += 1;
        if *count <= MOST_FAULTS {
            *first = format!("{session}: {}", fault.found);
        }
    }

    /// Takes in a line of a key log. The two ends of a connection have the same secrets.
    fn key(&mut self, line: &str) -> Option<Fault> {
        self.keys += 1;
        let (of, secret) = line.rsplit_once(' ')?;
        let secret = secret.to_ascii_lowercase();
        let known = self.secrets.entry(of.to_ascii_lowercase()).or_insert_with(|| secret.clone());
        let found = || format!("another secret than before of {}", shortened(&of.replacen(' ', ", ", 1)));
        (*known != secret).then(|| Fault { rule: Rule::Secrets, found: found() })
    }
}

/// How the program is started, for all sessions.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    /// The executable that guards it.
    pub(super) peerproof: PathBuf,
    /// The program and its arguments.
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    /// When the check began.
    pub(super) began: Instant,
    pub(super) ledger: Arc<Mutex<Ledger>>,
}

impl Ground {
    /// What is known so far.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
struct Inner {
    monitor: Monitor,
    events: Vec<PeerEvent>,
    answers: BTreeMap<u64, Answer>,
    bytes: usize,
    over: Option<Over>,
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Over {
    /// How the program ended, if it did.
    pub(super) how: Option<End>,
    /// The whole, in words that can be shown.
    pub(super) text: String,
}

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Notify,
}

/// A running process with what it said.
pub(super) struct Session {
    name: String,
    process: Process,
    say: Option<UnboundedSender<String>>,
    shared: Arc<Shared>,
    ground: Ground,
    next_id: u64,
    tracked: bool,
    /// The events that it said it never reports.
    unreported: Vec<String>,
}

/// The trouble is ours, not the program's.
#[derive(Debug)]
pub(super) struct Trouble(pub(super) String);

impl Session {
    /// Starts the program. Findings refer to the session by this name.
    pub(super) async fn start(ground: &Ground, name: &str) -> Result<Self, Trouble> {
        let args: Vec<OsString> = ground.args.iter().map(Into::into).collect();
        Self::start_as(ground, name, ground.program.clone(), args).await
    }

    /// Starts it by way of a shell that hands on a given number of lines of input and then ends it.
    pub(super) async fn start_with_end(ground: &Ground, name: &str, lines: usize) -> Result<Self, Trouble> {
        // The supervisor ends a program when the harness's end of its input is closed, so that must stay open: what is to be seen is that the
        // program goes by itself.
        let script = r#"n=$1; shift
while [ "$n" -gt 0 ] && IFS= read -r line; do printf '%s\n' "$line"; n=$((n - 1)); done | "$@""#;
        let mut args: Vec<OsString> = ["-c", script, "sh", &lines.to_string()].map(Into::into).to_vec();
        args.push(ground.program.clone().into());
        args.extend(ground.args.iter().map(Into::into));
        Self::start_as(ground, name, PathBuf::from("/bin/sh"), args).await
    }

    async fn start_as(
        ground: &Ground,
        name: &str,
        program: PathBuf,
        args: Vec<OsString>,
    ) -> Result<Self, Trouble> {
        let spec = Spec {
            peerproof: ground.peerproof.clone(),
            program,
            args,
            env: Vec::new(),
            files: Vec::new(),
            scratch: Spec::fresh_scratch(),
            talks: true,
            directory: None,
        };
        let process = Process::start(spec, None).await.map_err(|error| Trouble(error.to_string()))?;
        let (say, hear) = process.talk();
        let shared = Arc::new(Shared::default());
        tokio::spawn(read(hear, Arc::clone(&shared), ground.clone(), name.to_owned()));
        Ok(Self {
            name: name.to_owned(),
            process,
            say,
            shared,
            ground: ground.clone(),
            next_id: 0,
            tracked: true,
            unreported: Vec::new(),
        })
    }

    /// Starts it and lets it make a connection.
    pub(super) async fn connection(ground: &Ground, name: &str) -> Result<(Self, Tried), Trouble> {
        let mut session = Self::start(ground, name).await?;
        let hello = session.call_within("hello", json!(null), START_DEADLINE).await;
        let made = match hello.done() {
            Ok(greeting) => {
                let unreported = greeting.get("unreported").cloned().unwrap_or_default();
                session.unreported = serde_json::from_value(unreported).unwrap_or_default();
                session.call("createPeerConnection", json!({})).await.done().map(|_| ())
            }
            Err(outcome) => Err(outcome),
        };
        Ok((session, made))
    }

    /// Whether it may report an event of this name.
    pub(super) fn reports(&self, event: &str) -> bool {
        !self.unreported.iter().any(|it| it == event)
    }

    /// What it answers from now on to wrong questions says nothing of what it can.
    pub(super) fn untracked(&mut self) {
        self.tracked = false;
    }

    /// Gives a command and waits for its answer; `null` stands for no arguments.
    pub(super) async fn call(&mut self, name: &str, args: Value) -> Reply {
        self.call_within(name, args, ANSWER_DEADLINE).await
    }

    /// The same with a deadline of its own.
    pub(super) async fn call_within(&mut self, name: &str, args: Value, deadline: Duration) -> Reply {
        let id = self.ask(name, args);
        self.answer(id, name, deadline).await
    }

    /// Gives a command without waiting.
    pub(super) fn ask(&mut self, name: &str, args: Value) -> u64 {
        let id = self.next_id;
        let mut message = json!({ "id": id, "command": name });
        if let (Value::Object(message), false) = (&mut message, args.is_null()) {
            message.insert("args".to_owned(), args);
        }
        self.ask_as(name, message.to_string())
    }

    /// Gives a command in a spelling of its own. It holds the number [`Session::next_id`].
    pub(super) fn ask_as(&mut self, name: &str, line: String) -> u64 {
        let id = self.next_id;
        self.expect(name);
        self.write(line);
        id
    }

    /// The number of the next command.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// A command is about to be given.
    fn expect(&mut self, name: &str) {
        let now = millis(&self.ground);
        lock(&self.shared.inner).monitor.asked(self.next_id, name, now);
        self.next_id += 1;
    }

    /// Writes a line, whatever it is.
    pub(super) fn write(&self, line: String) {
        if let Some(say) = &self.say {
            // If nobody reads it any more, its end is about to be noticed.
            let _ = say.send(line);
        }
    }

    /// The next case begins: commands are numbered from zero again.
    pub(super) fn again(&mut self) {
        self.next_id = 0;
        let mut inner = lock(&self.shared.inner);
        inner.answers.clear();
        inner.events.clear();
    }

    /// Waits for the answer to a command that was given.
    pub(super) async fn answer(&self, id: u64, name: &str, deadline: Duration) -> Reply {
        let found = self
            .until(deadline, |inner| match inner.answers.remove(&id) {
                Some(answer) => Some(Ok(answer)),
                None => inner.over.clone().map(Err),
            })
            .await;
        let reply = match found {
            None => Reply::Silent(deadline),
            Some(Err(over)) => Reply::Ended(over),
            Some(Ok(answer)) => Reply::Answered(answer),
        };
        if self.tracked {
            let mut ledger = self.ground.ledger();
            match &reply {
                Reply::Answered(Answer::Ok(_)) => {
                    ledger.used.insert(name.to_owned(), true);
                }
                Reply::Answered(Answer::Unsupported { .. }) => {
                    ledger.used.entry(name.to_owned()).or_insert(false);
                }
                _ => {}
            }
        }
        reply
    }

    /// How many events there are.
    pub(super) fn mark(&self) -> usize {
        lock(&self.shared.inner).events.len()
    }

    /// Something of the events after a mark.
    pub(super) fn events<T>(&self, mark: usize, pick: impl FnMut(&PeerEvent) -> Option<T>) -> Vec<T> {
        let inner = lock(&self.shared.inner);
        inner.events.get(mark..).unwrap_or_default().iter().filter_map(pick).collect()
    }

    /// Waits for an event after a mark.
    pub(super) async fn event<T>(
        &self,
        mark: usize,
        what: &str,
        within: Duration,
        mut pick: impl FnMut(&PeerEvent) -> Option<T>,
    ) -> Tried<T> {
        let mut seen = mark;
        let found = self
            .until(within, |inner| {
                let new = inner.events.get(seen..).unwrap_or_default();
                seen += new.len();
                // What came before its end counts.
                new.iter().find_map(&mut pick).map(Ok).or_else(|| inner.over.clone().map(Err))
            })
            .await;
        match found {
            Some(Ok(found)) => Ok(found),
            Some(Err(over)) => violates(what, over.text),
            None => violates(what, format!("no such event within {} s", within.as_secs())),
        }
    }

    /// Returns when something new was said, or after a while.
    pub(super) async fn news(&self, within: Duration) {
        let changed = self.shared.changed.notified();
        let _ = tokio::time::timeout(within, changed).await;
    }

    /// Why it is over, if it is.
    pub(super) fn over(&self) -> Option<String> {
        lock(&self.shared.inner).over.as_ref().map(|over| over.text.clone())
    }

    /// Waits until it is over.
    pub(super) async fn ends(&self, within: Duration) -> Option<Over> {
        self.until(within, |inner| inner.over.clone()).await
    }

    async fn until<T>(&self, within: Duration, mut find: impl FnMut(&mut Inner) -> Option<T>) -> Option<T> {
        let awaited = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = find(&mut lock(&self.shared.inner)) {
                    return found;
                }
                changed.await;
            }
        };
        machine::within(within, awaited).await.ok()
    }

    /// Ends the process.
    pub(super) async fn end(mut self) {
        self.say = None;
        self.process.end().await;
        let timeless = lock(&self.shared.inner).monitor.timeless;
        self.ground.ledger().timeless += timeless;
    }

    /// The session's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// Milliseconds since the check began.
fn millis(ground: &Ground) -> f64 {
    ground.began.elapsed().as_secs_f64() * 1000.0
}

async fn read(mut hear: Receiver<Heard>, shared: Arc<Shared>, ground: Ground, name: String) {
    while let Some(heard) = hear.recv().await {
        let now = millis(&ground);
        let mut faults = Vec::new();
        let mut inner = lock(&shared.inner);
        match heard {
            Err(why) => {
                if let NoMore::NoLine(found) = &why {
                    faults.push(Fault { rule: Rule::Message, found: found.clone() });
                }
                let how = match &why {
                    NoMore::Ended { how, .. } => Some(*how),
                    NoMore::NoLine(_) => None,
                };
                inner.over = Some(Over { how, text: shortened(&why.into_reason()) });
            }
            Ok(line) => {
                inner.bytes = inner.bytes.saturating_add(line.len());
                match inner.monitor.take(&line, now, &mut faults) {
                    Said::Answer { id, answer } => {
                        inner.answers.insert(id, answer);
                    }
                    Said::Event(event) => {
                        let mut ledger = ground.ledger();
                        ledger.events += 1;
                        ledger.pairs |= matches!(event, PeerEvent::SelectedCandidatePairChange { .. });
                        drop(ledger);
                        inner.events.push(event);
                    }
                    Said::Key(line) => faults.extend(ground.ledger().key(&line)),
                    Said::Nothing => {}
                }
                ground.ledger().messages += 1;
                if inner.events.len() > MOST_EVENTS || inner.bytes > MOST_BYTES {
                    inner.over = Some(Over { how: None, text: "its output exceeds the limit".to_owned() });
                }
            }
        }
        let over = inner.over.is_some();
        drop(inner);
        for fault in faults {
            ground.ledger().fault(&name, fault);
        }
        shared.changed.notify_waiters();
        if over {
            return;
        }
    }
    let mut inner = lock(&shared.inner);
    inner.over.get_or_insert_with(|| Over { how: Some(End::Terminated), text: End::Terminated.to_string() });
    drop(inner);
    shared.changed.notify_waiters();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_handshake_have_one_secret() {
        let mut ledger = Ledger::default();
        let line = |label: &str, random: &str, secret: &str| {
            format!("{label} {} {}", random.repeat(32), secret.repeat(48))
        };
        for line in [
            line("CLIENT_RANDOM", "ab", "cd"),
            line("CLIENT_RANDOM", "ac", "ce"),
            line("EXPORTER_SECRET", "ab", "ce"),
            line("CLIENT_RANDOM", "ab", "CD"),
        ] {
            assert_eq!(ledger.key(&line), None);
        }
        let fault = ledger.key(&line("CLIENT_RANDOM", "ab", "ce")).unwrap();
        assert_eq!(fault.rule, Rule::Secrets);
        assert!(fault.found.contains("CLIENT_RANDOM, abab") && !fault.found.contains("cece"), "{fault:?}");
        assert_eq!(ledger.keys, 5);
    }

    #[test]
    fn of_many_faults_the_first_is_reported() {
        let mut ledger = Ledger::default();
        for found in ["one", "two", "three"] {
            ledger.fault("a", Fault { rule: Rule::Numbers, found: found.to_owned() });
        }
        assert_eq!(ledger.faults[&Rule::Numbers], (3, "a: one".to_owned()));
    }
}
