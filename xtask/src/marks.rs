//! `cargo xtask marks RUN…`: writes `conformance/marks.json`, by which a peer is known for another implementation than it says.

use anyhow::Context;
use peerproof::judge;
use peerproof_conformance::claims::marks::Known;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Recorded runs of implementations that are what they say
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Forget what is known of implementations before
    #[arg(long)]
    anew: bool,
}

/// Adds what the runs show, controls apart: their peers may lie.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let path = root.join("conformance/marks.json");
    let mut known = if arguments.anew {
        Known::default()
    } else {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())?
    };
    for folder in &arguments.runs {
        let of_case = |record: peerproof_conformance::case::CaseRecord| {
            let mut of_case = Known::default();
            let lies = record.file.verdict.as_ref().is_some_and(|verdict| verdict.claim.is_some());
            if record.file.control_of.is_none() && !lies {
                of_case.add(&record);
            }
            of_case
        };
        let cases = judge::records(folder, |_| true, of_case)?;
        cases.into_iter().for_each(|of_case| known.merge(of_case));
    }
    let text = format!("{}\n", serde_json::to_string_pretty(&known)?);
    fs::write(&path, text).with_context(|| path.display().to_string())
}
