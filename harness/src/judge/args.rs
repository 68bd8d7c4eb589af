//! The arguments.

use crate::inspect::Beside;
use std::path::PathBuf;

/// What is to be judged, and how it is shown.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof judge runs/latest                            every case of a run, again
  peerproof judge runs/latest/cases/data/echo            some of them
  peerproof judge call.pcapng                            a capture, by the RFC requirements alone
  peerproof judge call.pcap --keylog keys.log --sdp alice-offer.sdp --sdp bob-answer.sdp
  peerproof judge --offer a.sdp --answer b.sdp           descriptions alone, one round or several
  pbpaste | peerproof judge -                            one that a browser printed, as SDP or JSON
  peerproof judge runs/latest --requirement dtls --all   satisfied requirements too, of those with dtls in their names

Exit codes: 0 all as expected, 1 a verdict failed or a MUST is violated, 2 something cannot be read, 3 harness error,
4 nothing was judged.")]
pub struct JudgeArgs {
    /// Folders of cases or of runs, pcap or pcapng files, descriptions (SDP or JSON), `-` for standard input
    #[arg(value_name = "PATH", required_unless_present_any = ["offer", "answer"])]
    pub paths: Vec<PathBuf>,
    /// An offer, to be judged without a capture; given again for each further round
    #[arg(long, value_name = "FILE")]
    pub offer: Vec<PathBuf>,
    /// Its answer; given again for each further round
    #[arg(long, value_name = "FILE")]
    pub answer: Vec<PathBuf>,
    /// Print JSON (see `peerproof schema judge`)
    #[arg(long)]
    pub json: bool,
    /// Also show requirements that are satisfied, undecided or do not apply
    #[arg(long)]
    pub all: bool,
    /// Only requirements with this in their names, or that match this pattern
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    pub requirement: Vec<String>,
    /// Known deviations to use instead of those in the recordings
    #[arg(long, value_name = "FILE")]
    pub expected: Option<PathBuf>,
    /// Judge recordings of which files were changed since the case ended
    #[arg(long)]
    pub changed: bool,
    /// What is known beside a capture.
    #[command(flatten)]
    pub beside: Beside,
}
