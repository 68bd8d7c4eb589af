//! Chores: `cargo xtask CHORE`. None of them is needed to use Peerproof.

mod adversary;
mod bench;
mod corpus;
mod degrade;
mod golden;
mod marks;
mod quotes;
mod rates;
mod tidy;

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Termination};

#[derive(Parser)]
#[command(about = "Chores of the Peerproof workspace", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check the project rules that no compiler checks
    Tidy,
    /// Tell random lies in virtual time and mutate recordings at random; print what stays as it was
    Adversary(adversary::Arguments),
    /// Measure; nothing is asserted
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Write the golden captures under captures/corpus
    Golden {
        /// Write nothing; fail if a file is not what would be written
        #[arg(long)]
        check: bool,
    },
    /// Unpack the fuzz corpus under captures/fuzz/corpus for cargo fuzz, or pack it again
    #[command(subcommand)]
    Corpus(corpus::Corpus),
    /// Compare the quotations of the catalogue of requirements with the texts of the RFCs
    Quotes(quotes::Quotes),
    /// Write what implementations are known by, from runs of them
    Marks(marks::Arguments),
    /// Give known deviations whose rate excludes nothing the rate that runs show
    Rates(rates::Arguments),
    /// Copy captures as an observer would have them who sees less
    Degrade(degrade::Degrade),
}

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|role| role == "supervisor") {
        // The one of a measurement.
        return peerproof::process::supervisor::main(args);
    }
    work().report()
}

fn work() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Marks(arguments) => marks::run(&root(), &arguments),
        Chore::Rates(arguments) => rates::run(&root(), &arguments),
        Chore::Tidy => tidy::run(&root()),
        Chore::Adversary(arguments) => adversary::run(&root(), &arguments),
        Chore::Bench(bench) => bench.run(&root()),
        Chore::Golden { check } => golden::run(&root(), check),
        Chore::Corpus(corpus) => corpus.run(&root()),
        Chore::Quotes(quotes) => quotes.run(&root()),
        Chore::Degrade(degrade) => degrade.run(),
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
