//! What it takes to open a peer for a case.

use super::{CaseClock, Surroundings};
use crate::network::lab::Host;
use peerproof_stack::tap::{SecretSink, Tap};
use std::sync::Arc;

/// What it takes to open a peer for a case.
#[derive(Debug, Clone)]
pub struct OpenRequest {
    /// The case's name (`data/echo/stack-chrome`).
    pub case: String,
    /// Name in the scenario (`alice`).
    pub name: String,
    /// Whether it is the subject: then nothing in it is worked around.
    pub subject: bool,
    /// The case's clock.
    pub clock: CaseClock,
    /// What the scenario wants around it.
    pub surroundings: Surroundings,
    /// Sees and decides about its datagrams, where the implementation allows.
    pub tap: Arc<dyn Tap>,
    /// Gets its secrets, where the implementation exposes them.
    pub secrets: Arc<dyn SecretSink>,
    /// The host of a lab in which it lives; nothing if it lives on this machine.
    pub host: Option<Arc<Host>>,
}
