//! Every case of the suite as a test, named `family/scenario/offerer-answerer`.
//!
//! Works under `cargo test` (one process, browsers shared by all tests) and under cargo-nextest (a process each). What a
//! machine lacks (`chrome`, `firefox`, `lab`, `coturn`, `interface`) makes its cases ignored, with the reason; if `PEERPROOF_REQUIRE`
//! names it, they fail.

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use peerproof::cli::{Prepared, prepare};
use peerproof::peers::implementation::Roster;
use peerproof::run::admission::most_jobs;
use peerproof::run::session::{self, Time};
use peerproof::run::{Admission, Case, Filter, Jobs, peers, plan};
use peerproof::scenario::Suite;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

/// What the tests of this process share; made when the first one runs, so that listing them costs nothing.
struct Shared {
    runtime: tokio::runtime::Runtime,
    prepared: Prepared,
    admission: Admission,
    time: Time,
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn start(jobs: Jobs) -> Result<Shared, String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("suite-{}", std::process::id()));
    let peerproof = Path::new(env!("CARGO_BIN_EXE_peerproof"));
    let update = std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always");
    let prepared = runtime.block_on(prepare(&scenarios(), output, peerproof, 1, update))?;
    let admission = runtime.block_on(async { Admission::new(jobs) }).map_err(|error| error.to_string())?;
    // Snapshots are made by the machine's clock.
    let time = if update { Time::Real } else { Time::AsFits };
    Ok(Shared { runtime, prepared, admission, time })
}

fn play(shared: &Shared, case: &Case) -> Result<(), Failed> {
    let setting = Arc::clone(&shared.prepared.setting);
    let owned = case.clone();
    let place = shared.runtime.block_on(shared.admission.place());
    let time = shared.time;
    let task = shared.runtime.spawn(async move {
        let _place = place;
        session::play(setting, owned, 1, time).await
    });
    let played = shared.runtime.block_on(task)??;
    if played.standing.is_good() {
        return Ok(());
    }
    let verdict = &played.verdict;
    Err(Failed::from(format!(
        "{:?} ({:?}) at {:?} on {:?}'s side: {}\nrecorded in {}",
        verdict.outcome,
        played.standing,
        verdict.layer,
        verdict.side,
        verdict.sentence,
        played.folder.display()
    )))
}

fn trial(case: Case, jobs: Jobs, shared: &Arc<OnceLock<Result<Shared, String>>>) -> Trial {
    let missing = case.missing().map(|(need, reason)| (need.to_owned(), reason));
    // One that is required says more than one that is not.
    let missing = missing.max_by_key(|(need, _)| peers::is_required(need));
    let shared = Arc::clone(shared);
    let name = case.name.clone();
    match missing {
        Some((need, reason)) if peers::is_required(&need) => Trial::test(name, move || {
            Err(Failed::from(format!("PEERPROOF_REQUIRE names {need}, but {reason}")))
        }),
        Some((_, reason)) => Trial::test(name, || Ok(())).with_kind(reason).with_ignored_flag(true),
        None => Trial::test(name, move || {
            let shared = shared.get_or_init(|| start(jobs)).as_ref().map_err(Failed::from)?;
            play(shared, &case)
        }),
    }
}

#[expect(clippy::print_stderr, reason = "a test program prints why it cannot begin")]
fn main() -> ExitCode {
    // An ordinary user's process has to do this before it has threads.
    peerproof::network::lab::prepare_process();
    let mut arguments = Arguments::from_args();
    // As many threads as cases may ever be played at once; each waits for its place.
    let jobs = arguments.test_threads.map_or(Jobs::Adaptive, Jobs::Fixed);
    arguments.test_threads.get_or_insert_with(most_jobs);
    let suite = match Suite::load(&scenarios()) {
        Ok(suite) => suite,
        Err(errors) => {
            for error in errors {
                eprintln!("error: {error}\n");
            }
            return ExitCode::from(2);
        }
    };
    let shared = Arc::new(OnceLock::new());
    let cases = plan(&suite, &Roster::default(), &Filter::default());
    let trials =
        session::order(&cases).into_iter().map(|(_, case)| trial(case.clone(), jobs, &shared)).collect();
    let conclusion: Conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(Ok(Shared { runtime, prepared, admission, .. })) =
        Arc::into_inner(shared).and_then(OnceLock::into_inner)
    {
        drop(admission);
        runtime.block_on(prepared.shutdown());
    }
    conclusion.exit_code()
}
