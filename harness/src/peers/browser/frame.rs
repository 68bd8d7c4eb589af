//! A frame of a lobby in one case: the way to its agent, and the [`Peer`] that it is.

use super::super::clock::Estimate;
use super::super::greeting::Greeting;
use super::super::line::Line;
use super::super::protocol::Command;
use super::super::{CaseClock, KeyLogFile, OpenError, Opened, Peer, PeerInfo, Reported};
use super::lobby::Lobby;
use super::server::PageLink;
use async_trait::async_trait;
use futures::StreamExt;
use peerproof_captures::timeline::Answer;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// A frame that has connected, and whose agent has introduced itself.
pub(super) struct Frame {
    line: Line,
    lobby: Arc<Lobby>,
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

    /// Removes the frame.
    pub(super) async fn end(&self) {
        self.line.end();
        self.lobby.close_page(&self.token).await;
    }
}

/// The browser around a frame, as far as browsers differ.
#[async_trait]
pub(super) trait Browser: Send + Sync {
    /// What to make of an answer of the agent.
    fn answer(&self, _command: &Command, answer: Answer) -> Answer {
        answer
    }

    /// The frame is removed.
    async fn ended(&self);

    /// See [`Peer::key_log_file`].
    fn key_log_file(&self) -> Option<KeyLogFile> {
        None
    }

    /// See [`Peer::keylog`].
    async fn keylog(&self) -> String {
        String::new()
    }

    /// See [`Peer::diagnostics`].
    async fn diagnostics(&self) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }
}

/// A frame as a peer.
pub(super) struct FramePeer<B> {
    info: PeerInfo,
    frame: Frame,
    browser: B,
}

impl<B: Browser + 'static> FramePeer<B> {
    /// The peer in an open frame, `name` in the scenario, with the implementation and version of the greeting.
    pub(super) fn opened(
        name: String,
        (frame, greeting, events): (Frame, Greeting, UnboundedReceiver<Reported>),
        browser: B,
    ) -> Opened {
        let features = greeting.features();
        let Greeting { implementation, version, unreported, .. } = greeting;
        let info = PeerInfo { name, implementation, version, features, unreported };
        Opened { peer: Box::new(Self { info, frame, browser }), events }
    }
}

#[async_trait]
impl<B: Browser> Peer for FramePeer<B> {
    fn info(&self) -> &PeerInfo {
        &self.info
    }

    async fn call(&self, command: Command) -> Answer {
        let answer = self.frame.call(&command).await;
        self.browser.answer(&command, answer)
    }

    fn reported(&self) -> u64 {
        self.frame.line.reported()
    }

    fn clock(&self) -> Option<Estimate> {
        Some(self.frame.line.peer_clock())
    }

    async fn end(&self) {
        self.frame.end().await;
        self.browser.ended().await;
    }

    fn key_log_file(&self) -> Option<KeyLogFile> {
        self.browser.key_log_file()
    }

    async fn keylog(&self) -> String {
        self.browser.keylog().await
    }

    async fn diagnostics(&self) -> Vec<(String, Vec<u8>)> {
        self.browser.diagnostics().await
    }
}
