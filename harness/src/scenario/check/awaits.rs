//! What a step awaits or forbids, where it can never come or has come.

use super::super::condition::{Condition, MessageCondition};
use super::super::document::ValuePath;
use super::always_messages::can_be;
use super::arguments;
use super::facts::Facts;
use super::found::Found;
use super::walk::Walk;
use crate::scenario::step::Action;
use peerproof_captures::event::{ConnectionState, MediaKind, SignalingState};
use peerproof_conformance::expect::{MessageMatch, Pattern};

/// A step that awaits: its index, the peer, and what.
type Step<'a> = (usize, &'a str, &'a Condition);

fn message(wanted: &MessageCondition) -> MessageMatch {
    match (&wanted.text, wanted.pattern) {
        (Some(text), _) => MessageMatch::Text { text: text.clone(), times: 1 },
        (_, Some(it)) => {
            let pattern = Pattern { size: it.size, seed: it.seed, text: it.text };
            MessageMatch::Pattern { pattern, times: wanted.times.unwrap_or(1) }
        }
        _ => MessageMatch::Like {
            size: wanted.size,
            crc32: None,
            as_text: wanted.binary.as_ref().map(|_| false),
            times: 1,
        },
    }
}

fn shown(wanted: &MessageCondition) -> String {
    wanted.text.as_ref().map_or_else(|| "such a message".to_owned(), |text| format!("`{text}`"))
}

/// Checks what is awaited.
pub(super) fn awaited(
    facts: &Facts<'_>,
    walk: &mut Walk<'_>,
    (n, peer, condition): Step<'_>,
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    itself(facts, peer, condition, path, found);
    if walk.closed.contains(peer)
        && let Some(states) = condition.states()
        && !matches!(condition, Condition::IceGatheringState(_))
        && !states.iter().any(|state| state == "closed")
    {
        return found.add(path, format!("{peer} is closed"));
    }
    let disturbed = || {
        facts.scenario.network.is_lab()
            || facts
                .scenario
                .steps
                .iter()
                .any(|step| matches!(step.action, Action::Network(_) | Action::Server(_)))
            || facts.commands.iter().any(|given| given.name == "close" || given.name == "closeDataChannel")
    };
    match condition {
        Condition::Message(wanted) => {
            awaited_message(facts, walk, (n, peer), wanted, &path.key("message"), found);
        }
        Condition::Datachannel(label) => {
            let at = path.key("datachannel");
            let made: Vec<_> = facts.made.iter().filter(|made| made.options.label == *label).collect();
            if made.is_empty() {
                return;
            }
            if made.iter().all(|made| made.options.negotiated == Some(true)) {
                found.help(
                    &at,
                    format!("`{label}` is negotiated, so nobody is notified of it"),
                    "await `open`",
                );
            } else if made.iter().all(|made| made.peer == peer) {
                let help = "await `open` there, or `datachannel` at the other peer";
                found.help(&at, format!("{peer} makes `{label}` itself"), help);
            }
        }
        Condition::Closing(_) | Condition::Close(_) if !disturbed() && !facts.is_autonomous() => {
            let rewritten = facts.scenario.steps.iter().any(|step| match &step.action {
                Action::Connect(connect) => !connect.rewrite.is_empty(),
                Action::Negotiate(negotiate) => !negotiate.rewrite.is_empty(),
                _ => false,
            });
            if !rewritten {
                found.add(path, "no step closes a channel or a connection");
            }
        }
        Condition::SignalingState(states) if !facts.is_provisional() => {
            use SignalingState::{HaveLocalPranswer, HaveRemotePranswer};
            if states.0.iter().all(|state| matches!(state, HaveLocalPranswer | HaveRemotePranswer)) {
                let help = "a step before makes one: `setLocalDescription: { asType: pranswer }`";
                found.help(&path.key("signalingState"), "no step makes a provisional answer", help);
            }
        }
        Condition::ConnectionState(states)
            if walk.held
                && walk.exchanged
                && !facts.is_autonomous()
                && states.0.iter().all(|state| *state == ConnectionState::Connected)
                && !facts.commands.iter().any(|given| given.name == "addIceCandidate" && given.n < n) =>
        {
            let help = "write `candidates: carry` before";
            found.help(path, "no candidates are carried, so nobody connects", help);
        }
        _ => {}
    }
}

/// Checks what must never come.
pub(super) fn never(
    facts: &Facts<'_>,
    walk: &Walk<'_>,
    (peer, condition): (&str, &Condition),
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    itself(facts, peer, condition, path, found);
    match condition {
        Condition::Message(wanted) => {
            let comes = facts.comes_to(peer, &wanted.channel);
            let message = message(wanted);
            let is_named = wanted.text.is_some() || wanted.pattern.is_some() || wanted.size.is_some();
            if comes.is_some_and(|comes| is_named && !comes.iter().any(|sent| can_be(sent, &message))) {
                let message = format!("nobody sends {} to {peer}, so it never comes", shown(wanted));
                found.add(&path.key("message"), message);
            }
        }
        Condition::ConnectionState(states)
            if walk.connected && states.allows(&ConnectionState::Connected) =>
        {
            found.add(path, format!("{peer} is connected already"));
        }
        _ => {}
    }
}

fn awaited_message(
    facts: &Facts<'_>,
    walk: &mut Walk<'_>,
    (n, peer): (usize, &str),
    wanted: &MessageCondition,
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    if wanted.times == Some(0) {
        return found.add(&path.key("times"), "`times` must be at least 1");
    }
    let Some(comes) = facts.comes_to(peer, &wanted.channel) else { return };
    let message = message(wanted);
    let those: Vec<_> = comes.into_iter().filter(|sent| can_be(sent, &message)).collect();
    let channel = &wanted.channel;
    if those.is_empty() {
        let own = facts.sent.iter().any(|sent| sent.peer == peer && can_be(sent, &message));
        let message = format!("nobody sends {} to {peer} by `{channel}`", shown(wanted));
        if own {
            found.help(path, message, format!("{peer} sends it: await it at the other peer"));
        } else {
            found.add(path, message);
        }
        return;
    }
    let before: u64 = those.iter().filter(|sent| sent.n < n).map(|sent| u64::from(sent.times)).sum();
    if before == 0 {
        let help = "a step awaits before the next one begins";
        return found.help(path, format!("{} is sent by a later step only", shown(wanted)), help);
    }
    let both_echo = facts.scenario.peers.keys().all(|name| facts.echoes(name, channel).is_some());
    if let (Some(text), false) = (&wanted.text, both_echo) {
        let key = (peer.to_owned(), channel.clone(), text.clone());
        let count = walk.awaited.entry(key).or_default();
        *count += u64::from(wanted.times.unwrap_or(1));
        if *count > before {
            let times = if before == 1 { "once".to_owned() } else { format!("{before} times") };
            let message = format!("`{text}` is sent {times} before, and is awaited {count} times by now");
            found.add(path, message);
        }
    }
}

/// What is wrong with a condition wherever it stands.
fn itself(facts: &Facts<'_>, peer: &str, condition: &Condition, path: &ValuePath, found: &mut Found<'_>) {
    match condition {
        Condition::Icecandidate(wanted) => {
            let at = path.key("icecandidate");
            if wanted.end && (wanted.kind.is_some() || wanted.transport.is_some()) {
                found.add(&at.key("end"), "the end of candidates has neither type nor transport");
            }
            let without = match wanted.kind.as_deref() {
                Some("relay") => !facts.relays(peer),
                Some("srflx") => !facts.asks(peer),
                Some("prflx") => {
                    found.add(
                        &at.key("type"),
                        "no peer reports a candidate of its own as `prflx` (RFC 8445 §7.3.1.3)",
                    );
                    false
                }
                _ => false,
            };
            if without {
                let kind = wanted.kind.as_deref().unwrap_or_default();
                let asks = if kind == "relay" { "turn" } else { "stun" };
                let help = format!("give `iceServers` a server for `{asks}`");
                found.help(
                    &at.key("type"),
                    format!("{peer} has no server, so no candidate of type {kind}"),
                    help,
                );
            }
        }
        Condition::Icecandidateerror(wanted) => {
            let at = path.key("icecandidateerror");
            if wanted.code.is_some_and(|code| !(300..700).contains(&code) && code != 701) {
                found.add(&at.key("code"), "this is no code of STUN, nor 701 (webrtc-pc §4.8.2)");
            } else if !facts.asks(peer) {
                found.add(&at, format!("{peer} has no server that could not be used"));
            }
        }
        Condition::Media(wanted) => {
            let at = path.key("media");
            if wanted.frames == Some(0) {
                found.add(&at.key("frames"), "`frames: 0` needs no media");
            }
            let [lowest, highest] = arguments::TONES;
            if wanted.tone_hz.is_some_and(|hz| !(lowest..=highest).contains(&hz)) {
                found.add(&at.key("toneHz"), format!("`toneHz` must be from {lowest} to {highest}"));
            }
            let sides = [("width", wanted.width), ("height", wanted.height)];
            let range = 1..=arguments::LARGEST_SIDE;
            for (key, _) in sides.iter().filter(|(_, side)| side.is_some_and(|it| !range.contains(&it))) {
                found.add(
                    &at.key(key),
                    format!("a picture has from 1 to {} pixels a side", arguments::LARGEST_SIDE),
                );
            }
            let of_the_other: &[(&str, bool)] = match wanted.kind {
                MediaKind::Video => &[("toneHz", wanted.tone_hz.is_some())],
                MediaKind::Audio => &[
                    ("width", wanted.width.is_some()),
                    ("height", wanted.height.is_some()),
                    ("numbered", wanted.numbered),
                ],
            };
            for (key, _) in of_the_other.iter().filter(|(_, given)| *given) {
                found.add(&at.key(key), format!("{} has no `{key}`", wanted.kind));
            }
        }
        _ => {}
    }
}
