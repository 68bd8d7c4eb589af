//! Data channels: what was created has the properties that were asked for, and the next offer has a section for it.

use super::state::LATE_US;
use super::{done, without_effect};
use crate::case_file::CasePeer;
use crate::claims::channels::{count_by, has_ended};
use crate::claims::session::Asked;
use crate::claims::{Contradiction, Session};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Entry, What};
use serde_json::Value;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    asked: &[Asked<'_>],
    found: &mut Vec<Contradiction>,
) {
    for (command, n, t_us, value) in done(asked, "createDataChannel") {
        for (field, wanted, is) in different(command.args, value) {
            let claimed = format!("createDataChannel with {field} {is}");
            let seen = format!("it was asked for {wanted}");
            let evidence = vec![Place::Entry(n), Place::Entry(command.entry.n)];
            let (claim, layer) = ("answer/createDataChannel", Layer::DataChannel);
            found.push(without_effect(claim, layer, &peer.name, t_us, claimed, seen, evidence));
        }
    }
    offered(peer, asked, found);
    got(session, peer, asked, found);
    ready(session, peer, asked, found);
    sent(peer, asked, found);
}

/// The properties of a channel that differ from those of the command that created it: what was asked for, and what is.
fn different<'a>(asked: &Value, channel: &'a Value) -> Vec<(&'static str, Value, &'a Value)> {
    let differs = |field: &'static str| {
        let wanted = asked.get(field).filter(|value| !value.is_null()).cloned();
        let wanted = wanted.or_else(|| default(field))?;
        let is = channel.get(field).filter(|value| !value.is_null())?;
        (wanted != *is).then_some((field, wanted, is))
    };
    ["label", "ordered", "maxRetransmits", "maxPacketLifeTime", "protocol", "negotiated", "id"]
        .into_iter()
        .filter_map(differs)
        .collect()
}

/// What a channel is if nothing was asked for (webrtc-pc §6.2).
fn default(field: &str) -> Option<Value> {
    match field {
        "ordered" => Some(Value::Bool(true)),
        "negotiated" => Some(Value::Bool(false)),
        "protocol" => Some(Value::String(String::new())),
        _ => None,
    }
}

/// `readyState` is what the events of the channel reported last.
fn ready(session: &Session<'_>, peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    let reports = |event: &str| !peer.never_reports(event, "");
    if peer.is_translated() || !["channelopen", "channelclosing", "channelclose"].into_iter().all(reports) {
        return;
    }
    let closes = |name: &str| matches!(name, "close" | "closeDataChannel");
    for (command, n, t_us, value) in done(asked, "getDataChannel") {
        let label = command.args.get("channel").and_then(Value::as_str);
        let (Some(label), Some(is)) = (label, value.get("readyState").and_then(Value::as_str)) else {
            continue;
        };
        let of = |event: &PeerEvent| match event {
            PeerEvent::ChannelOpen { channel } if channel.label == label => Some("open"),
            PeerEvent::ChannelClosing { channel, .. } if channel == label => Some("closing"),
            PeerEvent::ChannelClose { channel, .. } if channel == label => Some("closed"),
            _ => None,
        };
        let states: Vec<(&Entry, &str)> =
            session.events(&peer.name).filter_map(|(entry, event)| Some((entry, of(event)?))).collect();
        let off = LATE_US
            .saturating_add(session.clock_error(&peer.name))
            .saturating_add(session.stalled(command.entry.t_us, t_us.saturating_add(LATE_US)));
        // The answer may or may not have what happens at about that time; several channels of a label are not distinguished.
        let is_near = states
            .iter()
            .any(|(entry, _)| entry.n > command.entry.n && entry.t_us <= t_us.saturating_add(off));
        let is_one = states.iter().filter(|(_, state)| *state == "open").count() == 1
            && count_by(session, &peer.name, label, n) <= 1;
        let last = states.iter().rfind(|(entry, _)| entry.n < command.entry.n);
        let Some((entry, was)) = last.filter(|_| is_one && !is_near) else { continue };
        // A channel that somebody closes or whose transport ends need not have reported it yet.
        let is_closing = *was == "open"
            && (session
                .record
                .timeline
                .iter()
                .take_while(|it| it.n < n)
                .any(|it| matches!(&it.what, What::Command { name, .. } if closes(name.as_str())))
                || has_ended(session, &peer.name, command.entry));
        if is != *was && !is_closing {
            let claimed = format!("getDataChannel with readyState {is}");
            let seen = format!("the last event of the channel reported that it was {was}");
            let evidence = vec![Place::Entry(n), Place::Entry(entry.n)];
            let (claim, layer) = ("answer/getDataChannel", Layer::DataChannel);
            found.push(without_effect(claim, layer, &peer.name, t_us, claimed, seen, evidence));
            return;
        }
    }
}

/// Most bytes of a message where a description does not say (RFC 8841 §6.1).
const MOST: u64 = 65_536;

/// A message that is longer than the other side announced to take is rejected (webrtc-pc §6.2).
fn sent(peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    for (command, n, t_us, _) in done(asked, "send") {
        let before = |it: &&Asked<'_>| it.entry.n < command.entry.n && it.name == "setRemoteDescription";
        let sdp = asked.iter().rfind(before);
        let sdp = sdp.and_then(|it| it.args.get("description")?.get("sdp")?.as_str());
        let Some((described, sdp)) = sdp.map(|sdp| (sdp.contains("m=application"), sdp)) else { continue };
        let line = sdp.lines().find_map(|line| line.trim_end().strip_prefix("a=max-message-size:"));
        let most = line.map_or(Some(MOST), |value| value.parse().ok());
        let (Some(most), Some(length)) = (most.filter(|most| *most > 0), length(command.args)) else {
            continue;
        };
        if described && length > most {
            let claimed = format!("send of {length} bytes");
            let seen = format!("the other side's max-message-size is {most}");
            let evidence = vec![Place::Entry(n)];
            found.push(without_effect(
                "answer/send",
                Layer::DataChannel,
                &peer.name,
                t_us,
                claimed,
                seen,
                evidence,
            ));
            return;
        }
    }
}

/// How many bytes the message of a `send` has at least; none if its arguments have no message.
pub(in crate::claims) fn length(args: &Value) -> Option<u64> {
    let message = args.get("message")?;
    if let Some(text) = message.get("text").and_then(Value::as_str) {
        return Some(text.len() as u64);
    }
    // The fewest bytes that the base64 text can stand for.
    let binary = message
        .get("binary")
        .and_then(Value::as_str)
        .map(|text| (text.len() as u64 / 4 * 3).saturating_sub(2));
    binary.or_else(|| message.get("pattern")?.get("size")?.as_u64())
}

/// An offer that is created after a channel has a section for it (RFC 9429 §5.2.1).
fn offered(peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    let Some((created, first, ..)) = done(asked, "createDataChannel").next() else { return };
    let closed = asked.iter().any(|it| {
        matches!(it.name, "close" | "closeDataChannel" | "createPeerConnection") && it.entry.n > first
    });
    if closed {
        return;
    }
    for (_, n, t_us, value) in done(asked, "createOffer").filter(|(_, n, ..)| *n > first) {
        let Some(sdp) = value.get("sdp").and_then(Value::as_str).filter(|sdp| !sdp.is_empty()) else {
            continue;
        };
        // A section with port zero is there if it is bundled with another (RFC 9143 §6).
        let mut sections = sdp.split("\nm=").filter_map(|section| section.strip_prefix("application "));
        if !sections.any(|rest| !rest.starts_with("0 ") || rest.contains("\na=bundle-only")) {
            let label = created.args.get("label").and_then(Value::as_str).unwrap_or_default();
            let claimed = format!("createDataChannel of {label:?}");
            let seen = "its next offer has no section for data channels".to_owned();
            let evidence = vec![Place::Entry(n), Place::Entry(first)];
            let claim = "answer/createDataChannel";
            found.push(without_effect(claim, Layer::Sdp, &peer.name, t_us, claimed, seen, evidence));
            return;
        }
    }
}

/// What a channel is asked for later are the properties with which it was created.
fn got(session: &Session<'_>, peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    for (command, n, t_us, value) in done(asked, "getDataChannel") {
        let Some(label) = command.args.get("channel").and_then(Value::as_str) else { continue };
        let mut created = done(asked, "createDataChannel").filter(|(it, answered, ..)| {
            *answered < n && it.args.get("label").and_then(Value::as_str) == Some(label)
        });
        let Some((created, entry, ..)) = created.next() else { continue };
        if count_by(session, &peer.name, label, n) > 1 {
            continue;
        }
        for (field, wanted, is) in different(created.args, value) {
            let claimed = format!("getDataChannel with {field} {is}");
            let seen = format!("it was created with {wanted}");
            let evidence = vec![Place::Entry(n), Place::Entry(entry)];
            let (claim, layer) = ("answer/getDataChannel", Layer::DataChannel);
            found.push(without_effect(claim, layer, &peer.name, t_us, claimed, seen, evidence));
        }
    }
}
