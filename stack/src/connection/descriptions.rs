//! Offer and answer (webrtc-pc §4.4.2, RFC 9429): creating and setting descriptions.

use super::error::{ErrorName, Rejection};
use super::operations::PeerConnection;
use super::sdp;
use crate::sync::lock;
use crate::workarounds::Workaround;
use webrtc::peer_connection::{RTCSdpType, RTCSessionDescription, RTCSignalingState};

/// `RTCSessionDescriptionInit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Offer, answer, pranswer or rollback.
    pub kind: RTCSdpType,
    /// The session description; empty for a rollback.
    pub sdp: String,
}

/// A description that the crate created, as it was and as it was handed out: the crate takes back only what it gave.
#[derive(Debug, Clone)]
struct Created {
    raw: String,
    handed: String,
}

#[derive(Debug, Default)]
pub(super) struct Made {
    offer: Option<Created>,
    answer: Option<Created>,
    pub(super) taken_ids: Vec<u16>,
    /// The DTLS role that is in force, as `a=setup` says it.
    role: Option<&'static str>,
}

impl Made {
    /// The DTLS role that our newest answer takes.
    pub(super) fn answered_role(&self) -> Option<&'static str> {
        self.answer.as_ref().and_then(|answer| sdp::own_setup(&answer.handed))
    }
}

impl PeerConnection {
    pub(super) fn handed(&self, raw: &str) -> String {
        let mut sdp =
            sdp::outward(raw, &self.options.workarounds, self.options.faults.fingerprint.as_deref());
        if self.mute {
            let kept = sdp.split_inclusive("\r\n").filter(|line| !line.starts_with("a=candidate:"));
            sdp = kept.collect();
        }
        sdp
    }

    /// `createOffer`.
    ///
    /// # Errors
    /// `InvalidStateError` in a wrong signaling state or when closed.
    pub async fn create_offer(&self, ice_restart: bool) -> Result<Description, Rejection> {
        let _turn = self.chain.lock().await;
        self.create_offer_now(ice_restart).await
    }

    async fn create_offer_now(&self, ice_restart: bool) -> Result<Description, Rejection> {
        self.check_open()?;
        // The crate creates offers in any state; webrtc-pc §4.4.2 createOffer, step 3, does not.
        if !matches!(
            self.signaling_state().await,
            RTCSignalingState::Stable | RTCSignalingState::HaveLocalOffer
        ) {
            return Err(Rejection::new(
                ErrorName::InvalidState,
                "no offer can be created in this signaling state",
            ));
        }
        let options = rtc::peer_connection::configuration::RTCOfferOptions { ice_restart };
        let raw = self.inner.create_offer(Some(options)).await?.sdp;
        let handed = self.handed(&raw);
        lock(&self.made).offer = Some(Created { raw, handed: handed.clone() });
        Ok(Description { kind: RTCSdpType::Offer, sdp: handed })
    }

    /// `createAnswer`.
    ///
    /// # Errors
    /// `InvalidStateError` without a remote offer or when closed.
    pub async fn create_answer(&self) -> Result<Description, Rejection> {
        let _turn = self.chain.lock().await;
        self.create_answer_now().await
    }

    async fn create_answer_now(&self) -> Result<Description, Rejection> {
        self.check_open()?;
        let raw = self.inner.create_answer(None).await?.sdp;
        let mut handed = self.handed(&raw);
        if let Some(role) = self.answering_role().await {
            handed = sdp::with_setup(&handed, role);
        }
        lock(&self.made).answer = Some(Created { raw, handed: handed.clone() });
        Ok(Description { kind: RTCSdpType::Answer, sdp: handed })
    }

    /// The DTLS role that an answer has to say: the one in force, else the opposite of the one offered. Nothing if both are free.
    async fn answering_role(&self) -> Option<&'static str> {
        if !self.options.workarounds.has(Workaround::AnswerRole)
            || self.options.faults.answering_role.is_some()
        {
            return None;
        }
        let in_force = lock(&self.made).role;
        match in_force {
            Some(role) => Some(role),
            None => sdp::other_setup(&self.inner.remote_description().await?.sdp),
        }
    }

    /// `signalingState` at this moment: its event may be still on its way.
    pub async fn signaling_state(&self) -> RTCSignalingState {
        use RTCSignalingState as S;
        let local = self.inner.pending_local_description().await.map(|d| d.sdp_type);
        let remote = self.inner.pending_remote_description().await.map(|d| d.sdp_type);
        match (local, remote) {
            _ if self.handler.is_closed() => S::Closed,
            (Some(RTCSdpType::Pranswer), _) => S::HaveLocalPranswer,
            (_, Some(RTCSdpType::Pranswer)) => S::HaveRemotePranswer,
            (Some(_), _) => S::HaveLocalOffer,
            (_, Some(_)) => S::HaveRemoteOffer,
            (None, None) => S::Stable,
        }
    }

    /// Waits until the signaling state that a description has led to was reported.
    async fn signaled(&self) {
        let state = self.signaling_state().await;
        self.handler.reporter().until_signaled(state).await;
    }

    /// `setLocalDescription`; without a description the implicit form.
    ///
    /// # Errors
    /// `InvalidStateError` for a description that the signaling state does not allow, `InvalidModificationError` for one
    /// that is not what was created last.
    pub async fn set_local_description(&self, description: Option<Description>) -> Result<(), Rejection> {
        let _turn = self.chain.lock().await;
        self.check_open()?;
        let description = match description {
            Some(description) => description,
            None => match self.signaling_state().await {
                RTCSignalingState::Stable
                | RTCSignalingState::HaveLocalOffer
                | RTCSignalingState::HaveRemotePranswer => self.create_offer_now(false).await?,
                _ => self.create_answer_now().await?,
            },
        };
        self.set_local(description).await
    }

    async fn set_local(&self, description: Description) -> Result<(), Rejection> {
        let (created, state) = {
            let made = lock(&self.made);
            match description.kind {
                RTCSdpType::Offer => (made.offer.clone(), RTCSignalingState::HaveLocalOffer),
                RTCSdpType::Pranswer => (made.answer.clone(), RTCSignalingState::HaveLocalPranswer),
                RTCSdpType::Answer => (made.answer.clone(), RTCSignalingState::Stable),
                _ => (None, RTCSignalingState::Stable),
            }
        };
        if description.kind == RTCSdpType::Rollback {
            self.inner.set_local_description(session(RTCSdpType::Rollback, String::new())?).await?;
            self.signaled().await;
            return Ok(());
        }
        let raw = match created {
            Some(created) if description.sdp.is_empty() || description.sdp == created.handed => created.raw,
            _ => description.sdp.clone(),
        };
        let reporter = self.handler.reporter();
        let before = reporter.on_local_description(&raw, state);
        let set = self.inner.set_local_description(session(description.kind, raw)?).await;
        if set.is_err() {
            reporter.on_local_description_refused(before);
        }
        set?;
        if description.kind == RTCSdpType::Answer {
            let mut made = lock(&self.made);
            made.role = made.answered_role().or(made.role);
        }
        self.signaled().await;
        self.media.refresh().await;
        Ok(())
    }

    /// `setRemoteDescription`.
    ///
    /// # Errors
    /// `InvalidStateError` for a description that the signaling state does not allow, `InvalidAccessError` or
    /// `OperationError` for one that cannot be applied.
    pub async fn set_remote_description(&self, description: Description) -> Result<(), Rejection> {
        let _turn = self.chain.lock().await;
        self.check_open()?;
        if description.kind == RTCSdpType::Offer
            && self.options.workarounds.has(Workaround::ImplicitRollback)
            && self.signaling_state().await == RTCSignalingState::HaveLocalOffer
        {
            self.inner.set_local_description(session(RTCSdpType::Rollback, String::new())?).await?;
        }
        let sdp = if description.kind == RTCSdpType::Rollback { String::new() } else { description.sdp };
        self.inner.set_remote_description(session(description.kind, sdp.clone())?).await?;
        if description.kind == RTCSdpType::Answer {
            let mut made = lock(&self.made);
            made.role = sdp::other_setup(&sdp).or(made.role);
        }
        self.signaled().await;
        self.media.on_remote_description(&sdp);
        self.media.refresh().await;
        Ok(())
    }
}

/// A description as the crate takes it. An unreadable one is refused by the crate, except that it must be read first.
fn session(kind: RTCSdpType, sdp: String) -> Result<RTCSessionDescription, Rejection> {
    let made = match kind {
        RTCSdpType::Offer => RTCSessionDescription::offer(sdp)?,
        RTCSdpType::Answer => RTCSessionDescription::answer(sdp)?,
        RTCSdpType::Pranswer => RTCSessionDescription::pranswer(sdp)?,
        RTCSdpType::Rollback => RTCSessionDescription::rollback(None)?,
        _ => return Err(Rejection::new(ErrorName::Type, "unknown type of description")),
    };
    Ok(made)
}
