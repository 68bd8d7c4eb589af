//! `peerproof run`.

use super::args::{Chosen, RunArgs};
use super::progress::{Plain, Terminal};
use super::{HARNESS_ERROR, NOTHING_RAN, USAGE, complain, say, summary};
use crate::peers::browser::{Browsers, Config};
use crate::run::case::Setting;
use crate::run::expected::Expected;
use crate::run::peers::{NEEDS, Peers, missing, required};
use crate::run::session::{self, Progress, RunOptions, Time};
use crate::run::simulated;
use crate::run::snapshot::Snapshots;
use crate::run::{Case, Filter, Jobs, plan};
use crate::scenario::Suite;
use crate::scenario::check::IMPLEMENTATIONS;
use crate::scenario::error::nearest;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// The cases that are meant; nothing is played if a scenario is broken.
pub(crate) fn cases(chosen: &Chosen) -> Result<Vec<Case>, String> {
    for peer in &chosen.peers {
        if !IMPLEMENTATIONS.contains(&peer.as_str()) {
            let help = nearest(peer, IMPLEMENTATIONS)
                .map_or(format!("known: {}", IMPLEMENTATIONS.join(", ")), |near| {
                    format!("did you mean `{near}`?")
                });
            return Err(format!("there is no implementation `{peer}`\n  = help: {help}"));
        }
    }
    let suite = Suite::load(&chosen.scenarios)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\nerror: "))?;
    Ok(plan(&suite, &filter(chosen)))
}

fn filter(chosen: &Chosen) -> Filter {
    Filter { names: chosen.filters.clone(), tags: chosen.tag.clone(), peers: chosen.peers.clone() }
}

/// What `PEERPROOF_REQUIRE` names and this machine lacks.
pub(crate) fn required_but_missing() -> Option<String> {
    required().into_iter().find_map(|name| {
        if !NEEDS.contains(&name.as_str()) {
            return Some(format!("PEERPROOF_REQUIRE names {name}; known are {}", NEEDS.join(", ")));
        }
        missing(&name).map(|reason| format!("PEERPROOF_REQUIRE names {name}, but {reason}"))
    })
}

/// All that a run needs, made ready.
pub struct Prepared {
    /// What the cases share.
    pub setting: Arc<Setting>,
    /// Stops the run when set.
    pub stop: watch::Sender<bool>,
    peers: Arc<Peers>,
}

impl Prepared {
    /// How many browsers have been started so far.
    #[must_use]
    pub fn browsers_started(&self) -> u64 {
        self.peers.browsers_started()
    }

    /// Ends the browsers. To be called when no case runs any more.
    pub async fn shutdown(self) {
        let Self { setting, peers, .. } = self;
        drop(setting);
        if let Some(peers) = Arc::into_inner(peers) {
            peers.shutdown().await;
        }
    }
}

/// Makes ready: browsers (none starts before it is needed), known deviations, snapshots. `peerproof` is the executable that
/// guards the browsers.
///
/// # Errors
/// In one sentence, what is wrong.
pub async fn prepare(
    scenarios: &Path,
    output: PathBuf,
    peerproof: &Path,
    seed: u64,
    update: bool,
) -> Result<Prepared, String> {
    let expected = Expected::load(&scenarios.join("expected.toml")).map_err(|error| error.to_string())?;
    let browsers = Browsers::new(Config::new(peerproof))
        .await
        .map_err(|error| format!("the pages for browsers cannot be served: {error}"))?;
    std::fs::create_dir_all(&output).map_err(|error| format!("{}: {error}", output.display()))?;
    let peers = Arc::new(Peers::new(browsers));
    let (stop, stopped) = watch::channel(false);
    let setting = Setting {
        provider: Arc::<Peers>::clone(&peers),
        output,
        seed,
        snapshots: Snapshots { scenarios: scenarios.to_owned(), update },
        expected,
        peerproof: peerproof.to_owned(),
        stop: stopped,
    };
    Ok(Prepared { setting: Arc::new(setting), stop, peers })
}

/// Plays what is meant.
pub(crate) fn run(args: RunArgs) -> u8 {
    let mut cases = match cases(&args.chosen) {
        Ok(cases) => cases,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    if args.in_virtual_time {
        let all = cases.len();
        cases.retain(simulated::is_of_the_stack);
        if cases.len() < all {
            say(format_args!("left out: {} cases in which a browser plays, in real time", all - cases.len()));
        }
        if all > 0 && cases.is_empty() {
            complain("nothing of that can be played in virtual time");
            return NOTHING_RAN;
        }
    }
    if cases.is_empty() {
        complain("no case is called that (`peerproof list` shows all)");
        return NOTHING_RAN;
    }
    if let Some(reason) = required_but_missing() {
        complain(reason);
        return HARNESS_ERROR;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("the runtime does not start: {error}"));
            return HARNESS_ERROR;
        }
    };
    runtime.block_on(Box::pin(play(args, cases)))
}

async fn play(args: RunArgs, cases: Vec<Case>) -> u8 {
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from("runs").join(timestamp()));
    let peerproof = match std::env::current_exe() {
        Ok(path) => path,
        Err(error) => {
            complain(format_args!("this program's own path is not known: {error}"));
            return HARNESS_ERROR;
        }
    };
    let scenarios = args.chosen.scenarios.clone();
    let prepared = prepare(&scenarios, output.clone(), &peerproof, args.seed, args.update_snapshots).await;
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    let stopper = tokio::spawn(stop_on_signal(prepared.stop.clone()));
    let real = args.in_real_time || args.update_snapshots;
    let (time, usual_jobs) = match (args.in_virtual_time, real) {
        // A case does nothing but work there: as many as there are processors, whatever else the machine does.
        (true, _) => (Time::Virtual, Jobs::Fixed(session::processors())),
        (false, true) => (Time::Real, Jobs::Adaptive),
        (false, false) => (Time::AsFits, Jobs::Adaptive),
    };
    let jobs = args.jobs.map_or(usual_jobs, Jobs::Fixed);
    let options = RunOptions { jobs, repeat: args.repeat, time };
    let total = cases.len() * usize::try_from(args.repeat.max(1)).unwrap_or(1);
    let mut progress: Box<dyn Progress + Send> = if std::io::stderr().is_terminal() {
        Box::new(Terminal::new(total))
    } else {
        Box::new(Plain::new(total))
    };
    let setting = Arc::clone(&prepared.setting);
    let began = std::time::SystemTime::now();
    let run = session::run(setting, &cases, options, progress.as_mut()).await;
    drop(progress);
    stopper.abort();
    let run = match run {
        Ok(run) => run,
        Err(error) => {
            complain(format_args!("the run does not start: {error}"));
            prepared.shutdown().await;
            return HARNESS_ERROR;
        }
    };
    let mut code = run.exit_code();
    let report = summary::report(&run, began, args.seed, &output);
    summary::print(&report, &run);
    if filter(&args.chosen).is_full() && run.left == 0 && time != Time::Virtual {
        for deviation in prepared.setting.expected.unmatched() {
            complain(format_args!("expected.toml: {deviation} matches nothing any more"));
            code = code.max(1);
        }
        for deviation in prepared.setting.expected.left_open() {
            say(format_args!(
                "note: {deviation} in expected.toml: this busy machine leaves open whether it shows"
            ));
        }
    }
    match summary::write(&report, &output) {
        Ok(files) => files.iter().for_each(|file| say(format_args!("  {}", file.display()))),
        Err(error) => {
            complain(format_args!("the reports cannot be written: {error}"));
            code = HARNESS_ERROR;
        }
    }
    if args.output.is_none() {
        link_latest(&output);
    }
    prepared.shutdown().await;
    code
}

/// Sets `stop` at the first Ctrl-C or SIGTERM.
async fn stop_on_signal(stop: watch::Sender<bool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    complain("stopping; what has been recorded is kept");
    stop.send_replace(true);
}

/// `runs/latest` points to the newest run. A file system without links does without.
fn link_latest(output: &Path) {
    let (Some(folder), Some(name)) = (output.parent(), output.file_name()) else { return };
    let latest = folder.join("latest");
    if latest.is_symlink() {
        let _ = std::fs::remove_file(&latest);
    }
    let _ = std::os::unix::fs::symlink(name, &latest);
}

/// The time in UTC as a folder's name: `20261122-171500`.
fn timestamp() -> String {
    chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).format("%Y%m%d-%H%M%S").to_string()
}
