//! The messages of the signalling server, version 1 (`docs/signalling.md`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the messages.
pub const VERSION: u32 = 1;

/// Most characters in the name of a room or client.
const MOST_NAME: usize = 64;

/// `RTCSdpType`, webrtc-pc §4.6.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SdpType {
    /// `offer`
    Offer,
    /// `pranswer`
    Pranswer,
    /// `answer`
    Answer,
    /// `rollback`
    Rollback,
}

/// `RTCSessionDescriptionInit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Offer, answer, pranswer or rollback.
    #[serde(rename = "type")]
    pub kind: SdpType,
    /// The session description; empty for a rollback.
    #[serde(default)]
    pub sdp: String,
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ToServer {
    /// Enter a room.
    Join {
        /// [`VERSION`].
        version: u32,
        /// The room.
        room: String,
        /// The client's id, if it wants a certain one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// An offer or answer for another client.
    Description {
        /// The description.
        description: Description,
        /// For whom; absent: for all others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// A candidate for another client.
    Candidate {
        /// `RTCIceCandidateInit`; `null` at the end of candidates.
        candidate: Value,
        /// For whom; absent: for all others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// Leave the room. (With braces, since serde is lenient about keys of a unit.)
    Leave {},
}

impl ToServer {
    /// Reads and checks a message.
    ///
    /// # Errors
    /// It is none; the text says why.
    pub fn read(text: &str) -> Result<Self, String> {
        let message: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        match &message {
            Self::Join { room, name, .. } => {
                for (what, name) in [("room", Some(room)), ("name", name.as_ref())] {
                    if name.is_some_and(|n| n.is_empty() || n.chars().count() > MOST_NAME) {
                        return Err(format!("{what} must have 1 to {MOST_NAME} characters"));
                    }
                }
            }
            Self::Candidate { candidate, .. } => {
                let is_init = candidate.get("candidate").is_some_and(Value::is_string);
                if !candidate.is_null() && !is_init {
                    return Err("candidate must be null or an object with a string `candidate`".to_owned());
                }
            }
            Self::Description { .. } | Self::Leave {} => {}
        }
        Ok(message)
    }
}

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FromServer {
    /// The answer to `join`.
    Joined {
        /// [`VERSION`].
        version: u32,
        /// The client's id.
        id: String,
        /// Who is there already, in the order of their coming.
        peers: Vec<String>,
    },
    /// Another client came.
    PeerJoined {
        /// Its id.
        id: String,
    },
    /// Another client went.
    PeerLeft {
        /// Its id.
        id: String,
    },
    /// An offer or answer of another client.
    Description {
        /// Whose.
        from: String,
        /// The description.
        description: Description,
    },
    /// A candidate of another client.
    Candidate {
        /// Whose.
        from: String,
        /// `RTCIceCandidateInit`; `null` at the end of candidates.
        candidate: Value,
    },
    /// The client did something wrong.
    Error {
        /// What.
        name: ErrorName,
        /// For people.
        message: String,
    },
}

impl FromServer {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and maps with string keys: cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Names of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorName {
    /// No message of this protocol.
    BadMessage,
    /// `join` with another version.
    UnsupportedVersion,
    /// Something else came first, or nothing in time.
    NotJoined,
    /// A second `join`.
    AlreadyJoined,
    /// Another client of the room has that name.
    NameTaken,
    /// The room has its most clients.
    RoomFull,
    /// The server has its most rooms.
    TooManyRooms,
    /// Larger than allowed.
    MessageTooLarge,
    /// Too many messages.
    RateExceeded,
    /// The client does not read what it is sent.
    TooSlow,
    /// Nobody of that id is in the room.
    NoSuchPeer,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_messages_are_read() {
        for text in [
            r#"{"type":"join","version":1,"room":"r1","name":"alice"}"#,
            r#"{"type":"join","version":1,"room":"r1"}"#,
            r#"{"type":"description","description":{"type":"offer","sdp":"v=0"},"to":"bob"}"#,
            r#"{"type":"description","description":{"type":"rollback"}}"#,
            r#"{"type":"candidate","candidate":{"candidate":"candidate:1","sdpMid":"0","novel":1}}"#,
            r#"{"type":"candidate","candidate":null,"to":"bob"}"#,
            r#"{"type":"leave"}"#,
        ] {
            ToServer::read(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let long = format!(r#"{{"type":"join","version":1,"room":"{}"}}"#, "r".repeat(65));
        for text in [
            "",
            "null",
            "{",
            r#"{"type":"shout"}"#,
            r#"{"type":"leave","now":true}"#,
            r#"{"type":"join","version":1,"room":""}"#,
            r#"{"type":"join","version":1,"room":"r","name":""}"#,
            r#"{"type":"join","version":"1","room":"r"}"#,
            r#"{"type":"join","version":1,"room":"r","admin":true}"#,
            r#"{"type":"description","description":{"type":"maybe","sdp":""}}"#,
            r#"{"type":"description","description":"v=0"}"#,
            r#"{"type":"candidate","candidate":7}"#,
            r#"{"type":"candidate","candidate":{"sdpMid":"0"}}"#,
            &long,
        ] {
            assert!(ToServer::read(text).is_err(), "{text}");
        }
    }
}
