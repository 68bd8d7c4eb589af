//! A program as the configuration names it.

use std::path::PathBuf;

/// How a program is started and what it can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramSpec {
    /// Its name on the command line: `mystack`, `mystack@2`.
    pub name: String,
    /// What it must say that it is.
    pub is: String,
    /// The program: a path, or a name to look for in `PATH`.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it runs, if not in this directory.
    pub directory: Option<PathBuf>,
    /// Variables in its environment beyond this program's.
    pub env: Vec<(String, String)>,
    /// How many cases one process serves, one after the other. At least one.
    pub cases: u32,
    /// Whether it reports the secrets of its DTLS associations (`keylog`).
    pub exposes_keys: bool,
    /// Why it cannot be started, if that is known.
    pub missing: Option<String>,
}
