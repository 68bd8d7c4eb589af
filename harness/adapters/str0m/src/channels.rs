//! Data channels: their options, what is sent on them, and echoes.

use std::collections::VecDeque;

use base64ct::{Base64, Encoding};
use serde_json::{Map, Value, json};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};

use crate::wire::{Refusal, rejected};

/// Text up to this many bytes is reported as it is.
const SHOWN: usize = 1024;

pub struct Channel {
    pub config: ChannelConfig,
    /// Who it is to str0m, once that knows it.
    pub id: Option<ChannelId>,
    /// The stream identifier, once there is one.
    pub stream: Option<u16>,
    /// As `RTCDataChannelState` names it.
    pub state: &'static str,
    pub outbox: VecDeque<Sending>,
}

/// Messages that wait for room in the channel's buffer.
pub struct Sending {
    /// The command to be answered when all are in it; none for an echo.
    pub command: Option<u64>,
    pub message: Message,
    pub round: u32,
    pub times: u32,
}

impl Channel {
    pub fn new(config: ChannelConfig, id: Option<ChannelId>) -> Self {
        let stream = config.negotiated;
        Self { config, id, stream, state: "connecting", outbox: VecDeque::new() }
    }

    pub fn info(&self) -> Value {
        let ChannelConfig { label, ordered, reliability, negotiated, protocol } = &self.config;
        let mut info = json!({
            "label": label, "ordered": ordered, "protocol": protocol, "negotiated": negotiated.is_some(),
        });
        if let Some(stream) = self.stream {
            info["id"] = stream.into();
        }
        match reliability {
            Reliability::Reliable => {}
            Reliability::MaxPacketLifetime { lifetime } => info["maxPacketLifeTime"] = (*lifetime).into(),
            Reliability::MaxRetransmits { retransmits } => info["maxRetransmits"] = (*retransmits).into(),
        }
        info
    }

    /// The label, and the stream identifier if it is known.
    pub fn named(&self) -> Value {
        match self.stream {
            Some(stream) => json!({ "channel": self.config.label, "id": stream }),
            None => json!({ "channel": self.config.label }),
        }
    }
}

/// The options of `createDataChannel`, refused as webrtc-pc §6.1 refuses them.
pub fn options(args: &Map<String, Value>) -> Result<ChannelConfig, Refusal> {
    let label = text(args, "label")?;
    let protocol = if args.contains_key("protocol") { text(args, "protocol")? } else { String::new() };
    if label.len() > 65535 || protocol.len() > 65535 {
        return rejected("TypeError", "a label or protocol has at most 65535 bytes");
    }
    let negotiated = match (flag(args, "negotiated", false)?, short(args, "id")?) {
        (false, _) => None,
        (true, Some(65535)) => return rejected("TypeError", "65535 is no stream identifier"),
        (true, Some(id)) => Some(id),
        (true, None) => return rejected("TypeError", "a negotiated channel needs an id"),
    };
    let reliability = match (short(args, "maxRetransmits")?, short(args, "maxPacketLifeTime")?) {
        (Some(_), Some(_)) => {
            return rejected("TypeError", "maxRetransmits and maxPacketLifeTime exclude each other");
        }
        (Some(retransmits), None) => Reliability::MaxRetransmits { retransmits },
        (None, Some(lifetime)) => Reliability::MaxPacketLifetime { lifetime },
        (None, None) => Reliability::Reliable,
    };
    Ok(ChannelConfig { label, ordered: flag(args, "ordered", true)?, reliability, negotiated, protocol })
}

/// A string argument, which must be there.
pub fn text(args: &Map<String, Value>, name: &str) -> Result<String, Refusal> {
    match args.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => rejected("TypeError", format!("{name} must be a string")),
    }
}

pub fn flag(args: &Map<String, Value>, name: &str, default: bool) -> Result<bool, Refusal> {
    match args.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => rejected("TypeError", format!("{name} must be true or false")),
    }
}

fn short(args: &Map<String, Value>, name: &str) -> Result<Option<u16>, Refusal> {
    match args.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().and_then(|number| u16::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => rejected("TypeError", format!("{name} must be a number from 0 to 65535")),
        },
    }
}

/// A whole number argument.
pub fn number(args: &Map<String, Value>, name: &str, default: u32) -> Result<u32, Refusal> {
    match args.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
            Some(number) => Ok(number),
            None => rejected("TypeError", format!("{name} must be a whole number")),
        },
    }
}

#[derive(Clone)]
pub enum Message {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Pattern { size: usize, seed: u32, text: bool },
}

impl Message {
    pub fn parse(args: &Map<String, Value>) -> Result<Self, Refusal> {
        let Some(Value::Object(message)) = args.get("message") else {
            return rejected("TypeError", "message must be an object");
        };
        if message.contains_key("text") {
            return Ok(Self::Text(text(message, "text")?.into_bytes()));
        }
        if message.contains_key("binary") {
            return match Base64::decode_vec(&text(message, "binary")?) {
                Ok(bytes) => Ok(Self::Binary(bytes)),
                Err(error) => rejected("TypeError", format!("binary is no base64: {error}")),
            };
        }
        let Some(Value::Object(pattern)) = message.get("pattern") else {
            return rejected("TypeError", "a message has text, binary or pattern");
        };
        let size = number(pattern, "size", 0)? as usize;
        Ok(Self::Pattern { size, seed: number(pattern, "seed", 0)?, text: flag(pattern, "text", false)? })
    }

    pub fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_) | Self::Pattern { text: false, .. })
    }

    /// The bytes of the `round`-th message.
    pub fn bytes(&self, round: u32) -> Vec<u8> {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes.clone(),
            Self::Pattern { size, seed, text } => {
                let mut x = seed.wrapping_add(round);
                let next = || {
                    x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let byte = (x >> 24) as u8;
                    if *text { b'a' + byte % 26 } else { byte }
                };
                std::iter::repeat_with(next).take(*size).collect()
            }
        }
    }
}

/// What the event `channelmessage` reports of a message.
pub fn report(label: &str, binary: bool, bytes: &[u8]) -> Value {
    let mut report = json!({ "channel": label, "text": !binary, "size": bytes.len(), "crc32": crc32(bytes) });
    if !binary && bytes.len() <= SHOWN {
        report["value"] = String::from_utf8_lossy(bytes).into();
    }
    report
}

/// CRC-32 of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            let mut value = n as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[n] = value;
            n += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| crc >> 8 ^ TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize])
}

/// Sends messages back, with a defect if that is wanted.
pub enum Echo {
    Faithful,
    CorruptLastByte,
    SwapPairs(Option<(bool, Vec<u8>)>),
    AsText,
    DropEveryThird(u32),
}

impl Echo {
    pub fn parse(args: &Map<String, Value>) -> Result<Self, Refusal> {
        let Some(defect) = args.get("defect").filter(|defect| !defect.is_null()) else {
            return Ok(Self::Faithful);
        };
        match defect.as_str() {
            Some("none") => Ok(Self::Faithful),
            Some("corrupt-last-byte") => Ok(Self::CorruptLastByte),
            Some("swap-pairs") => Ok(Self::SwapPairs(None)),
            Some("as-text") => Ok(Self::AsText),
            Some("drop-every-third") => Ok(Self::DropEveryThird(0)),
            _ => rejected("TypeError", format!("unknown defect {defect}")),
        }
    }

    /// What is sent back now for a message.
    pub fn replies(&mut self, binary: bool, mut bytes: Vec<u8>) -> Vec<Message> {
        let message = |(binary, bytes)| if binary { Message::Binary(bytes) } else { Message::Text(bytes) };
        match self {
            Self::Faithful => {}
            Self::CorruptLastByte => {
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                if !binary {
                    // As text it must be UTF-8 again.
                    bytes = String::from_utf8_lossy(&bytes).into_owned().into_bytes();
                }
            }
            Self::SwapPairs(held) => {
                return match held.take() {
                    Some(first) => vec![message((binary, bytes)), message(first)],
                    None => {
                        *held = Some((binary, bytes));
                        Vec::new()
                    }
                };
            }
            Self::AsText if binary => {
                let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
                return vec![Message::Text(text.into_bytes())];
            }
            Self::AsText => {}
            Self::DropEveryThird(count) => {
                *count += 1;
                if count.is_multiple_of(3) {
                    return Vec::new();
                }
            }
        }
        vec![message((binary, bytes))]
    }
}
