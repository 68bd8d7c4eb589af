//! Data channels (RFC 8831, RFC 8832): how they opened, what went over them, how they closed.

use super::at::{At, Side, Sides};
use super::limits;
use crate::wire::dcep;
use crate::wire::sctp::PayloadProtocol;
use schemars::JsonSchema;
use serde::Serialize;

/// Messages that a side sent on a channel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Messages {
    /// Whole messages.
    pub messages: u64,
    /// Strings among them.
    pub text: u64,
    /// Binary ones among them.
    pub binary: u64,
    /// Bytes of user data.
    pub bytes: u64,
    /// The longest message in bytes.
    pub longest: u64,
    /// The first.
    pub first: Option<At>,
    /// The last.
    pub last: Option<At>,
    #[serde(skip)]
    current: u64,
}

/// A data channel, or a stream that carried user messages without being opened in the capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Channel {
    /// The SCTP stream.
    pub stream: u16,
    /// The label, if the channel's opening was seen.
    pub label: Option<String>,
    /// The subprotocol.
    pub protocol: Option<String>,
    /// Order and reliability, as RFC 8832 §8.2.2 calls them.
    pub kind: Option<String>,
    /// Most retransmissions, or the lifetime in milliseconds, where the kind limits them.
    pub reliability: Option<u32>,
    /// Who opened it.
    pub opened_by: Option<Side>,
    /// DATA_CHANNEL_OPEN.
    pub open: Option<At>,
    /// DATA_CHANNEL_ACK.
    pub acknowledged: Option<At>,
    /// The request to reset its stream, which closes it (RFC 8831 §6.7), and who made it first.
    pub reset: Option<At>,
    /// Who made that request.
    pub reset_by: Option<Side>,
    /// What each side sent.
    pub sent: Sides<Messages>,
}

/// A fragment of a user message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fragment<'a> {
    pub(super) protocol: PayloadProtocol,
    pub(super) begins: bool,
    pub(super) ends: bool,
    pub(super) data: &'a [u8],
}

impl Channel {
    pub(super) fn new(stream: u16) -> Self {
        Self {
            stream,
            label: None,
            protocol: None,
            kind: None,
            reliability: None,
            opened_by: None,
            open: None,
            acknowledged: None,
            reset: None,
            reset_by: None,
            sent: Sides::default(),
        }
    }

    /// What to call it.
    pub fn name(&self) -> String {
        match &self.label {
            Some(label) => format!("{label:?}"),
            None => format!("on stream {}", self.stream),
        }
    }

    pub(super) fn fragment(&mut self, at: At, from: Side, fragment: &Fragment<'_>) {
        if fragment.protocol == PayloadProtocol::Dcep {
            if fragment.begins && fragment.ends {
                self.dcep(at, from, fragment.data);
            }
            return;
        }
        let sent = self.sent.of_mut(from);
        sent.first.get_or_insert(at);
        sent.last = Some(at);
        if fragment.begins {
            sent.current = 0;
        }
        let length = if fragment.protocol.is_empty() { 0 } else { fragment.data.len() as u64 };
        sent.current += length;
        sent.bytes += length;
        if fragment.ends {
            sent.messages += 1;
            sent.longest = sent.longest.max(sent.current);
            match fragment.protocol.is_text() {
                Some(true) => sent.text += 1,
                Some(false) => sent.binary += 1,
                None => {}
            }
        }
    }

    fn dcep(&mut self, at: At, from: Side, data: &[u8]) {
        match dcep::view(data) {
            Ok(dcep::Message::Open(open)) => {
                self.label = Some(text(open.label.value));
                self.protocol = Some(text(open.protocol.value));
                self.kind = Some(open.channel.value.to_string());
                self.reliability = open.max_retransmits().or(open.max_packet_life_time());
                self.opened_by = Some(from);
                self.open = Some(at);
            }
            Ok(dcep::Message::Ack) => {
                self.acknowledged.get_or_insert(at);
            }
            _ => {}
        }
    }
}

/// Text of a packet, as much of it as is kept.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..limits::TEXT).unwrap_or(bytes)).into_owned()
}
