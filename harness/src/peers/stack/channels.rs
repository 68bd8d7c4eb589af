//! A stack peer's data channels: by label, with their echoes and payloads.

use super::super::protocol::Payload;
use super::answer::{Outcome, Refusal};
use super::translate;
use base64::Engine;
use peerproof_stack::connection::{Channel, Rejection};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A message as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    text: bool,
    bytes: Vec<u8>,
}

impl Content {
    async fn send(&self, channel: &Channel) -> Result<(), Rejection> {
        if self.text {
            channel.send_text(&String::from_utf8_lossy(&self.bytes)).await
        } else {
            channel.send(&self.bytes).await
        }
    }
}

/// The bytes that both sides can compute, see [`Payload::Pattern`].
fn pattern(size: u32, seed: u32, text: bool) -> Vec<u8> {
    let mut x = seed;
    let next = |_| {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let byte = (x >> 24) as u8;
        if text { b'a' + byte % 26 } else { byte }
    };
    (0..size).map(next).collect()
}

/// The `round`-th message of a payload.
fn content(payload: &Payload, round: u32) -> Result<Content, Refusal> {
    Ok(match payload {
        Payload::Text(text) => Content { text: true, bytes: text.clone().into_bytes() },
        Payload::Binary(base64) => Content {
            text: false,
            bytes: base64::engine::general_purpose::STANDARD
                .decode(base64)
                .map_err(|error| Refusal::rejected("InvalidCharacterError", error.to_string()))?,
        },
        Payload::Pattern { size, seed, text } => {
            Content { text: *text, bytes: pattern(*size, seed.wrapping_add(round), *text) }
        }
    })
}

/// What an echo does to messages.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Defect {
    None,
    CorruptLastByte,
    SwapPairs(Option<Content>),
    AsText,
    DropEveryThird(u64),
}

impl Defect {
    fn named(name: Option<&str>) -> Result<Self, Refusal> {
        Ok(match name {
            None => Self::None,
            Some("corrupt-last-byte") => Self::CorruptLastByte,
            Some("swap-pairs") => Self::SwapPairs(None),
            Some("as-text") => Self::AsText,
            Some("drop-every-third") => Self::DropEveryThird(0),
            Some(other) => return Err(Refusal::rejected("TypeError", format!("unknown defect {other}"))),
        })
    }

    /// What is to be sent back now.
    fn apply(&mut self, mut message: Content) -> Vec<Content> {
        match self {
            Self::None => vec![message],
            Self::CorruptLastByte => {
                if let Some(last) = message.bytes.last_mut() {
                    *last ^= 1;
                }
                vec![message]
            }
            Self::SwapPairs(held) => match held.take() {
                Some(first) => vec![message, first],
                None => {
                    *held = Some(message);
                    Vec::new()
                }
            },
            Self::AsText if message.text => vec![message],
            Self::AsText => {
                let text: String = message.bytes.iter().map(|byte| char::from(*byte)).collect();
                vec![Content { text: true, bytes: text.into_bytes() }]
            }
            Self::DropEveryThird(count) => {
                *count += 1;
                if *count % 3 == 0 { Vec::new() } else { vec![message] }
            }
        }
    }
}

#[derive(Debug, Default)]
struct OpenChannels {
    /// By the stack's number, in the order of their making.
    channels: BTreeMap<usize, Arc<Channel>>,
    echoes: BTreeMap<String, Defect>,
}

/// The channels of one peer.
#[derive(Debug, Default)]
pub(super) struct Channels(Mutex<OpenChannels>);

impl Channels {
    fn state(&self) -> MutexGuard<'_, OpenChannels> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, channel: &Arc<Channel>) {
        self.state().channels.insert(channel.info().number, channel.clone());
    }

    /// The channel of that label; of several the newest.
    fn named(&self, label: &str) -> Result<Arc<Channel>, Refusal> {
        let state = self.state();
        let found = state.channels.values().rev().find(|channel| channel.info().label == label);
        found.cloned().ok_or_else(|| Refusal::not_found("channel", label))
    }

    pub(super) async fn send(&self, label: &str, message: &Payload, times: u32) -> Outcome {
        let channel = self.named(label)?;
        for round in 0..times {
            content(message, round)?.send(&channel).await?;
        }
        Ok(Value::Null)
    }

    pub(super) fn echo(&self, label: String, defect: Option<&str>) -> Outcome {
        let defect = Defect::named(defect)?;
        self.state().echoes.insert(label, defect);
        Ok(Value::Null)
    }

    pub(super) async fn close(&self, label: &str) -> Outcome {
        self.named(label)?.close().await?;
        Ok(Value::Null)
    }

    pub(super) async fn get(&self, label: &str) -> Outcome {
        let channel = self.named(label)?;
        let mut info = serde_json::to_value(translate::channel_info(channel.info()))
            .map_err(|error| Refusal::rejected("OperationError", error.to_string()))?;
        if let Value::Object(map) = &mut info {
            map.insert("readyState".to_owned(), json!(channel.ready_state().await.to_string()));
            map.insert("bufferedAmount".to_owned(), json!(channel.buffered_amount().await));
        }
        Ok(info)
    }

    /// A message came: sends back what an echo would. What went wrong, if something did.
    pub(super) async fn on_message(&self, channel: &Channel, text: bool, bytes: &[u8]) -> Option<Rejection> {
        let label = channel.info().label;
        let replies = match self.state().echoes.get_mut(&label) {
            Some(defect) => defect.apply(Content { text, bytes: bytes.to_vec() }),
            None => return None,
        };
        for reply in replies {
            if let Err(error) = reply.send(channel).await {
                return Some(error);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Content {
        Content { text: true, bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn a_pattern_is_the_generators_top_bytes() {
        // x1 = 1013904223 = 0x3C6EF35F, x2 = x1 * 1664525 + 1013904223 = 0x47502932 (mod 2^32).
        assert_eq!(pattern(2, 0, false), [0x3C, 0x47]);
        assert_eq!(pattern(2, 0, true), [b'a' + 0x3C % 26, b'a' + 0x47 % 26]);
        let payload = Payload::Pattern { size: 4, seed: 6, text: false };
        assert_eq!(content(&payload, 1).unwrap().bytes, pattern(4, 7, false));
    }

    #[test]
    fn defects_falsify_as_they_are_named() {
        let mut echo = Defect::named(Some("corrupt-last-byte")).unwrap();
        assert_eq!(echo.apply(text("ab")), [text("ac")]);
        let mut echo = Defect::named(Some("swap-pairs")).unwrap();
        assert!(echo.apply(text("1")).is_empty());
        assert_eq!(echo.apply(text("2")), [text("2"), text("1")]);
        let mut echo = Defect::named(Some("as-text")).unwrap();
        assert_eq!(echo.apply(Content { text: false, bytes: vec![0xe9] }), [text("é")]);
        let mut echo = Defect::named(Some("drop-every-third")).unwrap();
        let sent: usize = ["1", "2", "3", "4"].iter().map(|m| echo.apply(text(m)).len()).sum();
        assert_eq!(sent, 3);
        assert!(Defect::named(Some("nonsense")).is_err());
    }

    #[test]
    fn bad_base64_is_rejected_as_atob_does() {
        let refused = content(&Payload::Binary("?".to_owned()), 0).unwrap_err();
        assert!(matches!(refused, Refusal::Rejected { name, .. } if name == "InvalidCharacterError"));
    }
}
