//! Why something cannot be judged.

use crate::expected::ExpectedError;
use crate::inspect::InspectError;
use crate::terminal::brief;
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::Excess;
use peerproof_conformance::expect::volume::MOST_BYTES;
use std::io;
use std::path::PathBuf;

/// Why something cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// No requirement has such a name.
    #[error(
        "no requirement matches `{name}`{help}",
        help = .near.as_ref().map_or_else(
            || " (`peerproof requirements` lists them)".to_owned(),
            |near| format!("; did you mean `{near}`?"),
        )
    )]
    UnknownRequirement {
        /// As it was asked for.
        name: String,
        /// The one with the most similar name.
        near: Option<String>,
    },
    /// A file or folder cannot be read.
    #[error("{path}: {error}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file of a recording does not say what it should.
    #[error(
        "{path}:{line}:{column}: {error}",
        path = .path.display(), line = .error.line(), column = .error.column(), error = without_place(.error)
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// A line of a timeline does not say what it should.
    #[error("{path}:{line}:{column}: {error}", path = .path.display(), column = .error.column(), error = without_place(.error))]
    Timeline {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// A recording that names more messages than any machine should generate.
    #[error("{path}: too large: the messages of a case, sent and expected, have at most {MOST_BYTES} bytes together", path = .0.display())]
    Excessive(PathBuf),
    /// A recording with a description that is too large to be judged.
    #[error("{path}: entry {entry}: {excess}", path = .path.display())]
    ExcessiveDescription {
        /// The timeline.
        path: PathBuf,
        /// The entry with the description.
        entry: u64,
        /// The limit that it exceeds.
        excess: Excess,
    },
    /// A folder without a recording.
    #[error("{path}: no case.json in it or below it", path = .0.display())]
    NoCase(PathBuf),
    /// A file that was given as a description and is none.
    #[error("{path}: no session description: it begins neither with `v=` nor as JSON", path = .0.display())]
    NoDescription(PathBuf),
    /// A file that says itself that it is another kind of description than it was given as.
    #[error("{place}: given as --{given}, but it says that it is of the type `{kind}`")]
    OtherKind {
        /// The file.
        place: String,
        /// As what it was given.
        given: SdpType,
        /// What it says.
        kind: SdpType,
    },
    /// Standard input is named more than once.
    #[error("`-` is named more than once, and standard input can be read once; give the others as files")]
    StdinTwice,
    /// More descriptions than are judged together: how many, and how many may be.
    #[error("{0} descriptions are too many: at most {1} are judged together")]
    TooManyDescriptions(usize, usize),
    /// A description whose `o=` line is that of neither peer.
    #[error("{0}: of a third peer, by its o= line; give the descriptions of two")]
    ThirdPeer(String),
    /// The known deviations given.
    #[error(transparent)]
    Expected(#[from] ExpectedError),
    /// A capture, or what is beside it.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// What is wrong, without the place, which stands in front.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    brief(text.strip_suffix(&place).unwrap_or(&text))
}

impl JudgeError {
    /// Whether the reader of the output went away, which is no error of anyone's.
    #[must_use]
    pub fn is_closed_output(&self) -> bool {
        matches!(self, Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
