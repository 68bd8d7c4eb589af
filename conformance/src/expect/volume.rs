//! How much the messages of a scenario come to.
//!
//! Messages are generated from a few words (`pattern`, `times`), by peers and by whoever judges, so that a line of a scenario or of a recording
//! could ask for any amount of time and memory. What is beyond these limits is refused before anything is played or judged; it is no
//! peer's fault.

use super::{Expectations, MessageMatch, Messages};
use peerproof_captures::timeline::{Entry, What};
use serde_json::Value;

/// Bytes of the largest message: 16 MiB.
pub const LARGEST_MESSAGE: u32 = 16 << 20;
/// Most repetitions (`times`) of one message.
pub const MOST_TIMES: u32 = 10_000;
/// Bytes of all messages of a case together, those that are sent and those that are expected: 64 MiB, which take a
/// minute to play.
pub const MOST_BYTES: u64 = 64 << 20;
/// As so large counts a message however short it is: each takes memory of its own.
const LEAST: u64 = 64;

/// Bytes of a number of messages of a size.
#[must_use]
pub fn of(size: u64, times: u32) -> u64 {
    size.max(LEAST).saturating_mul(u64::from(times))
}

/// Bytes of the messages that the arguments of a `send` (peer protocol) stand for.
#[must_use]
pub fn of_send(args: &Value) -> u64 {
    let times = args.get("times").and_then(Value::as_u64).unwrap_or(1);
    let message = args.get("message");
    let text = |key: &str| message.and_then(|it| it.get(key)?.as_str()).map(|text| text.len() as u64);
    let pattern = message.and_then(|it| it.get("pattern")?.get("size")?.as_u64());
    let size = pattern.or_else(|| text("text")).or_else(|| text("binary")).unwrap_or(0);
    of(size, u32::try_from(times).unwrap_or(u32::MAX))
}

/// Bytes of all messages that are expected.
#[must_use]
pub fn of_expected(expect: &Expectations) -> u64 {
    let channels = expect.peers.values().flat_map(|peer| peer.messages.values());
    channels.flat_map(lists).map(of_match).fold(0, u64::saturating_add)
}

/// Bytes of all messages that a recording makes its judge generate.
#[must_use]
pub fn of_case(expect: &Expectations, timeline: &[Entry]) -> u64 {
    let sent = timeline.iter().filter_map(|entry| match &entry.what {
        What::Command { name, args, .. } if name == "send" => Some(of_send(args)),
        _ => None,
    });
    sent.fold(of_expected(expect), u64::saturating_add)
}

/// Every message that an expectation of a channel names.
pub fn lists(messages: &Messages) -> impl Iterator<Item = &MessageMatch> {
    let Messages { exactly, unordered, in_order, some_of, includes, lacks, at_least: _, at_most: _ } =
        messages;
    [exactly, unordered, in_order, some_of, includes, lacks].into_iter().flatten().flatten()
}

fn of_match(wanted: &MessageMatch) -> u64 {
    match wanted {
        MessageMatch::Text { text, times } => of(text.len() as u64, *times),
        MessageMatch::Pattern { pattern, times } => of(u64::from(pattern.size), *times),
        MessageMatch::Like { times, .. } => of(0, *times),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_way_to_name_messages_counts() {
        assert_eq!(of_send(&json!({ "message": { "text": "x".repeat(100) }, "times": 3 })), 300);
        assert_eq!(of_send(&json!({ "message": { "pattern": { "size": 1000, "seed": 1 } } })), 1000);
        assert_eq!(of_send(&json!({ "message": { "text": "" }, "times": 10 })), 640);
        let most = u64::from(u32::MAX);
        let worst = json!({ "message": { "pattern": { "size": most, "seed": 1 } }, "times": u64::MAX });
        assert_eq!(of_send(&worst), most * most);
        let expect: Expectations = serde_json::from_value(json!({
            "alice": { "messages": { "a": [{ "pattern": { "size": 500, "seed": 1 }, "times": 2 }] } },
            "bob": { "messages": { "b": { "includes": ["x"], "lacks": [{ "size": 7, "times": 2 }] } } },
        }))
        .unwrap();
        assert_eq!(of_expected(&expect), 1000 + 64 + 128);
        let what = What::Command {
            peer: "alice".to_owned(),
            id: 1,
            name: "send".to_owned(),
            args: json!({ "message": { "text": "x" } }),
        };
        assert_eq!(of_case(&expect, &[Entry { n: 0, t_us: 0, what }]), 1192 + 64);
    }
}
