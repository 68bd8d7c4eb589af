//! `peerproof matrix`.

use super::runs::{self, Recorded};
use super::{NOTHING_RAN, USAGE, complain, note};
use crate::scenario::statements::sentences;
use crate::terminal::Style;
use clap::ValueEnum;
use peerproof_reports::export::matrix::{document, html, markdown, terminal};
use peerproof_reports::{Matrix, RunReport};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Exit code: a recording contradicts itself.
const CONTRADICTED: u8 = 1;

/// Which runs, and how they are shown.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof matrix                             the last run
  peerproof matrix runs/nightly-* | less       several runs in one table
  peerproof matrix runs/nightly -o interop.html    a page that links to the cases
  peerproof matrix runs/latest --format markdown >> $GITHUB_STEP_SUMMARY
  peerproof matrix runs/core --preface title.md -o interop.md    a document

Rows offer, columns answer. Both are what the recordings say who played:
implementation and version, and the name in the configuration if it is another.
≠ counts scenarios whose result differs with the roles exchanged. Every
attempt counts; controls are left out.

Exit codes: 0 shown, 1 a recording contradicts itself about its
implementations, 2 a run
cannot be read, 4 there is no case.")]
pub(crate) struct MatrixArgs {
    /// Runs: folders, or the run.json in them
    #[arg(value_name = "RUN", default_value = "runs/latest")]
    runs: Vec<PathBuf>,
    /// Output format [default: from the name of the output file, else terminal]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Make a document in Markdown that begins with this file: with the date of the run, and of the known deviations one example each
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    preface: Option<PathBuf>,
    /// Write to this file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file of --output
    #[arg(long, requires = "output")]
    force: bool,
}

/// How a matrix is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables of text, in colours on a terminal
    Terminal,
    /// For a README, a pull request or a CI job summary
    Markdown,
    /// One page that links to the pages of the runs
    Html,
}

impl Format {
    /// The format that a file's name asks for.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "html" | "htm" => Some(Self::Html),
            "md" | "markdown" => Some(Self::Markdown),
            _ => None,
        }
    }
}

/// Prints the matrix of some runs.
pub(crate) fn matrix(args: &MatrixArgs) -> u8 {
    let runs = match runs::read(&args.runs) {
        Ok(runs) => runs,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
    let folders = match folders(&runs, args.output.as_deref()) {
        Ok(folders) => folders,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    let preface = match super::preface(args.preface.as_deref()) {
        Ok(preface) => preface,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    let reports: Vec<RunReport> = runs.into_iter().map(|run| run.report).collect();
    let mut matrix = Matrix::of(&reports);
    // A run names statements by their identifiers.
    matrix.statements = sentences();
    for conflict in &matrix.conflicts {
        let run = names.get(conflict.run).map_or("", String::as_str);
        complain(crate::terminal::clean(&format!("{run}: {conflict}")));
    }
    if matrix.plays.is_empty() {
        complain("these runs contain only controls");
        return NOTHING_RAN;
    }
    let format = args.format.or_else(|| Format::of(args.output.as_deref()?)).unwrap_or(Format::Terminal);
    let rendered = match (preface, format) {
        (Some(preface), _) => Ok(document(&matrix, &reports, &names, &preface).into_bytes()),
        (None, Format::Terminal) => {
            let colour = args.output.is_none() && Style::of_stdout().colour;
            Ok(terminal(&matrix, &names, colour).into_bytes())
        }
        (None, Format::Markdown) => Ok(markdown(&matrix, &names).into_bytes()),
        (None, Format::Html) => html(&matrix, &folders),
    };
    let written = match rendered {
        Ok(rendered) => write(&rendered, args.output.as_deref(), args.force),
        Err(error) => Err(error.to_string()),
    };
    match written {
        Ok(()) if matrix.conflicts.is_empty() => 0,
        Ok(()) => CONTRADICTED,
        Err(trouble) => {
            complain(trouble);
            USAGE
        }
    }
}

/// The folders of runs as seen from where the page will be.
fn folders(runs: &[Recorded], output: Option<&Path>) -> Result<Vec<String>, String> {
    let parent = output.and_then(Path::parent).filter(|parent| !parent.as_os_str().is_empty());
    let here = parent.unwrap_or(Path::new("."));
    let here = fs::canonicalize(here).map_err(|error| format!("{}: {error}", here.display()))?;
    Ok(runs.iter().map(|run| runs::relative(&here, &run.folder).display().to_string()).collect())
}

fn write(rendered: &[u8], output: Option<&Path>, force: bool) -> Result<(), String> {
    match output {
        Some(path)
            if !force && path.symlink_metadata().is_ok_and(|there| there.is_file() || there.is_dir()) =>
        {
            return Err(format!("{}: the file exists; --force replaces it", path.display()));
        }
        Some(path) => {
            fs::write(path, rendered).map_err(|error| format!("{}: {error}", path.display()))?;
            note(format_args!("the matrix is in {}", path.display()));
        }
        None => {
            // A reader that went away (`| head`) is no error of ours.
            let mut out = super::stdout(false);
            let _ = out.write_all(rendered).and_then(|()| out.flush());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_decides_the_format() {
        let of = |name: &str| Format::of(Path::new(name));
        assert_eq!(of("a/interop.html"), Some(Format::Html));
        assert_eq!(of("interop.md"), Some(Format::Markdown));
        assert_eq!((of("interop.txt"), of("html")), (None, None));
    }
}
