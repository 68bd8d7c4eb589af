//! A peer on its own: joins a room of the signalling server and negotiates by the *perfect negotiation* pattern
//! (webrtc-pc §10.7). `docs/signalling.md` describes its steps.
//!
//! It knows no peer connection, only the trait [`Negotiator`] and the two events that a connection has to report to it. For a
//! connection to be joined:
//!
//! 1. implement [`Negotiator`] for it (each method is one call of the W3C API; `connection::PeerConnection` has it);
//! 2. before [`join`] make a channel of [`LocalEvent`], and from then on send `negotiationneeded` and `icecandidate` into it as
//!    they come (events from before the other client is there are kept);
//! 3. call [`join`]; forward each [`Acted`] that [`Session::next`] yields as the peer's `acted` event;
//! 4. [`Session::leave`] on `close`, or drop the session.
//!
//! ```text
//! harness, command Join{url, room, polite}:
//!     let session = join(JoinOptions { url, room, name: Some(peer name), polite }, Arc::new(handle), events).await?;
//!     // for each event of the connection: if let Some(event) = LocalEvent::of(&event) { events_in.send(event) }
//!     tokio::spawn(async move { while let Some(acted) = session.next().await { report(PeerEvent::Acted{..}) } });
//! ```

mod channel;
mod negotiation;

pub use crate::signalling::message::{Description, SdpType};
use async_trait::async_trait;
use channel::Channel;
pub use channel::JoinError;
use negotiation::Negotiation;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// An operation of the W3C API was rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct Rejected {
    /// Name of the `DOMException` or `TypeError`.
    pub name: String,
    /// Its message.
    pub message: String,
}

/// What perfect negotiation needs of a connection. The names are those of webrtc-pc.
#[async_trait]
pub trait Negotiator: Send + Sync {
    /// Whether `signalingState` is `stable`.
    async fn is_stable(&self) -> bool;
    /// `createOffer`.
    async fn create_offer(&self) -> Result<Description, Rejected>;
    /// `createAnswer`.
    async fn create_answer(&self) -> Result<Description, Rejected>;
    /// `setLocalDescription` with a description of one of the above.
    async fn set_local_description(&self, description: Description) -> Result<(), Rejected>;
    /// `setRemoteDescription`.
    async fn set_remote_description(&self, description: Description) -> Result<(), Rejected>;
    /// `setLocalDescription({type: "rollback"})`. Afterwards, when the connection is stable again and still needs negotiation,
    /// `negotiationneeded` must come again (webrtc-pc §4.7.3).
    async fn rollback(&self) -> Result<(), Rejected>;
    /// `addIceCandidate` with an `RTCIceCandidateInit`; `null` at the end of candidates.
    async fn add_ice_candidate(&self, candidate: Value) -> Result<(), Rejected>;
}

/// What the connection reports.
#[derive(Debug, Clone, PartialEq)]
pub enum LocalEvent {
    /// `negotiationneeded`.
    NegotiationNeeded,
    /// `icecandidate`, as `RTCIceCandidateInit`; `null` at the end of gathering.
    IceCandidate(Value),
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    /// Which: `join`, `createOffer`, `createAnswer`, `setLocalDescription`, `setRemoteDescription`, `rollback`, `ignoreOffer`,
    /// `addIceCandidate` (only if it failed), `peerLeft`, `signallingClosed`.
    pub operation: &'static str,
    /// The description involved.
    pub description: Option<Description>,
    /// What went wrong.
    pub error: Option<String>,
}

/// How to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinOptions {
    /// `ws://` URL of the server.
    pub url: String,
    /// The room.
    pub room: String,
    /// The name to have there; the server gives one without.
    pub name: Option<String>,
    /// Whether this peer gives way in a glare. Exactly one of two must.
    pub polite: bool,
}

/// A peer that acts on its own. It ends when this is dropped, when the server does, or when the connection's events end.
#[derive(Debug)]
pub struct Session {
    acted: mpsc::UnboundedReceiver<Acted>,
    leave: Option<tokio::sync::oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Session {
    /// The next step that was taken; nothing once the session has ended.
    pub async fn next(&mut self) -> Option<Acted> {
        self.acted.recv().await
    }

    /// Leaves the room, and waits until the server was informed. The connection stays as it is.
    pub async fn leave(mut self) {
        if let Some(leave) = self.leave.take() {
            // It may have ended by itself.
            let _ended = leave.send(());
        }
        let _ended = (&mut self.task).await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // `leave` has waited for it; else nobody wants it any more, whatever it waits for.
        self.task.abort();
    }
}

/// Joins a room and begins to negotiate with the first other client in it.
///
/// # Errors
/// The server cannot be reached, or does not let the client in.
pub async fn join(
    options: JoinOptions,
    negotiator: Arc<dyn Negotiator>,
    events: mpsc::UnboundedReceiver<LocalEvent>,
) -> Result<Session, JoinError> {
    let (channel, peers) = Channel::join(&options).await?;
    let (steps, acted) = mpsc::unbounded_channel();
    let (leave, left) = tokio::sync::oneshot::channel();
    let negotiation = Negotiation::new(negotiator, channel, options.polite, peers.into_iter().next(), steps);
    let task = tokio::spawn(negotiation.run(events, left));
    Ok(Session { acted, leave: Some(leave), task })
}

#[cfg(test)]
mod tests;
