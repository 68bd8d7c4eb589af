//! Conditions that are awaited or must not occur, and spans without packets.

use super::Player;
use super::outcome::{Ended, at, gone, timed_out, unsupported, wrong};
use crate::machine::Limit;
use crate::peers::PeerInfo;
use crate::run::actor::{Actor, Missed};
use crate::scenario::Step;
use crate::scenario::condition::Condition;
use crate::scenario::step::{DEFAULT_WITHIN, Never, Quiet};
use peerproof_captures::event::{ConnectionState, PeerEvent};
use peerproof_captures::timeline::{Expected, Lack, PeerState, Seen, StepOutcome};
use peerproof_conformance::expect::AnyOf;
use serde_json::json;
use std::time::{Duration, Instant};

/// How long the other peer may take to notice that a connection has failed.
const FAILURE_GRACE: Duration = Duration::from_secs(1);

/// Makes sure that the peer can report what is awaited (one of several states), or what must not happen (all of them).
fn can_report(actor: &Actor, condition: &Condition, never: bool) -> Ended {
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

impl Player {
    /// Waits for a condition. What the event brought is kept under the step's name.
    pub(super) async fn wait(&self, step: &Step, peer: &str, condition: &Condition, mark: usize) -> Ended {
        let limit = Limit::new(step.within.unwrap_or(DEFAULT_WITHIN).0);
        let event = self.wait_until(peer, condition, mark, &limit).await?;
        if let (Some(name), Some(event)) = (&step.binds, event) {
            match event {
                PeerEvent::Track { id, .. } => self.bind(name, json!(id)),
                PeerEvent::IceCandidate { candidate } => self.bind(name, json!(candidate)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes sure that a condition does not occur for a while.
    pub(super) async fn never(&self, peer: &str, never: &Never) -> Ended {
        let actor = &self.part(peer)?.actor;
        can_report(actor, &never.event, true)?;
        let limit = Limit::by_clock(never.span.0);
        let names = |name: &str| self.track(name);
        let expected = || Expected::NoCondition { peer: peer.to_owned(), condition: never.event.clone() };
        match actor.wait(&never.event, actor.mark(), true, &limit, &names).await {
            Err(Missed::TimedOut(_)) => Ok(()),
            Err(Missed::Lost(reason)) => Err(gone(expected(), peer, reason)),
            Ok(_) => Err(wrong(expected(), Seen::Occurred(never.event.clone()))),
        }
    }

    /// Waits for a condition that was met since `mark` or is met within `limit`. Returns the event that met it.
    pub(super) async fn wait_until(
        &self,
        peer: &str,
        condition: &Condition,
        mark: usize,
        limit: &Limit,
    ) -> Result<Option<PeerEvent>, Box<StepOutcome>> {
        let names = |name: &str| self.track(name);
        let actor = &self.part(peer)?.actor;
        can_report(actor, condition, false)?;
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
    pub(super) async fn both_connect(&self, marks: &[usize], limit: &Limit) -> Ended {
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
        // The other side learns of it a little later, or never: what it reports belongs into the recording too.
        let grace = Limit::new(FAILURE_GRACE.min(limit.left()));
        futures::future::join_all(failing(&grace)).await;
        Err(wrong(at(&name, condition), Seen::State(PeerState::ConnectionState(ConnectionState::Failed))))
    }

    /// Waits until no packet has passed for a while. The pause that is watched for is the step's purpose.
    pub(super) async fn quiet(&self, quiet: &Quiet) -> Ended {
        let within = quiet.within.unwrap_or(DEFAULT_WITHIN);
        let limit = Limit::new(within.0);
        let began = Instant::now();
        loop {
            let last = self.capture.last_seen(quiet.of).map_or(began, |last| last.max(began));
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

    fn track(&self, name: &str) -> Option<String> {
        self.bound(name).and_then(|value| value.as_str().map(str::to_owned))
    }
}
