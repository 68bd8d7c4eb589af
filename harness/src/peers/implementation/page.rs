//! A browser that somebody opens, without WebDriver: a phone, a browser that no driver knows.

use super::{Abilities, House, Implementation, is_for_anybody};
use crate::peers::browser::PageSpec;
use crate::peers::request::OpenRequest;
use crate::peers::{OpenError, Opened};
use async_trait::async_trait;
use peerproof_conformance::case::Runs;

/// A browser that somebody opens.
#[derive(Debug, Clone)]
pub struct Page(PageSpec);

impl Page {
    /// A page as the configuration says.
    #[must_use]
    pub fn new(spec: PageSpec) -> Self {
        Self(spec)
    }
}

#[async_trait]
impl Implementation for Page {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn is(&self) -> &str {
        &self.0.is
    }

    fn abilities(&self) -> Abilities {
        // Where its network is, is not ours to say.
        Abilities::default()
    }

    /// A page that went away cannot be distinguished from one that we lost.
    fn runs(&self) -> Runs {
        Runs::Driven
    }

    /// The roles of the browser that it is; any other browser has those that both Chrome and Firefox may play.
    fn may_play(&self, named: &[String]) -> bool {
        let has = |wanted: &str| named.iter().any(|name| name == wanted);
        has(&self.0.name) || has(&self.0.is) || is_for_anybody(named)
    }

    fn missing(&self) -> Option<String> {
        None
    }

    async fn ready(&self, house: &House) -> Result<(), OpenError> {
        house.browsers.await_page(&self.0).await
    }

    async fn open(&self, house: &House, request: OpenRequest) -> Result<Opened, OpenError> {
        house.browsers.open_page(&self.0, request).await
    }
}
