//! Processes that a test starts.

use peerproof::process::Spec;
use std::ffi::OsString;
use std::path::PathBuf;

/// The executable under test, which is also the supervisor of what tests start.
pub(crate) const PEERPROOF: &str = env!("CARGO_BIN_EXE_peerproof");

/// A program under a supervisor with a scratch directory of its own; it does not talk.
pub(crate) fn child(
    program: impl Into<PathBuf>,
    args: impl IntoIterator<Item = impl Into<OsString>>,
) -> Spec {
    Spec {
        peerproof: PEERPROOF.into(),
        program: program.into(),
        args: args.into_iter().map(Into::into).collect(),
        env: Vec::new(),
        files: Vec::new(),
        scratch: Spec::fresh_scratch(),
        talks: false,
        directory: None,
    }
}
