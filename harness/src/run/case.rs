//! Plays one case from its first to its last file: opens the peers, plays, records, judges.

use super::laboratory;
use super::opening::{close_lab, open, open_lab};
use super::performance::{CaseContext, perform};
use super::plan::Case;
use super::provider::Provider;
use super::snapshot::{self, Snapshots};
use crate::judge;
use crate::machine::Watch;
use crate::network::fabric::nat::NatBehaviour;
use crate::network::lab::Lab;
use crate::peers::CaseClock;
use crate::recording::digests;
use crate::recording::files::{finalise, write_extras};
use crate::recording::{CaseCapture, Journal};
use crate::scenario::model::Role;
use crate::servers::{ServerError, ServerHost, Servers};
use peerproof_captures::timeline::{Note, What};
use peerproof_conformance::case::{
    CaseFile, CasePeer, CaseRecord, FORMAT, NotPlayed, Role as CaseRole, Standing, Time, judge as judge_case,
    standing,
};
use peerproof_conformance::deviations::Deviations;
use peerproof_conformance::verdict::Verdict;
use peerproof_stack::simulation;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::watch;

/// What all cases of a run share.
pub struct Setting {
    /// Opens the peers.
    pub provider: Arc<dyn Provider>,
    /// The folder in which each case gets its own.
    pub output: PathBuf,
    /// The run's seed.
    pub seed: u64,
    /// The recorded snapshots.
    pub snapshots: Snapshots,
    /// The known deviations.
    pub expected: Deviations,
    /// The peerproof executable, which guards the programs of cases.
    pub peerproof: PathBuf,
    /// How often statistics are read while steps wait; not at all without.
    pub stats_every: Option<Duration>,
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
    /// What is compared with the recorded snapshot, if the scenario wants that.
    pub snapshot_text: Option<String>,
}

/// Plays one case. `attempt` counts from one.
///
/// # Errors
/// The case's folder or files cannot be written: nothing can be said about the case.
pub async fn play(setting: &Setting, case: &Case, attempt: u32) -> io::Result<Played> {
    play_unless(setting, case, attempt, None).await
}

/// Plays one case, or records why it is not played.
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
    let stage = CaseCapture::create(&capture, &case.name, Arc::clone(&journal))?;
    if let Some(offerer) = case.pair.keys().next() {
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
            let context =
                CaseContext { setting, case, folder, stage: &stage, journal: &journal, watch, seed };
            file.not_played = Box::pin(on_network(&context, lab.as_ref(), &mut file)).await.err();
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
    write_extras(&folder, &timeline, &judge::last_stats(&timeline))?;
    // From here on everything is as it will be when the folder is judged again.
    let within = folder.clone();
    let judging = tokio::task::spawn_blocking(move || -> io::Result<CaseRecord> {
        file.files = digests::of(&within)?;
        judge::observed(&within, file, timeline, Vec::new()).map_err(io::Error::other)
    });
    let mut record = judging.await.map_err(io::Error::other)??;
    record.file.captured = record.wire.as_ref().map(|wire| wire.counted.clone()).unwrap_or_default();
    setting.expected.waive(&mut record.file);
    if record.file.not_played.is_none() && case.control.is_none() {
        record.file.snapshot = snapshot::compare(&setting.snapshots, case, &record)?;
        if record.file.snapshot.is_some() {
            setting.snapshots.keep(case, &folder)?;
        }
    }
    let verdict = judge_case(&record);
    record.file.waiver = setting.expected.waiver(&record.file, &verdict);
    record.file.verdict = Some(verdict.clone());
    fs::write(folder.join("case.json"), digests::sealed(&record.file)?)?;
    let standing = standing(&record.file, &verdict);
    let snapshot_text = snapshot::text(case, &record);
    Ok(Played { folder, verdict, standing, record, snapshot_text })
}

/// Plays a case on its network: its servers first, since the peers get their addresses.
async fn on_network(
    context: &CaseContext<'_>,
    lab: Option<&Arc<Lab>>,
    file: &mut CaseFile,
) -> Result<(), NotPlayed> {
    let CaseContext { setting, case, journal, .. } = *context;
    let place = match lab {
        None => ServerHost::here(&setting.peerproof),
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
    let opened = open(context, lab, file).await;
    let played = match opened {
        Ok(running) => {
            perform(context, running, &servers, lab).await;
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
    let peers = case.pair.iter().filter_map(|(name, implementation)| {
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
            nat: topology.as_ref().and_then(|topology| topology.only_nat(name)).map(NatBehaviour::kind),
            features: None,
            unreported: Vec::new(),
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
        expect_place: scenario.expect_place.as_deref().map(str::to_owned),
        control_of: case.control.as_ref().map(|control| control.of.clone()),
        liars: case.control.iter().flat_map(|control| control.broken.lie.keys().cloned()).collect(),
        ends: Vec::new(),
        not_played: None,
        snapshot: None,
        waiver: None,
        files: BTreeMap::new(),
        captured: BTreeMap::new(),
        findings: Vec::new(),
        verdict: None,
        sha256: None,
    }
}

/// The seed of a case from the run's seed and the case's name (FNV-1a).
pub(super) fn seed_of(seed: u64, name: &str) -> u64 {
    name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
