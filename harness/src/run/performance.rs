//! Plays the steps of a case from the first to the end of its peers.

use super::actor::Actor;
use super::carrier::Carrier;
use super::case::Setting;
use super::opening::Running;
use super::plan::Case;
use super::player::Player;
use super::settle::settle;
use crate::machine::{Limit, Watch, within};
use crate::network::lab::Lab;
use crate::recording::files::keep;
use crate::recording::{CaseCapture, Journal};
use crate::scenario::model::Signalling;
use crate::scenario::{Action, Step};
use crate::servers::Servers;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Note, What};
use peerproof_stack::signalling;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// All that belongs to a case that is being played.
pub(super) struct CaseContext<'a> {
    pub(super) setting: &'a Setting,
    pub(super) case: &'a Case,
    pub(super) folder: &'a Path,
    pub(super) stage: &'a Arc<CaseCapture>,
    pub(super) journal: &'a Arc<Journal>,
    /// Nothing in virtual time.
    pub(super) watch: Option<&'a Watch>,
    pub(super) seed: u64,
}

/// Plays the steps, takes the statistics, ends the peers.
pub(super) async fn perform(
    context: &CaseContext<'_>,
    running: Running,
    servers: &Arc<Servers>,
    lab: Option<&Arc<Lab>>,
) {
    let CaseContext { setting, case, folder, stage, journal, watch, seed } = *context;
    let Running { parts, mut tasks } = running;
    let actors: Vec<Arc<Actor>> = parts.values().map(|part| Arc::clone(&part.actor)).collect();
    let carriers: Vec<Arc<Carrier>> = parts.values().map(|part| Arc::clone(&part.carrier)).collect();
    let server = match case.scenario().signalling {
        Signalling::Orchestrated => None,
        Signalling::Autonomous => {
            let (observer, mut observed) = tokio::sync::mpsc::unbounded_channel();
            let writing = Arc::clone(journal);
            tasks.spawn(async move {
                while let Some(observed) = observed.recv().await {
                    let signalling::Observed::Carried { from, message, .. } = observed else { continue };
                    let message = serde_json::to_value(&message).unwrap_or_default();
                    writing.write(What::Signalled { from, message });
                }
            });
            match signalling::Server::start(signalling::Limits::default(), Some(observer)).await {
                Ok(server) => Some(server),
                Err(error) => {
                    journal.write(What::Note(Note::NoSignalling { error: error.to_string() }));
                    None
                }
            }
        }
    };
    let around = (Arc::clone(servers), lab.cloned());
    // A control is what its scenario is, with something broken in it: nothing else is added.
    let stats_every = setting.stats_every.filter(|_| case.control.is_none());
    let player =
        Player::new(parts, Arc::clone(journal), Arc::clone(stage), seed, server, around).reading(stats_every);
    let steps = preparation(case).into_iter().chain(case.scenario().steps.iter().cloned());
    let steps: Vec<_> = steps.collect();
    let whole = Limit::new(case.scenario().timeout.0);
    let mut stop = setting.stop.clone();
    let mut went_well = true;
    tokio::select! {
        well = player.play(&steps, &whole) => {
            went_well = well;
            if well {
                pairs_are_reported(case, &actors).await;
            }
            player.stats().await;
        }
        // An error means that nobody can stop the run any more.
        Ok(_) = async { stop.wait_for(|stop| *stop).await.map(drop) } => {
            journal.write(What::Note(Note::Interrupted));
        }
    }
    // Candidates that are under way arrive first, so that each command has its answer. Whatever follows from ending the peers
    // is no part of the case.
    for carrier in &carriers {
        carrier.stop().await;
    }
    // A control fails on purpose; there is nothing to find out.
    if !went_well && case.control.is_none() {
        for actor in &actors {
            if let Err(error) = keep(folder, actor.name(), actor.diagnostics().await).await {
                let (peer, error) = (actor.name().to_owned(), error.to_string());
                journal.write(What::Note(Note::DiagnosticsNotKept { peer, error }));
            }
        }
    }
    for actor in &actors {
        if let Err(error) = keep(folder, actor.name(), actor.files().await).await {
            let (peer, error) = (actor.name().to_owned(), error.to_string());
            journal.write(What::Note(Note::FilesNotKept { peer, error }));
        }
    }
    // What a peer has written down of its secrets since its last change of state.
    for actor in actors.iter().filter(|_| stage.collects_key_logs()) {
        actor.keylog().await.lines().for_each(|line| stage.key_log(line));
    }
    settle(journal, &actors, watch);
    let ends = actors.iter().map(|actor| async move {
        // Bounded, since a hung browser must not hold up the run.
        if within(Duration::from_secs(10), actor.end()).await.is_err() {
            journal.write(What::Note(Note::PeerDidNotEnd { peer: actor.name().to_owned() }));
        }
    });
    futures::future::join_all(ends).await;
    player.end().await;
    drop(player);
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
}

/// How long a peer may take to report the pair in use after the last step.
const PAIR_DEADLINE: Duration = Duration::from_secs(5);

/// Waits until each peer whose pair is compared with what is expected has reported it: the last step may have ended before.
async fn pairs_are_reported(case: &Case, actors: &[Arc<Actor>]) {
    let expected = &case.scenario().expect.peers;
    let limit = Limit::new(PAIR_DEADLINE);
    let is_pair = |event: &PeerEvent| matches!(event, PeerEvent::SelectedCandidatePairChange { .. });
    let waiting = actors
        .iter()
        .filter(|actor| expected.get(actor.name()).is_some_and(|peer| peer.pair.is_some()))
        // Who never does is judged by its statistics.
        .map(|actor| actor.has_reported(is_pair, &limit));
    futures::future::join_all(waiting).await;
}

/// Steps that every case begins with: connections, and the media that peers have from the beginning.
fn preparation(case: &Case) -> Vec<Step> {
    let scenario = case.scenario();
    let step = |peer: &str, name: &str, args: Value, binds: Option<String>| Step {
        action: Action::Command { peer: peer.to_owned(), name: name.to_owned(), args },
        within: None,
        rejects: None,
        binds,
        answers: None,
        place: None,
    };
    let mut steps = Vec::new();
    for (name, spec) in &scenario.peers {
        let by_hand = scenario.steps.iter().any(|step| {
            matches!(&step.action, Action::Command { peer, name: command, .. }
                if peer == name && command == "createPeerConnection")
        });
        if by_hand {
            continue;
        }
        let configuration = spec.configuration.as_ref().unwrap_or(&scenario.configuration);
        let mut args = serde_json::json!({ "configuration": configuration });
        if let (Some(ice), Value::Object(args)) = (spec.ice, &mut args) {
            args.insert("ice".to_owned(), serde_json::json!(ice));
        }
        steps.push(step(name, "createPeerConnection", args, None));
        for (n, kind) in spec.media.send.iter().enumerate() {
            let bound = format!("media {n} of {name}");
            steps.push(step(name, "createSource", serde_json::json!({ "kind": kind }), Some(bound.clone())));
            steps.push(step(name, "addTrack", serde_json::json!({ "track": bound }), None));
        }
    }
    steps
}
