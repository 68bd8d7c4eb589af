//! `cargo xtask adversary`: lies by chance, told in virtual time, and mutations of recordings by chance. Whoever lies must be found
//! out, and no mutant may be judged as its original. What stays as it was is printed with its seed, unless `known.toml` says why it does.

mod known;
mod lies;
mod mutations;
mod tally;
mod value;

use anyhow::{Context, anyhow};
use known::Known;
use mutations::Files;
use peerproof::cli::prepare;
use peerproof::judge::observed;
use peerproof::machine::processors;
use peerproof::peers::implementation::Roster;
use peerproof::peers::liar::{Fields, Lie, OfEvents};
use peerproof::run::{Case, Filter, Played, Setting, plan, simulated};
use peerproof::scenario::Suite;
use peerproof_captures::any_of::AnyOf;
use peerproof_captures::timeline;
use peerproof_conformance::case::{CaseFile, judge};
use peerproof_conformance::verdict::{Outcome, Verdict};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tally::{Result, Tally};
use tokio::sync::Mutex;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The seed of the first attempt; each has one of its own, made of this one and its number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// For this time
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    minutes: f64,
    /// Only the attempt with this seed, as it is printed
    #[arg(long, value_name = "SEED")]
    only: Option<u64>,
    /// Keep the recordings of what stays green in this folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Print what is known to stay green too
    #[arg(long)]
    all: bool,
    /// Recordings (folders of cases, or of runs) that are mutated; without them lies alone are told
    #[arg(value_name = "RECORDINGS")]
    recordings: Vec<PathBuf>,
}

/// The seed of the runs: chance is in the lies.
const RUN_SEED: u64 = 7;
/// So often chance may choose what is not in a case before an attempt is given up.
const MOST_DRAWS: u32 = 50;

/// A case as it is when nobody lies.
struct Honest {
    played: Played,
    timeline: Vec<u8>,
    capture: Vec<u8>,
}

struct Adversary {
    setting: Arc<Setting>,
    cases: Vec<Case>,
    honest: Mutex<BTreeMap<String, Arc<Honest>>>,
    /// Folders of recordings, sorted.
    recordings: Vec<PathBuf>,
    keep: Option<PathBuf>,
}

/// What came of an attempt.
struct Attempt {
    seed: u64,
    kind: String,
    what: String,
    result: Result,
    verdict: String,
}

#[expect(clippy::print_stdout, reason = "a chore prints its findings")]
pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    // Several may run at once.
    let scratch = root.join(format!("target/adversary-{}", std::process::id()));
    let known = Known::read()?;
    let played = runtime.block_on(async {
        let adversary = Arc::new(adversary(root, &scratch, arguments).await?);
        let (mut tally, mut reasons) = (Tally::default(), BTreeMap::<String, u64>::new());
        let until = Instant::now() + Duration::from_secs_f64((arguments.minutes * 60.0).clamp(0.0, 1e6));
        let mut next = 0;
        let at_once = if arguments.only.is_some() { 1 } else { processors() as u64 };
        while next == 0 || (arguments.only.is_none() && Instant::now() < until) {
            let seeds = (next..next + at_once).map(|n| arguments.only.unwrap_or(mixed(arguments.seed, n)));
            let attempts: Vec<_> =
                seeds.map(|seed| tokio::spawn(attempt(Arc::clone(&adversary), seed))).collect();
            next += at_once;
            for attempt in attempts {
                let Some(mut attempt) = attempt.await?? else { continue };
                let reason = known.reason(&attempt.what).filter(|_| attempt.result == Result::Green);
                if let Some(reason) = reason {
                    attempt.result = Result::Known;
                    *reasons.entry(reason.to_owned()).or_default() += 1;
                }
                if arguments.only.is_some()
                    || attempt.result.is_green()
                    || (arguments.all && reason.is_some())
                {
                    println!("{attempt}");
                }
                tally.count(&attempt.kind, attempt.result);
            }
        }
        anyhow::Ok((tally, reasons))
    });
    // What is kept was copied out of it.
    fs::remove_dir_all(&scratch)?;
    let (tally, reasons) = played?;
    print!("{tally}");
    for (reason, count) in reasons {
        println!("{count:>6} known: {reason}");
    }
    Ok(())
}

impl std::fmt::Display for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:<9} {}: {}", self.seed, self.result, self.what, self.verdict)
    }
}

/// The seed of an attempt: SplitMix64.
fn mixed(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

async fn adversary(root: &Path, scratch: &Path, arguments: &Arguments) -> anyhow::Result<Adversary> {
    let scenarios = root.join("scenarios");
    let suite = Suite::load(&scenarios).map_err(|errors| anyhow!("{} broken scenarios", errors.len()))?;
    let mut cases = plan(&suite, &Roster::default(), &Filter::default());
    cases.retain(|case| case.control.is_none() && simulated::unfit(case).is_none());
    let executable = std::env::current_exe()?;
    let prepared = prepare(&scenarios, scratch.to_owned(), &executable, RUN_SEED, false)
        .await
        .map_err(|error| anyhow!(error))?;
    let mut recordings = Vec::new();
    for path in &arguments.recordings {
        folders(path, &mut recordings)?;
    }
    recordings.sort();
    let keep = arguments.keep.clone();
    Ok(Adversary { setting: prepared.setting, cases, honest: Mutex::default(), recordings, keep })
}

/// The folders with a recording in or below one.
fn folders(path: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if ["case.json", "timeline.jsonl", "capture.pcapng"].iter().all(|name| path.join(name).is_file()) {
        found.push(path.to_owned());
    }
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders(&entry.path(), found)?;
        }
    }
    Ok(())
}

/// One lie or one mutation; nothing if chance found none.
async fn attempt(adversary: Arc<Adversary>, seed: u64) -> anyhow::Result<Option<Attempt>> {
    let mut chance = StdRng::seed_from_u64(seed);
    if !adversary.recordings.is_empty() && chance.random() {
        return tokio::task::spawn_blocking(move || mutate(&adversary, chance, seed)).await?;
    }
    for _ in 0..MOST_DRAWS {
        let Some(case) = value::one(&mut chance, &adversary.cases) else { return Ok(None) };
        let honest = adversary.honest(case).await?;
        // A case that fails anyhow shows nothing.
        if honest.played.verdict.outcome != Outcome::Pass {
            continue;
        }
        let names: Vec<&String> = case.pair.keys().collect();
        let Some(liar) = value::one(&mut chance, &names) else { continue };
        if let Some(lie) = lies::any(&mut chance, &honest.played.record.timeline, liar) {
            return adversary.tell(case, liar, lie, &honest, seed).await.map(Some);
        }
    }
    Ok(None)
}

/// A lie that is never told: what passes a liar is then as it is, and takes the same way as with one.
fn none() -> Lie {
    let event = AnyOf(vec!["log".to_owned()]);
    Lie::Swallow(OfEvents {
        event,
        with: serde_json::Map::new(),
        nth: Some(u32::MAX),
        fields: Fields::default(),
    })
}

impl Adversary {
    async fn honest(&self, case: &Case) -> anyhow::Result<Arc<Honest>> {
        let mut honest = self.honest.lock().await;
        if let Some(known) = honest.get(&case.name) {
            return Ok(Arc::clone(known));
        }
        let mut inert = case.clone();
        inert.lies = case.pair.keys().map(|name| (name.clone(), none())).collect();
        let played = Box::pin(simulated::play(Arc::clone(&self.setting), inert, 1)).await?;
        let read = |name: &str| fs::read(played.folder.join(name));
        let (timeline, capture) = (read("timeline.jsonl")?, read("capture.pcapng")?);
        let made = Arc::new(Honest { played, timeline, capture });
        honest.insert(case.name.clone(), Arc::clone(&made));
        Ok(made)
    }

    async fn tell(
        &self,
        case: &Case,
        liar: &str,
        lie: Lie,
        honest: &Honest,
        seed: u64,
    ) -> anyhow::Result<Attempt> {
        let what = format!("{}: {liar} {lie}", case.name.trim_end_matches("/stack-stack"));
        let kind = kind_of(&lie);
        let mut lying = case.clone();
        lying.lies = case.pair.keys().map(|name| (name.clone(), none())).collect();
        lying.lies.insert(liar.to_owned(), lie);
        // Attempts at once have a folder each.
        let number = (seed % u64::from(u32::MAX - 2)) as u32 + 2;
        let played = Box::pin(simulated::play(Arc::clone(&self.setting), lying, number)).await?;
        let same = |name: &str, before: &[u8]| fs::read(played.folder.join(name)).map(|now| now == before);
        let traceless = same("timeline.jsonl", &honest.timeline)? && same("capture.pcapng", &honest.capture)?;
        let result = match &played.verdict {
            verdict if traceless && verdict.outcome == Outcome::Pass => Result::Traceless,
            verdict => Result::of(verdict, &honest.played.verdict, Some(liar)),
        };
        if let (Some(keep), true) = (&self.keep, result.is_green()) {
            copy(&played.folder, &keep.join(seed.to_string()))?;
        }
        fs::remove_dir_all(&played.folder)?;
        Ok(Attempt { seed, kind, what, result, verdict: shown(&played.verdict) })
    }
}

/// `alter datachannel`: the lie and what it is about.
fn kind_of(lie: &Lie) -> String {
    let whole = serde_json::to_value(lie).unwrap_or_default();
    let Some((kind, inner)) = whole.as_object().and_then(|map| map.iter().next()) else {
        return String::new();
    };
    let about =
        ["/event", "/after/event", "/command", "/of"].iter().find_map(|at| inner.pointer(at)?.as_str());
    about.map_or_else(|| kind.clone(), |about| format!("{kind} {about}"))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for name in ["case.json", "timeline.jsonl", "capture.pcapng"] {
        fs::copy(from.join(name), to.join(name))?;
    }
    Ok(())
}

fn shown(verdict: &Verdict) -> String {
    let outcome = serde_json::to_value(verdict.outcome).unwrap_or_default();
    let layer = verdict.layer.map(|layer| format!(" {layer}")).unwrap_or_default();
    let side = verdict.side.as_ref().map(|side| format!(" {side}")).unwrap_or_default();
    format!("{}{layer}{side}: {}", outcome.as_str().unwrap_or_default(), verdict.sentence)
}

/// One mutation of one recording.
fn mutate(adversary: &Adversary, mut chance: StdRng, seed: u64) -> anyhow::Result<Option<Attempt>> {
    for _ in 0..MOST_DRAWS {
        let Some(folder) = value::one(&mut chance, &adversary.recordings) else { return Ok(None) };
        let read = |name: &str| fs::read(folder.join(name));
        let files = Files { timeline: read("timeline.jsonl")?, capture: read("capture.pcapng")? };
        let case = read("case.json")?;
        let scratch = adversary.setting.output.join(format!("mutant-{seed}"));
        let Ok(original) = judged(&scratch, &case, &files) else { continue };
        if original.outcome != Outcome::Pass {
            continue;
        }
        let Some((mutant, kind, what)) = mutations::any(&mut chance, &files) else { continue };
        if mutant.timeline == files.timeline && mutant.capture == files.capture {
            continue;
        }
        let verdict = judged(&scratch, &case, &mutant);
        let result = match &verdict {
            Ok(verdict) => Result::of(verdict, &original, None),
            Err(_) => Result::Refused,
        };
        let name = folder.components().rev().take(3).map(|part| part.as_os_str().to_string_lossy());
        let name = name.collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("/");
        if let (Some(keep), true) = (&adversary.keep, result.is_green()) {
            write(&keep.join(seed.to_string()), &case, &mutant)?;
        }
        let verdict = verdict.map_or_else(|error| error.to_string(), |verdict| shown(&verdict));
        return Ok(Some(Attempt { seed, kind, what: format!("{name}: {what}"), result, verdict }));
    }
    Ok(None)
}

fn write(folder: &Path, case: &[u8], files: &Files) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("case.json"), case)?;
    fs::write(folder.join("timeline.jsonl"), &files.timeline)?;
    fs::write(folder.join("capture.pcapng"), &files.capture)?;
    Ok(())
}

/// The verdict on a recording, as it would have been given when it was made.
fn judged(scratch: &Path, case: &[u8], files: &Files) -> anyhow::Result<Verdict> {
    let entries = timeline::read(&files.timeline).map_err(|(line, error)| anyhow!("line {line}: {error}"))?;
    write(scratch, case, files)?;
    let record = observed(scratch, CaseFile::read(case)?, entries, Vec::new());
    fs::remove_dir_all(scratch)?;
    Ok(judge(&record?))
}
