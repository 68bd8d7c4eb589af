//! `peerproof coverage`: the statements of the suite, which cases prove each, in which pairs and roles, and by which controls.

mod shown;
mod text;

use crate::judge::{JudgeError, case_files};
use crate::peers::implementation::Roster;
use crate::run::{Filter, plan};
use crate::scenario::load::Source;
use crate::scenario::model::Role;
use crate::scenario::statements::{FILE, Implementation, Statements};
use crate::scenario::{ScenarioError, Suite};
use crate::terminal::Style;
use clap::ValueEnum;
use peerproof_conformance::verdict::{Layer, Outcome};
use schemars::JsonSchema;
use serde::Serialize;
use shown::Results;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Which statements, and how they are shown.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof coverage                      every statement: who shows it in which role
  peerproof coverage dc-2 ice-5           two in full: parts, cases, controls
  peerproof coverage --open               what is not shown by everyone in each role, with the reason
  peerproof coverage --run runs/latest    what that run has shown
  peerproof coverage --role answerer --peer firefox

A statement stands in `scenarios/statements.yaml` in one or more parts. A part is shown by cases of its scenarios that
pass, or by the requirements that it names. It counts for a browser in a role when the browser has that role and the
stack is the other peer. A control is a scenario with something broken: it must turn red.

  yes    a case can show it; with --run: a case did
  no     no case shows it
  -      the file says why it cannot be shown

Exit codes: 0 every statement shown is shown by both browsers in both roles, or the file says why not; 1 one is not;
2 usage; 4 no statement matches.")]
pub struct CoverageArgs {
    /// Only these statements; each is shown in full
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Only of these implementations
    #[arg(long, value_delimiter = ',', value_enum, value_name = "NAME")]
    pub peer: Vec<ImplementationArg>,
    /// Only in this role
    #[arg(long, value_enum)]
    pub role: Option<AsRole>,
    /// Only statements that are not shown by both browsers in both roles
    #[arg(long)]
    pub open: bool,
    /// A folder with cases: what they have shown, instead of what the scenarios can show
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Folder of scenarios with its statements.yaml [default: ./scenarios if it has one, else the built-in suite]
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// An implementation on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names of implementations")]
pub enum ImplementationArg {
    Stack,
    Chrome,
    Firefox,
}

impl From<ImplementationArg> for Implementation {
    fn from(player: ImplementationArg) -> Self {
        match player {
            ImplementationArg::Stack => Self::Stack,
            ImplementationArg::Chrome => Self::Chrome,
            ImplementationArg::Firefox => Self::Firefox,
        }
    }
}

/// A role on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AsRole {
    /// Who makes the first offer
    Offerer,
    /// Who answers it
    Answerer,
}

impl From<AsRole> for Role {
    fn from(role: AsRole) -> Self {
        match role {
            AsRole::Offerer => Self::Offerer,
            AsRole::Answerer => Self::Answerer,
        }
    }
}

/// What is shown: the format of `--json`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Coverage {
    /// The folder of the run whose cases count; without one it is what the scenarios can show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// How many statements were asked for.
    pub total: usize,
    /// How many of them are shown, or as far as the file says that they can be.
    pub whole: usize,
    /// One by one, in the order of the file.
    pub statements: Vec<ShownStatement>,
}

/// A statement, and what shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownStatement {
    /// Its id.
    pub id: String,
    /// What it says.
    pub says: String,
    /// Whether every part is shown by every implementation in every role that was asked for, or the file says why not.
    pub whole: bool,
    /// Its parts.
    pub parts: Vec<ShownPart>,
}

/// A part of a statement, and what shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownPart {
    /// What is shown.
    pub what: String,
    /// The scenarios that show it.
    pub scenarios: Vec<String>,
    /// The requirements that decide it, if not the verdicts do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<String>,
    /// By whom, in which role.
    pub by: Vec<ShownBy>,
    /// The controls.
    pub controls: Vec<ShownControl>,
}

/// An implementation in a role.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownBy {
    /// The implementation.
    pub peer: Implementation,
    /// Its role.
    pub role: Role,
    /// Whether it is shown.
    pub state: PartState,
    /// The implementations that are the other peer, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    /// The cases that show it: in a run those that did.
    pub cases: Vec<String>,
    /// With a run: its cases that did not show it, each with its verdict.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedCase>,
    /// Why it cannot be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Whether a part is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartState {
    /// A case shows it.
    Shown,
    /// None does, and the file says why.
    Excepted,
    /// None does.
    Missing,
    /// A case shows it although the file says that none can.
    Stale,
}

/// A case of a run that did not show what it is for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FailedCase {
    /// Its name.
    pub case: String,
    /// Its verdict.
    pub verdict: Outcome,
    /// The requirement that did not pass, if requirements decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// Whether a known deviation covers it.
    pub known: bool,
}

/// A control of a part.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownControl {
    /// Its name; of a mutation that of the requirement.
    pub name: String,
    /// What is broken.
    pub breaks: String,
    /// The verdict that must come out.
    pub verdict: Outcome,
    /// The layer that must be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// The side that must be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// With a run: how many of its cases got that verdict, and how many did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<[usize; 2]>,
}

impl Coverage {
    /// What the scenarios of a suite can show, or what the cases of a run have shown.
    #[must_use]
    pub fn of(suite: &Suite, statements: &Statements, args: &CoverageArgs, run: Option<&Results>) -> Self {
        let filter = Filter { every_pair: true, ..Filter::default() };
        let mut cases = plan(suite, &Roster::default(), &filter);
        cases.retain(|case| case.control.is_none());
        let wanted = |id: &str| args.ids.is_empty() || args.ids.iter().any(|wanted| wanted == id);
        let mut statements: Vec<ShownStatement> = statements
            .statements
            .iter()
            .filter(|(id, _)| wanted(id))
            .map(|(id, statement)| shown::statement(suite, &cases, id, statement, args, run))
            .collect();
        if args.open {
            statements.retain(|it| {
                // The stack is the other peer, unless it is asked for.
                let counts = |by: &&ShownBy| {
                    by.peer != Implementation::Stack || args.peer.contains(&ImplementationArg::Stack)
                };
                let mut all = it.parts.iter().flat_map(|part| &part.by).filter(counts);
                all.any(|by| by.state != PartState::Shown)
            });
        }
        let whole = statements.iter().filter(|it| it.whole).count();
        let run = args.run.as_ref().map(|run| run.display().to_string());
        Self { run, total: statements.len(), whole, statements }
    }
}

/// Why nothing can be shown.
#[derive(Debug)]
pub enum CoverageError {
    /// The scenarios or the statements are broken.
    Scenarios(Vec<ScenarioError>),
    /// The run cannot be read.
    Run(JudgeError),
    /// No statement has this id.
    Unknown(String, Option<String>),
    /// Nothing can be written.
    Io(io::Error),
}

impl std::error::Error for CoverageError {}

impl From<Vec<ScenarioError>> for CoverageError {
    fn from(errors: Vec<ScenarioError>) -> Self {
        Self::Scenarios(errors)
    }
}

impl From<io::Error> for CoverageError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for CoverageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scenarios(errors) => {
                let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
                f.write_str(&all.join("\n\nerror: "))
            }
            Self::Run(error) => error.fmt(f),
            Self::Unknown(id, near) => {
                write!(f, "unknown statement `{}`", crate::terminal::clean(id))?;
                match near {
                    Some(near) => write!(f, "\n  = help: did you mean `{near}`?"),
                    None => f.write_str("\n  = help: `peerproof coverage` lists all"),
                }
            }
            Self::Io(error) => error.fmt(f),
        }
    }
}

/// The suite that is meant, with its statements.
fn suite(args: &CoverageArgs) -> Result<(Suite, Statements), Vec<ScenarioError>> {
    let here = Path::new("scenarios");
    let folder = args.scenarios.clone().or_else(|| here.join(FILE).is_file().then(|| here.to_owned()));
    let source = folder.map_or(Source::Program, Source::Folder);
    let names: Vec<&str> = crate::scenario::check::IMPLEMENTATIONS.to_vec();
    let suite = Suite::gather(std::slice::from_ref(&source), &names)?;
    let statements = Statements::load(&source, &suite)?;
    Ok((suite, statements))
}

/// Shows the coverage and returns it.
///
/// # Errors
/// The scenarios, the statements or the run cannot be read, or an id is none.
pub fn main(args: &CoverageArgs, out: &mut dyn Write) -> Result<Coverage, CoverageError> {
    let (suite, statements) = suite(args)?;
    if let Some(id) = args.ids.iter().find(|id| !statements.statements.contains_key(*id)) {
        let near = crate::scenario::error::nearest(id, statements.statements.keys().map(String::as_str));
        return Err(CoverageError::Unknown(id.clone(), near.map(str::to_owned)));
    }
    let results = match &args.run {
        Some(run) => Some(Results::of(case_files(run).map_err(CoverageError::Run)?)),
        None => None,
    };
    let coverage = Coverage::of(&suite, &statements, args, results.as_ref());
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &coverage).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        text::write(&coverage, !args.ids.is_empty(), &Style::of_stdout(), out)?;
    }
    Ok(coverage)
}
