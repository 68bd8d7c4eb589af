//! The data channels of a connection: from command to str0m, and from str0m to event.

use serde_json::{Value, json};
use str0m::RtcError;
use str0m::channel::{ChannelConfig, ChannelData, ChannelId};

use crate::channels::{Channel, Message, Sending, report};
use crate::connection::{Connection, Context};
use crate::wire::{Answer, Refusal, Wire, rejected};

/// Past this many bytes in a channel's buffer, `send` waits for them to go.
const FULL: usize = 4 * 1024 * 1024;

impl Connection {
    /// The newest channel with this label.
    pub fn channel(&self, label: &str) -> Result<usize, Refusal> {
        match self.channels.iter().rposition(|channel| channel.config.label == label) {
            Some(n) => Ok(n),
            None => rejected("NotFoundError", format!("unknown channel {label}")),
        }
    }

    pub fn channel_by_id(&self, id: ChannelId) -> Option<usize> {
        self.channels.iter().rposition(|channel| channel.id == Some(id))
    }

    pub fn create_channel(&mut self, config: ChannelConfig) -> Answer {
        self.must_be_open()?;
        if let Some(id) = config.negotiated {
            let taken = |channel: &Channel| channel.stream == Some(id) && channel.state != "closed";
            if self.channels.iter().any(taken) || self.reserved.contains(&id) {
                return rejected("OperationError", format!("the stream identifier {id} is in use"));
            }
        }
        self.channels.push(Channel::new(config, None));
        if self.has_data {
            self.open_channels();
        } else {
            self.offer_is_stale = true;
        }
        Ok(self.channels[self.channels.len() - 1].info())
    }

    /// Hands over the channels that str0m does not know yet.
    pub fn open_channels(&mut self) {
        for channel in
            self.channels.iter_mut().filter(|channel| channel.id.is_none() && channel.state == "connecting")
        {
            channel.id = Some(self.rtc.direct_api().create_data_channel(channel.config.clone()));
        }
    }

    pub fn on_channel_open(&mut self, wire: &mut Wire, id: ChannelId, label: String) {
        if self.sctp.is_none() {
            self.sctp = Some("connected");
            wire.event("sctpstatechange", json!({ "state": "connected" }));
        }
        let stream = self.rtc.direct_api().sctp_stream_id_by_channel_id(id);
        let n = self.channel_by_id(id).unwrap_or_else(|| {
            let config = self.rtc.channel(id).and_then(|channel| channel.config().cloned());
            let config = config.unwrap_or_else(|| ChannelConfig { label, ..Default::default() });
            let mut channel = Channel::new(config, Some(id));
            channel.stream = stream;
            wire.event("datachannel", json!({ "channel": channel.info() }));
            self.channels.push(channel);
            self.channels.len() - 1
        });
        let channel = &mut self.channels[n];
        channel.stream = stream;
        channel.state = "open";
        wire.event("channelopen", json!({ "channel": channel.info() }));
    }

    pub fn on_channel_close(&mut self, wire: &mut Wire, n: usize) {
        let channel = &mut self.channels[n];
        if channel.state != "closed" {
            channel.state = "closed";
            wire.event("channelclose", channel.named());
        }
    }

    pub fn on_message(&mut self, context: &mut Context, data: ChannelData) {
        let Some(n) = self.channel_by_id(data.id) else { return };
        let channel = &mut self.channels[n];
        let label = &channel.config.label;
        let mut event = json!({ "message": report(label, data.binary, &data.data) });
        if let Some(stream) = channel.stream {
            event["id"] = stream.into();
        }
        context.wire.event("channelmessage", event);
        if let Some(echo) = context.echoes.get_mut(label) {
            let sending = |message: Message| Sending { command: None, message, round: 0, times: 1 };
            channel.outbox.extend(echo.replies(data.binary, data.data).into_iter().map(sending));
        }
    }

    /// Closes a channel. str0m tells when it is done.
    pub fn close_channel(&mut self, n: usize) {
        let channel = &mut self.channels[n];
        match channel.id {
            Some(id) if channel.state != "closed" => {
                channel.state = "closing";
                self.rtc.direct_api().close_data_channel(id);
            }
            Some(_) => {}
            None => channel.state = "closed",
        }
    }

    pub fn buffered(&mut self, n: usize) -> usize {
        let id = self.channels[n].id;
        id.and_then(|id| self.rtc.channel(id)).map_or(0, |mut channel| channel.buffered_amount())
    }

    /// Sends what waits, as far as there is room.
    pub fn send_waiting(&mut self, context: &mut Context) {
        for n in 0..self.channels.len() {
            while self.send_one(context, n) {}
        }
    }

    /// Sends one message that waits on this channel. Returns whether it makes sense to try the next.
    fn send_one(&mut self, context: &mut Context, n: usize) -> bool {
        let Channel { id, outbox, .. } = &mut self.channels[n];
        let Some(sending) = outbox.front_mut() else { return false };
        let open = id.and_then(|id| self.rtc.channel(id));
        let outcome = match open {
            None => Some(rejected("InvalidStateError", "the channel is not open any more")),
            Some(mut channel) if sending.round < sending.times => {
                let buffered = channel.buffered_amount();
                if buffered > FULL {
                    return false;
                }
                match channel.write(sending.message.is_binary(), &sending.message.bytes(sending.round)) {
                    Ok(true) => {
                        sending.round += 1;
                        None
                    }
                    Ok(false) if buffered > 0 => return false,
                    Ok(false) => Some(rejected("TypeError", "the message is larger than the buffer")),
                    Err(error) => Some(refused(&error)),
                }
            }
            Some(_) => Some(Ok(Value::Null)),
        };
        if let Some(outcome) = outcome {
            let command = sending.command;
            outbox.pop_front();
            match (command, outcome) {
                (Some(command), outcome) => context.wire.answer(command, outcome),
                (None, Err(Refusal::Rejected { message, .. })) => {
                    let label = &self.channels[n].config.label;
                    let event = json!({ "channel": label, "error": format!("echo: {message}") });
                    context.wire.event("channelerror", event);
                }
                (None, _) => {}
            }
        }
        self.drain(context);
        true
    }
}

/// webrtc-pc §6.2: what is too large for the other side is a `TypeError`.
fn refused(error: &RtcError) -> Answer {
    let message = error.to_string();
    let name = if format!("{error:?}").contains("PacketTooLarge") { "TypeError" } else { "OperationError" };
    rejected(name, message)
}
