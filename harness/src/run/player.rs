//! Plays the steps of one case: gives commands, carries descriptions, waits for what is awaited.

mod servers;

use super::actor::{Actor, Missed};
use super::carrier::Carrier;
use super::laboratory::link_told;
use crate::machine::{self, Limit};
use crate::network::fabric::Change;
use crate::network::fabric::link::LinkQuality;
use crate::network::lab::Lab;
use crate::network::rule::{Rule, RuleAction, RuleSpec};
use crate::peers::PeerInfo;
use crate::peers::protocol::Command;
use crate::recording::{CaseCapture, Journal};
use crate::scenario::command::{self, CommandError};
use crate::scenario::condition::Condition;
use crate::scenario::rewrite::DescriptionRewrite;
use crate::scenario::step::{
    ActsStep, BitrateStep, DEFAULT_WITHIN, LinkStep, Negotiate, NetworkStep, Quiet, SignallingStep,
    StreamsStep,
};
use crate::scenario::{Action, Step};
use crate::scenario::{recorded, reference};
use crate::servers::Servers;
use indexmap::IndexMap;
use peerproof_captures::event::{ConnectionState, Description, IceGatheringState, PeerEvent};
use peerproof_captures::timeline::{Answer, Expected, Key, Lack, PeerState, Seen, StepOutcome, What};
use peerproof_conformance::expect::AnyOf;
use peerproof_stack::signalling;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One peer with the carrier of its candidates.
#[derive(Clone)]
pub struct Part {
    /// The peer.
    pub actor: Arc<Actor>,
    /// Carries its candidates to the other.
    pub carrier: Arc<Carrier>,
}

/// Plays the steps of one case.
pub struct Player {
    /// The peers by name, offerer first.
    parts: IndexMap<String, Part>,
    journal: Arc<Journal>,
    stage: Arc<CaseCapture>,
    seed: u64,
    bound: Mutex<IndexMap<String, Value>>,
    signalling: tokio::sync::Mutex<Option<signalling::Server>>,
    servers: Arc<Servers>,
    /// Where the signalling server listened first; it comes back there.
    signalling_address: Option<SocketAddr>,
    /// The network, if it is one that can be changed.
    lab: Option<Arc<Lab>>,
}

/// How long the other peer may take to notice that a connection has failed.
const FAILURE_GRACE: Duration = Duration::from_secs(1);

/// How a step ended, if not as the scenario wants.
type Ended = Result<(), Box<StepOutcome>>;

fn wrong(expected: Expected, seen: Seen) -> Box<StepOutcome> {
    Box::new(StepOutcome::Wrong { expected, seen })
}

fn timed_out(awaited: Expected, within_ms: u64, seen: Seen) -> Box<StepOutcome> {
    Box::new(StepOutcome::TimedOut { awaited, within_ms, seen })
}

fn unsupported(peer: &str, reason: Lack) -> Box<StepOutcome> {
    Box::new(StepOutcome::Unsupported { peer: peer.to_owned(), reason })
}

/// The peer is gone. Whether that is its own fault or ours is judged from what runs it.
fn gone(expected: Expected, peer: &str, reason: String) -> Box<StepOutcome> {
    wrong(expected, Seen::Gone { peer: peer.to_owned(), reason })
}

fn at(peer: &str, condition: &Condition) -> Expected {
    Expected::Condition { peer: peer.to_owned(), condition: condition.clone() }
}

/// Makes sure that the peer can report what is awaited (one of several states), or what must not happen (all of them).
fn tells(actor: &Actor, condition: &Condition, never: bool) -> Ended {
    let PeerInfo { implementation, unreported, .. } = actor.info();
    let event = condition.event();
    let is_unreported = |name: &str| unreported.iter().any(|it| it == name);
    let mut states = condition.states().unwrap_or_default().into_iter();
    let is_state_unreported = |state: String| is_unreported(&format!("{event}:{state}"));
    let is_one = states.len() > 0;
    let without =
        if never { states.any(is_state_unreported) } else { is_one && states.all(is_state_unreported) };
    if is_unreported(event) || without {
        let reason =
            Lack::Unreported { implementation: implementation.clone(), condition: condition.clone() };
        return Err(unsupported(actor.name(), reason));
    }
    Ok(())
}

fn broken(cause: impl Into<String>) -> Box<StepOutcome> {
    Box::new(StepOutcome::Broken { cause: cause.into() })
}

impl Player {
    /// A player for these peers, offerer first. `server` is the signalling server of an autonomous scenario; `servers` are its
    /// STUN and TURN servers, and with them comes the network of one that is played in a lab.
    #[must_use]
    pub fn new(
        parts: IndexMap<String, Part>,
        journal: Arc<Journal>,
        stage: Arc<CaseCapture>,
        seed: u64,
        server: Option<signalling::Server>,
        (servers, lab): (Arc<Servers>, Option<Arc<Lab>>),
    ) -> Self {
        let signalling_address = server.as_ref().map(signalling::Server::address);
        Self {
            parts,
            journal,
            stage,
            seed,
            bound: Mutex::default(),
            signalling: tokio::sync::Mutex::new(server),
            servers,
            signalling_address,
            lab,
        }
    }

    /// Plays steps in order and stops at the first that does not end as wanted. `whole` is the time for all of them.
    /// Returns whether all were done.
    pub async fn play(&self, steps: &[Step], whole: &Limit) -> bool {
        let mut marks = self.marks();
        for (n, step) in steps.iter().enumerate() {
            let definition = recorded::step(step);
            self.stage.remark(format!("step {}: {definition}", n + 1));
            self.stage.next_step();
            self.journal.write(What::StepBegan { step: n, definition });
            let began = self.marks();
            let outcome = match whole.bound(self.step(step, &marks)).await {
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

    async fn step(&self, step: &Step, marks: &[usize]) -> Ended {
        let within = step.within.unwrap_or(DEFAULT_WITHIN).0;
        match &step.action {
            Action::Command { peer, name, args } => self.command(step, peer, name, args).await,
            Action::Await { peer, condition } => {
                let mark = self.mark_of(peer, marks);
                let event = self.wait(peer, condition, mark, within).await?;
                if let (Some(name), Some(event)) = (&step.binds, event) {
                    match event {
                        PeerEvent::Track { id, .. } => self.bind(name, json!(id)),
                        PeerEvent::IceCandidate { candidate } => self.bind(name, json!(candidate)),
                        _ => {}
                    }
                }
                Ok(())
            }
            Action::Never { peer, never } => {
                let actor = &self.part(peer)?.actor;
                tells(actor, &never.event, true)?;
                let limit = Limit::by_clock(never.span.0);
                let names = |name: &str| self.track(name);
                let expected =
                    || Expected::NoCondition { peer: peer.clone(), condition: never.event.clone() };
                match actor.wait(&never.event, actor.mark(), true, &limit, &names).await {
                    Err(Missed::TimedOut(_)) => Ok(()),
                    Err(Missed::Lost(reason)) => Err(gone(expected(), peer, reason)),
                    Ok(_) => Err(wrong(expected(), Seen::Occurred(never.event.clone()))),
                }
            }
            Action::Connect(connect) => {
                let limit = Limit::new(connect.within.unwrap_or(DEFAULT_WITHIN).0);
                let marks = self.marks();
                let negotiate = Negotiate {
                    trickle: connect.trickle,
                    offerer: connect.offerer.clone(),
                    rewrite: connect.rewrite.clone(),
                    ice_restart: connect.ice_restart,
                    within: connect.within,
                };
                self.negotiate(&negotiate).await?;
                let Some(condition) = &connect.until else {
                    return self.both_connect(&marks, &limit).await;
                };
                for (name, mark) in self.parts.keys().zip(marks) {
                    self.wait_until(name, condition, mark, &limit).await?;
                }
                Ok(())
            }
            Action::Negotiate(negotiate) => self.negotiate(negotiate).await,
            Action::Candidates(wanted) => {
                for part in self.parts.values() {
                    part.carrier.want(*wanted);
                }
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

    fn track(&self, name: &str) -> Option<String> {
        self.bound(name).and_then(|value| value.as_str().map(str::to_owned))
    }

    async fn wait(
        &self,
        peer: &str,
        condition: &Condition,
        mark: usize,
        within: Duration,
    ) -> Result<Option<PeerEvent>, Box<StepOutcome>> {
        self.wait_until(peer, condition, mark, &Limit::new(within)).await
    }

    async fn wait_until(
        &self,
        peer: &str,
        condition: &Condition,
        mark: usize,
        limit: &Limit,
    ) -> Result<Option<PeerEvent>, Box<StepOutcome>> {
        let names = |name: &str| self.track(name);
        let actor = &self.part(peer)?.actor;
        tells(actor, condition, false)?;
        match actor.wait(condition, mark, false, limit, &names).await {
            Ok(event) => Ok(event),
            Err(Missed::Lost(reason)) => Err(gone(at(peer, condition), peer, reason)),
            Err(Missed::TimedOut(seen)) => {
                let within_ms = u64::try_from(limit.within().as_millis()).unwrap_or(u64::MAX);
                Err(timed_out(at(peer, condition), within_ms, *seen))
            }
        }
    }

    /// Waits until both peers are connected. A connection that has failed meanwhile will not be any more.
    async fn both_connect(&self, marks: &[usize], limit: &Limit) -> Ended {
        let connected = Condition::ConnectionState(AnyOf(vec![ConnectionState::Connected]));
        let condition = &connected;
        let reached = self.parts.keys().zip(marks).map(|(name, mark)| async move {
            self.wait_until(name, condition, *mark, limit).await.map(drop)
        });
        let failed = Condition::ConnectionState(AnyOf(vec![ConnectionState::Failed]));
        let failing = |limit| {
            let failed = &failed;
            self.parts.iter().zip(marks).map(move |((name, part), mark)| {
                Box::pin(async move {
                    let names = |_: &str| None;
                    part.actor.wait(failed, *mark, false, limit, &names).await.map(|_| name.clone())
                })
            })
        };
        let name = tokio::select! {
            biased;
            all = futures::future::try_join_all(reached) => return all.map(drop),
            Ok((name, _)) = futures::future::select_ok(failing(limit)) => name,
        };
        // The other side learns of it a little later, or never: its word belongs into the recording too.
        let grace = Limit::new(FAILURE_GRACE.min(limit.left()));
        futures::future::join_all(failing(&grace)).await;
        Err(wrong(at(&name, condition), Seen::State(PeerState::ConnectionState(ConnectionState::Failed))))
    }

    async fn command(&self, step: &Step, peer: &str, name: &str, args: &Value) -> Ended {
        let mut args = args.clone();
        if name == "join"
            && let Some(address) = self.signalling_address
        {
            command::fill_join(&mut args, &format!("ws://{address}/"), "case");
        }
        reference::resolve_arguments(&mut args, &self.servers.reachable())
            .map_err(|(_, error)| broken(error.to_string()))?;
        let command = command::build(name, &args, |name| self.bound(name)).map_err(|error| match error {
            CommandError::Unbound { name, .. } => {
                broken(format!("no earlier step left anything named {name}"))
            }
            error => broken(error.to_string()),
        })?;
        let is_stats = command == Command::GetStats;
        let answer = self.part(peer)?.actor.call(command).await;
        if let (true, Answer::Ok(report)) = (is_stats, &answer) {
            self.journal.write(What::Stats { peer: peer.to_owned(), report: report.clone() });
        }
        match (answer, &step.rejects) {
            (Answer::Ok(value), None) => {
                if let Some(wanted) = &step.answers
                    && let Some((path, wanted, seen)) = differs(wanted, &value)
                {
                    let (peer, command) = (peer.to_owned(), name.to_owned());
                    let seen =
                        Seen::AnswerValue { command: command.clone(), path: path.clone(), value: seen };
                    return Err(wrong(Expected::AnswerValue { peer, command, path, value: wanted }, seen));
                }
                if let Some(binds) = &step.binds {
                    self.bind_answer(binds, &value);
                }
                Ok(())
            }
            (Answer::Ok(_), Some(wanted)) => {
                Err(wrong(rejection(peer, name, wanted), Seen::Performed { command: name.to_owned() }))
            }
            (Answer::Rejected { name: exception, .. }, Some(wanted)) if exception == *wanted => Ok(()),
            (Answer::Rejected { name: exception, message }, wanted) => {
                let expected = match wanted {
                    Some(wanted) => rejection(peer, name, wanted),
                    None => success(peer, name),
                };
                Err(wrong(expected, Seen::Exception { name: exception, message }))
            }
            (answer, _) => Err(unanswered(peer, answer)),
        }
    }

    /// Keeps a result under a name: a description whole; of tracks the first, and each by its kind.
    fn bind_answer(&self, name: &str, value: &Value) {
        let Some(tracks) = value.get("tracks").and_then(Value::as_array) else {
            self.bind(name, value.clone());
            return;
        };
        for track in tracks.iter().rev() {
            let Some(id) = track.get("id") else { continue };
            self.bind(name, id.clone());
            if let Some(kind) = track.get("kind").and_then(Value::as_str) {
                self.bind(&format!("{name}.{kind}"), id.clone());
            }
        }
    }

    /// Does an operation that must succeed.
    async fn must(&self, part: &Part, command: Command) -> Result<Value, Box<StepOutcome>> {
        let (peer, name) = (part.actor.name(), command.name());
        match part.actor.call(command).await {
            Answer::Ok(value) => Ok(value),
            Answer::Rejected { name: exception, message } => {
                Err(wrong(success(peer, &name), Seen::Exception { name: exception, message }))
            }
            answer => Err(unanswered(peer, answer)),
        }
    }

    async fn negotiate(&self, negotiate: &Negotiate) -> Ended {
        let limit = Limit::new(negotiate.within.unwrap_or(DEFAULT_WITHIN).0);
        let offerer = match &negotiate.offerer {
            Some(name) => self.part(name)?,
            None => self.parts.values().next().ok_or_else(|| broken("there are no peers"))?,
        };
        let answerer = self.other(offerer.actor.name())?;
        let rewrite = &negotiate.rewrite;
        if negotiate.trickle {
            answerer.carrier.expect(rewrite.candidate.as_ref());
        }
        let offer = Command::CreateOffer { ice_restart: negotiate.ice_restart };
        let offer = self.describe(offerer, offer, negotiate, &limit).await?;
        self.hand_over(offerer, answerer, &offer, rewrite.offer.as_ref(), None).await?;
        let answer = self.describe(answerer, Command::CreateAnswer, negotiate, &limit).await?;
        self.hand_over(answerer, offerer, &answer, rewrite.answer.as_ref(), Some(&offer)).await
    }

    /// Makes a description and sets it locally. Without trickling, it comes back with all candidates.
    async fn describe(
        &self,
        part: &Part,
        create: Command,
        negotiate: &Negotiate,
        limit: &Limit,
    ) -> Result<Description, Box<StepOutcome>> {
        let read = |value: Value| {
            serde_json::from_value::<Description>(value).map_err(|error| {
                broken(format!("{} answered with no description: {error}", part.actor.name()))
            })
        };
        let made = read(self.must(part, create).await?)?;
        part.carrier.close(negotiate.trickle, negotiate.rewrite.candidate.as_ref());
        let mark = part.actor.mark();
        let set = Command::SetLocalDescription { description: Some(made.clone()), as_type: None };
        self.must(part, set).await?;
        if negotiate.trickle {
            return Ok(made);
        }
        let complete = Condition::IceGatheringState(AnyOf(vec![IceGatheringState::Complete]));
        self.wait_until(part.actor.name(), &complete, mark, limit).await?;
        let state = self.must(part, Command::GetState).await?;
        read(state.get("localDescription").cloned().unwrap_or_default())
    }

    /// Carries a description to the other, who sets it; from then on candidates may follow.
    async fn hand_over(
        &self,
        from: &Part,
        to: &Part,
        sent: &Description,
        rewrite: Option<&DescriptionRewrite>,
        own: Option<&Description>,
    ) -> Ended {
        let delivered = match rewrite {
            Some(rewrite) => rewrite.apply(sent, own).map_err(|error| broken(error.to_string()))?,
            None => sent.clone(),
        };
        self.journal.write(What::Carried {
            from: from.actor.name().to_owned(),
            to: to.actor.name().to_owned(),
            sent: sent.clone(),
            delivered: (delivered != *sent).then(|| delivered.clone()),
        });
        self.must(to, Command::SetRemoteDescription { description: delivered }).await?;
        from.carrier.open();
        Ok(())
    }

    async fn network(&self, step: &NetworkStep) -> Ended {
        let install =
            |spec: &RuleSpec, action| self.stage.install(Rule::new(spec.clone(), action, self.seed));
        let by = |spec: &RuleSpec| spec.by.map_or(Duration::ZERO, |by| by.0);
        match step {
            NetworkStep::Drop(spec) => install(spec, RuleAction::Drop),
            NetworkStep::Delay(spec) => install(spec, RuleAction::Delay(by(spec))),
            NetworkStep::Duplicate(spec) => install(spec, RuleAction::Duplicate),
            NetworkStep::Replay(spec) => install(spec, RuleAction::Replay(by(spec))),
            NetworkStep::Corrupt(spec) => match spec.field {
                Some(field) => install(spec, RuleAction::CorruptField(field)),
                None => install(spec, RuleAction::Corrupt(spec.byte.unwrap_or(-1))),
            },
            NetworkStep::Reorder(spec) => install(spec, RuleAction::Reorder),
            NetworkStep::Inject(spec) => {
                let bytes = spec.bytes.as_ref().ok_or_else(|| broken("there is nothing to inject"))?;
                install(spec, RuleAction::Inject(Arc::clone(&bytes.0)));
            }
            NetworkStep::Fragment(spec) => install(spec, RuleAction::Fragment(spec.pieces.unwrap_or(2))),
            NetworkStep::Acts(acts) => return self.acts(acts).await,
            NetworkStep::Bitrate(bitrate) => return self.bitrate(bitrate).await,
            NetworkStep::Streams(streams) => return self.streams(streams).await,
            NetworkStep::Clear => self.stage.clear(),
            change => return self.change(change).await,
        }
        Ok(())
    }

    /// Waits until rules of a name have acted.
    async fn acts(&self, step: &ActsStep) -> Ended {
        let ActsStep { rule, times, within } = step;
        let within = within.unwrap_or(DEFAULT_WITHIN);
        let acts = machine::within(within.0, self.stage.acts(rule, *times));
        acts.await.map_err(|_| {
            let awaited = Expected::RuleActs { rule: rule.clone(), times: *times };
            timed_out(awaited, within.as_millis(), self.stage.how_often(rule))
        })
    }

    /// Waits until a peer sends media at a rate within bounds.
    async fn bitrate(&self, step: &BitrateStep) -> Ended {
        let BitrateStep { from, over, at_least_kbit, at_most_kbit, within } = step;
        let within = within.unwrap_or(DEFAULT_WITHIN);
        let (least, most) = (at_least_kbit.unwrap_or(0), at_most_kbit.unwrap_or(u64::MAX));
        let sends = self.stage.sends_at(from, over.0, |kbit| (least..=most).contains(&kbit));
        machine::within(within.0, sends).await.map_err(|_| {
            let awaited = Expected::Bitrate {
                from: from.clone(),
                over_ms: over.as_millis(),
                at_least_kbit: *at_least_kbit,
                at_most_kbit: *at_most_kbit,
            };
            timed_out(awaited, within.as_millis(), Seen::Bitrate { kbit: self.stage.rate(from, over.0) })
        })
    }

    /// Waits until a peer has sent all these streams of a simulcast.
    async fn streams(&self, step: &StreamsStep) -> Ended {
        let StreamsStep { from, rids, within } = step;
        let within = within.unwrap_or(DEFAULT_WITHIN);
        machine::within(within.0, self.stage.sends_streams(from, rids)).await.map_err(|_| {
            let there = |rid: &&String| self.stage.has_sent_streams(from, std::slice::from_ref(*rid));
            let awaited = Expected::Streams { from: from.clone(), rids: rids.clone() };
            let seen = Seen::Streams { rids: rids.iter().filter(there).cloned().collect() };
            timed_out(awaited, within.as_millis(), seen)
        })
    }

    /// Changes the lab under way.
    async fn change(&self, step: &NetworkStep) -> Ended {
        let lab = self.lab.as_ref().ok_or_else(|| broken("this case has no lab"))?;
        let done = match step {
            NetworkStep::Link(link) => {
                let LinkStep { name, of, both, up, down } = &**link;
                let way = |one: &Option<LinkQuality>| one.clone().or_else(|| both.clone());
                let (up, down) = (way(up), way(down));
                let told = link_told(lab.topology(), name.as_deref(), of, up.as_ref(), down.as_ref());
                let done = lab.link(of, up, down).await;
                if matches!(done, Ok(true)) {
                    self.stage.journal().write(told);
                }
                done
            }
            NetworkStep::Cut(of) => lab.cut(of, true).await,
            NetworkStep::Mend(of) => lab.cut(of, false).await,
            NetworkStep::Down(of) => lab.set_up(of, false).await.map(|()| true),
            NetworkStep::Up(of) => lab.set_up(of, true).await.map(|()| true),
            NetworkStep::Rebind(of) => lab.change(Change::Rebind(of.clone())).await,
            _ => Ok(true),
        };
        match done {
            Ok(true) => Ok(()),
            Ok(false) => Err(broken("the network has no such part")),
            Err(error) => Err(broken(error.to_string())),
        }
    }

    async fn signalling(&self, what: SignallingStep) -> Ended {
        let mut server = self.signalling.lock().await;
        match (what, self.signalling_address) {
            (SignallingStep::Stop, _) => {
                if let Some(server) = server.take() {
                    server.stop().await;
                }
            }
            (SignallingStep::Start, Some(address)) if server.is_none() => {
                let started =
                    signalling::Server::start_on(address, signalling::Limits::default(), None).await;
                *server = Some(started.map_err(|error| broken(error.to_string()))?);
            }
            (SignallingStep::Start, _) => {}
        }
        Ok(())
    }

    /// Waits until no packet has passed for a while. The pause that is watched for is the step's purpose.
    async fn quiet(&self, quiet: &Quiet) -> Ended {
        let within = quiet.within.unwrap_or(DEFAULT_WITHIN);
        let limit = Limit::new(within.0);
        let began = Instant::now();
        loop {
            let last = self.stage.last_seen(quiet.of).map_or(began, |last| last.max(began));
            let silent = last.elapsed();
            if silent >= quiet.span.0 {
                return Ok(());
            }
            let missing = quiet.span.0 - silent;
            if missing > limit.left() {
                let awaited = Expected::Silence { for_ms: quiet.span.as_millis() };
                return Err(timed_out(awaited, within.as_millis(), Seen::Packets));
            }
            tokio::time::sleep(missing).await;
        }
    }

    /// Takes the statistics of both peers, as far as they give any.
    pub async fn stats(&self) {
        let actors = self.parts.values().map(|part| &part.actor).filter(|actor| actor.lost().is_none());
        let asked = actors.map(|actor| async move { (actor.name(), actor.call(Command::GetStats).await) });
        for (peer, answer) in futures::future::join_all(asked).await {
            if let Answer::Ok(report) = answer {
                self.journal.write(What::Stats { peer: peer.to_owned(), report });
            }
        }
    }
}

fn success(peer: &str, command: &str) -> Expected {
    Expected::Success { peer: peer.to_owned(), command: command.to_owned() }
}

fn rejection(peer: &str, command: &str, exception: &str) -> Expected {
    let [peer, command, exception] = [peer, command, exception].map(str::to_owned);
    Expected::Rejection { peer, command, exception }
}

fn unanswered(peer: &str, answer: Answer) -> Box<StepOutcome> {
    match answer {
        Answer::Unsupported { reason } => unsupported(peer, Lack::Answered(reason)),
        Answer::Lost { reason } => gone(Expected::Answer { peer: peer.to_owned() }, peer, reason),
        Answer::Ok(_) | Answer::Rejected { .. } => {
            broken(format!("{peer} gave an answer that does not belong here"))
        }
    }
}

/// The first place at which `seen` lacks what `wanted` has, with the value of both there.
fn differs(wanted: &Value, seen: &Value) -> Option<(Vec<Key>, Value, Value)> {
    let below = |key: Key, wanted, seen| {
        let (mut path, wanted, seen) = differs(wanted, seen)?;
        path.insert(0, key);
        Some((path, wanted, seen))
    };
    match (wanted, seen) {
        (Value::Object(wanted), Value::Object(seen)) => wanted.iter().find_map(|(key, wanted)| {
            below(Key::Name(key.clone()), wanted, seen.get(key).unwrap_or(&Value::Null))
        }),
        (Value::Array(wanted), Value::Array(seen)) if wanted.len() == seen.len() => wanted
            .iter()
            .zip(seen)
            .enumerate()
            .find_map(|(n, (wanted, seen))| below(Key::Index(n), wanted, seen)),
        (Value::Number(wanted), Value::Number(seen)) if wanted.as_f64() == seen.as_f64() => None,
        _ if wanted == seen => None,
        _ => Some((Vec::new(), wanted.clone(), seen.clone())),
    }
}

#[cfg(test)]
mod tests;
