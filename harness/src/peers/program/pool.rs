//! The processes of programs. One serves as many cases as its configuration says, one after the other.

use super::peer::ProgramPeer;
use super::process::Process;
use super::spec::ProgramSpec;
use crate::authority::{VARIABLES, authority};
use crate::network::lab::Host;
use crate::peers::request::OpenRequest;
use crate::peers::start::Starts;
use crate::peers::{OpenError, Opened};
use crate::process::Spec;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The file of the authorities that a program is to trust, in its scratch folder.
const AUTHORITIES: &str = "authorities.pem";

/// A process and how many cases it has begun to serve.
pub(super) struct Serving {
    pub(super) process: Process,
    pub(super) cases: u32,
}

/// The programs of a run.
pub struct Programs {
    peerproof: PathBuf,
    starts: Starts,
    /// Those that wait for another case, by the name of their implementation.
    idle: Mutex<BTreeMap<String, Vec<Serving>>>,
}

impl Programs {
    /// No program starts before it is needed. `peerproof` is the executable that guards them.
    #[must_use]
    pub fn new(peerproof: impl Into<PathBuf>, starts: Starts) -> Self {
        Self { peerproof: peerproof.into(), starts, idle: Mutex::default() }
    }

    /// Opens a program for a case.
    pub(in crate::peers) async fn open(
        self: &Arc<Self>,
        spec: &ProgramSpec,
        request: OpenRequest,
    ) -> Result<Opened, OpenError> {
        ProgramPeer::open(self, spec, request).await
    }

    /// A process for a case: one that waits, or a new one. In a host of a lab it is always new.
    pub(super) async fn take(
        &self,
        spec: &ProgramSpec,
        host: Option<&Arc<Host>>,
    ) -> Result<Serving, OpenError> {
        while let Some(serving) = if host.is_none() { self.idle(&spec.name) } else { None } {
            if serving.process.lives() {
                return Ok(serving);
            }
            serving.process.end().await;
        }
        let _turn = self.starts.turn().await;
        let scratch = Spec::fresh_scratch();
        let authority = authority().map_err(|error| OpenError::Broken(error.to_string()))?;
        let trusts = VARIABLES.map(|name| (name.into(), scratch.join(AUTHORITIES).into_os_string()));
        // What the configuration says comes last, so that it prevails.
        let own = spec.env.iter().map(|(name, value)| (name.into(), value.into()));
        let started = Spec {
            peerproof: self.peerproof.clone(),
            program: spec.program.clone(),
            args: spec.args.iter().map(Into::into).collect(),
            env: trusts.into_iter().chain(own).collect(),
            files: vec![(AUTHORITIES.to_owned(), authority.certificate_pem())],
            scratch,
            talks: true,
            directory: spec.directory.clone(),
        };
        let process = Process::start(started, host.map(|host| host.namespace())).await?;
        Ok(Serving { process, cases: 0 })
    }

    fn idle(&self, name: &str) -> Option<Serving> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).get_mut(name)?.pop()
    }

    /// Takes a process back that can serve another case.
    pub(super) fn give_back(&self, name: &str, serving: Serving) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.entry(name.to_owned()).or_default().push(serving);
    }

    /// Ends those that wait. To be called when no case runs any more.
    pub async fn shutdown(&self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        let ends = idle.into_values().flatten().map(|serving| async move { serving.process.end().await });
        futures::future::join_all(ends).await;
    }
}
