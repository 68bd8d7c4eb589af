//! `RTCDataChannel`.

use super::error::{ErrorName, Rejection};
use super::event::{ChannelEvent, Event};
use super::reporter::StateReporter;
use crate::dcep::Announced;
use crate::sync::lock;
use bytes::BytesMut;
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::peer_connection::{PeerConnection as Inner, RTCStatsReportEntry, StatsSelector};

pub use webrtc::data_channel::RTCDataChannelState;

/// `RTCDataChannelInit` with the label.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelInit {
    /// The label.
    pub label: String,
    /// Default `true`.
    pub ordered: Option<bool>,
    /// Most retransmissions.
    pub max_retransmits: Option<u16>,
    /// Longest time of transmission in milliseconds.
    pub max_packet_life_time: Option<u16>,
    /// The subprotocol.
    pub protocol: String,
    /// Negotiated out of band.
    pub negotiated: bool,
    /// The stream identifier.
    pub id: Option<u16>,
}

impl ChannelInit {
    /// Checks as webrtc-pc §6.1 `createDataChannel` wants it, steps 5 to 21; `taken` are the stream ids in use.
    pub(super) fn check(&self, taken: &[u16]) -> Result<RTCDataChannelInit, Rejection> {
        let wrong = |message: &str| Err(Rejection::new(ErrorName::Type, message));
        if self.label.len() > 65535 {
            return wrong("the label is longer than 65535 bytes");
        }
        if self.protocol.len() > 65535 {
            return wrong("the protocol is longer than 65535 bytes");
        }
        if self.negotiated && self.id.is_none() {
            return wrong("a negotiated channel needs an id");
        }
        if self.max_packet_life_time.is_some() && self.max_retransmits.is_some() {
            return wrong("maxPacketLifeTime and maxRetransmits exclude each other");
        }
        let id = if self.negotiated { self.id } else { None };
        if id == Some(65535) {
            return wrong("the id 65535 is reserved");
        }
        if id.is_some_and(|id| taken.contains(&id)) {
            return Err(Rejection::new(ErrorName::Operation, "the id is in use"));
        }
        Ok(RTCDataChannelInit {
            ordered: self.ordered.unwrap_or(true),
            max_packet_life_time: self.max_packet_life_time,
            max_retransmits: self.max_retransmits,
            protocol: self.protocol.clone(),
            negotiated: id,
        })
    }
}

/// A channel's properties at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelInfo {
    /// Number of the channel in its connection, for those with the same label.
    pub number: usize,
    /// The label.
    pub label: String,
    /// The stream identifier, once known.
    pub id: Option<u16>,
    /// Whether messages arrive in order.
    pub ordered: bool,
    /// Most retransmissions.
    pub max_retransmits: Option<u16>,
    /// Longest time of transmission in milliseconds.
    pub max_packet_life_time: Option<u16>,
    /// The subprotocol.
    pub protocol: String,
    /// Negotiated out of band.
    pub negotiated: bool,
}

/// A data channel.
pub struct Channel {
    inner: Arc<dyn DataChannel>,
    pc: Weak<dyn Inner>,
    info: Mutex<ChannelInfo>,
    /// Where the reliability of a remote channel is found.
    announced: Option<Arc<Announced>>,
    /// The last state that was read or reported; the crate forgets a channel when it closes.
    state: Mutex<RTCDataChannelState>,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Channel {
    /// Reads a channel's properties.
    pub(super) async fn read(
        inner: Arc<dyn DataChannel>,
        pc: Weak<dyn Inner>,
        announced: Option<Arc<Announced>>,
    ) -> Result<Self, Rejection> {
        let info = ChannelInfo {
            number: inner.id(),
            label: inner.label().await?,
            id: None,
            ordered: inner.ordered().await?,
            max_retransmits: inner.max_retransmits().await?,
            max_packet_life_time: inner.max_packet_life_time().await?,
            protocol: inner.protocol().await?,
            negotiated: inner.negotiated().await?,
        };
        let state = inner.ready_state().await?;
        let channel = Self { inner, pc, info: Mutex::new(info), announced, state: Mutex::new(state) };
        if state != RTCDataChannelState::Connecting {
            channel.learn_id().await;
        }
        Ok(channel)
    }

    pub(super) fn set_id(&self, id: Option<u16>) {
        lock(&self.info).id = id;
    }

    /// Its properties.
    #[must_use]
    pub fn info(&self) -> ChannelInfo {
        lock(&self.info).clone()
    }

    /// The crate reports the stream identifier in its statistics only, and there from the channel's opening on.
    async fn learn_id(&self) {
        let Some(pc) = self.pc.upgrade() else { return };
        let wanted = format!("RTCDataChannel_{}", self.inner.id());
        let report = pc.get_stats(Instant::now(), StatsSelector::None).await;
        if let Some(RTCStatsReportEntry::DataChannel(stats)) = report.get(&wanted) {
            let id = stats.data_channel_identifier;
            self.set_id(Some(id));
            if let Some(reliability) = self.announced.as_ref().and_then(|announced| announced.get(id)) {
                let mut info = lock(&self.info);
                info.max_retransmits = reliability.max_retransmits;
                info.max_packet_life_time = reliability.max_packet_life_time;
            }
        }
    }

    /// `readyState`.
    pub async fn ready_state(&self) -> RTCDataChannelState {
        let state = self.inner.ready_state().await.unwrap_or(RTCDataChannelState::Closed);
        let mut known = lock(&self.state);
        if *known != RTCDataChannelState::Closed {
            *known = state;
        }
        *known
    }

    /// `bufferedAmount`: bytes that were sent and are not acknowledged or given up yet.
    pub async fn buffered_amount(&self) -> u64 {
        self.inner.outstanding_bytes().await.map_or(0, |bytes| bytes as u64)
    }

    /// `send` of a string.
    ///
    /// # Errors
    /// `InvalidStateError` unless the channel is open, `TypeError` if the message is larger than the remote peer takes.
    pub async fn send_text(&self, text: &str) -> Result<(), Rejection> {
        self.check_open().await?;
        Ok(self.inner.send_text(text).await?)
    }

    /// `send` of bytes.
    ///
    /// # Errors
    /// As [`Channel::send_text`].
    pub async fn send(&self, data: &[u8]) -> Result<(), Rejection> {
        self.check_open().await?;
        Ok(self.inner.send(BytesMut::from(data)).await?)
    }

    async fn check_open(&self) -> Result<(), Rejection> {
        match self.ready_state().await {
            RTCDataChannelState::Open => Ok(()),
            state => Err(Rejection::new(ErrorName::InvalidState, format!("the channel is {state}"))),
        }
    }

    /// `close`.
    ///
    /// # Errors
    /// If the crate cannot reset the stream.
    pub async fn close(&self) -> Result<(), Rejection> {
        match self.ready_state().await {
            RTCDataChannelState::Closing | RTCDataChannelState::Closed => Ok(()),
            _ => Ok(self.inner.close().await?),
        }
    }

    /// Reports everything that happens at the channel, until it or the connection ends.
    pub(super) async fn pump(self: Arc<Self>, reporter: Arc<StateReporter>) {
        while let Some(event) = self.inner.poll().await {
            let at = Instant::now();
            let event = match event {
                DataChannelEvent::OnOpen => {
                    self.learn_id().await;
                    if !reporter.on_channel_open() {
                        continue;
                    }
                    ChannelEvent::Open
                }
                DataChannelEvent::OnMessage(message) => {
                    ChannelEvent::Message { text: message.is_string, data: message.data.freeze() }
                }
                DataChannelEvent::OnClosing => ChannelEvent::Closing,
                DataChannelEvent::OnClose => {
                    *lock(&self.state) = RTCDataChannelState::Closed;
                    ChannelEvent::Close
                }
                DataChannelEvent::OnBufferedAmountLow => ChannelEvent::BufferedAmountLow,
                DataChannelEvent::OnError => ChannelEvent::Error,
                _ => continue,
            };
            reporter.report_at(at, Event::Channel(self.clone(), event));
        }
        *lock(&self.state) = RTCDataChannelState::Closed;
    }
}
