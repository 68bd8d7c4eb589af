//! One page of a browser: the peer of one case.

use super::super::clock::Estimate;
use super::super::greeting::Greeting;
use super::super::line::Line;
use super::super::protocol::Command;
use super::super::{CaseClock, KeyLogFile, OpenError, Opened, Peer, PeerInfo};
use super::instance::Instance;
use super::server::PageLink;
use async_trait::async_trait;
use futures::StreamExt;
use peerproof_captures::timeline::Answer;
use std::sync::Arc;
use std::time::Duration;

/// A page as a peer.
pub struct BrowserPeer {
    info: PeerInfo,
    line: Line,
    browser: Arc<Instance>,
    token: String,
    keylog_start: u64,
}

impl BrowserPeer {
    /// Opens a page in a running browser.
    pub(super) async fn open(
        browser: Arc<Instance>,
        name: &str,
        clock: CaseClock,
        deadline: Duration,
    ) -> Result<Opened, OpenError> {
        let keylog_start = browser.keylog_length();
        let (token, link) = browser.open_page().await?;
        // In a lab the next page loads when this case is over: it must not load while the network changes.
        if !browser.is_in_lab() {
            browser.load_ahead().await;
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
        let info = PeerInfo {
            name: name.to_owned(),
            implementation: browser.kind.name().to_owned(),
            version: browser.version.clone(),
            features: None,
        };
        let mut peer = Self { info, line, browser, token, keylog_start };
        match peer.introduce().await {
            Ok(()) => Ok(Opened { peer: Box::new(peer), events }),
            Err(cause) => {
                peer.end().await;
                Err(OpenError::Broken(format!("{}: {cause}", peer.info.implementation)))
            }
        }
    }

    /// Makes sure that page and harness speak the same protocol, and, once for each process, that the agent does not say yes
    /// to everything.
    async fn introduce(&mut self) -> Result<(), String> {
        self.info.features = Greeting::of(&self.line.call(&Command::Hello).await)?.features();
        let probe = || async {
            match self.line.call(&Command::Impossible).await {
                Answer::Unsupported { .. } => Ok(()),
                other => Err(format!("asked for the impossible, the page said {other:?}")),
            }
        };
        self.browser.honest.get_or_try_init(probe).await.map(|_| ())
    }
}

#[async_trait]
impl Peer for BrowserPeer {
    fn info(&self) -> &PeerInfo {
        &self.info
    }

    async fn call(&self, command: Command) -> Answer {
        let was_over = self.line.over().is_some();
        let answer = self.line.call(&command).await;
        if matches!(answer, Answer::Lost { .. }) && !was_over {
            // Is it this page only, or the browser?
            self.browser.examine().await;
        }
        answer
    }

    fn reported(&self) -> u64 {
        self.line.reported()
    }

    fn clock(&self) -> Option<Estimate> {
        Some(self.line.peer_clock())
    }

    async fn end(&self) {
        self.line.end();
        self.browser.close_page(&self.token).await;
        if self.browser.is_in_lab() {
            self.browser.load_ahead().await;
        }
    }

    fn key_log_file(&self) -> Option<KeyLogFile> {
        let file = self.browser.keylog_file()?;
        Some(KeyLogFile::new(file.to_owned(), self.keylog_start))
    }

    async fn keylog(&self) -> String {
        self.browser.keylog_from(self.keylog_start).await
    }

    async fn diagnostics(&self) -> Vec<(String, Vec<u8>)> {
        self.browser.diagnostics().await
    }
}
