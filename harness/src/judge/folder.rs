//! A recording of ours: its folder read, and judged as it was when it was made.

use super::json::{JudgedFinding, Judgement};
use super::{JudgeError, json};
use crate::input::{self, Limit};
use crate::parallel;
use crate::recording::digests;
use crate::spool::spool;
use indexmap::IndexMap;
use peerproof_captures::file::CaptureReader;
use peerproof_captures::timeline::{self, Entry, What};
use peerproof_conformance::case::{
    CaseFile, CaseRecord, Missing, SENTENCES, Standing, judge as judge_case, standing,
};
use peerproof_conformance::checks;
use peerproof_conformance::deviations::Deviations;
use peerproof_conformance::evidence::{Defect, Evidence, Flaw, ReadError, Wire, excessive_description};
use peerproof_conformance::expect::volume;
use peerproof_conformance::verdict::{Outcome, Verdict};
use peerproof_reports::CaseReport;
use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(super) const CASE: &str = "case.json";
const TIMELINE: &str = "timeline.jsonl";
const CAPTURE: &str = "capture.pcapng";
/// So deep below a folder cases are looked for.
const DEEPEST: usize = 12;

/// The folders with a case in or below a folder, finished or not, sorted; nothing if `path` is a file that is no `case.json`.
pub(super) fn cases(path: &Path) -> Result<Option<Vec<PathBuf>>, JudgeError> {
    let unreadable = |error| JudgeError::Read { path: path.to_owned(), error };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        let own = path.file_name().is_some_and(|name| name == CASE);
        return Ok(own.then(|| vec![path.parent().unwrap_or(Path::new(".")).to_owned()]));
    }
    let mut found = Vec::new();
    below(path, 0, &mut found)?;
    if found.is_empty() {
        return Err(JudgeError::NoCase(path.to_owned()));
    }
    found.sort();
    Ok(Some(found))
}

fn below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), JudgeError> {
    // A case that is not finished has its timeline already. Whatever it is: what is no file is refused by its name.
    if folder.join(CASE).exists() || folder.join(TIMELINE).exists() {
        found.push(folder.to_owned());
    }
    if depth >= DEEPEST {
        return Ok(());
    }
    let unreadable = |error| JudgeError::Read { path: folder.to_owned(), error };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // Not through links: `runs/latest` would be judged twice.
        if entry.file_type().map_err(unreadable)?.is_dir() {
            below(&entry.path(), depth + 1, found)?;
        }
    }
    Ok(())
}

/// The `case.json` of every case in or below a folder.
///
/// # Errors
/// If there is none, or one cannot be read.
pub fn case_files(path: &Path) -> Result<Vec<CaseFile>, JudgeError> {
    finished(path)?.iter().map(|folder| Ok(case_file(folder)?.0)).collect()
}

/// The folders of the cases that have ended; at least one.
fn finished(path: &Path) -> Result<Vec<PathBuf>, JudgeError> {
    let mut folders = cases(path)?.unwrap_or_default();
    folders.retain(|folder| folder.join(CASE).exists());
    if folders.is_empty() { Err(JudgeError::NoCase(path.to_owned())) } else { Ok(folders) }
}

/// What `work` makes of every case in or below a folder as it was recorded, with what its capture shows. Several are read at a time, and
/// given up as soon as `work` is done with them.
///
/// # Errors
/// If there is none, or one cannot be read.
pub fn records<R: Send + Sync>(
    path: &Path,
    wanted: impl Fn(&str) -> bool + Sync,
    work: impl Fn(CaseRecord) -> R + Sync,
) -> Result<Vec<R>, JudgeError> {
    let record = |folder: &PathBuf| {
        // Before the timeline and the capture, which are long.
        let (file, _) = case_file(folder)?;
        if !wanted(&file.name) {
            return Ok(None);
        }
        let Read { file, timeline, broken_off, .. } = read(folder)?;
        observed(folder, file, timeline, broken_off.into_iter().collect()).map(|record| Some(work(record)))
    };
    let read: Result<Vec<Option<R>>, JudgeError> =
        parallel::map(&finished(path)?, record).into_iter().collect();
    Ok(read?.into_iter().flatten().collect())
}

/// What a folder says, but for its capture.
struct Read {
    file: CaseFile,
    /// The text of `file`.
    written: Vec<u8>,
    timeline: Vec<Entry>,
    /// What is wrong if the timeline breaks off.
    broken_off: Option<Flaw>,
}

fn read(folder: &Path) -> Result<Read, JudgeError> {
    let (file, written) = case_file(folder)?;
    let (timeline, broken_off) = timeline(&folder.join(TIMELINE), file.format)?;
    if volume::of_case(&file.expect, &timeline) > volume::MOST_BYTES {
        return Err(JudgeError::Excessive(folder.to_owned()));
    }
    if let Some((entry, excess)) = excessive_description(&timeline) {
        return Err(JudgeError::ExcessiveDescription { path: folder.join(TIMELINE), entry, excess });
    }
    Ok(Read { file, written, timeline, broken_off })
}

fn case_file(folder: &Path) -> Result<(CaseFile, Vec<u8>), JudgeError> {
    let path = folder.join(CASE);
    let bytes =
        input::bytes(&path, Limit::CASE).map_err(|error| JudgeError::Read { path: path.clone(), error })?;
    let file = CaseFile::read(&bytes).map_err(|error| JudgeError::Malformed { path, error })?;
    Ok((file, bytes))
}

/// A case that was judged again.
#[derive(Debug)]
pub struct Again {
    /// The case, with its findings and what covers its verdict.
    pub file: CaseFile,
    /// The verdict.
    pub verdict: Verdict,
    /// How it stands to what was expected.
    pub standing: Standing,
    /// What it lacked, if it is unsupported.
    pub missing: Option<Missing>,
    recorded: Option<Verdict>,
    defects: Vec<Defect>,
    altered: Vec<String>,
}

/// Every case of a run that has ended, judged again by these known deviations.
///
/// # Errors
/// If there is none, or one cannot be read.
pub fn again(path: &Path, expected: &Deviations) -> Result<Vec<Again>, JudgeError> {
    let folders = finished(path)?;
    parallel::map(&folders, |folder| judge_again(folder, Some(expected), false)).into_iter().collect()
}

/// Reads a folder and judges it: by the known deviations of that time, or by those given.
/// A file that was changed since the case ended makes the recording unfit, unless that is `allowed`.
pub(super) fn judge(
    folder: &Path,
    expected: Option<&Deviations>,
    allowed: bool,
) -> Result<Judgement, JudgeError> {
    if !folder.join(CASE).exists() {
        return Ok(unfinished(folder));
    }
    let Again { file, verdict, standing, recorded, defects, altered, .. } =
        judge_again(folder, expected, allowed)?;
    Ok(Judgement {
        path: folder.display().to_string(),
        case: Some(file.name),
        connection: None,
        peers: file.peers.iter().map(json::peer).collect(),
        changed: recorded.as_ref().is_some_and(|recorded| *recorded != verdict),
        recorded,
        verdict: Some(verdict),
        standing: Some(standing),
        defects,
        notices: Vec::new(),
        altered,
        findings: file.findings.into_iter().map(JudgedFinding::of).collect(),
        descriptions: Vec::new(),
    })
}

/// The report of a case, judged again by these known deviations. Where it is recorded, and its snapshot's text, are left empty.
///
/// # Errors
/// If it has not ended, or cannot be read.
pub fn report(folder: &Path, expected: &Deviations) -> Result<CaseReport, JudgeError> {
    let JudgedRecord { record, verdict, .. } = judge_record(folder, Some(expected), false)?;
    Ok(CaseReport::of(&record, &verdict))
}

fn judge_again(folder: &Path, expected: Option<&Deviations>, allowed: bool) -> Result<Again, JudgeError> {
    let JudgedRecord { record, verdict, recorded, altered } = judge_record(folder, expected, allowed)?;
    let missing = Missing::of(&record, &verdict);
    let defects = record.wire.as_ref().map(|wire| wire.defects.clone()).unwrap_or_default();
    let standing = standing(&record.file, &verdict);
    Ok(Again { file: record.file, verdict, standing, missing, recorded, defects, altered })
}

/// A recording with its verdict.
struct JudgedRecord {
    record: CaseRecord,
    verdict: Verdict,
    /// The verdict of that time.
    recorded: Option<Verdict>,
    /// How files were changed since.
    altered: Vec<String>,
}

fn judge_record(
    folder: &Path,
    expected: Option<&Deviations>,
    allowed: bool,
) -> Result<JudgedRecord, JudgeError> {
    let Read { mut file, written, timeline, broken_off } = read(folder)?;
    let altered = digests::changes(folder, &file, &written)
        .map_err(|(path, error)| JudgeError::Read { path, error })?;
    let recorded = file.verdict.take();
    if expected.is_some() {
        file.findings.clear();
    }
    let flaws = altered.iter().filter(|_| !allowed).map(|change| {
        let claimed = "its files should be as they were when the case ended";
        flaw(claimed, format!("{change} (--changed judges it all the same)"))
    });
    let flaws = flaws.chain(broken_off).collect();
    let mut record = observed(folder, file, timeline, flaws)?;
    if let Some(expected) = expected {
        expected.waive(&mut record.file);
    }
    let verdict = judge_case(&record);
    if let Some(expected) = expected {
        record.file.waiver = expected.waiver(&record.file, &verdict);
    }
    Ok(JudgedRecord { record, verdict, recorded, altered })
}

/// A folder that a run left behind, or has not finished: it has no verdict.
fn unfinished(folder: &Path) -> Judgement {
    let sentence =
        "the case has no case.json: its run was killed before the case ended, or is still in progress";
    let verdict = Verdict {
        outcome: Outcome::HarnessError,
        layer: None,
        side: None,
        sentence: sentence.to_owned(),
        evidence: Vec::new(),
        claim: None,
    };
    let path = folder.display().to_string();
    Judgement { case: Some(path.clone()), verdict: Some(verdict), ..Judgement::nothing(&path) }
}

/// A case with what its capture shows: the packets, and how the requirements stand. Findings that are in `file`
/// already lend their known deviations to the new ones; `flaws` are what is known already that the recording lacks.
///
/// # Errors
/// If there is a capture that cannot be opened or whose packets cannot be kept. One that is no capture counts as none.
pub fn observed(
    folder: &Path,
    mut file: CaseFile,
    timeline: Vec<Entry>,
    flaws: Vec<Flaw>,
) -> Result<CaseRecord, JudgeError> {
    let path = folder.join(CAPTURE);
    let stats = last_stats(&timeline);
    let peers: Vec<String> = file.peers.iter().map(|peer| peer.name.clone()).collect();
    let wire = match input::open(&path) {
        Ok(opened) => {
            // Its packets, and their plaintext.
            let bytes = opened.metadata().map(|it| it.len().saturating_mul(2)).ok();
            match Wire::read(CaptureReader::new(opened), &peers, file.epoch_us, spool(bytes)) {
                Ok(wire) => Some(wire),
                Err(ReadError::Capture(_)) => None,
                Err(ReadError::Store(error)) => return Err(JudgeError::Read { path, error }),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(JudgeError::Read { path, error }),
    };
    let is_readable = wire.is_some();
    let mut evidence = Evidence::new(peers, timeline, wire).of_case(&file);
    evidence.flaws = flaws;
    let mut evidence = evidence.examined(&file);
    file.findings = checks::applicable(&evidence, &file.findings);
    let (reached, rids) = (CaseRecord::reached(&evidence), CaseRecord::rids(&evidence));
    let wire = evidence.wire.take();
    let Evidence { timeline, flaws, defects, .. } = evidence;
    // A capture without packets may say itself why it has none.
    let wire = wire.or_else(|| is_readable.then(|| Wire { defects, ..Wire::default() }));
    Ok(CaseRecord { file, timeline, stats, wire, reached, rids, flaws })
}

/// The timeline, and what is wrong if it breaks off within its last line.
fn timeline(path: &Path, format: u32) -> Result<(Vec<Entry>, Option<Flaw>), JudgeError> {
    let bytes = input::bytes(path, Limit::TIMELINE)
        .map_err(|error| JudgeError::Read { path: path.to_owned(), error })?;
    let malformed = |(line, error)| JudgeError::Timeline { path: path.to_owned(), line, error };
    let (whole, rest) =
        bytes.split_at(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    let read = if format <= SENTENCES { timeline::read_earlier } else { timeline::read };
    match read(&bytes) {
        Ok(entries) => Ok((entries, None)),
        Err((line, error)) if rest.is_empty() => Err(malformed((line, error))),
        Err(_) => {
            let entries = read(whole).map_err(malformed)?;
            let flaw =
                flaw("the timeline should end with a whole line", "its last line breaks off".to_owned());
            Ok((entries, Some(flaw)))
        }
    }
}

fn flaw(claimed: &str, seen: String) -> Flaw {
    Flaw { t_us: 0, claimed: claimed.to_owned(), seen, evidence: Vec::new() }
}

/// The last statistics of each peer.
pub(crate) fn last_stats(timeline: &[Entry]) -> IndexMap<String, Value> {
    let mut stats = IndexMap::new();
    for entry in timeline {
        if let What::Stats { peer, report } = &entry.what {
            stats.insert(peer.clone(), report.clone());
        }
    }
    stats
}
