//! Media: sources are as they were asked for, what was removed is sent no more, and what replaced a track is what arrives.

use super::transceivers::Transceivers;
use super::{done, without_effect};
use crate::case_file::CasePeer;
use crate::claims::channels::transport_end;
use crate::claims::session::Asked;
use crate::claims::{Contradiction, Session};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{MediaKind, PeerEvent};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::rtp;
use serde_json::Value;
use std::collections::BTreeSet;

/// How long after the answer a stream may still be sent, in microseconds.
const STOPS_US: u64 = 1_500_000;
/// Packets in [`FLOWS_US`] with which a stream is being sent.
const FLOWS: usize = 5;
/// In microseconds.
const FLOWS_US: u64 = 1_000_000;
/// How long what was sent before may still be heard, in microseconds.
const HEARD_US: u64 = 2_000_000;
/// Number of reports of the old tone after which no other one is expected.
const REPORTS: usize = 4;
/// Hertz of a source that was asked for no other (docs/media.md).
const TONE_HZ: u64 = 440;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    asked: &[Asked<'_>],
    found: &mut Vec<Contradiction>,
) {
    settings(peer, asked, found);
    ends(session, peer, asked, found);
    replaced(session, peer, asked, found);
}

/// The settings of a source, and those after `applyConstraints`, are those that were asked for.
fn settings(peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    for (command, n, t_us, value) in done(asked, "createSource") {
        for track in value.get("tracks").and_then(Value::as_array).into_iter().flatten() {
            if track.get("kind") != command.args.get("kind") {
                let claimed = format!("createSource with a track of the kind {}", track["kind"]);
                let seen = format!("it was asked for {}", command.args["kind"]);
                let evidence = vec![Place::Entry(n)];
                let claim = "answer/createSource";
                found.push(without_effect(claim, Layer::Media, &peer.name, t_us, claimed, seen, evidence));
            }
            let of = |name: &str| track.get("settings").and_then(|it| it.get(name));
            let wanted = |name: &str| command.args.get(name);
            compare(peer, "answer/createSource", "createSource", (n, t_us), &of, &wanted, found);
        }
    }
    for (command, n, t_us, value) in done(asked, "applyConstraints") {
        let of = |name: &str| value.get(name).or_else(|| value.get("settings")?.get(name));
        let wanted = |name: &str| command.args.get("constraints")?.get(name)?.get("exact");
        compare(peer, "answer/applyConstraints", "applyConstraints", (n, t_us), &of, &wanted, found);
    }
}

fn compare<'a>(
    peer: &CasePeer,
    claim: &'static str,
    command: &str,
    (n, t_us): (u64, u64),
    of: &dyn Fn(&str) -> Option<&'a Value>,
    wanted: &dyn Fn(&str) -> Option<&'a Value>,
    found: &mut Vec<Contradiction>,
) {
    for name in ["width", "height"] {
        let number = |value: Option<&Value>| value.and_then(Value::as_f64);
        if let (Some(is), Some(wanted)) = (number(of(name)), number(wanted(name)))
            && is != wanted
        {
            let claimed = format!("{command} with the {name} {is}");
            let seen = format!("it was asked for {wanted}");
            let evidence = vec![Place::Entry(n)];
            found.push(without_effect(claim, Layer::Media, &peer.name, t_us, claimed, seen, evidence));
        }
    }
}

/// The streams of a removed track, of a stopped transceiver, and of a track that was replaced by none end. With another track a stream goes
/// on (webrtc-pc §5.1, §5.2, §5.4).
fn ends(session: &Session<'_>, peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    const AGAIN: [&str; 8] = [
        "addTrack",
        "addTransceiver",
        "replaceTrack",
        "setDirection",
        "createPeerConnection",
        "removeTrack",
        "stopTransceiver",
        "close",
    ];
    let (Some(wire), Some(place)) = (session.record.packets(), session.place_of(&peer.name)) else { return };
    let mut transceivers = Transceivers::default();
    for (at, command) in asked.iter().enumerate() {
        let before = transceivers.clone();
        transceivers.take(command);
        let claim = match command.name {
            "removeTrack" => "answer/removeTrack",
            "replaceTrack" => "answer/replaceTrack",
            "stopTransceiver" => "answer/stopTransceiver",
            _ => continue,
        };
        let (Some((n, t_us, _)), Some(all)) = (super::succeeded(command), before.known()) else { continue };
        let track = command.args.get("track").and_then(Value::as_str);
        let index = match command.args.get("transceiver").and_then(Value::as_u64) {
            Some(index) => usize::try_from(index).ok().filter(|index| *index < all.len()),
            None => all.iter().position(|own| track.is_some() && own.track.as_deref() == track),
        };
        let Some(ssrcs) = index.and_then(|index| announced(asked, index, command.entry.n)) else { continue };
        let next = asked.iter().skip(at + 1).find(|it| AGAIN.contains(&it.name));
        let next_us = next.map_or(u64::MAX, |it| it.entry.t_us);
        let own = || {
            wire.sent(place).filter(|packet| packet.class() == Class::Rtp).filter(|packet| {
                rtp::view(&packet.bytes).is_ok_and(|read| ssrcs.contains(&read.header.ssrc.value))
            })
        };
        let due = |by: u64| t_us.saturating_add(STOPS_US).saturating_add(session.stalled(t_us, by));
        let goes_on = command.args.get("with").is_some_and(|with| !with.is_null());
        let late = own().find(|packet| packet.t_us > due(packet.t_us) && packet.t_us < next_us);
        let (at_us, seen, frame) = match late {
            Some(packet) if !goes_on => {
                let seen = format!("it sent RTP of that track {} ms later", (packet.t_us - t_us) / 1000);
                (packet.t_us, seen, Some(packet.frame))
            }
            None if goes_on => {
                // It was sent until then, and the recording goes on long enough.
                let from_us = t_us.saturating_sub(FLOWS_US);
                let flowed = own().filter(|it| (from_us..=t_us).contains(&it.t_us)).count();
                let last_us = wire.packets.last().map_or(0, |packet| packet.t_us).min(next_us);
                // It may also end with the connection, or because the other side wants no more.
                let described = asked.iter().skip(at + 1).find(|it| it.name.ends_with("Description"));
                let last_us = last_us.min(described.map_or(u64::MAX, |it| it.entry.t_us));
                let last_us = last_us.min(transport_end(session).unwrap_or(u64::MAX));
                let is_tapped = wire.is_tapped(place) && !wire.cut && !wire.hidden;
                if flowed < FLOWS || !is_tapped || last_us < due(last_us).saturating_add(FLOWS_US) {
                    continue;
                }
                let seen = "its RTP of the replaced track ended, and no other followed".to_owned();
                (t_us, seen, None)
            }
            _ => continue,
        };
        let evidence = frame.map(Place::Frame).into_iter().chain([Place::Entry(n)]).collect();
        let claimed = command.name.to_owned();
        found.push(without_effect(claim, Layer::Media, &peer.name, at_us, claimed, seen, evidence));
        return;
    }
}

/// The SSRCs of the media that a section of the peer's last description before an entry announces (RFC 5576 §4.1), without those of
/// retransmissions.
fn announced(asked: &[Asked<'_>], index: usize, before: u64) -> Option<BTreeSet<u32>> {
    let (.., value) = done(asked, "setLocalDescription").filter(|(_, n, ..)| *n < before).last()?;
    let sdp = SessionDescription::parse(value.get("sdp")?.as_str()?);
    let is_rtp = |section: &peerproof_captures::sdp::Section<'_>| {
        section.media_line().and_then(|line| line.value.ok()).is_some_and(|line| line.is_rtp())
    };
    let section = sdp.media().filter(is_rtp).nth(index)?;
    let pairs = section.named("ssrc-group").filter_map(|line| line.value?.strip_prefix("FID "));
    let repairs: BTreeSet<u32> = pairs.filter_map(|pair| pair.split(' ').nth(1)?.parse().ok()).collect();
    let all = section.named("ssrc").filter_map(|line| line.value?.split(' ').next()?.parse::<u32>().ok());
    let media: BTreeSet<u32> = all.filter(|ssrc| !repairs.contains(ssrc)).collect();
    (!media.is_empty()).then_some(media)
}

/// The other side hears the tone of the track that replaced another one.
fn replaced(session: &Session<'_>, peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    let tone = |track: Option<&Value>| {
        let (command, ..) = done(asked, "createSource").find(|(_, _, _, value)| {
            let mut tracks = value.get("tracks").and_then(Value::as_array).into_iter().flatten();
            tracks.any(|it| it.get("id").is_some() && it.get("id") == track)
        })?;
        let is_audio = command.args.get("kind").and_then(Value::as_str) == Some("audio");
        is_audio.then(|| command.args.get("toneHz").and_then(Value::as_u64).unwrap_or(TONE_HZ))
    };
    let Some(other) = session.record.other(&peer.name) else { return };
    for (at, command) in asked.iter().enumerate().filter(|(_, command)| command.name == "replaceTrack") {
        let Some((n, t_us, _)) = super::succeeded(command) else { continue };
        let (was, now) = (tone(command.args.get("track")), tone(command.args.get("with")));
        let (Some(was), Some(now)) = (was, now) else { continue };
        let near =
            |tone: u32, of: u64| f64::from(tone) > of as f64 * 0.95 && f64::from(tone) < of as f64 * 1.05;
        let next = asked.iter().skip(at + 1).find(|it| it.name == "replaceTrack");
        let by = next.map_or(u64::MAX, |it| it.entry.t_us);
        let mut heard: Vec<(u64, u32)> = Vec::new();
        for (entry, event) in session.events(other) {
            let PeerEvent::MediaSeen { kind: MediaKind::Audio, tone_hz: Some(tone), .. } = event else {
                continue;
            };
            let stalled = session.stalled(t_us, entry.t_us);
            let off = stalled.saturating_add(session.clock_error(other));
            if entry.t_us > t_us.saturating_add(HEARD_US).saturating_add(off) && entry.t_us < by {
                heard.push((entry.n, *tone));
            }
        }
        let old = heard.iter().filter(|(_, tone)| near(*tone, was)).count();
        if near(u32::try_from(now).unwrap_or(u32::MAX), was) || old < REPORTS || old < heard.len() {
            continue;
        }
        let claimed = format!("replaceTrack by one of {now} Hz");
        let seen = format!("{other} still hears {was} Hz");
        let evidence = heard.first().map(|(n, _)| Place::Entry(*n)).into_iter().chain([Place::Entry(n)]);
        let evidence = evidence.collect();
        found.push(without_effect(
            "answer/replaceTrack",
            Layer::Media,
            &peer.name,
            t_us,
            claimed,
            seen,
            evidence,
        ));
    }
}
