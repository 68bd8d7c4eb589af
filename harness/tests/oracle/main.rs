//! tshark as the oracle: on every frame of every golden capture, of recordings of the suite made anew, and of whatever
//! `PEERPROOF_ORACLE` names (files or folders, separated by colons) it has to say what our dissectors say.
//!
//! What differs has to stand in `differences.toml` with who is right and why; an entry there that matches nothing is an error. Without
//! tshark these tests are ignored, with the reason; if `PEERPROOF_REQUIRE` names it they fail.

mod batch;
mod clear;
mod differences;
mod facts;
mod ours;
mod recordings;
mod tshark;

use batch::{Batch, Both};
use differences::List;
use facts::{Differs, Extent, Facts};
use libtest_mimic::{Arguments, Failed, Trial};
use peerproof::run::peers::{is_required, missing};
use peerproof::tools::Tool;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock};

/// Most differences that a failure shows.
const SHOWN: usize = 20;

/// What all trials share.
struct Oracle {
    program: PathBuf,
    list: List,
    recordings: recordings::Recordings,
    done: Mutex<Extent>,
}

/// A capture and what came of comparing it, done once.
#[derive(Clone)]
struct Capture {
    /// As the list of differences names it.
    name: String,
    source: Source,
    compared: Arc<OnceLock<Result<(), String>>>,
}

#[derive(Clone)]
enum Source {
    File(PathBuf),
    /// A file that is read together with others: its place among them.
    Batched(PathBuf, Arc<Batch>, usize),
    /// A case to be played.
    Case(String),
}

impl Oracle {
    fn compare(&self, capture: &Capture) -> Result<(), String> {
        capture.compared.get_or_init(|| self.read_and_compare(capture)).clone()
    }

    fn read_and_compare(&self, capture: &Capture) -> Result<(), String> {
        let path = match &capture.source {
            Source::File(path) => path.clone(),
            Source::Batched(path, batch, index) => {
                let both = batch.take(&self.program, *index);
                if both.is_some_and(|both| self.differs(&capture.name, path, &both).is_empty()) {
                    return Ok(());
                }
                path.clone()
            }
            Source::Case(case) => self.recordings.play(case)?,
        };
        let both = self.read_alone(&capture.name, &path)?;
        match self.differs(&capture.name, &path, &both) {
            differs if differs.is_empty() => Ok(()),
            differs => Err(differs.concat()),
        }
    }

    /// What is compared and not in the list, in words. What agrees is counted.
    fn differs(&self, name: &str, path: &Path, both: &Both) -> Vec<String> {
        let (mut extent, differs) = facts::compare(&both.ours, &both.theirs);
        let mut unlisted = self.unlisted(name, path, &both.ours, &differs);
        if let Some(theirs) = &both.theirs_in_clear {
            let name = format!("{name} in clear");
            let ours = ours::read_clear(&both.clears);
            let (in_clear, mut differs) = facts::compare(&ours, theirs);
            extent.frames += in_clear.frames;
            extent.values += in_clear.values;
            differs.retain(|differs| !self.list.knows(&name, &ours, differs));
            let carried = |frame: u64| both.clears.get(frame as usize - 1).map_or(0, |clear| clear.frame);
            for difference in differs.iter_mut().filter(|difference| difference.frame > 0) {
                difference.frame = carried(difference.frame);
            }
            unlisted.extend(in_words(&name, path, &differs));
        }
        if unlisted.is_empty() {
            self.count(extent);
        }
        unlisted
    }

    /// What both say of a capture, and of what was decrypted of it.
    ///
    /// Most of tshark's time is its start, so both are sections of one file where that can be: the capture is a pcapng that is read to
    /// its end. The clear text has no addresses, so neither affects the conversations of the other.
    fn read_alone(&self, name: &str, path: &Path) -> Result<Both, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (ours, clears) = ours::read(&bytes);
        let arguments = self.list.arguments(name);
        let alone = || tshark::read(&self.program, path, &arguments);
        if clears.is_empty() {
            return Ok(Both { ours, theirs: alone()?, clears, theirs_in_clear: None });
        }
        let clear = clear::capture(&clears);
        if bytes.starts_with(&clear::SECTION_HEADER.to_le_bytes()) {
            let parts: [&[u8]; 2] = [&bytes, &clear];
            let both = tshark::read_sections(&self.program, &parts, &arguments)?;
            if !both.stopped && both.frames == ours.frames + clears.len() as u64 {
                let (theirs, in_clear) = both.split_after(ours.frames);
                return Ok(Both { ours, theirs, clears, theirs_in_clear: Some(in_clear) });
            }
        }
        let in_clear = tshark::read_sections(&self.program, &[&clear], &[])?;
        Ok(Both { ours, theirs: alone()?, clears, theirs_in_clear: Some(in_clear) })
    }

    fn count(&self, extent: Extent) {
        if let Ok(mut done) = self.done.lock() {
            done.frames += extent.frames;
            done.values += extent.values;
        }
    }

    /// What is not in the list, in words.
    fn unlisted(&self, name: &str, path: &Path, ours: &Facts, differs: &[Differs]) -> Vec<String> {
        let unknown: Vec<_> =
            differs.iter().filter(|differs| !self.list.knows(name, ours, differs)).cloned().collect();
        in_words(name, path, &unknown)
    }
}

fn in_words(name: &str, path: &Path, unlisted: &[Differs]) -> Vec<String> {
    let mut lines: Vec<String> = unlisted
        .iter()
        .take(SHOWN)
        .map(|Differs { frame, field, ours, tshark }| {
            format!("{name} frame {frame} {field}: ours {ours:?}, tshark's {tshark:?}\n")
        })
        .collect();
    if unlisted.len() > SHOWN {
        lines.push(format!("and {} more\n", unlisted.len() - SHOWN));
    }
    if !unlisted.is_empty() {
        lines.push(format!("read {}\n", path.display()));
    }
    lines
}

/// All captures below a folder.
fn captures_in(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            captures_in(&path, found);
        } else if [".pcap", ".pcapng", ".pcap.gz", ".pcapng.gz"]
            .iter()
            .any(|end| path.to_string_lossy().ends_with(end))
        {
            found.push(path);
        }
    }
}

fn capture(name: String, source: Source) -> Capture {
    Capture { name, source, compared: Arc::default() }
}

fn captures_below(prefix: &str, root: &Path) -> Vec<Capture> {
    files_below(prefix, root).into_iter().map(|(name, path)| capture(name, Source::File(path))).collect()
}

/// All captures below a folder, or the one file, each with its name.
fn files_below(prefix: &str, root: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    if root.is_file() {
        found.push(root.to_owned());
    } else {
        captures_in(root, &mut found);
    }
    let name = |path: &Path| format!("{prefix}/{}", path.strip_prefix(root).unwrap_or(path).display());
    found.into_iter().map(|path| (name(&path), path)).collect()
}

/// The captures below a folder in batches. As many batches as there are threads take turns, so that each thread has one to read.
fn batches_below(list: &List, root: &Path, threads: usize) -> Vec<Capture> {
    let (alone, together): (Vec<_>, Vec<_>) =
        files_below("given", root).into_iter().partition(|(name, _)| !list.arguments(name).is_empty());
    let mut captures: Vec<Capture> =
        alone.into_iter().map(|(name, path)| capture(name, Source::File(path))).collect();
    for turn in batch::divide(together).chunks(threads) {
        let batches: Vec<Vec<Capture>> = turn
            .iter()
            .map(|files| {
                let batch = Arc::new(Batch::new(files.iter().map(|(_, path)| path.clone()).collect()));
                let member = |(index, (name, path)): (usize, &(String, PathBuf))| {
                    capture(name.clone(), Source::Batched(path.clone(), Arc::clone(&batch), index))
                };
                files.iter().enumerate().map(member).collect()
            })
            .collect();
        let longest = batches.iter().map(Vec::len).max().unwrap_or(0);
        captures.extend(
            (0..longest).flat_map(|at| batches.iter().filter_map(move |batch| batch.get(at))).cloned(),
        );
    }
    captures
}

fn all_captures(home: &Path) -> Vec<Capture> {
    let mut captures = captures_below("corpus", &home.join("../captures/corpus"));
    captures.extend(captures_below("judged", &home.join("../conformance/recordings")));
    captures.extend(
        recordings::CASES
            .iter()
            .map(|case| capture(format!("recorded/{case}"), Source::Case((*case).to_owned()))),
    );
    captures
}

fn trials(oracle: &Arc<Oracle>, home: &Path, threads: usize) -> Vec<Trial> {
    let own = all_captures(home);
    let given = std::env::var("PEERPROOF_ORACLE").unwrap_or_default();
    let roots = given.split(':').filter(|path| !path.is_empty());
    let below = roots.map(|path| (path.to_owned(), batches_below(&oracle.list, Path::new(path), threads)));
    let (empty, given): (Vec<_>, Vec<_>) = below.partition(|(_, captures)| captures.is_empty());
    let given: Vec<Capture> = given.into_iter().flat_map(|(_, captures)| captures).collect();
    let mut trials: Vec<Trial> = own
        .iter()
        .chain(&given)
        .map(|capture| {
            let (oracle, capture) = (Arc::clone(oracle), capture.clone());
            Trial::test(capture.name.clone(), move || oracle.compare(&capture).map_err(Failed::from))
        })
        .collect();
    trials.extend(empty.into_iter().map(|(path, _)| {
        let name = format!("given/{path}");
        Trial::test(name, || {
            Err(Failed::from("no capture there (relative paths begin at the folder `harness`)"))
        })
    }));
    trials.extend(controls(oracle, home));
    let oracle = Arc::clone(oracle);
    trials.push(Trial::test("every listed difference still shows", move || {
        for capture in &own {
            // What failed is reported by its own trial.
            let _ = oracle.compare(capture);
        }
        match oracle.list.unused().as_slice() {
            [] => Ok(()),
            unused => Err(Failed::from(format!("these match nothing any more:\n{}", unused.join("\n")))),
        }
    }));
    trials
}

/// What has to be noticed: a bit that only one reader got, and an entry of the list that nothing matches.
fn controls(oracle: &Arc<Oracle>, home: &Path) -> Vec<Trial> {
    let path = home.join("../conformance/recordings/data/capture.pcapng");
    let seen = Arc::clone(oracle);
    let bit = Trial::test("control: a bit that only one reader got is noticed", move || {
        let mut bytes = std::fs::read(&path)?;
        let cookie = bytes.windows(4).position(|window| window == [0x21, 0x12, 0xa4, 0x42]);
        *cookie.and_then(|at| bytes.get_mut(at + 4)).ok_or("no STUN in the recording")? ^= 1;
        let (ours, _) = ours::read(&bytes);
        let (_, differs) = facts::compare(&ours, &tshark::read(&seen.program, &path, &[])?);
        let unlisted: Vec<_> =
            differs.iter().filter(|differs| !seen.list.knows("control", &ours, differs)).collect();
        match unlisted.as_slice() {
            [Differs { frame: 1, field: "stun.id", .. }] => Ok(()),
            other => Err(Failed::from(format!("noticed: {other:?}"))),
        }
    });
    let entry = Trial::test("control: an entry that nothing matches is noticed", || {
        let list = List::parse(
            "[[difference]]\ncaptures = 'x'\nfields = ['stun.id']\nours = '1'\ntshark = '2'\nright = 'both'\nwhy = 'y'",
        )?;
        let differs = |ours: &str| Differs {
            frame: 1,
            field: "stun.id",
            ours: ours.to_owned(),
            tshark: "2".to_owned(),
        };
        let ours = Facts::default();
        if list.knows("x", &ours, &differs("11"))
            || list.knows("xx", &ours, &differs("1"))
            || list.unused().len() != 1
        {
            return Err("the entry matched what it does not describe".into());
        }
        if !list.knows("x", &ours, &differs("1")) || !list.unused().is_empty() {
            return Err("the entry did not match what it describes".into());
        }
        Ok(())
    });
    vec![bit, entry]
}

#[expect(
    clippy::print_stderr,
    reason = "a test program prints why it cannot begin, and how much it compared"
)]
fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = match List::load(&home.join("tests/oracle/differences.toml")) {
        Ok(list) => list,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let Some(program) = Tool::Tshark.find() else {
        let name = "tshark says the same";
        let reason = missing("tshark").unwrap_or_default();
        let trial = if is_required("tshark") {
            Trial::test(name, move || Err(format!("PEERPROOF_REQUIRE names tshark, but {reason}").into()))
        } else {
            Trial::test(name, || Ok(())).with_kind(reason).with_ignored_flag(true)
        };
        return libtest_mimic::run(&arguments, vec![trial]).exit_code();
    };
    let recordings = recordings::Recordings::default();
    let threads = arguments
        .test_threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let oracle = Arc::new(Oracle { program, list, recordings, done: Mutex::default() });
    let conclusion = libtest_mimic::run(&arguments, trials(&oracle, home, threads.max(1)));
    if !arguments.list
        && let Ok(done) = oracle.done.lock()
    {
        let listed: BTreeMap<&str, u64> = oracle
            .list
            .difference
            .iter()
            .map(|entry| (entry.why.as_str(), entry.matched.load(std::sync::atomic::Ordering::Relaxed)))
            .collect();
        let times: u64 = listed.values().sum();
        eprintln!(
            "{} frames and {} values compared; {} listed differences, met {times} times",
            done.frames,
            done.values,
            oracle.list.difference.len()
        );
    }
    if let Some(oracle) = Arc::into_inner(oracle) {
        oracle.recordings.shutdown();
    }
    conclusion.exit_code()
}
