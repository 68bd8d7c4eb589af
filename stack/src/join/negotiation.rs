//! Perfect negotiation (webrtc-pc §10.7).
//!
//! The pattern's `makingOffer` and `isSettingRemoteAnswerPending` guard against handlers that run between two awaits of another.
//! Here one task handles event after event, each to its end, so both are never observed as set, and the collision shows in the
//! signalling state alone.

use super::channel::{Channel, JoinError};
use super::{Acted, Description, LocalEvent, Negotiator, Rejected, SdpType};
use crate::signalling::message::{FromServer, ToServer};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What one peer does on its own.
pub(super) struct Negotiation {
    negotiator: Arc<dyn Negotiator>,
    channel: Channel,
    polite: bool,
    /// With whom: the first other client of the room.
    peer: Option<String>,
    ignoring_offer: bool,
    steps: mpsc::UnboundedSender<Acted>,
}

impl Negotiation {
    pub(super) fn new(
        negotiator: Arc<dyn Negotiator>,
        channel: Channel,
        polite: bool,
        peer: Option<String>,
        steps: mpsc::UnboundedSender<Acted>,
    ) -> Self {
        Self { negotiator, channel, polite, peer, ignoring_offer: false, steps }
    }

    pub(super) async fn run(
        mut self,
        mut events: mpsc::UnboundedReceiver<LocalEvent>,
        mut left: oneshot::Receiver<()>,
    ) {
        self.report("join", None, None);
        loop {
            let handled = tokio::select! {
                biased;
                _ = &mut left => break,
                message = self.channel.next() => match message {
                    Ok(message) => self.on_message(message).await,
                    // To nobody any more: it has just left.
                    Err(JoinError::Refused { name, .. }) if name == "no-such-peer" => Ok(()),
                    Err(error) => Err(error),
                },
                event = events.recv(), if self.peer.is_some() => match event {
                    Some(event) => self.on_event(event).await,
                    None => break,
                },
            };
            if let Err(error) = handled {
                self.report("signallingClosed", None, Some(error.to_string()));
                return;
            }
        }
        self.channel.leave().await;
    }

    async fn on_event(&mut self, event: LocalEvent) -> Result<(), JoinError> {
        match event {
            LocalEvent::IceCandidate(candidate) => {
                self.channel.send(&ToServer::Candidate { candidate, to: self.peer.clone() }).await
            }
            // As the standard fires it in `stable` only, one that has been overtaken by an offer is void.
            LocalEvent::NegotiationNeeded if self.negotiator.is_stable().await => self.offer().await,
            LocalEvent::NegotiationNeeded => Ok(()),
        }
    }

    async fn on_message(&mut self, message: FromServer) -> Result<(), JoinError> {
        match message {
            FromServer::PeerJoined { id } => {
                self.peer.get_or_insert(id);
                Ok(())
            }
            FromServer::PeerLeft { id } if self.peer.as_ref() == Some(&id) => {
                self.report("peerLeft", None, None);
                self.peer = None;
                Ok(())
            }
            FromServer::Description { from, description } => self.on_description(from, description).await,
            FromServer::Candidate { from, candidate } => {
                if self.peer.as_ref() == Some(&from) {
                    self.on_candidate(candidate).await;
                }
                Ok(())
            }
            FromServer::PeerLeft { .. } => Ok(()),
            FromServer::Joined { .. } | FromServer::Error { .. } => {
                Err(JoinError::Unexpected(message.to_json()))
            }
        }
    }

    async fn offer(&mut self) -> Result<(), JoinError> {
        let created = self.negotiator.create_offer().await;
        self.describe("createOffer", created).await
    }

    async fn on_description(&mut self, from: String, description: Description) -> Result<(), JoinError> {
        if *self.peer.get_or_insert_with(|| from.clone()) != from {
            return Ok(());
        }
        let is_offer = description.kind == SdpType::Offer;
        let collides = is_offer && !self.negotiator.is_stable().await;
        self.ignoring_offer = collides && !self.polite;
        if self.ignoring_offer {
            self.report("ignoreOffer", Some(description), None);
            return Ok(());
        }
        if collides {
            let rolled_back = self.negotiator.rollback().await;
            if !self.report_result("rollback", None, rolled_back) {
                return Ok(());
            }
        }
        let set = self.negotiator.set_remote_description(description.clone()).await;
        if !self.report_result("setRemoteDescription", Some(description), set) || !is_offer {
            return Ok(());
        }
        let created = self.negotiator.create_answer().await;
        self.describe("createAnswer", created).await
    }

    /// Sets and sends what was created.
    async fn describe(
        &mut self,
        operation: &'static str,
        created: Result<Description, Rejected>,
    ) -> Result<(), JoinError> {
        let description = match created {
            Ok(description) => description,
            Err(error) => {
                self.report(operation, None, Some(error.to_string()));
                return Ok(());
            }
        };
        self.report(operation, Some(description.clone()), None);
        let set = self.negotiator.set_local_description(description.clone()).await;
        if !self.report_result("setLocalDescription", Some(description.clone()), set) {
            return Ok(());
        }
        self.channel.send(&ToServer::Description { description, to: self.peer.clone() }).await
    }

    async fn on_candidate(&mut self, candidate: Value) {
        if let Err(error) = self.negotiator.add_ice_candidate(candidate).await
            && !self.ignoring_offer
        {
            self.report("addIceCandidate", None, Some(error.to_string()));
        }
    }

    /// Reports an operation's result; `true` if it went well.
    fn report_result(
        &self,
        operation: &'static str,
        description: Option<Description>,
        result: Result<(), Rejected>,
    ) -> bool {
        let error = result.err().map(|e| e.to_string());
        let is_done = error.is_none();
        self.report(operation, description, error);
        is_done
    }

    fn report(&self, operation: &'static str, description: Option<Description>, error: Option<String>) {
        // Whoever does not listen any more wants to know no more.
        let _gone = self.steps.send(Acted { operation, description, error });
    }
}
