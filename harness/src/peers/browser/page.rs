//! One page of a browser that WebDriver drives: the peer of one case.

use super::super::clock::Estimate;
use super::super::protocol::Command;
use super::super::{CaseClock, KeyLogFile, OpenError, Opened, Peer, PeerInfo};
use super::frame::Frame;
use super::instance::Instance;
use async_trait::async_trait;
use peerproof_captures::timeline::Answer;
use std::sync::Arc;
use std::time::Duration;

/// A page as a peer.
pub struct BrowserPeer {
    info: PeerInfo,
    frame: Frame,
    browser: Arc<Instance>,
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
        // In a lab the next page loads when this case is over: it must not load while the network changes.
        let ahead = !browser.is_in_lab();
        let whose = browser.kind.name();
        let (frame, greeting, events) = Frame::open(&browser.lobby, whose, clock, deadline, ahead).await?;
        let info = PeerInfo {
            name: name.to_owned(),
            implementation: whose.to_owned(),
            version: browser.version.clone(),
            features: greeting.features(),
            unreported: greeting.unreported,
        };
        Ok(Opened { peer: Box::new(Self { info, frame, browser, keylog_start }), events })
    }
}

#[async_trait]
impl Peer for BrowserPeer {
    fn info(&self) -> &PeerInfo {
        &self.info
    }

    async fn call(&self, command: Command) -> Answer {
        self.frame.call(&command).await
    }

    fn reported(&self) -> u64 {
        self.frame.line.reported()
    }

    fn clock(&self) -> Option<Estimate> {
        Some(self.frame.clock())
    }

    async fn end(&self) {
        self.frame.end().await;
        if self.browser.is_in_lab() {
            self.browser.lobby.load_ahead().await;
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
