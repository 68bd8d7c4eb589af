//! One page of a browser that WebDriver drives: the peer of one case.

use super::super::{CaseClock, KeyLogFile, OpenError, Opened};
use super::frame::{Browser, Frame, FramePeer};
use super::instance::Instance;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// A running browser, as far as a page of it needs it.
pub(super) struct Driven {
    browser: Arc<Instance>,
    keylog_start: u64,
}

impl Driven {
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
        let (frame, mut greeting, events) =
            Frame::open(&browser.lobby, whose, clock, deadline, ahead).await?;
        // WebDriver knows them better than a page.
        whose.clone_into(&mut greeting.implementation);
        greeting.version.clone_from(&browser.version);
        Ok(FramePeer::opened(name.to_owned(), (frame, greeting, events), Self { browser, keylog_start }))
    }
}

#[async_trait]
impl Browser for Driven {
    async fn ended(&self) {
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
