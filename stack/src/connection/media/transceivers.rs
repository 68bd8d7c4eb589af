//! The operations on transceivers, senders and receivers.

use super::codecs;
use super::sender::{SendEncoding, Sender};
use super::{Media, receiver};
use crate::connection::error::{ErrorName, Rejection};
use crate::connection::operations::PeerConnection;
use crate::media::{Codec, Kind, Source};
use crate::sync::lock;
use rtc::rtp_transceiver::RTCRtpTransceiverInit;
use std::collections::BTreeSet;
use std::sync::Arc;
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RtpTransceiver};

pub use webrtc::rtp_transceiver::RTCRtpTransceiverDirection as Direction;

/// A local `MediaStreamTrack` in its stream.
#[derive(Debug, Clone)]
pub struct LocalTrack {
    /// The track's name.
    pub id: String,
    /// The stream's name.
    pub stream: String,
    /// Where its media comes from.
    pub source: Source,
}

/// A transceiver at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransceiverInfo {
    /// The media section, once there is one.
    pub mid: Option<String>,
    /// Audio or video.
    pub kind: Kind,
    /// What is wanted.
    pub direction: Direction,
    /// What was negotiated.
    pub current_direction: Option<Direction>,
    /// Stopped for good.
    pub stopped: bool,
    /// Name of the track that is sent.
    pub sender: Option<String>,
    /// Name of the track that is received.
    pub receiver: Option<String>,
}

fn not_found(what: impl std::fmt::Display) -> Rejection {
    Rejection::new(ErrorName::NotFound, format!("unknown {what}"))
}

impl Media {
    async fn transceiver(&self, index: usize) -> Result<Arc<dyn RtpTransceiver>, Rejection> {
        let all = self.transceivers().await;
        all.get(index).cloned().ok_or_else(|| not_found(format_args!("transceiver {index}")))
    }

    fn sender_of(&self, track: &str) -> Result<(usize, Arc<Sender>), Rejection> {
        let state = lock(&self.state);
        let found = state.senders.iter().find(|(_, sender)| sender.track_id().as_deref() == Some(track));
        found
            .map(|(number, sender)| (*number, sender.clone()))
            .ok_or_else(|| not_found(format_args!("sender of track {track}")))
    }

    fn kind_of(&self, number: usize, mid: Option<&str>, remote: Option<&str>) -> Kind {
        if let Some(kind) = lock(&self.state).kinds.get(&number) {
            return *kind;
        }
        let sections = receiver::sections(remote.unwrap_or_default());
        sections.iter().find(|s| Some(s.mid.as_str()) == mid).map_or(Kind::Audio, |s| s.kind)
    }
}

impl PeerConnection {
    /// `addTrack`. The media section's tag, if the transceiver has one already.
    ///
    /// # Errors
    /// `InvalidAccessError` if the track is sent already, `InvalidStateError` when closed.
    pub async fn add_track(&self, track: &LocalTrack) -> Result<Option<String>, Rejection> {
        self.check_open()?;
        if self.media.sender_of(&track.id).is_ok() {
            return Err(Rejection::new(ErrorName::InvalidAccess, "the track is sent already"));
        }
        let kind = track.source.kind();
        let sender = Arc::new(Sender::new(kind, Some(track.clone()), Vec::new()));
        let number: usize = self.inner.add_track(sender.local.clone()).await?.id().into();
        self.remember(number, sender);
        let transceiver = self.by_number(number).await?;
        if transceiver.mid().await?.is_none() {
            prefer(&*transceiver, kind).await?;
        }
        Ok(transceiver.mid().await?)
    }

    fn remember(&self, number: usize, sender: Arc<Sender>) {
        let mut state = lock(&self.media.state);
        state.kinds.insert(number, sender.kind());
        state.senders.insert(number, sender);
    }

    async fn by_number(&self, number: usize) -> Result<Arc<dyn RtpTransceiver>, Rejection> {
        let all = self.media.transceivers().await;
        all.into_iter()
            .find(|t| t.id() == number)
            .ok_or_else(|| not_found(format_args!("transceiver {number}")))
    }

    /// `removeTrack` for the sender of this track.
    ///
    /// # Errors
    /// `NotFoundError` if it is not sent, `InvalidStateError` when closed.
    pub async fn remove_track(&self, track: &str) -> Result<(), Rejection> {
        self.check_open()?;
        let (number, sender) = self.media.sender_of(track)?;
        let transceiver = self.by_number(number).await?;
        if let Some(inner) = transceiver.sender().await? {
            self.inner.remove_track(&inner).await?;
        }
        sender.stop();
        lock(&self.media.state).senders.remove(&number);
        Ok(())
    }

    /// `RTCRtpSender.replaceTrack` for the sender of this track; nothing to send nothing.
    ///
    /// # Errors
    /// `NotFoundError` if it is not sent, `TypeError` if the other is of another kind.
    pub async fn replace_track(&self, track: &str, with: Option<LocalTrack>) -> Result<(), Rejection> {
        self.check_open()?;
        let (_, sender) = self.media.sender_of(track)?;
        if with.as_ref().is_some_and(|with| with.source.kind() != sender.kind()) {
            return Err(Rejection::new(ErrorName::Type, "the tracks are of different kinds"));
        }
        sender.replace(with);
        Ok(())
    }

    /// `addTransceiver`. Its index and the media section's tag.
    ///
    /// # Errors
    /// `TypeError` for the direction `stopped` and for encodings that cannot be distinguished, `RangeError` for those that would be larger
    /// than the track, `InvalidStateError` when closed.
    pub async fn add_transceiver(
        &self,
        kind: Kind,
        direction: Direction,
        track: Option<LocalTrack>,
        encodings: Vec<SendEncoding>,
    ) -> Result<(usize, Option<String>), Rejection> {
        self.check_open()?;
        check_encodings(&encodings)?;
        if track.as_ref().is_some_and(|track| track.source.kind() != kind) {
            return Err(Rejection::new(ErrorName::Type, "the track is of another kind"));
        }
        // The crate makes a transceiver without a sender or without a receiver where the direction needs none, and then
        // cannot turn it: so it is made for both ways, unless nothing will ever be sent.
        let transceiver = if direction == Direction::Recvonly && track.is_none() {
            let init = RTCRtpTransceiverInit { direction, ..Default::default() };
            self.inner.add_transceiver_from_kind(codecs::kind(kind), Some(init)).await?
        } else {
            let sender = Arc::new(Sender::new(kind, track, encodings));
            let init = RTCRtpTransceiverInit { direction: Direction::Sendrecv, ..Default::default() };
            let made = self.inner.add_transceiver_from_track(sender.local.clone(), Some(init)).await?;
            self.remember(made.id(), sender);
            if direction != Direction::Sendrecv {
                made.set_direction(direction).await?;
            }
            made
        };
        prefer(&*transceiver, kind).await?;
        lock(&self.media.state).kinds.insert(transceiver.id(), kind);
        let all = self.media.transceivers().await;
        let index = all.iter().position(|t| t.id() == transceiver.id()).unwrap_or_default();
        Ok((index, transceiver.mid().await?))
    }

    /// Assigns `RTCRtpTransceiver.direction`.
    ///
    /// # Errors
    /// `InvalidStateError` if it is stopped, `NotFoundError` if there is none.
    pub async fn set_direction(&self, index: usize, direction: Direction) -> Result<(), Rejection> {
        self.check_open()?;
        let transceiver = self.media.transceiver(index).await?;
        if lock(&self.media.state).stopped.contains(&transceiver.id()) {
            return Err(Rejection::new(ErrorName::InvalidState, "the transceiver is stopped"));
        }
        Ok(transceiver.set_direction(direction).await?)
    }

    /// `RTCRtpTransceiver.stop`.
    ///
    /// # Errors
    /// `InvalidStateError` when closed, `NotFoundError` if there is none.
    pub async fn stop_transceiver(&self, index: usize) -> Result<(), Rejection> {
        self.check_open()?;
        let transceiver = self.media.transceiver(index).await?;
        transceiver.stop().await?;
        let mut state = lock(&self.media.state);
        state.stopped.insert(transceiver.id());
        if let Some(sender) = state.senders.remove(&transceiver.id()) {
            sender.stop();
        }
        Ok(())
    }

    /// `RTCRtpTransceiver.setCodecPreferences`, by media types.
    ///
    /// # Errors
    /// `InvalidModificationError` for an unsupported media type, `NotFoundError` if there is no such transceiver.
    pub async fn set_codec_preferences(&self, index: usize, mime_types: &[String]) -> Result<(), Rejection> {
        let transceiver = self.media.transceiver(index).await?;
        let mut parameters = Vec::new();
        for mime in mime_types {
            let codec = Codec::from_mime(mime).ok_or_else(|| {
                Rejection::new(ErrorName::InvalidModification, format!("there is no codec {mime}"))
            })?;
            parameters.extend(codecs::parameters(codec));
        }
        Ok(transceiver.set_codec_preferences(parameters).await?)
    }

    /// `getTransceivers`.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn transceivers(&self) -> Result<Vec<TransceiverInfo>, Rejection> {
        let remote = self.inner.remote_description().await.map(|d| d.sdp);
        let mut all = Vec::new();
        for transceiver in self.media.transceivers().await {
            let number = transceiver.id();
            let mid = transceiver.mid().await?;
            let kind = self.media.kind_of(number, mid.as_deref(), remote.as_deref());
            let current = transceiver.current_direction().await?;
            let direction = transceiver.direction().await?;
            let state = lock(&self.media.state);
            all.push(TransceiverInfo {
                kind,
                direction,
                current_direction: (current != RTCRtpTransceiverDirection::Unspecified).then_some(current),
                stopped: state.stopped.contains(&number),
                sender: state.senders.get(&number).and_then(|sender| sender.track_id()),
                receiver: mid.as_ref().and_then(|mid| state.remotes.get(mid)).map(|r| r.id().to_owned()),
                mid,
            });
        }
        Ok(all)
    }

    /// Ours: decodes a remote track and reports what is to be seen.
    ///
    /// # Errors
    /// `NotFoundError` if there is none of this name.
    pub fn watch(&self, track: &str) -> Result<(), Rejection> {
        if self.media.watch(track) { Ok(()) } else { Err(not_found(format_args!("remote track {track}"))) }
    }
}

/// Most encodings of one track.
const MOST_ENCODINGS: usize = 16;

/// Webrtc-pc §5.1.1 (`addTransceiver`), steps 8.
fn check_encodings(encodings: &[SendEncoding]) -> Result<(), Rejection> {
    let wrong = |why: &str| Err(Rejection::new(ErrorName::Type, why));
    let good = |rid: &String| {
        !rid.is_empty() && rid.len() <= 16 && rid.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let rids: BTreeSet<&String> = encodings.iter().filter_map(|encoding| encoding.rid.as_ref()).collect();
    if !rids.iter().all(|rid| good(rid)) {
        return wrong("a rid is one to 16 letters and digits");
    }
    if encodings.len() > MOST_ENCODINGS || encodings.len() > 1 && rids.len() != encodings.len() {
        return wrong("each of several encodings has a rid of its own");
    }
    let small = |encoding: &SendEncoding| {
        encoding.scale_resolution_down_by.is_nan() || encoding.scale_resolution_down_by < 1.0
    };
    if encodings.iter().any(small) {
        return Err(Rejection::new(ErrorName::Range, "scaleResolutionDownBy is at least 1"));
    }
    Ok(())
}

/// A track that names its codec leaves no other in the offer, not even the retransmissions: all of its kind are named.
async fn prefer(transceiver: &dyn RtpTransceiver, kind: Kind) -> Result<(), Rejection> {
    let all = Codec::ALL.iter().copied().filter(|codec| codec.kind() == kind).flat_map(codecs::parameters);
    Ok(transceiver.set_codec_preferences(all.collect()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encodings(rids: &[&str], scale_resolution_down_by: f64) -> Result<(), ErrorName> {
        let encoding = |rid: &&str| SendEncoding {
            rid: (!rid.is_empty()).then(|| (*rid).to_owned()),
            scale_resolution_down_by,
            ..SendEncoding::default()
        };
        let all: Vec<SendEncoding> = rids.iter().map(encoding).collect();
        check_encodings(&all).map_err(|rejection| rejection.name)
    }

    #[test]
    fn encodings_are_distinguished_and_not_larger_than_the_track() {
        assert_eq!(encodings(&["h", "m", "l"], 1.0), Ok(()));
        assert_eq!(encodings(&[""], 2.0), Ok(()));
        for wrong in [&["h", "h"][..], &["h", ""], &["h-1"], &["h"; 17], &["abcdefghijklmnopq"]] {
            assert_eq!(encodings(wrong, 1.0), Err(ErrorName::Type), "{wrong:?}");
        }
        for wrong in [0.5, f64::NAN] {
            assert_eq!(encodings(&["h"], wrong), Err(ErrorName::Range), "{wrong}");
        }
    }
}
