//! A connection as [`crate::join`] needs it: acting on its own through the signalling server.

use super::descriptions::Description;
use super::error::Rejection;
use super::event::{Candidate, Event};
use super::operations::PeerConnection;
use crate::join::{self, LocalEvent, Negotiator, Rejected, SdpType};
use async_trait::async_trait;
use serde_json::{Value, json};
use webrtc::peer_connection::{RTCSdpType, RTCSignalingState};

#[async_trait]
impl Negotiator for PeerConnection {
    async fn is_stable(&self) -> bool {
        self.signaling_state().await == RTCSignalingState::Stable
    }

    async fn create_offer(&self) -> Result<join::Description, Rejected> {
        Ok(outward(Self::create_offer(self, false).await?))
    }

    async fn create_answer(&self) -> Result<join::Description, Rejected> {
        Ok(outward(Self::create_answer(self).await?))
    }

    async fn set_local_description(&self, description: join::Description) -> Result<(), Rejected> {
        Ok(Self::set_local_description(self, Some(inward(description))).await?)
    }

    async fn set_remote_description(&self, description: join::Description) -> Result<(), Rejected> {
        Ok(Self::set_remote_description(self, inward(description)).await?)
    }

    async fn rollback(&self) -> Result<(), Rejected> {
        let rollback = Description { kind: RTCSdpType::Rollback, sdp: String::new() };
        Ok(Self::set_local_description(self, Some(rollback)).await?)
    }

    async fn add_ice_candidate(&self, candidate: Value) -> Result<(), Rejected> {
        Ok(Self::add_ice_candidate(self, read_candidate(&candidate)).await?)
    }
}

impl LocalEvent {
    /// What of a connection's events a joined peer has to learn: send it on, where there is something.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::NegotiationNeeded => Some(Self::NegotiationNeeded),
            Event::IceCandidate(candidate) => Some(Self::IceCandidate(write_candidate(candidate.as_ref()))),
            _ => None,
        }
    }
}

impl From<Rejection> for Rejected {
    fn from(rejection: Rejection) -> Self {
        Self { name: rejection.name.as_str().to_owned(), message: rejection.message }
    }
}

fn outward(description: Description) -> join::Description {
    let kind = match description.kind {
        RTCSdpType::Answer => SdpType::Answer,
        RTCSdpType::Pranswer => SdpType::Pranswer,
        RTCSdpType::Rollback => SdpType::Rollback,
        _ => SdpType::Offer,
    };
    join::Description { kind, sdp: description.sdp }
}

fn inward(description: join::Description) -> Description {
    let kind = match description.kind {
        SdpType::Offer => RTCSdpType::Offer,
        SdpType::Pranswer => RTCSdpType::Pranswer,
        SdpType::Answer => RTCSdpType::Answer,
        SdpType::Rollback => RTCSdpType::Rollback,
    };
    Description { kind, sdp: description.sdp }
}

/// `RTCIceCandidateInit` as JSON; `null` at the end of candidates.
fn write_candidate(candidate: Option<&Candidate>) -> Value {
    candidate.map_or(Value::Null, |candidate| {
        json!({
            "candidate": candidate.candidate,
            "sdpMid": candidate.sdp_mid,
            "sdpMLineIndex": candidate.sdp_m_line_index,
            "usernameFragment": candidate.username_fragment,
        })
    })
}

/// The same the other way.
fn read_candidate(candidate: &Value) -> Option<Candidate> {
    let text = |key: &str| candidate.get(key).and_then(Value::as_str).map(str::to_owned);
    let index = candidate.get("sdpMLineIndex").and_then(Value::as_u64);
    Some(Candidate {
        candidate: text("candidate")?,
        sdp_mid: text("sdpMid"),
        sdp_m_line_index: index.and_then(|index| u16::try_from(index).ok()),
        username_fragment: text("usernameFragment"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_survive_the_way_through_json() {
        let candidate = Candidate {
            candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host".to_owned(),
            sdp_mid: Some("0".to_owned()),
            sdp_m_line_index: Some(0),
            username_fragment: None,
        };
        assert_eq!(read_candidate(&write_candidate(Some(&candidate))), Some(candidate));
        assert_eq!(read_candidate(&write_candidate(None)), None);
        assert_eq!(read_candidate(&json!({"sdpMid": "0"})), None);
    }
}
