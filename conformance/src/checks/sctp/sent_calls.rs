//! What the application sent on a channel, as far as it was asked to.

use super::chunks;
use super::pieces::piece;
use crate::evidence::{Evidence, Peer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::Answer;
use peerproof_captures::wire::dcep::{self, Message};
use peerproof_captures::wire::sctp::PayloadProtocol;
use serde_json::Value;
use std::collections::BTreeSet;

/// A message that was handed to `send`.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) entry: u64,
    pub(super) is_text: bool,
    /// In bytes, of its UTF-8 form for text.
    pub(super) size: u64,
    /// The bytes, if they stand in the command.
    pub(super) bytes: Option<Vec<u8>>,
}

/// Most messages of one command.
const MOST_TIMES: u64 = 100_000;

/// The messages that a peer was asked to send on the channel of a stream, in order. `None` if it may have sent others by itself, or
/// if it is not known which they are.
pub(super) fn sent_on(evidence: &Evidence, peer: Peer, stream: u16) -> Option<Vec<Sent>> {
    let calls = evidence.calls(peer);
    let by_itself = |name: &str| ["echo", "join"].contains(&name);
    if evidence.sends_by_itself(peer) || calls.is_empty() || calls.iter().any(|call| by_itself(call.name)) {
        return None;
    }
    let label = label(evidence, peer, stream)?;
    let sends = calls.iter().filter(|call| call.name == "send" && matches!(call.answer, Answer::Ok(_)));
    let mut sent = Vec::new();
    for call in sends.filter(|call| call.args.get("channel").and_then(Value::as_str) == Some(&label)) {
        let message = message(call.args.get("message")?, call.entry)?;
        let times = call.args.get("times").and_then(Value::as_u64).unwrap_or(1);
        let room = (MOST_TIMES as usize).saturating_sub(sent.len());
        sent.extend(std::iter::repeat_n(message, usize::try_from(times).ok()?.min(room)));
    }
    Some(sent)
}

fn message(message: &Value, entry: u64) -> Option<Sent> {
    if let Some(text) = message.get("text").and_then(Value::as_str) {
        let bytes = text.as_bytes().to_vec();
        return Some(Sent { entry, is_text: true, size: bytes.len() as u64, bytes: Some(bytes) });
    }
    if let Some(binary) = message.get("binary").and_then(Value::as_str) {
        let bytes = STANDARD.decode(binary).ok()?;
        return Some(Sent { entry, is_text: false, size: bytes.len() as u64, bytes: Some(bytes) });
    }
    let pattern = message.get("pattern")?;
    let is_text = pattern.get("text").and_then(Value::as_bool).unwrap_or(false);
    Some(Sent { entry, is_text, size: pattern.get("size")?.as_u64()?, bytes: None })
}

/// The label of the channel on a stream, if it is the only channel that the stream ever had and no other has that label.
pub(super) fn label(evidence: &Evidence, peer: Peer, stream: u16) -> Option<String> {
    let mut channels: BTreeSet<(u16, String)> = BTreeSet::new();
    for happened in evidence.events(peer) {
        if let PeerEvent::DataChannel { channel } | PeerEvent::ChannelOpen { channel } = happened.event {
            channels.insert((channel.id?, channel.label.clone()));
        }
    }
    for (packet, body) in chunks(evidence, peer) {
        let Some(piece) = piece(packet, &body).filter(|it| it.protocol == Some(PayloadProtocol::Dcep)) else {
            continue;
        };
        if let Ok(Message::Open(open)) = dcep::view(piece.data) {
            channels.insert((piece.stream, String::from_utf8_lossy(open.label.value).into_owned()));
        }
    }
    let mut found = channels.iter().filter(|(id, _)| *id == stream);
    let (Some((_, label)), None) = (found.next(), found.next()) else { return None };
    let alone = channels.iter().filter(|(_, other)| other == label).count() == 1;
    alone.then(|| label.clone())
}
