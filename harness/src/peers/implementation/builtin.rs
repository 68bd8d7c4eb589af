//! The implementations that every installation knows: the reference stack, and browsers that WebDriver drives.

use super::{Abilities, House, Implementation};
use crate::peers::browser::{Build, Kind};
use crate::peers::name::agrees;
use crate::peers::request::OpenRequest;
use crate::peers::stack::{self, StackOptions};
use crate::peers::{OpenError, Opened};
use async_trait::async_trait;
use peerproof_conformance::case::Runs;
use peerproof_stack::workarounds::Workarounds;

/// The reference stack, in the harness's process.
#[derive(Debug, Clone, Copy)]
pub struct Stack;

impl Stack {
    /// Its name.
    pub const NAME: &str = "stack";
}

#[async_trait]
impl Implementation for Stack {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn is(&self) -> &str {
        Self::NAME
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            tapped: true,
            in_process: true,
            provoked: true,
            exposes_keys: true,
            in_lab: true,
            keeps_host: false,
        }
    }

    fn runs(&self) -> Runs {
        Runs::Independent
    }

    fn may_play(&self, named: &[String]) -> bool {
        named.iter().any(|name| name == Self::NAME)
    }

    fn missing(&self) -> Option<String> {
        None
    }

    async fn open(&self, _: &House, request: OpenRequest) -> Result<Opened, OpenError> {
        let options = StackOptions {
            tap: request.tap,
            secrets: request.secrets,
            // As the subject it is shown as it is; as an instrument it must not stand in the way.
            workarounds: if request.subject { Workarounds::none() } else { Workarounds::default() },
            ..StackOptions::default()
        };
        match request.host {
            None => stack::open(&request.name, request.clock, &request.surroundings, options),
            Some(host) => {
                stack::open_in(host, request.name, request.clock, request.surroundings, options).await
            }
        }
    }
}

/// A browser in one version.
#[derive(Debug, Clone)]
pub struct Browser {
    name: String,
    build: Build,
    /// Why it is not there, if its build does not say.
    absent: Option<String>,
}

impl Browser {
    /// A browser under a name: `chrome` as this machine has it, or a build of its own.
    #[must_use]
    pub fn new(name: impl Into<String>, build: Build) -> Self {
        Self { name: name.into(), build, absent: None }
    }

    /// A browser that is known by name and not there, with the reason.
    #[must_use]
    pub fn absent(name: impl Into<String>, kind: Kind, reason: String) -> Self {
        Self { name: name.into(), build: Build::of_this_machine(kind), absent: Some(reason) }
    }
}

#[async_trait]
impl Implementation for Browser {
    fn name(&self) -> &str {
        &self.name
    }

    fn is(&self) -> &str {
        self.build.kind.name()
    }

    fn abilities(&self) -> Abilities {
        // Firefox writes SSLKEYLOGFILE for DTLS too, Chrome for TLS alone.
        let here = self.build.remote.is_none();
        let exposes_keys = here && self.build.kind == Kind::Firefox;
        Abilities { exposes_keys, in_lab: here, keeps_host: true, ..Abilities::default() }
    }

    fn runs(&self) -> Runs {
        Runs::Driven
    }

    fn may_play(&self, named: &[String]) -> bool {
        named.iter().any(|name| name == self.is() || *name == self.name)
    }

    fn missing(&self) -> Option<String> {
        self.absent.clone().or_else(|| self.build.missing())
    }

    async fn open(&self, house: &House, request: OpenRequest) -> Result<Opened, OpenError> {
        let host = request.host.as_ref();
        let opened = house
            .browsers
            .open(&self.build, &request.name, request.clock, &request.surroundings, host)
            .await?;
        if let Err(error) = agrees(&self.name, &opened.peer.info().version) {
            opened.peer.end().await;
            return Err(error);
        }
        Ok(opened)
    }
}
