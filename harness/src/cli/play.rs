//! `peerproof run`.

use super::absent::{no_case, own_but_missing, required_but_missing};
use super::args::{Chosen, RunArgs};
use super::changes;
use super::progress::{Plain, Shared, Terminal};
use super::unfinished::{self, Mark};
use super::{HARNESS_ERROR, NOTHING_RAN, USAGE, complain, note, say, summary};
use crate::adapters;
use crate::config::Configuration;
use crate::expected::{self, Subjects};
use crate::machine::processors;
use crate::peers::browser::{Browsers, Config, Door};
use crate::peers::program::Programs;
use crate::ratchet::{self, OnRecord};
use crate::run::case::Setting;
use crate::run::peers::Peers;
use crate::run::session::{self, RunOptions, Time};
use crate::run::shard::{self, Durations};
use crate::run::simulated;
use crate::run::snapshot::Snapshots;
use crate::run::{Case, Filter, Jobs, plan};
use crate::scenario::error::nearest;
use crate::scenario::{Source, Suite};
use crate::terminal::clean;
use crate::versions;
use peerproof_conformance::deviations::{Deviation, Deviations};
use peerproof_reports::Shard;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;

/// What is meant: the cases, and what belongs to them.
pub(crate) struct Wanted {
    pub(crate) cases: Vec<Case>,
    configuration: Configuration,
    /// The user's folder of scenarios.
    folder: Option<PathBuf>,
    filter: Filter,
    /// Whether the scenarios that the program brings along are left out since there is a folder that nobody named.
    here_only: bool,
    /// Which part of the cases is left, if they were divided.
    shard: Option<Shard>,
    /// What there is to play.
    subjects: Subjects,
}

impl Wanted {
    /// The user's folder of scenarios.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The files besides scenarios that the run is made of: programs, the configuration, known deviations.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let programs = self.configuration.roster.iter().flat_map(|it| it.files());
        programs.chain(self.configuration.expected.iter().cloned()).collect()
    }

    /// That no case matches, and where scenarios were looked for if nobody said so.
    pub(super) fn no_case(&self) -> String {
        let mut what = no_case(&self.filter.names, &self.subjects.scenarios);
        if self.here_only {
            what += &format!(": the scenarios are those of ./{FOLDER} alone; --suite adds the built-in ones");
        }
        what
    }
}

/// The folder of scenarios that is taken if none is named and it is there.
pub(super) const FOLDER: &str = "scenarios";

/// The cases that are meant; nothing is played if a scenario is broken.
pub(crate) fn wanted(chosen: &Chosen) -> Result<Wanted, String> {
    let mut configuration =
        Configuration::load(chosen.config.as_deref(), &chosen.program, &chosen.page, &chosen.set)
            .map_err(|error| error.to_string())?;
    configuration.expected.extend(chosen.expected.iter().cloned());
    let mut chosen = chosen.clone();
    for name in chosen.peers.iter_mut().chain(&mut chosen.with) {
        if let Some(plays) = configuration.add_known(name) {
            *name = plays;
        } else {
            let roster = configuration.roster.names().map(str::to_owned);
            let names: Vec<String> = roster.chain(adapters::names().map(str::to_owned)).collect();
            let help = nearest(name, names.iter().map(String::as_str))
                .map_or(format!("known: {}, {}", names.join(", "), versions::FORM), |near| {
                    format!("did you mean `{near}`?")
                });
            return Err(format!("unknown implementation `{name}`\n  = help: {help}"));
        }
    }
    let named = chosen.scenarios.clone();
    let folder = named.or_else(|| configuration.scenarios.clone()).or_else(|| {
        let here = PathBuf::from(FOLDER);
        here.is_dir().then_some(here)
    });
    let suite_too = chosen.suite
        || folder.is_none()
        || (chosen.scenarios.is_none() && configuration.scenarios.is_some() && configuration.suite);
    let sources: Vec<Source> =
        suite_too.then_some(Source::Program).into_iter().chain(folder.clone().map(Source::Folder)).collect();
    let names: Vec<&str> = configuration.roster.names().collect();
    let suite = Suite::gather(&sources, &names)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\nerror: "))?;
    let filter = filter(&chosen);
    let cases = plan(&suite, &configuration.roster, &filter);
    let here_only = !suite_too && chosen.scenarios.is_none() && configuration.scenarios.is_none();
    let scenarios = suite.scenarios.iter().chain(suite.controls.iter().map(|control| &control.file));
    let subjects = Subjects {
        scenarios: scenarios.map(|file| file.name.clone()).collect(),
        implementations: names.into_iter().map(str::to_owned).collect(),
    };
    Ok(Wanted { cases, configuration, folder, filter, here_only, shard: None, subjects })
}

fn filter(chosen: &Chosen) -> Filter {
    let (names, tags) = (chosen.filters.clone(), chosen.tag.clone());
    let (peers, with) = (chosen.peers.clone(), chosen.with.clone());
    Filter { names, tags, peers, with, every_pair: chosen.every_pair }
}

/// All that a run needs, made ready.
pub struct Prepared {
    /// What the cases share.
    pub setting: Arc<Setting>,
    /// Stops the run when set.
    pub stop: watch::Sender<bool>,
    /// What the user should know while cases wait: which page to open.
    pub notices: UnboundedReceiver<String>,
    peers: Arc<Peers>,
}

impl Prepared {
    /// How many browsers have been started so far.
    #[must_use]
    pub fn browsers_started(&self) -> u64 {
        self.peers.browsers_started()
    }

    /// Waits for what must be there before the first of these cases begins: browsers that somebody opens.
    ///
    /// # Errors
    /// In one sentence, what did not come.
    pub async fn ready(&self, cases: &[Case]) -> Result<(), String> {
        self.peers.ready(cases).await.map_err(|error| error.to_string())
    }

    /// Ends the browsers. To be called when no case runs any more.
    pub async fn shutdown(self) {
        let Self { setting, peers, notices: _, stop: _ } = self;
        drop(setting);
        if let Some(peers) = Arc::into_inner(peers) {
            peers.shutdown().await;
        }
    }
}

/// Makes ready: browsers and programs (none starts before it is needed), known deviations, snapshots. `peerproof` is the executable that
/// guards them. The scenarios are those of this folder.
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
    let expected = expected::gather(&[], Some(scenarios), &[], None).map_err(|error| error.to_string())?;
    let snapshots = Snapshots::new(Some(scenarios.to_owned()), update);
    prepare_with(expected, snapshots, output, peerproof, seed, Timing::default()).await
}

/// Times that a run is given.
#[derive(Default)]
struct Timing {
    page_wait: Option<Duration>,
    stats_every: Option<Duration>,
}

async fn prepare_with(
    expected: Deviations,
    snapshots: Snapshots,
    output: PathBuf,
    peerproof: &Path,
    seed: u64,
    timing: Timing,
) -> Result<Prepared, String> {
    let (stop, stopped) = watch::channel(false);
    let (sender, notices) = unbounded_channel();
    let door = Door { notices: Some(sender), stop: Some(stopped.clone()) };
    let config = Config { page_wait: timing.page_wait, door, ..Config::new(peerproof) };
    let programs = Programs::new(peerproof, config.starts.clone());
    let browsers = Browsers::new(config)
        .await
        .map_err(|error| format!("the pages for browsers cannot be served: {error}"))?;
    std::fs::create_dir_all(&output).map_err(|error| format!("{}: {error}", output.display()))?;
    let peers = Arc::new(Peers::new(browsers, programs));
    let setting = Setting {
        provider: Arc::<Peers>::clone(&peers),
        output,
        seed,
        snapshots,
        expected,
        peerproof: peerproof.to_owned(),
        stats_every: timing.stats_every,
        stop: stopped,
    };
    Ok(Prepared { setting: Arc::new(setting), stop, notices, peers })
}

/// Plays what is meant.
pub(crate) fn run(args: RunArgs) -> u8 {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("the runtime failed to start: {error}"));
            return HARNESS_ERROR;
        }
    };
    if args.watch {
        return runtime.block_on(Box::pin(super::watch::run(&args)));
    }
    match ready(&args) {
        Ok(wanted) => runtime.block_on(Box::pin(play(&args, wanted))),
        Err(code) => code,
    }
}

/// What is to be played, if it can be; else the exit code, and why has been said.
pub(super) fn ready(args: &RunArgs) -> Result<Wanted, u8> {
    let mut wanted = match wanted(&args.chosen) {
        Ok(wanted) => wanted,
        Err(trouble) => {
            complain(trouble);
            return Err(USAGE);
        }
    };
    if args.in_virtual_time {
        let all = wanted.cases.len();
        wanted.cases.retain(simulated::is_of_the_stack);
        let left = all - wanted.cases.len();
        if left > 0 {
            say(format_args!("left out: {left} cases that need real time"));
        }
        if all > 0 && wanted.cases.is_empty() {
            complain("none of these cases can run in virtual time");
            return Err(NOTHING_RAN);
        }
    }
    if args.update_snapshots && wanted.folder.is_none() {
        complain("snapshots are saved in a folder of scenarios: name one with --scenarios");
        return Err(USAGE);
    }
    if wanted.cases.is_empty() {
        complain(format_args!("{} (`peerproof list` shows all)", wanted.no_case()));
        return Err(NOTHING_RAN);
    }
    if let Some(trouble) = own_but_missing(&wanted.cases, &wanted.configuration) {
        complain(trouble);
        return Err(USAGE);
    }
    if let Err(trouble) = divide(args, &mut wanted) {
        complain(trouble);
        return Err(USAGE);
    }
    if let Some(reason) = required_but_missing() {
        complain(reason);
        return Err(USAGE);
    }
    Ok(wanted)
}

/// Leaves the part of the cases that is asked for, if one is.
fn divide(args: &RunArgs, wanted: &mut Wanted) -> Result<(), String> {
    let Some(part) = args.shard else { return Ok(()) };
    let latest = runs(&wanted.configuration).join("latest/run.json");
    let file = args.durations.clone().or_else(|| latest.is_file().then_some(latest));
    let durations = file.as_deref().map(Durations::read).transpose()?.unwrap_or_default();
    let all = wanted.cases.len();
    let unknown = wanted.cases.iter().filter(|case| !durations.knows(case)).count();
    wanted.shard = Some(shard::take(&mut wanted.cases, part, &durations));
    let by = file.map_or("estimates".to_owned(), |file| match unknown {
        0 => file.display().to_string(),
        unknown => format!("{}, in which {unknown} cases are missing", file.display()),
    });
    let left = wanted.cases.len();
    note(format_args!("part {} of {}: {left} of {all} cases, divided by {by}", part.index, part.of));
    Ok(())
}

/// The folder of runs.
fn runs(configuration: &Configuration) -> PathBuf {
    configuration.output.clone().unwrap_or_else(|| PathBuf::from("runs"))
}

pub(super) async fn play(args: &RunArgs, wanted: Wanted) -> u8 {
    let Wanted { cases, configuration, folder, filter, here_only: _, shard, subjects } = wanted;
    let runs = runs(&configuration);
    let output = args.output.clone().unwrap_or_else(|| unused(&runs, &timestamp()));
    // Cases of two runs side by side are neither of them.
    if !args.force && ["run.json", "cases"].iter().any(|name| output.join(name).exists()) {
        complain(format_args!(
            "{}: another run is in this folder; --force writes into it all the same",
            output.display()
        ));
        return USAGE;
    }
    let peerproof = match std::env::current_exe() {
        Ok(path) => path,
        Err(error) => {
            complain(format_args!("the path of this executable is unknown: {error}"));
            return HARNESS_ERROR;
        }
    };
    let Configuration { expected: files, known, .. } = &configuration;
    let expected = expected::gather(files, folder.as_deref(), known, Some(&subjects));
    let expected = match expected {
        Ok(expected) => expected,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    let on_record = match OnRecord::load(folder.as_deref()) {
        Ok(on_record) => on_record,
        Err(trouble) => {
            complain(clean(&trouble));
            return USAGE;
        }
    };
    for killed in unfinished::find(&runs, &output) {
        note(clean(&killed.to_string()));
    }
    let snapshots = Snapshots::new(folder, args.update_snapshots);
    let timing = Timing {
        page_wait: args.page_wait.map(Duration::from_secs),
        stats_every: args.stats_every.or(configuration.stats_every).map(|span| span.0),
    };
    let prepared = prepare_with(expected, snapshots, output.clone(), &peerproof, args.seed, timing);
    let mut prepared = match prepared.await {
        Ok(prepared) => prepared,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    let mark = match Mark::set(&output) {
        Ok(mark) => mark,
        Err(error) => {
            complain(format_args!("{}: {error}", output.display()));
            prepared.shutdown().await;
            return USAGE;
        }
    };
    let stopper = tokio::spawn(stop_on_signal(prepared.stop.clone()));
    let real = args.in_real_time || args.update_snapshots;
    let (time, usual_jobs) = match (args.in_virtual_time, real) {
        // A case does nothing but work there: as many as there are processors, whatever else the machine does.
        (true, _) => (Time::Virtual, Jobs::Fixed(processors())),
        (false, true) => (Time::Real, Jobs::Adaptive),
        (false, false) => (Time::AsFits, Jobs::Adaptive),
    };
    let jobs = args.jobs.map_or(usual_jobs, |jobs| Jobs::Fixed(jobs.get()));
    let options = RunOptions { jobs, repeat: args.repeat, time };
    let total = cases.len() * usize::try_from(args.repeat.max(1)).unwrap_or(1);
    let mut progress = Shared::new(if std::io::stderr().is_terminal() {
        Box::new(Terminal::new(total))
    } else {
        Box::new(Plain::new(total))
    });
    progress.show(std::mem::replace(&mut prepared.notices, unbounded_channel().1));
    if let Err(reason) = prepared.ready(&cases).await {
        let stopped = *prepared.stop.borrow();
        prepared.shutdown().await;
        drop(progress);
        drop(mark);
        // If nothing was written.
        let _ = std::fs::remove_dir(&output);
        if stopped {
            return NOTHING_RAN;
        }
        complain(reason);
        return HARNESS_ERROR;
    }
    let setting = Arc::clone(&prepared.setting);
    let began = std::time::SystemTime::now();
    let run = session::run(setting, &cases, options, &mut progress).await;
    drop(progress);
    stopper.abort();
    let run = match run {
        Ok(run) => run,
        Err(error) => {
            complain(format_args!("the run failed to start: {error}"));
            prepared.shutdown().await;
            return HARNESS_ERROR;
        }
    };
    let mut code = run.exit_code();
    let mut report = summary::report(&run, began, args.seed, &output);
    report.shard = shard;
    summary::print(&report, &run);
    for trouble in super::report::at_the_end(&mut report, &output, args.pages) {
        complain(clean(&trouble));
    }
    if let Err(error) = changes::report(&report, &prepared.setting.snapshots) {
        complain(format_args!("the snapshots cannot be saved: {error}"));
        code = HARNESS_ERROR;
    }
    for (deviation, version) in prepared.setting.expected.to_review() {
        let versions = deviation.versions.as_deref().unwrap_or_default();
        let what =
            format!("{deviation} is of the versions {versions}, and {version} shows it: review its range");
        complain(clean(&what));
    }
    if time != Time::Virtual {
        let played: Vec<_> = run.played.iter().map(ratchet::of_run).collect();
        for slide in on_record.floors.slides(&played) {
            complain(clean(&ratchet::slide(&slide)));
            code = code.max(1);
        }
    }
    // A part does not show what another one may.
    if run.left == 0 && time != Time::Virtual && report.shard.is_none() {
        let setting = &prepared.setting;
        let all_shown = |deviation: &&Deviation| filter.shows_all_of(&deviation.peer, &cases);
        for deviation in setting.expected.unmatched().into_iter().filter(all_shown) {
            complain(clean(&format!("{deviation} no longer matches anything")));
            code = code.max(1);
        }
        for trouble in
            ratchet::rates(&setting.expected, &on_record.observed, |peer| filter.shows_all_of(peer, &cases))
        {
            complain(clean(&trouble));
            code = code.max(1);
        }
        for deviation in setting.expected.left_open().into_iter().filter(all_shown) {
            say(clean(&format!("note: {deviation}: undecided, the machine was too busy")));
        }
    }
    match summary::write(&report, &output) {
        Ok(files) => files.iter().for_each(|file| say(format_args!("  {}", file.display()))),
        Err(error) => {
            complain(format_args!("the reports cannot be written: {error}"));
            code = HARNESS_ERROR;
        }
    }
    drop(mark);
    // The times of a part would divide the next one otherwise than this.
    if args.output.is_none() && report.shard.is_none() {
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
    complain("stopping; recordings so far are kept");
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

/// A folder of that name in which nothing is yet: two runs may begin in the same second.
fn unused(runs: &Path, name: &str) -> PathBuf {
    let others = (2..).map(|n| format!("{name}-{n}"));
    let mut all = std::iter::once(name.to_owned()).chain(others).map(|name| runs.join(name));
    all.find(|path| !path.exists()).unwrap_or_else(|| runs.join(name))
}

/// The time in UTC as a folder's name: `20261122-171500`.
fn timestamp() -> String {
    chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).format("%Y%m%d-%H%M%S").to_string()
}
