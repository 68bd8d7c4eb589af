//! One case of a program.

use super::pool::{Programs, Serving};
use super::process::NoMore;
use super::spec::ProgramSpec;
use crate::peers::clock::Estimate;
use crate::peers::greeting::Greeting;
use crate::peers::line::{Line, NoMessage};
use crate::peers::name::agrees;
use crate::peers::protocol::Command;
use crate::peers::request::OpenRequest;
use crate::peers::{ANSWER_DEADLINE, OpenError, Opened, Peer, PeerInfo};
use async_trait::async_trait;
use futures::stream;
use peerproof_captures::timeline::Answer;
use std::sync::Arc;
use std::time::Duration;

/// How long a program may take from its start to its first answer: interpreters load libraries.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A program as a peer.
pub(super) struct ProgramPeer {
    info: PeerInfo,
    line: Line,
    programs: Arc<Programs>,
    /// Its process, until the peer ends.
    serving: tokio::sync::Mutex<Option<Serving>>,
    /// What it is called in the configuration, and how many cases a process serves there.
    name: String,
    most_cases: u32,
    in_lab: bool,
}

/// What is no line of the protocol violates it; a program that ended may have done so for any reason.
fn no_message(why: NoMore) -> NoMessage {
    let violates = matches!(why, NoMore::NoLine(_));
    NoMessage { reason: why.into_reason(), violates }
}

impl ProgramPeer {
    /// Opens a program for a case.
    pub(super) async fn open(
        programs: &Arc<Programs>,
        spec: &ProgramSpec,
        request: OpenRequest,
    ) -> Result<Opened, OpenError> {
        let mut serving = programs.take(spec, request.host.as_ref()).await?;
        serving.cases += 1;
        let (say, hear) = serving.process.talk();
        let incoming =
            stream::unfold(
                hear,
                |mut hear| async move { Some((hear.recv().await?.map_err(no_message), hear)) },
            );
        let (line, mut outgoing, events) =
            Line::new(request.clock, ANSWER_DEADLINE, Box::pin(incoming), Some(request.secrets));
        tokio::spawn(async move {
            while let (Some(line), Some(say)) = (outgoing.recv().await, &say) {
                if say.send(line).is_err() {
                    return;
                }
            }
        });
        let greeting = line.call_within(&Command::Hello, START_DEADLINE).await;
        let introduced = match (&greeting, line.over()) {
            // What became of the process says more than that there was no answer.
            (Answer::Lost { .. }, Some(over)) => Err(over),
            _ => Greeting::of(&greeting),
        };
        let greeting = match introduced.and_then(|greeting| identity(spec, greeting)) {
            Ok(greeting) => greeting,
            Err(cause) => {
                line.end();
                let words = serving.process.last_words().await;
                serving.process.end().await;
                let words = if cause.contains(&words) {
                    String::new()
                } else {
                    format!("; its last output: {words}")
                };
                return Err(OpenError::Failed(format!("{}: {cause}{words}", spec.name)));
            }
        };
        line.never_reports(&greeting.unreported);
        let info = PeerInfo {
            name: request.name,
            features: greeting.features(),
            unreported: greeting.unreported,
            implementation: greeting.implementation,
            version: greeting.version,
        };
        let peer = Self {
            info,
            line,
            programs: Arc::clone(programs),
            serving: tokio::sync::Mutex::new(Some(serving)),
            name: spec.name.clone(),
            most_cases: spec.cases,
            in_lab: request.host.is_some(),
        };
        Ok(Opened { peer: Box::new(peer), events })
    }
}

/// Makes sure that the program is what the configuration says: a row of results must never show another implementation's.
fn identity(spec: &ProgramSpec, greeting: Greeting) -> Result<Greeting, String> {
    if greeting.implementation != spec.is {
        return Err(format!(
            "it identifies as {}, expected {} (`implementation` in the configuration)",
            greeting.implementation, spec.is
        ));
    }
    agrees(&spec.name, &greeting.version).map_err(|error| error.to_string())?;
    Ok(greeting)
}

#[async_trait]
impl Peer for ProgramPeer {
    fn info(&self) -> &PeerInfo {
        &self.info
    }

    async fn call(&self, command: Command) -> Answer {
        self.line.call(&command).await
    }

    fn reported(&self) -> u64 {
        self.line.reported()
    }

    fn clock(&self) -> Option<Estimate> {
        Some(self.line.peer_clock())
    }

    async fn end(&self) {
        let Some(serving) = self.serving.lock().await.take() else { return };
        let reusable = !self.in_lab
            && serving.cases < self.most_cases
            && self.line.over().is_none()
            && matches!(self.line.call(&Command::End).await, Answer::Ok(_))
            && serving.process.lives();
        self.line.end();
        if reusable {
            self.programs.give_back(&self.name, serving);
        } else {
            serving.process.end().await;
        }
    }

    async fn files(&self) -> Vec<(String, Vec<u8>)> {
        let output = match &*self.serving.lock().await {
            Some(serving) => serving.process.output().await,
            None => String::new(),
        };
        if output.is_empty() { Vec::new() } else { vec![("stderr.log".to_owned(), output.into_bytes())] }
    }
}
