//! What the harness has to say about a case.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something about a case that is neither a step nor an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Note {
    /// The case was played in virtual time. The same seed gives the same again.
    VirtualTime {
        /// The run's seed.
        seed: u64,
    },
    /// The user stopped the run in the middle of the case.
    Interrupted,
    /// A peer's clock is not known, because its answers carry no time.
    ClockUnknown {
        /// The peer.
        peer: String,
    },
    /// No offset and no drift fit the times that a peer gave.
    ClockContradicts {
        /// The peer.
        peer: String,
        /// By how much they contradict one another at least, in microseconds.
        by_us: u64,
    },
    /// The capture lacks packets.
    CaptureIncomplete {
        /// The error.
        error: String,
    },
    /// The signalling server did not start.
    NoSignalling {
        /// The error.
        error: String,
    },
    /// No keys came while packets waited for them: rules do not see what is encrypted.
    NoKeys,
    /// A candidate could not be rewritten, and was withheld.
    NotRewritten {
        /// The error.
        error: String,
    },
    /// Files of a peer that belong to the recording could not be written.
    FilesNotKept {
        /// The peer.
        peer: String,
        /// The error.
        error: String,
    },
    /// Files that would explain a failure of a peer could not be written.
    DiagnosticsNotKept {
        /// The peer.
        peer: String,
        /// The error.
        error: String,
    },
    /// A peer did not end within the time that it was given.
    PeerDidNotEnd {
        /// The peer.
        peer: String,
    },
}
