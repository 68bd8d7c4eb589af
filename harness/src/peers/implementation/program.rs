//! A program as an implementation.

use super::{Abilities, House, Implementation, is_for_anybody};
use crate::peers::program::ProgramSpec;
use crate::peers::request::OpenRequest;
use crate::peers::{OpenError, Opened, Surroundings};
use crate::tools::{in_path, is_program, not_a_program};
use async_trait::async_trait;
use peerproof_conformance::case::Runs;
use std::path::{Path, PathBuf};

/// A program that speaks the peer protocol.
#[derive(Debug, Clone)]
pub struct Program(ProgramSpec);

impl Program {
    /// A program as the configuration says.
    #[must_use]
    pub fn new(spec: ProgramSpec) -> Self {
        Self(spec)
    }
}

#[async_trait]
impl Implementation for Program {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn is(&self) -> &str {
        &self.0.is
    }

    fn abilities(&self) -> Abilities {
        Abilities { provoked: true, exposes_keys: self.0.exposes_keys, in_lab: true, ..Abilities::default() }
    }

    fn runs(&self) -> Runs {
        Runs::Independent
    }

    fn is_program(&self) -> bool {
        true
    }

    /// A role that both browsers may play is one for anybody; others are for whom they name.
    fn may_play(&self, named: &[String]) -> bool {
        let has = |wanted: &str| named.iter().any(|name| name == wanted);
        has(&self.0.name) || has(&self.0.is) || is_for_anybody(named)
    }

    fn missing(&self) -> Option<String> {
        if let Some(reason) = &self.0.missing {
            return Some(reason.clone());
        }
        let directory = self.0.directory.as_deref().unwrap_or(Path::new(""));
        if is_there(&self.0.program, directory) {
            return None;
        }
        if self.0.program.components().count() > 1 {
            let named = not_a_program(&directory.join(&self.0.program));
            return Some(format!("{}: its program is {named}", self.0.name));
        }
        Some(format!("{}: program {} is not in PATH", self.0.name, self.0.program.display()))
    }

    fn files(&self) -> Vec<PathBuf> {
        let directory = self.0.directory.as_deref().unwrap_or(Path::new(""));
        let program = Some(self.0.program.as_path()).filter(|program| program.components().count() > 1);
        let program =
            program.map_or_else(|| in_path(&self.0.program), |program| Some(directory.join(program)));
        let arguments =
            self.0.args.iter().map(|argument| directory.join(argument)).filter(|path| path.is_file());
        program.into_iter().chain(arguments).collect()
    }

    async fn open(&self, house: &House, request: OpenRequest) -> Result<Opened, OpenError> {
        if request.surroundings != Surroundings::default() {
            let reason = "programs have no permissions, origins or `.local` names; only browsers do";
            return Err(OpenError::Unsupported(reason.to_owned()));
        }
        house.programs.open(&self.0, request).await
    }
}

/// Whether a program can be started: a path from the directory in which it will run, or a name in `PATH`.
fn is_there(program: &Path, directory: &Path) -> bool {
    if program.components().count() > 1 {
        return is_program(&directory.join(program));
    }
    in_path(program).is_some()
}
