//! The arguments.

use crate::doctor::DoctorArgs;
use crate::run::shard::Part;
use crate::setup::SetupArgs;
use crate::span::Span;
use clap::{Parser, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Conformance tests and interop tests for WebRTC peers.
///
/// Scenarios in YAML are played between the reference stack, Chrome and Firefox; everything is recorded and judged.
#[derive(Debug, Parser)]
#[command(
    name = "peerproof",
    version,
    after_help = "\
Examples:
  peerproof run                          run every scenario with every pair
  peerproof run data --peers stack       the data channel scenarios, stack with itself
  peerproof run 'dtls/*/stack-chrome'    cases that match a pattern
  peerproof run --program mine=./adapter.py --with mine    your own implementation against all others
  peerproof run --with chrome@150        another version of a browser (`setup --peers chrome@150`)
  peerproof list --tag dc-2              the cases that prove the statement dc-2
  peerproof inspect call.pcapng          why a call fails
  peerproof judge runs/latest            the verdicts again, from the recordings
  peerproof matrix runs/latest           which implementations work with which
  peerproof coverage                     what the suite proves, and what not
  peerproof schema > scenario.json       for your editor

Exit codes: 0 all as expected, 1 a verdict failed, 2 usage or a broken scenario, 3 harness error, 4 nothing ran."
)]
pub struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play scenarios, record, judge and report
    Run(RunArgs),
    /// Write a commented peerproof.toml: your implementation, versions of browsers, your scenarios
    Init {
        /// The file [default: peerproof.toml]
        file: Option<PathBuf>,
    },
    /// Write a commented scenario
    New {
        /// Its name: family/name
        name: String,
        /// Folder of scenarios
        #[arg(long, default_value = "scenarios", value_name = "DIR")]
        scenarios: PathBuf,
    },
    /// List the cases that would run
    List(Chosen),
    /// Show what this machine can run
    Doctor(DoctorArgs),
    /// Install what this machine lacks (Debian and derivatives)
    Setup(SetupArgs),
    /// Explain a capture: any pcap or pcapng, ours or not
    Inspect(crate::inspect::InspectArgs),
    /// Judge recordings again without peers, and any capture by the RFC requirements
    Judge(crate::judge::JudgeArgs),
    /// Record what runs show: how often known deviations occurred, and what the suite decided
    Accept(super::accept::AcceptArgs),
    /// Show which implementations work together, from one or more runs
    Matrix(super::matrix::MatrixArgs),
    /// Merge several runs into one: the parts of `run --shard`, or runs of different cases
    Merge(super::merge::MergeArgs),
    /// Write a page for each case of a run, to look at in a browser
    Report(super::report::ReportArgs),
    /// Show what changed from one run to another: verdicts, descriptions, handshakes, habits
    Diff(super::diff::DiffArgs),
    /// Keep the facts of a run in a file, to compare with later
    Archive(super::diff::ArchiveArgs),
    /// Check STUN and TURN servers: reachable, credentials, certificate, relaying, permissions
    CheckServer(crate::check_server::CheckServerArgs),
    /// List the requirements of the RFCs and the W3C, and which of them are checked
    Requirements(crate::requirements::RequirementsArgs),
    /// Show what the suite proves: each statement with its cases, roles and controls
    Coverage(crate::coverage::CoverageArgs),
    /// Test programs that speak the peer protocol
    Adapter {
        #[command(subcommand)]
        what: AdapterCommand,
    },
    /// Print the JSON Schema of scenarios, for editors
    Schema {
        /// The format to describe
        #[arg(value_enum, default_value_t = What::Scenario)]
        what: What,
    },
}

/// What can be done with adapters.
#[derive(Debug, Subcommand)]
pub(crate) enum AdapterCommand {
    /// Run the reference stack as an adapter, on standard input and output
    Stack,
    /// Test a program that speaks the peer protocol: what works, what violates the protocol, which scenarios it can run
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof adapter check -- ./adapter.py
  peerproof adapter check -- node adapter.mjs --verbose
  peerproof adapter check --json -- ./adapter > check.json
  peerproof adapter check -- peerproof adapter stack    the reference stack, which passes

Exit codes: 0 no violation, 1 the protocol is violated, 2 usage, 3 harness error.")]
pub(crate) struct CheckArgs {
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Formats that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// A scenario
    Scenario,
    /// A control
    Control,
    /// peerproof.toml
    Config,
    /// case.json of a recording
    Case,
    /// The messages of the peer protocol
    Peer,
    /// What `inspect --json` prints
    Inspect,
    /// What `inspect --json` prints of a dump
    Dump,
    /// The data of a page of `inspect --html` and `report`
    Page,
    /// What `judge --json` prints
    Judge,
    /// run.json of a run
    Run,
    /// What `check-server --json` prints
    CheckServer,
    /// What `requirements --json` prints
    Requirements,
    /// statements.yaml: what a suite proves
    Statements,
    /// What `coverage --json` prints
    Coverage,
    /// What `diff --json` prints
    Diff,
    /// What `archive` writes
    Archive,
}

/// A number of parallel cases.
fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "write a number of cases, at least 1".to_owned())
}

/// Whose pages a run writes at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pages {
    /// Those of all cases; a page takes some 180 KB
    All,
    /// Those of cases with an unexpected result, up to 50
    Unexpected,
    /// None; `peerproof report` writes them later
    None,
}

/// Which cases are meant.
#[derive(Debug, Clone, clap::Args)]
pub struct Chosen {
    /// Parts of names (`echo`) or patterns (`data/*/stack-*`); any of them
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,
    /// Only cases with one of these tags, or that prove one of these statements (`peerproof coverage` lists them)
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    pub tag: Vec<String>,
    /// Only cases using these implementations: stack, chrome, firefox, those of the configuration, those that `setup --peers`
    /// installs (adapters, and browser versions such as chrome@150 or firefox@oldest)
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub peers: Vec<String>,
    /// Only cases using at least one of these, with stack, chrome, firefox or each other: adapters, and other browser versions such
    /// as chrome@150, or chrome@oldest for the oldest one installed
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub with: Vec<String>,
    /// Run all scenarios between programs too, not only those tagged `core`
    #[arg(long)]
    pub every_pair: bool,
    /// Folder of scenarios to run instead of the built-in ones
    /// [default: `scenarios` of the configuration, else ./scenarios if it exists]
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
    /// Run the built-in scenarios too
    #[arg(long)]
    pub suite: bool,
    /// Configuration file [default: ./peerproof.toml if it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A key of an implementation, as in the configuration file, which it replaces: `mystack:cases=5`, `mystack:env.DEBUG=1`
    #[arg(long, value_name = "NAME:KEY=VALUE")]
    pub set: Vec<String>,
    /// A program that speaks the peer protocol, as an implementation: `mystack=./adapter.py`. COMMAND is split at blanks; quotes have no
    /// meaning in it
    #[arg(long, value_name = "NAME=COMMAND")]
    pub program: Vec<String>,
    /// A browser that you open yourself, without WebDriver, as an implementation: `mobile=chrome`. `run` prints the URL of its page and
    /// waits for it. BROWSER is what it identifies as: chrome, firefox, safari, or browser for any other [default: the name]
    #[arg(long, value_name = "NAME[=BROWSER]")]
    pub page: Vec<String>,
    /// A file of known deviations, in addition to the built-in ones and those of the configuration
    #[arg(long, value_name = "FILE")]
    pub expected: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof run data/echo                       one scenario in all pairs
  peerproof run data/echo/stack-chrome --repeat 20
  peerproof run --update-snapshots              save new and changed snapshots
  peerproof run media --stats-every 1s          with statistics over time, which the pages draw beside the packets
  peerproof run --virtual --seed 7              stack with itself, in virtual time: the same each time
  peerproof run data/echo --program mine=./adapter.py --with mine --watch    again whenever adapter.py or the scenario changes
  peerproof run --shard 2/3 --output part-2     the second third of the cases; `peerproof merge` makes one run of all parts
  peerproof run data --page mobile=chrome --with mobile   with a browser that you open at the URL that is printed
  PEERPROOF_REQUIRE=chrome,firefox peerproof run   a missing browser is an error")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// Number of parallel cases (default: adapts to the machine's load)
    #[arg(long, short, value_name = "N", value_parser = jobs)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Repeat each case N times; every attempt is shown
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// Seed of all randomness
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// Run in virtual time, the stack with itself: the same seed gives the same recordings, byte for byte, and no case waits.
    /// Cases with a browser are left out; those with a lab, coturn or `.local` names are
    /// `unsupported`
    #[arg(long = "virtual", conflicts_with = "update_snapshots")]
    pub(crate) in_virtual_time: bool,
    /// Run everything in real time, including cases that need neither a real network nor a real clock
    #[arg(long = "real", conflicts_with = "in_virtual_time")]
    pub(crate) in_real_time: bool,
    /// Which cases get a page at the end
    #[arg(long, value_enum, default_value = "all", value_name = "WHICH")]
    pub(crate) pages: Pages,
    /// Read the statistics of both peers that often while steps wait, such as `1s` or `500ms`, beside once at the end. Controls are left out
    /// [default: `stats_every` of the configuration, else not at all]
    #[arg(long, value_name = "DURATION", value_parser = crate::config::stats_every)]
    pub(crate) stats_every: Option<Span>,
    /// How long to wait for browsers that you open yourself [default: `wait` of the configuration, else 300]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) page_wait: Option<u64>,
    /// Folder for recordings and reports [default: runs/<time>]
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Write into the folder of --output although another run is in it
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
    /// Run part K of N only. Every case is in exactly one part; the parts take about the same time. They never become `runs/latest`
    #[arg(long, value_name = "K/N")]
    pub(crate) shard: Option<Part>,
    /// Durations of cases, used to divide them: a run.json, or an object of names with seconds. All parts need the same file
    /// [default: runs/latest/run.json if it exists]
    #[arg(long, value_name = "FILE", requires = "shard")]
    pub(crate) durations: Option<PathBuf>,
    /// Save new and changed snapshots
    #[arg(long)]
    pub(crate) update_snapshots: bool,
    /// Run again whenever a scenario among the cases, a program, the configuration or a file of known deviations changes
    #[arg(long, conflicts_with_all = ["output", "shard", "update_snapshots"])]
    pub(crate) watch: bool,
}
