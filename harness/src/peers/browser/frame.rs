//! A frame of a lobby in one case: the way to its agent.

use super::super::clock::Estimate;
use super::super::greeting::Greeting;
use super::super::line::Line;
use super::super::protocol::Command;
use super::super::{CaseClock, OpenError, Reported};
use super::lobby::Lobby;
use super::server::PageLink;
use futures::StreamExt;
use peerproof_captures::timeline::Answer;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// A frame that has connected, and whose agent has introduced itself.
pub(super) struct Frame {
    pub(super) line: Line,
    pub(super) lobby: Arc<Lobby>,
    token: String,
}

impl Frame {
    /// Opens a frame; with `ahead` the lobby loads the next one meanwhile. Makes sure that page and harness speak the same protocol,
    /// and, once for each lobby, that the agent does not say yes to everything.
    pub(super) async fn open(
        lobby: &Arc<Lobby>,
        whose: &str,
        clock: CaseClock,
        deadline: Duration,
        ahead: bool,
    ) -> Result<(Self, Greeting, UnboundedReceiver<Reported>), OpenError> {
        let (token, link) = lobby.open_page().await?;
        if ahead {
            lobby.load_ahead().await;
        }
        let PageLink { to_page, incoming } = link;
        let (line, mut outgoing, events) = Line::new(clock, deadline, incoming.map(Ok), None);
        tokio::spawn(async move {
            while let Some(text) = outgoing.recv().await {
                if to_page.send(text).is_err() {
                    return;
                }
            }
        });
        let frame = Self { line, lobby: Arc::clone(lobby), token };
        match frame.introduce().await {
            Ok(greeting) => {
                frame.line.never_reports(&greeting.unreported);
                Ok((frame, greeting, events))
            }
            Err(cause) => {
                frame.end().await;
                Err(OpenError::Broken(format!("{whose}: {cause}")))
            }
        }
    }

    async fn introduce(&self) -> Result<Greeting, String> {
        let greeting = Greeting::of(&self.line.call(&Command::Hello).await)?;
        let probe = || async {
            match self.line.call(&Command::Impossible).await {
                Answer::Unsupported { .. } => Ok(()),
                other => Err(format!("the page did not reject the unknown command: {other:?}")),
            }
        };
        self.lobby.honest.get_or_try_init(probe).await?;
        Ok(greeting)
    }

    /// Gives a command to the agent.
    pub(super) async fn call(&self, command: &Command) -> Answer {
        let was_over = self.line.over().is_some();
        let answer = self.line.call(command).await;
        if matches!(answer, Answer::Lost { .. }) && !was_over {
            // Is it this page only, or the browser?
            self.lobby.examine().await;
        }
        answer
    }

    /// What is known of the agent's clock.
    pub(super) fn clock(&self) -> Estimate {
        self.line.peer_clock()
    }

    /// Removes the frame.
    pub(super) async fn end(&self) {
        self.line.end();
        self.lobby.close_page(&self.token).await;
    }
}
