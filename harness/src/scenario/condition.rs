//! What a step can wait for: a state of the W3C API, or an event.
//!
//! A state counts as reached if it is the present one, or if the peer passed through it since the step before began (so
//! that `connected` is not missed when `completed` follows at once). An event counts once: the next step that awaits the
//! same kind of event waits for another one.

use crate::peers::protocol::Payload;
use peerproof_captures::event::{Message, PeerEvent};

pub use peerproof_captures::timeline::condition::{
    CandidateCondition, CandidateErrorCondition, Condition, MediaCondition, MessageCondition,
    PatternCondition, PeerState, TrackCondition,
};

/// Whether `event` is what is awaited. Track names of the scenario are looked up by `track`.
pub fn matches(condition: &Condition, event: &PeerEvent, track: impl Fn(&str) -> Option<String>) -> bool {
    if let Some(state) = PeerState::of(event) {
        return condition.allows(state);
    }
    let is_track = |name: &str, id: &str| track(name).as_deref() == Some(id);
    match (condition, event) {
        (Condition::Datachannel(label), PeerEvent::DataChannel { channel })
        | (Condition::Open(label), PeerEvent::ChannelOpen { channel }) => *label == channel.label,
        (Condition::Closing(label), PeerEvent::ChannelClosing { channel, .. })
        | (Condition::Close(label), PeerEvent::ChannelClose { channel, .. })
        | (Condition::Error(label), PeerEvent::ChannelError { channel, .. })
        | (Condition::Bufferedamountlow(label), PeerEvent::BufferedAmountLow { channel }) => label == channel,
        (Condition::Message(wanted), PeerEvent::ChannelMessage { message, .. }) => {
            is_message(wanted, message)
        }
        (Condition::Negotiationneeded, PeerEvent::NegotiationNeeded)
        | (Condition::Selectedcandidatepairchange, PeerEvent::SelectedCandidatePairChange { .. })
        | (Condition::Lost, PeerEvent::Lost { .. }) => true,
        (Condition::Icecandidate(wanted), PeerEvent::IceCandidate { candidate }) => match candidate {
            None => wanted.end,
            Some(candidate) => {
                let kind = candidate.candidate.split(' ').skip_while(|word| *word != "typ").nth(1);
                let transport = candidate.candidate.split(' ').nth(2).unwrap_or_default();
                !wanted.end
                    && wanted.kind.as_deref().is_none_or(|wanted| kind == Some(wanted))
                    && wanted.transport.is_none_or(|it| it.to_string().eq_ignore_ascii_case(transport))
            }
        },
        (Condition::Icecandidateerror(wanted), PeerEvent::IceCandidateError { error_code, .. }) => {
            wanted.code.is_none_or(|code| code == *error_code)
        }
        (Condition::Track(wanted), PeerEvent::Track { kind, mid, .. }) => {
            wanted.kind.is_none_or(|wanted| wanted == *kind) && (wanted.mid.is_none() || wanted.mid == *mid)
        }
        (Condition::Mute(name), PeerEvent::TrackMute { id })
        | (Condition::Unmute(name), PeerEvent::TrackUnmute { id })
        | (Condition::Ended(name), PeerEvent::TrackEnded { id }) => is_track(name, id),
        (Condition::Media(wanted), event) => is_media(wanted, event),
        (Condition::Acted(wanted), PeerEvent::Acted { operation, error: None, .. }) => wanted == operation,
        _ => false,
    }
}

/// Whether `event` is the message that is awaited, on another channel.
#[must_use]
pub fn is_on_another_channel(condition: &Condition, event: &PeerEvent) -> bool {
    let (Condition::Message(wanted), PeerEvent::ChannelMessage { message, .. }) = (condition, event) else {
        return false;
    };
    let says_which = wanted.text.is_some() || wanted.binary.is_some() || wanted.pattern.is_some();
    let here = MessageCondition { channel: message.channel.clone(), ..wanted.clone() };
    says_which && wanted.channel != message.channel && is_message(&here, message)
}

/// Whether `event` is of the kind that is awaited, though perhaps another one: what somebody wants to see who waits in vain.
#[must_use]
pub fn is_near(condition: &Condition, event: &PeerEvent) -> bool {
    match (condition, event) {
        (Condition::Message(wanted), PeerEvent::ChannelMessage { message, .. }) => {
            wanted.channel == message.channel
        }
        (Condition::Media(wanted), PeerEvent::MediaSeen { kind, .. }) => wanted.kind == *kind,
        (Condition::Datachannel(_), PeerEvent::DataChannel { .. })
        | (Condition::Open(_), PeerEvent::ChannelOpen { .. })
        | (Condition::Closing(_), PeerEvent::ChannelClosing { .. })
        | (Condition::Close(_), PeerEvent::ChannelClose { .. })
        | (Condition::Error(_), PeerEvent::ChannelError { .. })
        | (Condition::Icecandidate(_), PeerEvent::IceCandidate { .. })
        | (Condition::Icecandidateerror(_), PeerEvent::IceCandidateError { .. })
        | (Condition::Track(_), PeerEvent::Track { .. })
        | (Condition::Acted(_), PeerEvent::Acted { .. }) => true,
        _ => false,
    }
}

/// Length, CRC-32 and kind of the message meant, where they are given.
fn payload_of(condition: &MessageCondition) -> (Option<u64>, Option<u32>, Option<bool>) {
    let payload = match (&condition.text, &condition.binary, condition.pattern) {
        (Some(text), ..) => Some((Payload::Text(text.clone()), true)),
        (_, Some(binary), _) => Some((Payload::Binary(binary.clone()), false)),
        (.., Some(PatternCondition { size, seed, text })) => {
            Some((Payload::Pattern { size, seed, text }, text))
        }
        _ => None,
    };
    match payload.and_then(|(payload, text)| Some((super::pattern::bytes(&payload)?, text))) {
        Some((bytes, text)) => (Some(bytes.len() as u64), Some(super::pattern::crc32(&bytes)), Some(text)),
        None => (condition.size, None, None),
    }
}

fn is_message(wanted: &MessageCondition, message: &Message) -> bool {
    // Before a pattern is generated for nothing.
    if wanted.channel != message.channel
        || wanted.pattern.is_some_and(|pattern| u64::from(pattern.size) != message.size)
    {
        return false;
    }
    if let (Some(pattern), Some(times @ 2..)) = (wanted.pattern, wanted.times) {
        return pattern.text == message.text
            && super::pattern::series(pattern, times).contains(&message.crc32);
    }
    let (size, crc32, text) = payload_of(wanted);
    size.is_none_or(|size| size == message.size)
        && crc32.is_none_or(|crc32| crc32 == message.crc32)
        && text.is_none_or(|text| text == message.text)
}

fn is_media(wanted: &MediaCondition, event: &PeerEvent) -> bool {
    let PeerEvent::MediaSeen { kind, frames, width, height, number, tone_hz, .. } = event else {
        return false;
    };
    wanted.kind == *kind
        && wanted.frames.is_none_or(|least| *frames >= least)
        && (wanted.width.is_none() || wanted.width == *width)
        && (wanted.height.is_none() || wanted.height == *height)
        && (!wanted.numbered || number.is_some())
        && wanted.tone_hz.is_none_or(|hz| tone_hz.is_some_and(|tone| tone.abs_diff(hz) * 20 <= hz))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn condition(value: serde_json::Value) -> Condition {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_message_is_identified_by_its_bytes_and_its_kind() {
        let arrived = |text: bool, bytes: &[u8]| PeerEvent::ChannelMessage {
            message: Message {
                channel: "chat".to_owned(),
                text,
                size: bytes.len() as u64,
                crc32: super::super::pattern::crc32(bytes),
                value: None,
            },
            id: None,
        };
        let wanted = condition(json!({"message": {"channel": "chat", "text": "Hello!"}}));
        assert!(matches(&wanted, &arrived(true, b"Hello!"), |_| None));
        assert!(!matches(&wanted, &arrived(false, b"Hello!"), |_| None));
        assert!(!matches(&wanted, &arrived(true, b"Hello?"), |_| None));
    }

    #[test]
    fn a_message_on_another_channel_is_recognised_by_what_it_says() {
        let arrived = |channel: &str, bytes: &[u8]| PeerEvent::ChannelMessage {
            message: Message {
                channel: channel.to_owned(),
                text: true,
                size: bytes.len() as u64,
                crc32: super::super::pattern::crc32(bytes),
                value: None,
            },
            id: None,
        };
        let wanted = condition(json!({"message": {"channel": "chat", "text": "Hello!"}}));
        assert!(is_on_another_channel(&wanted, &arrived("other", b"Hello!")));
        assert!(!is_on_another_channel(&wanted, &arrived("chat", b"Hello!")));
        assert!(!is_on_another_channel(&wanted, &arrived("other", b"Hello?")));
        let any = condition(json!({"message": {"channel": "chat"}}));
        assert!(!is_on_another_channel(&any, &arrived("other", b"Hello!")));
    }

    #[test]
    fn of_several_generated_messages_each_has_its_own_seed() {
        let sent = |seed| {
            let bytes = crate::scenario::pattern::bytes(&Payload::Pattern { size: 300, seed, text: false });
            PeerEvent::ChannelMessage {
                message: Message {
                    channel: "chat".to_owned(),
                    text: false,
                    size: 300,
                    crc32: crate::scenario::pattern::crc32(&bytes.unwrap()),
                    value: None,
                },
                id: None,
            }
        };
        let wanted = |times: u32| {
            let pattern = json!({"size": 300, "seed": u32::MAX});
            condition(json!({"message": {"channel": "chat", "pattern": pattern, "times": times}}))
        };
        for (times, seed, fits) in
            [(1, u32::MAX, true), (1, 0, false), (3, 1, true), (3, 2, false), (2, 1, false)]
        {
            assert_eq!(matches(&wanted(times), &sent(seed), |_| None), fits, "{times} {seed}");
        }
    }

    #[test]
    fn a_candidate_is_identified_by_its_type_and_transport() {
        let event = PeerEvent::IceCandidate {
            candidate: Some(peerproof_captures::event::IceCandidate {
                candidate: "candidate:1 1 udp 1 192.0.2.2 5000 typ host generation 0".to_owned(),
                sdp_mid: None,
                sdp_m_line_index: None,
                username_fragment: None,
            }),
        };
        assert!(matches(&condition(json!({"icecandidate": {"type": "host"}})), &event, |_| None));
        assert!(!matches(&condition(json!({"icecandidate": {"type": "relay"}})), &event, |_| None));
        let udp = json!({"icecandidate": {"type": "host", "transport": "udp"}});
        assert!(matches(&condition(udp), &event, |_| None));
        assert!(!matches(&condition(json!({"icecandidate": {"transport": "tcp"}})), &event, |_| None));
        assert!(!matches(&condition(json!({"icecandidate": {"end": true}})), &event, |_| None));
    }
}
