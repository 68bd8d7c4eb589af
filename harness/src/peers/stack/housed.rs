//! A stack in a host of a lab: everything it does is done by threads that are in there.

use super::super::protocol::Command;
use super::super::{CaseClock, OpenError, Opened, Peer, PeerInfo, Surroundings};
use super::peer::{StackOptions, open};
use crate::network::lab::Host;
use async_trait::async_trait;
use peerproof_captures::timeline::Answer;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Opens the stack as a peer within a host.
///
/// # Errors
/// When no thread can be started there.
pub async fn open_in(
    host: Arc<Host>,
    name: String,
    clock: CaseClock,
    surroundings: Surroundings,
    options: StackOptions,
) -> Result<Opened, OpenError> {
    let broken = |error: &dyn std::fmt::Display| OpenError::Broken(format!("the stack's host: {error}"));
    let making = Arc::clone(&host);
    let runtime =
        tokio::task::spawn_blocking(move || making.runtime()).await.map_err(|error| broken(&error))?;
    let runtime = runtime.map_err(|error| broken(&error))?;
    let opening = runtime.spawn(async move { open(&name, clock, &surroundings, options) });
    let Opened { peer, events } = opening.await.map_err(|error| broken(&error))??;
    Ok(Opened {
        peer: Box::new(Housed { info: peer.info().clone(), peer: peer.into(), runtime, _host: host }),
        events,
    })
}

struct Housed {
    info: PeerInfo,
    peer: Arc<dyn Peer>,
    runtime: Handle,
    /// The runtime lives as long as its host.
    _host: Arc<Host>,
}

#[async_trait]
impl Peer for Housed {
    fn info(&self) -> &PeerInfo {
        &self.info
    }

    fn reported(&self) -> u64 {
        self.peer.reported()
    }

    async fn call(&self, command: Command) -> Answer {
        let peer = Arc::clone(&self.peer);
        let answer = self.runtime.spawn(async move { peer.call(command).await }).await;
        answer.unwrap_or_else(|error| Answer::Lost { reason: format!("the stack failed: {error}") })
    }

    async fn end(&self) {
        let peer = Arc::clone(&self.peer);
        // If it breaks down over this there is nothing left to end.
        let _ = self.runtime.spawn(async move { peer.end().await }).await;
    }
}
