//! What a connected pair has reported of its states and its channel: each state that it passed, and each event of the channel once.
//!
//! What a program cannot report it says in `unreported`.

use super::data::{Side, word};
use super::outcome::{Tried, violates};
use super::pair::Pair;
use super::session::Session;
use peerproof_captures::event::PeerEvent;
use serde_json::Value;

/// The states that setting the descriptions, gathering and connecting pass, by the side and the event (webrtc-pc §4.3.4, §4.4.1.5, §4.8.2). Of several
/// in one entry, one is enough.
const STATES: [(Side, &str, &[&str]); 10] = [
    (Side::Offerer, "signalingstatechange", &["have-local-offer"]),
    (Side::Offerer, "signalingstatechange", &["stable"]),
    (Side::Answerer, "signalingstatechange", &["have-remote-offer"]),
    (Side::Answerer, "signalingstatechange", &["stable"]),
    (Side::Offerer, "icegatheringstatechange", &["gathering"]),
    (Side::Offerer, "icegatheringstatechange", &["complete"]),
    (Side::Answerer, "icegatheringstatechange", &["gathering"]),
    (Side::Answerer, "icegatheringstatechange", &["complete"]),
    (Side::Offerer, "iceconnectionstatechange", &["connected", "completed"]),
    (Side::Answerer, "iceconnectionstatechange", &["connected", "completed"]),
];

/// Compares what both reported with the channel that is open between them.
pub(super) fn reported(pair: &mut Pair, label: &str) -> Tried {
    for (side, event, any) in STATES {
        let session = side.of(pair);
        if !session.reports(event) || any.iter().any(|state| !session.reports(&format!("{event}:{state}"))) {
            continue;
        }
        if !states(session, event).iter().any(|seen| any.contains(&seen.as_str())) {
            let wanted = format!("{event} to {} at the {}", any.join(" or "), word(side));
            return violates(wanted, "no such event, and `unreported` does not list it");
        }
    }
    for (side, event) in
        [(Side::Offerer, "channelopen"), (Side::Answerer, "channelopen"), (Side::Answerer, "datachannel")]
    {
        let session = side.of(pair);
        let count = session.events(0, |seen| channel(seen, event).filter(|of| of == label)).len();
        if count > 1 {
            let wanted = format!("one {event} of {label} at the {}", word(side));
            return violates(wanted, format!("it came {count} times"));
        }
    }
    Ok(())
}

/// The states that an event of this name reported, in order.
fn states(session: &Session, event: &str) -> Vec<String> {
    session.events(0, |seen| {
        let seen = serde_json::to_value(seen).ok().filter(|seen| seen["event"] == event)?;
        seen.pointer("/data/state").and_then(Value::as_str).map(str::to_owned)
    })
}

/// The channel of which an event of this name is.
fn channel(seen: &PeerEvent, event: &str) -> Option<String> {
    match seen {
        PeerEvent::ChannelOpen { channel } if event == "channelopen" => Some(channel.label.clone()),
        PeerEvent::DataChannel { channel } if event == "datachannel" => Some(channel.label.clone()),
        _ => None,
    }
}
