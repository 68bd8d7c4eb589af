//! Plays one case from its first to its last file: opens the peers, plays, records, judges.

use super::actor::Actor;
use super::carrier::Carrier;
use super::expected::Expected;
use super::journal::Journal;
use super::laboratory;
use super::plan::Case;
use super::player::{Part, Player};
use super::provider::Provider;
use super::settle::settle;
use super::snapshot::{self, Snapshots};
use super::stage::Stage;
use super::tap::CaseTap;
use crate::judge;
use crate::machine::{Limit, Watch, within};
use crate::network::fabric::nat::NatBehaviour;
use crate::network::lab::Lab;
use crate::peers::implementation::Implementation;
use crate::peers::protocol::Command;
use crate::peers::seat::Seat;
use crate::peers::{CaseClock, OpenError, Opened, PeerInfo};
use crate::scenario::model::{Role, Signalling};
use crate::scenario::{Action, PeerSpec};
use crate::servers::{Place, ServerError, Servers};
use indexmap::IndexMap;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::recording;
use peerproof_captures::timeline::{Answer, Entry, Note, What};
use peerproof_conformance::case::{
    CaseFile, CasePeer, CaseRecord, FORMAT, NotPlayed, Role as CaseRole, Standing, Time, judge as judge_case,
    standing,
};
use peerproof_conformance::verdict::Verdict;
use peerproof_stack::signalling;
use peerproof_stack::simulation;
use peerproof_stack::tap::{PassAll, SecretSink, Tap};
use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What all cases of a run share.
pub struct Setting {
    /// Opens the peers.
    pub provider: Arc<dyn Provider>,
    /// The folder in which each case gets its own.
    pub output: PathBuf,
    /// The run's seed.
    pub seed: u64,
    /// The snapshots on record.
    pub snapshots: Snapshots,
    /// The known deviations.
    pub expected: Expected,
    /// The peerproof executable, which guards the programs of cases.
    pub peerproof: PathBuf,
    /// Becomes true when the run is to stop.
    pub stop: watch::Receiver<bool>,
}

/// A played case.
#[derive(Debug, Clone)]
pub struct Played {
    /// Its folder.
    pub folder: PathBuf,
    /// The verdict.
    pub verdict: Verdict,
    /// How it stands to what was to be expected.
    pub standing: Standing,
    /// The recording.
    pub record: CaseRecord,
    /// What is compared with the snapshot on record, if the scenario wants that.
    pub snapshot_text: Option<String>,
}

/// Everything that runs beside the steps of a case.
struct Running {
    parts: IndexMap<String, Part>,
    tasks: JoinSet<()>,
}

/// Plays one case. `attempt` counts from one.
///
/// # Errors
/// The case's folder or files cannot be written: nothing can be said about the case.
pub async fn play(setting: &Setting, case: &Case, attempt: u32) -> io::Result<Played> {
    play_unless(setting, case, attempt, None).await
}

/// Plays one case, or puts on record why it is not played.
pub(super) async fn play_unless(
    setting: &Setting,
    case: &Case,
    attempt: u32,
    refusal: Option<NotPlayed>,
) -> io::Result<Played> {
    let mut folder = setting.output.join("cases").join(&case.name);
    if attempt > 1 {
        folder = folder.join(format!("attempt-{attempt}"));
    }
    fs::create_dir_all(&folder)?;
    // In virtual time nothing is late.
    let watch = if simulation::is_running() { None } else { Some(Watch::begin()?) };
    let clock = CaseClock::start();
    let journal = Arc::new(Journal::create(&folder.join("timeline.jsonl"), clock)?);
    if simulation::is_running() {
        // What it takes to have the same again.
        journal.write(What::Note(Note::VirtualTime { seed: setting.seed }));
    }
    let capture = folder.join("capture.pcapng");
    let stage = Stage::create(&capture, &case.name, Arc::clone(&journal))?;
    if let Some(offerer) = case.casting.keys().next() {
        stage.set_offerer(offerer);
    }
    let seed = case.scenario().seed.unwrap_or_else(|| seed_of(setting.seed, &case.name));
    let mut file = new_file(case, clock, seed, attempt);

    let lab = match refusal {
        None => open_lab(setting, case, &stage, seed).await,
        Some(refusal) => Err(refusal),
    };
    match lab {
        Ok(lab) => {
            let (watch, folder) = (watch.as_ref(), folder.as_path());
            let desk = Desk { setting, case, folder, stage: &stage, journal: &journal, watch, seed };
            file.not_played = Box::pin(on_network(&desk, lab.as_ref(), &mut file)).await.err();
            close_lab(setting, lab).await;
        }
        Err(not_played) => file.not_played = Some(not_played),
    }

    file.duration_us = clock.now_us();
    let trouble = stage.finish();
    let trouble = trouble.or_else(|| finalise(&capture).err().map(|error| error.to_string()));
    if let Some(trouble) = trouble {
        journal.write(What::Note(Note::CaptureIncomplete { error: trouble }));
    }
    let (timeline, trouble) = journal.entries();
    if let Some(trouble) = trouble {
        return Err(io::Error::other(trouble));
    }
    let stats = judge::last_stats(&timeline);
    write_extras(&folder, &timeline, &stats)?;
    // From here on everything is as it will be when the folder is judged again.
    let within = folder.clone();
    let judging = tokio::task::spawn_blocking(move || judge::observed(&within, file, timeline, stats));
    let mut record = judging.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
    setting.expected.waive(&mut record.file);
    if record.file.not_played.is_none() && case.control.is_none() {
        record.file.snapshot = snapshot::compare(&setting.snapshots, case, &record)?;
    }
    let verdict = judge_case(&record);
    record.file.waiver = setting.expected.waiver(&record.file, &verdict);
    record.file.verdict = Some(verdict.clone());
    fs::write(folder.join("case.json"), pretty(&record.file)?)?;
    let standing = standing(&record.file, &verdict);
    let snapshot_text = snapshot::text(case, &record);
    Ok(Played { folder, verdict, standing, record, snapshot_text })
}

/// All that belongs to a case that is being played.
struct Desk<'a> {
    setting: &'a Setting,
    case: &'a Case,
    folder: &'a Path,
    stage: &'a Arc<Stage>,
    journal: &'a Arc<Journal>,
    /// Nothing in virtual time.
    watch: Option<&'a Watch>,
    seed: u64,
}

/// Plays a case on its network: its servers first, since the peers are told about them.
async fn on_network(desk: &Desk<'_>, lab: Option<&Arc<Lab>>, file: &mut CaseFile) -> Result<(), NotPlayed> {
    let Desk { setting, case, stage, journal, .. } = *desk;
    let place = match lab {
        None => Place::here(&setting.peerproof),
        Some(lab) => laboratory::place(lab, &setting.peerproof)
            .await
            .map_err(|error| NotPlayed::Broken { cause: format!("the lab: {error}") })?,
    };
    let servers =
        Servers::start(&case.scenario().servers, place, journal).await.map_err(|error| match error {
            ServerError::Missing(reason) => NotPlayed::Unsupported { peer: None, reason },
            ServerError::Broken(cause) => NotPlayed::Broken { cause },
        })?;
    let servers = Arc::new(servers);
    let opened = open(setting, case, stage, journal, lab, file).await;
    let played = match opened {
        Ok(running) => {
            perform(desk, running, &servers, lab).await;
            Ok(())
        }
        Err(not_played) => Err(not_played),
    };
    servers.stop().await;
    played
}

fn new_file(case: &Case, clock: CaseClock, seed: u64, attempt: u32) -> CaseFile {
    let scenario = case.scenario();
    let topology = scenario.topology();
    let peers = case.casting.iter().filter_map(|(name, implementation)| {
        let spec = scenario.peers.get(name)?;
        Some(CasePeer {
            name: name.clone(),
            implementation: implementation.is().to_owned(),
            named: (implementation.name() != implementation.is()).then(|| implementation.name().to_owned()),
            version: String::new(),
            role: match spec.role {
                Role::Offerer => CaseRole::Offerer,
                Role::Answerer => CaseRole::Answerer,
            },
            runs: implementation.runs(),
            subject: spec.subject,
            nat: topology
                .as_ref()
                .and_then(|topology| topology.only_translator(name))
                .map(NatBehaviour::kind),
            features: None,
            refuses_the_impossible: false,
        })
    });
    let epoch = clock.epoch().duration_since(UNIX_EPOCH).unwrap_or_default();
    CaseFile {
        format: FORMAT,
        name: case.name.clone(),
        title: scenario.title.clone(),
        rows: scenario.rows.clone(),
        peers: peers.collect(),
        seed,
        scenario_hash: case.file.hash.clone(),
        epoch_us: u64::try_from(epoch.as_micros()).unwrap_or(u64::MAX),
        duration_us: 0,
        time: if simulation::is_running() { Time::Virtual } else { Time::Real },
        attempt,
        expect: scenario.expect.clone(),
        control_of: case.control.as_ref().map(|control| control.of.clone()),
        ends: Vec::new(),
        not_played: None,
        snapshot: None,
        waiver: None,
        findings: Vec::new(),
        verdict: None,
    }
}

/// Opens both peers side by side and asks each for the impossible.
async fn open(
    setting: &Setting,
    case: &Case,
    stage: &Arc<Stage>,
    journal: &Arc<Journal>,
    lab: Option<&Arc<Lab>>,
    file: &mut CaseFile,
) -> Result<Running, NotPlayed> {
    let cast: Vec<(&String, &Arc<dyn Implementation>)> = case.casting.iter().collect();
    let [(one, of_one), (other, of_other)] = cast.as_slice() else {
        return Err(NotPlayed::Broken { cause: "a case has two peers".to_owned() });
    };
    let seat = |name: &String, own: &dyn Implementation, other: &String, others: &dyn Implementation| {
        let spec = case.scenario().peers.get(name);
        let (tap, secrets): (Arc<dyn Tap>, Arc<dyn SecretSink>) = if lab.is_some() {
            (Arc::new(PassAll), Arc::new(laboratory::Secrets(Arc::clone(stage))))
        } else {
            let tap = stage.tap(name, own.name(), other, others.abilities().in_process);
            (Arc::<CaseTap>::clone(&tap), tap)
        };
        Seat {
            case: case.name.clone(),
            name: name.clone(),
            subject: spec.is_some_and(|spec| spec.subject),
            clock: journal.clock(),
            surroundings: spec.map(PeerSpec::surroundings).unwrap_or_default(),
            tap,
            secrets,
            host: lab.and_then(|lab| lab.host(name)).cloned(),
        }
    };
    let (of_one, of_other) = (of_one.as_ref(), of_other.as_ref());
    let (first, second) = tokio::join!(
        setting.provider.open(of_one, seat(one, of_one, other, of_other)),
        setting.provider.open(of_other, seat(other, of_other, one, of_one))
    );
    let (first, second) = match (first, second) {
        (Ok(first), Ok(second)) => (first, second),
        (first, second) => {
            // One that did open must not be left behind.
            let mut why = None;
            for (name, opened) in [(*one, first), (*other, second)] {
                match opened {
                    Ok(opened) => opened.peer.end().await,
                    Err(error) => why = Some(not_played(why, Some(name), error)),
                }
            }
            return Err(why.unwrap_or(NotPlayed::Broken { cause: "a peer did not open".to_owned() }));
        }
    };
    // A process that serves this case alone; elsewhere the stack tells its keys.
    if stage.collects_key_logs() {
        for file in [&first, &second].into_iter().filter_map(|opened| opened.peer.key_log_file()) {
            stage.follow_key_log(file);
        }
    }
    let running = start(case, stage, journal, first, second);
    for (peer, part) in file.peers.iter_mut().zip(running.parts.values()) {
        let PeerInfo { implementation, version, features, .. } = part.actor.info();
        peer.implementation.clone_from(implementation);
        peer.version.clone_from(version);
        peer.features.clone_from(features);
    }
    let impossible = running.parts.values().map(|part| part.actor.call(Command::Impossible));
    for (peer, answer) in file.peers.iter_mut().zip(futures::future::join_all(impossible).await) {
        peer.refuses_the_impossible = matches!(answer, Answer::Unsupported { .. });
    }
    Ok(running)
}

/// Why a case is not played, if one of its peers did not open and perhaps another before it.
fn not_played(before: Option<NotPlayed>, peer: Option<&String>, error: OpenError) -> NotPlayed {
    match (error, before) {
        // What is wrong says more than what is lacking.
        (OpenError::Unsupported(_), Some(before)) => before,
        (OpenError::Failed(reason), before) => match (before, peer) {
            (Some(before @ NotPlayed::Broken { .. }), _) => before,
            (_, Some(peer)) => NotPlayed::Failed { peer: peer.clone(), reason },
            (_, None) => NotPlayed::Broken { cause: reason },
        },
        (OpenError::Unsupported(reason), None) => NotPlayed::Unsupported { peer: peer.cloned(), reason },
        (OpenError::Broken(cause), _) => {
            NotPlayed::Broken { cause: peer.map_or_else(|| cause.clone(), |name| format!("{name}: {cause}")) }
        }
    }
}

/// The lab of the scenario, if it is played in one.
async fn open_lab(
    setting: &Setting,
    case: &Case,
    stage: &Arc<Stage>,
    seed: u64,
) -> Result<Option<Arc<Lab>>, NotPlayed> {
    let scenario = case.scenario();
    if let Some(reason) = unreadable(case) {
        return Err(NotPlayed::Unsupported { peer: None, reason });
    }
    let Some(topology) = scenario.topology() else { return Ok(None) };
    let players: Vec<laboratory::Player<'_>> = case
        .casting
        .iter()
        .map(|(name, implementation)| laboratory::Player {
            name,
            implementation: Arc::clone(implementation),
            surroundings: scenario.peers.get(name).map(PeerSpec::surroundings).unwrap_or_default(),
        })
        .collect();
    let opened = laboratory::open(setting.provider.as_ref(), topology, &players, stage, seed).await;
    opened.map(Some).map_err(|error| not_played(None, None, error))
}

/// Why the rules of a case cannot be told from its packets, if they cannot.
fn unreadable(case: &Case) -> Option<String> {
    let speaks_of_content = case.scenario().steps.iter().any(|step| match &step.action {
        Action::Network(network) => network.rule().is_some_and(|(_, rule)| rule.needs_keys()),
        _ => false,
    });
    (speaks_of_content && !case.casting.values().any(|it| it.abilities().tells_keys))
        .then(|| "a rule speaks of what is encrypted, and neither peer tells its keys".to_owned())
}

/// Ends the network, then gives its hosts back.
async fn close_lab(setting: &Setting, lab: Option<Arc<Lab>>) {
    // Whoever else still holds it has nothing to do with it any more; it ends when they let go.
    let Some(lab) = lab.and_then(Arc::into_inner) else { return };
    for (_, host) in lab.stop().await {
        setting.provider.give_back(host).await;
    }
}

/// Starts what runs beside the steps: taking up events, carrying candidates.
fn start(case: &Case, stage: &Arc<Stage>, journal: &Arc<Journal>, first: Opened, second: Opened) -> Running {
    let mut tasks = JoinSet::new();
    let mut parts = IndexMap::new();
    for (name, opened) in case.casting.keys().zip([first, second]) {
        let actor = Actor::new(opened.peer, Arc::clone(journal));
        let carrier = Carrier::new();
        let watch = case.scenario().peers.get(name).is_some_and(|spec| spec.media.watch);
        tasks.spawn(Arc::clone(&actor).listen(opened.events, Arc::clone(&carrier), Arc::clone(stage), watch));
        parts.insert(name.clone(), Part { actor, carrier });
    }
    if case.scenario().signalling == Signalling::Orchestrated {
        for (name, part) in &parts {
            let Some((_, other)) = parts.iter().find(|(other, _)| *other != name) else { continue };
            let (from, to) = (Arc::clone(&part.actor), Arc::clone(&other.actor));
            tasks.spawn(Arc::clone(&part.carrier).carry(from, to, Arc::clone(journal)));
        }
    }
    Running { parts, tasks }
}

/// Plays the steps, takes the statistics, ends the peers.
async fn perform(desk: &Desk<'_>, running: Running, servers: &Arc<Servers>, lab: Option<&Arc<Lab>>) {
    let Desk { setting, case, folder, stage, journal, watch, seed } = *desk;
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
    let player = Player::new(parts, Arc::clone(journal), Arc::clone(stage), seed, server, around);
    let steps = preparation(case).into_iter().chain(case.scenario().steps.iter().cloned());
    let steps: Vec<_> = steps.collect();
    let whole = Limit::new(case.scenario().timeout.0);
    let mut stop = setting.stop.clone();
    let mut went_well = true;
    tokio::select! {
        well = player.play(&steps, &whole) => {
            went_well = well;
            if well {
                pairs_are_told(case, &actors).await;
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

/// How long a peer may take to tell the pair in use after the last step.
const PAIR_DEADLINE: Duration = Duration::from_secs(5);

/// Waits until each peer whose pair is compared with what is expected has told it: the last step may have ended before.
async fn pairs_are_told(case: &Case, actors: &[Arc<Actor>]) {
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

/// Keeps files of a peer: `screenshot-<peer>.png`, `console-<peer>.log`, `stderr-<peer>.log`.
async fn keep(folder: &Path, peer: &str, files: Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for (name, content) in files {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name.as_str(), "txt"));
        tokio::fs::write(folder.join(format!("{stem}-{peer}.{extension}")), content).await?;
    }
    Ok(())
}

/// Steps that every case begins with: connections, and the media that peers have from the beginning.
fn preparation(case: &Case) -> Vec<crate::scenario::Step> {
    let scenario = case.scenario();
    let step = |peer: &str, name: &str, args: Value, binds: Option<String>| crate::scenario::Step {
        action: Action::Command { peer: peer.to_owned(), name: name.to_owned(), args },
        within: None,
        rejects: None,
        binds,
        answers: None,
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

/// Descriptions and statistics as files of their own.
fn write_extras(folder: &Path, timeline: &[Entry], stats: &IndexMap<String, Value>) -> io::Result<()> {
    let sdp = folder.join("sdp");
    let mut number = 0;
    for entry in timeline {
        let What::Carried { from, sent, delivered, .. } = &entry.what else { continue };
        fs::create_dir_all(&sdp)?;
        number += 1;
        fs::write(sdp.join(format!("{number:02}-{from}-{}.sdp", sent.kind)), &sent.sdp)?;
        if let Some(delivered) = delivered {
            fs::write(sdp.join(format!("{number:02}-{from}-{}-rewritten.sdp", sent.kind)), &delivered.sdp)?;
        }
    }
    for (peer, report) in stats {
        fs::create_dir_all(folder.join("stats"))?;
        fs::write(folder.join("stats").join(format!("{peer}.json")), pretty(report)?)?;
    }
    Ok(())
}

fn pretty(value: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
    text.push(b'\n');
    Ok(text)
}

/// Puts secrets and interfaces in front of the packets, as Wireshark wants them.
fn finalise(capture: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let finished = capture.with_extension("pcapng.part");
    let reader = io::BufReader::new(fs::File::open(capture)?);
    let mut writer = io::BufWriter::new(fs::File::create(&finished)?);
    recording::finalise(reader, &mut writer)?;
    io::Write::flush(&mut writer)?;
    drop(writer);
    fs::rename(&finished, capture)?;
    Ok(())
}

/// The seed of a case from the run's seed and the case's name (FNV-1a).
pub(super) fn seed_of(seed: u64, name: &str) -> u64 {
    name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
