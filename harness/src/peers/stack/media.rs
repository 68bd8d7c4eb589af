//! A stack peer's local media: sources by the names of their tracks, and what commands do with them.

use super::super::protocol::{Direction, SendEncoding};
use super::super::{Origin, Permission, Surroundings};
use super::answer::{Outcome, Refusal};
use peerproof_captures::event::MediaKind;
use peerproof_stack::connection::{self as stack, LocalTrack, PeerConnection, TransceiverInfo};
use peerproof_stack::media::devices::{Devices, MediaError};
use peerproof_stack::media::{Kind, Source};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Defaults of `createSource`, see `docs/media.md`.
const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;
const FRAME_RATE: u32 = 15;
const TONE_HZ: u32 = 440;

pub(super) fn kind(kind: MediaKind) -> Kind {
    match kind {
        MediaKind::Audio => Kind::Audio,
        MediaKind::Video => Kind::Video,
    }
}

pub(super) fn kind_of(kind: Kind) -> MediaKind {
    match kind {
        Kind::Audio => MediaKind::Audio,
        Kind::Video => MediaKind::Video,
    }
}

/// A direction that can be assigned.
pub(super) fn direction(direction: Direction) -> Result<stack::Direction, Refusal> {
    Ok(match direction {
        Direction::SendRecv => stack::Direction::Sendrecv,
        Direction::SendOnly => stack::Direction::Sendonly,
        Direction::RecvOnly => stack::Direction::Recvonly,
        Direction::Inactive => stack::Direction::Inactive,
        Direction::Stopped => return Err(Refusal::rejected("TypeError", "stopped cannot be assigned")),
    })
}

impl From<MediaError> for Refusal {
    fn from(error: MediaError) -> Self {
        let detail = match &error {
            MediaError::Constraint(constraint) => format!(" (constraint: {})", constraint.constraint),
            _ => String::new(),
        };
        Self::rejected(error.name(), format!("{error}{detail}"))
    }
}

#[derive(Debug, Default)]
struct Captured {
    tracks: BTreeMap<String, LocalTrack>,
    streams: u32,
}

/// The local tracks of one peer.
#[derive(Debug)]
pub(super) struct LocalMedia {
    /// Prefix of all names: those of two peers must differ.
    name: String,
    surroundings: Surroundings,
    devices: Devices,
    state: Mutex<Captured>,
}

impl LocalMedia {
    pub(super) fn new(name: &str, surroundings: &Surroundings) -> Self {
        Self {
            name: name.to_owned(),
            surroundings: surroundings.clone(),
            devices: Devices::synthetic(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, Captured> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn track(&self, id: &str) -> Result<LocalTrack, Refusal> {
        self.state().tracks.get(id).cloned().ok_or_else(|| Refusal::not_found("local track", id))
    }

    /// Gives sources names and a stream.
    fn add(&self, sources: Vec<Source>) -> Value {
        let mut state = self.state();
        state.streams += 1;
        let stream = format!("{}-stream-{}", self.name, state.streams);
        let mut tracks = Vec::new();
        for source in sources {
            let kind = kind_of(source.kind()).as_str();
            let id = format!("{}-{kind}-{}", self.name, state.streams);
            tracks.push(json!({ "id": id, "kind": kind, "settings": source.settings() }));
            state.tracks.insert(id.clone(), LocalTrack { id, stream: stream.clone(), source });
        }
        json!({ "stream": stream, "tracks": tracks })
    }

    /// `getUserMedia`, mediacapture-main §10.2: the constraints are judged before the user is asked.
    pub(super) fn get_user_media(&self, constraints: &Value) -> Outcome {
        if self.surroundings.origin == Origin::Insecure {
            return Err(Refusal::Unsupported("the stack has no origin".to_owned()));
        }
        let sources = self.devices.get_user_media(constraints)?;
        if self.surroundings.permission == Permission::Denied {
            return Err(Refusal::rejected("NotAllowedError", "permission denied"));
        }
        Ok(self.add(sources))
    }

    pub(super) fn create_source(
        &self,
        kind: MediaKind,
        size: (Option<u32>, Option<u32>),
        frame_rate: Option<u32>,
        tone_hz: Option<u32>,
    ) -> Outcome {
        let source = match kind {
            MediaKind::Audio => Source::tone(tone_hz.unwrap_or(TONE_HZ)),
            MediaKind::Video => Source::numbered(
                size.0.unwrap_or(WIDTH),
                size.1.unwrap_or(HEIGHT),
                f64::from(frame_rate.unwrap_or(FRAME_RATE)),
            )
            .map_err(|error| Refusal::rejected("TypeError", error.to_string()))?,
        };
        Ok(self.add(vec![source]))
    }

    pub(super) fn apply_constraints(&self, track: &str, constraints: &Value) -> Outcome {
        let settings = self.devices.apply_constraints(&self.track(track)?.source, constraints)?;
        serde_json::to_value(settings).map_err(|error| Refusal::rejected("OperationError", error.to_string()))
    }
}

/// An encoding as the stack takes it. What is absent has the standard's default.
pub(super) fn encoding(given: SendEncoding) -> stack::SendEncoding {
    let default = stack::SendEncoding::default();
    stack::SendEncoding {
        rid: given.rid,
        active: given.active.unwrap_or(default.active),
        scale_resolution_down_by: given.scale_resolution_down_by.unwrap_or(default.scale_resolution_down_by),
        max_bitrate: given.max_bitrate,
    }
}

/// The transceivers as the protocol answers them.
pub(super) async fn transceivers(connection: &PeerConnection) -> Outcome {
    let all = connection.transceivers().await?;
    Ok(Value::Array(all.into_iter().map(transceiver).collect()))
}

fn transceiver(info: TransceiverInfo) -> Value {
    let direction = if info.stopped { "stopped".to_owned() } else { info.direction.to_string() };
    json!({
        "mid": info.mid,
        "kind": kind_of(info.kind).as_str(),
        "direction": direction,
        "currentDirection": info.current_direction.map(|d| d.to_string()),
        "stopped": info.stopped,
        "sender": info.sender,
        "receiver": info.receiver,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(permission: Permission, origin: Origin) -> LocalMedia {
        LocalMedia::new("alice", &Surroundings { permission, origin, mdns: false })
    }

    fn refused(outcome: Outcome) -> (String, String) {
        match outcome.unwrap_err() {
            Refusal::Rejected { name, message } => (name, message),
            Refusal::Unsupported(reason) => ("unsupported".to_owned(), reason),
        }
    }

    #[tokio::test]
    async fn user_media_comes_with_settings_and_names() {
        let media = media(Permission::Granted, Origin::Localhost);
        let got =
            media.get_user_media(&json!({ "audio": true, "video": { "width": { "exact": 640 } } })).unwrap();
        let tracks = got["tracks"].as_array().unwrap();
        assert_eq!((tracks[0]["kind"].as_str(), tracks[1]["kind"].as_str()), (Some("audio"), Some("video")));
        assert_eq!(tracks[1]["settings"]["width"], 640);
        let id = tracks[1]["id"].as_str().unwrap();
        assert_eq!(media.track(id).unwrap().stream, got["stream"]);
        assert_eq!(media.apply_constraints(id, &json!({ "width": 320 })).unwrap()["width"], 320);
    }

    #[tokio::test]
    async fn refusals_have_the_standards_names() {
        let granted = media(Permission::Granted, Origin::Localhost);
        let (name, message) =
            refused(granted.get_user_media(&json!({ "video": { "width": { "min": 99999 } } })));
        assert!(name == "OverconstrainedError" && message.contains("(constraint: width)"), "{message}");
        assert_eq!(refused(granted.get_user_media(&json!({}))).0, "TypeError");
        let denied = media(Permission::Denied, Origin::Localhost);
        assert_eq!(refused(denied.get_user_media(&json!({ "audio": true }))).0, "NotAllowedError");
        let insecure = media(Permission::Granted, Origin::Insecure);
        assert_eq!(refused(insecure.get_user_media(&json!({ "audio": true }))).0, "unsupported");
        assert_eq!(
            refused(granted.create_source(MediaKind::Video, (Some(3), None), None, None)).0,
            "TypeError"
        );
    }
}
