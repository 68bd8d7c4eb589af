//! `peerproof judge`: judges recordings again, without peers, and any capture.
//!
//! A recording of ours is judged by what its scenario expects and by the RFC requirements; a capture of anyone by the
//! requirements alone, and descriptions without a capture by those of them that concern descriptions. [`observed`] is what `peerproof run` uses too, so that a verdict is the same whenever it is given.

mod args;
mod bare;
mod descriptions;
mod error;
mod folder;
mod json;
mod text;

pub use args::JudgeArgs;
pub use error::JudgeError;
pub(crate) use folder::last_stats;
pub use folder::{Again, again, case_files, observed, records, report};
pub use json::{Judged, JudgedFinding, Judgement};

use crate::scenario::error::nearest;
use crate::{expected, parallel};
use peerproof_conformance::catalogue::Catalogue;
use peerproof_conformance::checks::Finding;
use peerproof_conformance::deviations::pattern;
use std::io::Write;
use std::path::PathBuf;

/// Exit code: everything is as expected.
const AS_EXPECTED: u8 = 0;
/// Exit code: a verdict failed, or an absolute requirement is broken.
const FAILED: u8 = 1;
/// Exit code: the harness's own fault.
const HARNESS_ERROR: u8 = 3;
/// Exit code: there was nothing to judge.
const NOTHING: u8 = 4;

/// Judges what is named, writes what was found, and returns the exit code.
///
/// # Errors
/// If something named cannot be read, or nothing can be written.
pub fn main(args: &JudgeArgs, out: &mut dyn Write) -> Result<u8, JudgeError> {
    args.refuse_unknown_requirements()?;
    let expected = args.expected.as_ref().map(|path| expected::load(path)).transpose()?;
    let mut judged = Judged { judged: Vec::new() };
    let mut paths = args.paths.clone();
    judged.judged.extend(descriptions::judge(args, &mut paths)?);
    for path in &paths {
        let stdin = path.as_os_str() == "-";
        if !stdin && let Some(folders) = folder::cases(path)? {
            let judge = |folder: &PathBuf| folder::judge(folder, expected.as_ref(), args.changed);
            judged.judged.extend(parallel::map(&folders, judge).into_iter().collect::<Result<Vec<_>, _>>()?);
        } else {
            judged.judged.extend(bare::judge(path, args)?);
        }
    }
    for one in &mut judged.judged {
        one.findings.retain(|it| args.wants(&it.finding));
    }
    let code = judged.exit_code();
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &judged).map_err(|error| JudgeError::Write(error.into()))?;
        writeln!(out)?;
    } else {
        text::write(&judged, args.all, out)?;
    }
    Ok(code)
}

/// Whether what is asked for means this requirement.
fn names(wanted: &str, id: &str) -> bool {
    id.contains(wanted) || pattern::matches(wanted, id)
}

impl JudgeArgs {
    /// Whether a finding is asked for.
    fn wants(&self, finding: &Finding) -> bool {
        let id = finding.requirement.as_str();
        self.requirement.is_empty() || self.requirement.iter().any(|wanted| names(wanted, id))
    }

    /// Nothing would be found of a requirement that is spelled wrongly, and that is no verdict.
    fn refuse_unknown_requirements(&self) -> Result<(), JudgeError> {
        let ids = || Catalogue::get().requirements().map(|it| it.id.as_str());
        match self.requirement.iter().find(|wanted| !ids().any(|id| names(wanted, id))) {
            None => Ok(()),
            Some(wanted) => {
                let near = nearest(wanted, ids()).map(str::to_owned);
                Err(JudgeError::UnknownRequirement { name: wanted.clone(), near })
            }
        }
    }
}

impl Judged {
    /// 0 all as expected, 1 a verdict failed or a MUST is broken, 3 harness error, 4 nothing was judged.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let codes: Vec<u8> = self.judged.iter().map(Judgement::exit_code).collect();
        let worst = [HARNESS_ERROR, FAILED, AS_EXPECTED].into_iter().find(|code| codes.contains(code));
        worst.unwrap_or(NOTHING)
    }
}
