//! Messages that are expected or must not come, against those that are sent.

use super::super::document::ValuePath;
use super::facts::{Facts, Sent};
use super::found::Found;
use crate::peers::protocol::Payload;
use peerproof_conformance::expect::{MessageMatch, Pattern, PeerExpectations};
use std::collections::BTreeMap;

/// The bytes that a text of base64 stands for.
fn size_of_base64(text: &str) -> u64 {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding) as u64
}

/// The size of a message, and whether it is a string.
fn shape(message: &Payload) -> (u64, bool) {
    match message {
        Payload::Text(text) => (text.len() as u64, true),
        Payload::Binary(binary) => (size_of_base64(binary), false),
        Payload::Pattern { size, text, .. } => (u64::from(*size), *text),
    }
}

/// Whether one of the messages sent can be this one.
pub(super) fn can_be(sent: &Sent<'_>, wanted: &MessageMatch) -> bool {
    match (wanted, &sent.message) {
        (MessageMatch::Text { text, .. }, Payload::Text(sent)) => text == sent,
        (MessageMatch::Text { text, .. }, other) => shape(other) == (text.len() as u64, true),
        (MessageMatch::Pattern { pattern, times }, Payload::Pattern { size, seed, text }) => {
            let Pattern { size: wanted, seed: first, text: as_text } = *pattern;
            let last = |first: u32, times: u32| first.saturating_add(times.max(1) - 1);
            wanted == *size
                && as_text == *text
                && first <= last(*seed, sent.times)
                && *seed <= last(first, *times)
        }
        (MessageMatch::Pattern { pattern, .. }, other) => {
            shape(other) == (u64::from(pattern.size), pattern.text)
        }
        (MessageMatch::Like { size, as_text, .. }, other) => {
            let (is, text) = shape(other);
            size.is_none_or(|size| size == is) && as_text.is_none_or(|as_text| as_text == text)
        }
    }
}

fn shown(message: &MessageMatch) -> String {
    match message {
        MessageMatch::Text { text, .. } => format!("`{text}`"),
        MessageMatch::Pattern { pattern, .. } => {
            format!("the pattern of {} bytes with the seed {}", pattern.size, pattern.seed)
        }
        MessageMatch::Like { size: Some(size), .. } => format!("a message of {size} bytes"),
        MessageMatch::Like { .. } => "such a message".to_owned(),
    }
}

/// No text comes more often than it is sent.
fn too_often(
    name: &str,
    whole: &[MessageMatch],
    comes: &[&Sent<'_>],
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    let mut wanted: BTreeMap<&str, u64> = BTreeMap::new();
    for message in whole {
        if let MessageMatch::Text { text, times } = message {
            *wanted.entry(text).or_default() += u64::from(*times);
        }
    }
    for (text, count) in wanted {
        // A pattern of the same size may be the same text.
        let those = |sent: &&&Sent<'_>| can_be(sent, &MessageMatch::Text { text: text.to_owned(), times: 1 });
        let sent: u64 = comes.iter().filter(those).map(|sent| u64::from(sent.times)).sum();
        if count > sent && sent > 0 {
            let times = |count: u64| if count == 1 { "once".to_owned() } else { format!("{count} times") };
            let message =
                format!("`{text}` is sent {} to {name}, and is expected {}", times(sent), times(count));
            found.add(path, message);
        }
    }
}

/// Checks the messages that are expected at a peer.
pub(super) fn check(
    facts: &Facts<'_>,
    name: &str,
    expected: &PeerExpectations,
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    for (label, messages) in &expected.messages {
        let path = path.key("messages").key(label);
        if messages.at_least == Some(0) {
            found.add(&path.key("atLeast"), "`atLeast: 0` always holds");
        }
        if messages.some_of.as_ref().is_some_and(Vec::is_empty)
            || messages.in_order.as_ref().is_some_and(Vec::is_empty)
        {
            let help = "write `none` if no message may come";
            found.help(&path, "no message is one of none", help);
        }
        let is_long = messages.exactly.is_none() || found.document.part(&path).value.is_object();
        let lists = [
            ("exactly", &messages.exactly),
            ("unordered", &messages.unordered),
            ("inOrder", &messages.in_order),
            ("someOf", &messages.some_of),
            ("includes", &messages.includes),
            ("lacks", &messages.lacks),
        ];
        let comes = facts.comes_to(name, label);
        for (key, list) in lists {
            let place = if key == "exactly" && !is_long { path.clone() } else { path.key(key) };
            for (n, wanted) in list.iter().flatten().enumerate() {
                let at = place.index(n);
                let (MessageMatch::Text { times, .. }
                | MessageMatch::Pattern { times, .. }
                | MessageMatch::Like { times, .. }) = wanted;
                if *times == 0 {
                    found.help(&at, "`times: 0` expects no message", "leave it out, or name it in `lacks`");
                }
                if comes.as_ref().is_some_and(|comes| !comes.iter().any(|sent| can_be(sent, wanted))) {
                    found.add(&at, format!("nobody sends {} to {name} by `{label}`", shown(wanted)));
                }
            }
        }
        let whole = messages.exactly.as_ref().or(messages.unordered.as_ref());
        if let (Some(whole), Some(comes), false) = (whole, &comes, facts.is_echoed(label)) {
            too_often(name, whole, comes, &path, found);
        }
        if let Some(whole) = whole {
            let is_text = |message: &&MessageMatch| matches!(message, MessageMatch::Text { .. });
            let text = |message: &MessageMatch| match message {
                MessageMatch::Text { text, .. } => Some(text.clone()),
                _ => None,
            };
            let all_texts = whole.iter().all(|message| is_text(&message));
            let listed = |wanted: &MessageMatch| whole.iter().any(|message| text(message) == text(wanted));
            let wrong = |list: &Option<Vec<MessageMatch>>, is_listed: bool| {
                let of = list.iter().flatten().enumerate().filter(|(_, message)| is_text(message));
                of.filter(|(_, message)| listed(message) == is_listed).map(|(n, _)| n).next()
            };
            if let Some(n) = wrong(&messages.includes, false).filter(|_| all_texts) {
                found.add(&path.key("includes").index(n), "it is not in the list of all messages");
            }
            if let Some(n) = wrong(&messages.lacks, true) {
                found.add(&path.key("lacks").index(n), "it is in the list of all messages");
            }
        }
    }
}
