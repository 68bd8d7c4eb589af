//! Child processes that never outlive the harness, however it ends.
//!
//! Every program the harness starts (drivers, and through them browsers) is started by a *supervisor*: this same executable in
//! the hidden role [`supervisor`]. The supervisor is the child subreaper of everything below it, owns a scratch directory for
//! profiles and temporary files, and holds the reading end of a pipe to the harness. When that pipe closes, for whatever
//! reason, the supervisor ends all its descendants and removes the scratch directory.
//!
//! What holds, by way of ending:
//!
//! | what ends | what happens |
//! | --- | --- |
//! | the program | the supervisor ends what the program left behind, removes the scratch, exits |
//! | [`Owned`] ended or dropped, harness ended normally, by panic, by a signal or by `kill -9` | the pipe closes: the same |
//! | Ctrl-C in the terminal | the supervisor is in a process group of its own and is not hit; see the line above |
//! | the supervisor by SIGTERM, SIGINT, SIGHUP | the same |
//! | the supervisor by `kill -9` | the kernel kills the program (parent-death signal); [`Owned`] notices and sweeps the rest |
//! | supervisor and harness both by `kill -9` | the program dies; its children stay until the next start calls [`sweep::stale`] |

mod owned;
pub mod supervisor;
pub mod sweep;
mod tree;

pub use owned::{Owned, ProcessError, Spec};

/// Environment variable that marks everything started by a supervisor; its value is the scratch directory.
pub const SCRATCH_VARIABLE: &str = "PEERPROOF_SCRATCH";

/// Environment variable by which the supervisor learns what to put into the scratch directory: names and contents as JSON.
const FILES_VARIABLE: &str = "PEERPROOF_SCRATCH_FILES";

/// How a scratch directory's name begins.
const SCRATCH_PREFIX: &str = "peerproof-scratch-";
