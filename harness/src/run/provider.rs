//! Where peers come from.

use crate::network::lab::{Host, InterfaceSpec};
use crate::peers::{CaseClock, OpenError, Opened, Surroundings};
use async_trait::async_trait;
use peerproof_stack::tap::{SecretSink, Tap};
use std::sync::Arc;

/// A peer's place in a case, for whoever opens it.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Name in the scenario (`alice`).
    pub name: String,
    /// Which implementation (`stack`, `chrome`, `firefox`).
    pub implementation: String,
    /// Whether it is the subject: then nothing in it is worked around.
    pub subject: bool,
    /// The case's clock.
    pub clock: CaseClock,
    /// What the scenario wants around it.
    pub surroundings: Surroundings,
    /// Sees and decides about its datagrams, where the implementation allows.
    pub tap: Arc<dyn Tap>,
    /// Gets its secrets, where the implementation tells them.
    pub secrets: Arc<dyn SecretSink>,
    /// The host of a lab in which it lives; nothing if it lives on this machine.
    pub host: Option<Arc<Host>>,
}

/// Opens peers.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Opens the peer of a seat.
    ///
    /// # Errors
    /// The machine or the implementation cannot do it, or it should have worked and did not.
    async fn open(&self, seat: Seat) -> Result<Opened, OpenError>;

    /// A host of a lab for this implementation, with these interfaces; one that served before, if there is one.
    ///
    /// # Errors
    /// The machine makes none.
    async fn host(
        &self,
        implementation: &str,
        surroundings: &Surroundings,
        interfaces: &[InterfaceSpec],
    ) -> Result<Arc<Host>, OpenError>;

    /// Takes a host back when its case is over. One that is not as it was made is not used again.
    async fn give_back(&self, host: Arc<Host>);

    /// Why this implementation cannot play on this machine, if it cannot.
    fn missing(&self, implementation: &str) -> Option<String>;
}
