//! Expectations of a peer that hold or fail whatever the peers do, given what the steps make.

use super::super::document::ValuePath;
use super::facts::Facts;
use super::found::Found;
use super::{always_messages, always_sdp, always_states, statistics};
use crate::peers::protocol::ChannelOptions;
use crate::scenario::condition::Condition;
use crate::scenario::step::Action;
use peerproof_captures::event::MediaKind;
use peerproof_conformance::expect::{ChannelMatch, ChannelState, OrNone, PeerExpectations};

/// The largest identifier of a channel (RFC 8832 §6).
const LARGEST_ID: u16 = 65_534;

/// Checks what is expected of each peer.
pub(super) fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    let expect = ValuePath::default().key("expect");
    for (name, expected) in &facts.scenario.expect.peers {
        if !facts.scenario.peers.contains_key(name) {
            continue;
        }
        let path = expect.key(name);
        if *expected == PeerExpectations::default() {
            found.add(&path, format!("nothing is expected of {name}"));
        }
        always_states::check(expected, &path, found);
        always_messages::check(facts, name, expected, &path, found);
        channels(facts, name, expected, &path, found);
        media(facts, name, expected, &path, found);
        always_sdp::descriptions(facts, name, expected, &path, found);
        always_sdp::candidates(facts, name, expected, &path, found);
        errors(facts, name, expected, &path, found);
        for (n, stat) in expected.stats.iter().enumerate() {
            let path = path.key("stats").index(n);
            statistics::check(stat, &path, found);
            if stat.kind.ends_with("bound-rtp") && stat.count != Some(0) && !facts.is_with_media() {
                found.add(&path.key("type"), "there is no media in this scenario");
            }
            if stat.kind == "data-channel" && stat.count != Some(0) && !facts.is_with_channels() {
                found.add(&path.key("type"), "there is no channel in this scenario");
            }
        }
    }
}

fn channels(
    facts: &Facts<'_>,
    name: &str,
    expected: &PeerExpectations,
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    let path = path.key("channels");
    let channels = match &expected.channels {
        None => return,
        Some(OrNone::Some(channels)) => channels,
        Some(OrNone::None) => {
            let opens = facts.scenario.steps.iter().any(|step| {
                matches!(&step.action, Action::Await { peer, condition } if peer == name && is_of_a_channel(condition))
            });
            if opens {
                found.add(&path, format!("a step awaits an open channel at {name}"));
            }
            return;
        }
    };
    if channels.is_empty() {
        found.help(&path, "nothing is expected of the channels", "write `none` if there must be none");
    }
    for (label, wanted) in channels {
        channel(facts, label, wanted, &path.key(label), found);
    }
}

fn is_of_a_channel(condition: &Condition) -> bool {
    matches!(condition, Condition::Datachannel(_) | Condition::Open(_) | Condition::Message(_))
}

fn channel(facts: &Facts<'_>, label: &str, wanted: &ChannelMatch, path: &ValuePath, found: &mut Found<'_>) {
    if wanted.state == Some(ChannelState::None)
        && *wanted != (ChannelMatch { state: Some(ChannelState::None), ..ChannelMatch::default() })
    {
        found.add(&path.key("state"), "what is not there has no properties");
    }
    if wanted.max_retransmits.is_some() && wanted.max_packet_life_time.is_some() {
        found.add(
            &path.key("maxPacketLifeTime"),
            "`maxRetransmits` and `maxPacketLifeTime` exclude each other (webrtc-pc §6.1)",
        );
    }
    if wanted.id.is_some_and(|id| id > LARGEST_ID) {
        found.add(&path.key("id"), format!("the `id` of a channel is at most {LARGEST_ID} (RFC 8832 §6)"));
    }
    let made: Vec<_> = facts.made.iter().filter(|made| made.options.label == label).collect();
    let mut differs = |key: &str, wanted: Option<String>, is: &dyn Fn(&ChannelOptions) -> String| {
        let Some(wanted) = wanted else { return };
        if !made.is_empty() && made.iter().all(|made| is(&made.options) != wanted) {
            let is = made.first().map(|made| is(&made.options)).unwrap_or_default();
            found.add(&path.key(key), format!("`{label}` is made with `{key}: {is}`"));
        }
    };
    let number = |number: Option<u16>| number.map_or_else(|| "null".to_owned(), |number| number.to_string());
    differs("ordered", wanted.ordered.map(|it| it.to_string()), &|made| {
        made.ordered.unwrap_or(true).to_string()
    });
    differs("negotiated", wanted.negotiated.map(|it| it.to_string()), &|made| {
        made.negotiated.unwrap_or(false).to_string()
    });
    differs("maxRetransmits", wanted.max_retransmits.map(|it| it.to_string()), &|made| {
        number(made.max_retransmits)
    });
    differs("maxPacketLifeTime", wanted.max_packet_life_time.map(|it| it.to_string()), &|made| {
        number(made.max_packet_life_time)
    });
    differs("protocol", wanted.protocol.clone(), &|made| made.protocol.clone().unwrap_or_default());
    differs("reliable", wanted.reliable.map(|it| it.to_string()), &|made| {
        (made.max_retransmits.is_none() && made.max_packet_life_time.is_none()).to_string()
    });
    // The identifier of another channel is the association's to choose.
    if made.iter().all(|made| made.options.negotiated == Some(true)) {
        differs("id", wanted.id.map(|it| it.to_string()), &|made| number(made.id));
    }
}

fn media(
    facts: &Facts<'_>,
    name: &str,
    expected: &PeerExpectations,
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    let other = facts.other(name).unwrap_or_default();
    let comes = |kind: MediaKind| facts.has_media(other, kind);
    if let Some(OrNone::Some(tracks)) = &expected.tracks {
        let at = path.key("tracks");
        for (key, count, kind) in
            [("audio", tracks.audio, MediaKind::Audio), ("video", tracks.video, MediaKind::Video)]
        {
            if count.is_some_and(|count| count > 0) && !comes(kind) {
                found.add(&at.key(key), format!("{other} has no {kind} to send"));
            }
        }
        if tracks.msid.is_some() && !facts.has_any_media(other) {
            found.add(&at.key("msid"), format!("{other} has no media to send"));
        }
    }
    if let Some(OrNone::Some(media)) = &expected.media {
        let at = path.key("media");
        if let Some(video) = &media.video {
            let at = at.key("video");
            let sizes = [("width", video.width), ("height", video.height)];
            let others = video.numbers.is_some()
                || video.min_frames.is_some()
                || sizes.iter().any(|(_, it)| it.is_some());
            seen(
                (video.seen, others, video.min_frames),
                comes(MediaKind::Video),
                (other, MediaKind::Video),
                &at,
                found,
            );
            for (key, _) in sizes.iter().filter(|(_, size)| *size == Some(0)) {
                found.add(&at.key(key), "a picture has at least one pixel");
            }
        }
        if let Some(audio) = &media.audio {
            let at = at.key("audio");
            let others = audio.tone.is_some() || audio.within.is_some() || audio.min_frames.is_some();
            seen(
                (audio.seen, others, audio.min_frames),
                comes(MediaKind::Audio),
                (other, MediaKind::Audio),
                &at,
                found,
            );
        }
        if media.video.is_none() && media.audio.is_none() {
            found.add(&at, "nothing is expected of the media");
        }
    }
    if !expected.bitrate.is_empty() && !facts.has_any_media(name) {
        found.add(&path.key("bitrate"), format!("{name} has no media to send"));
    }
    if let Some(rids) = &expected.rids {
        let at = path.key("rids");
        if !facts.has_any_media(name) {
            found.add(&at, format!("{name} has no media to send"));
        }
        let asked: String = facts
            .commands
            .iter()
            .filter(|given| given.peer == name && given.name == "addTransceiver")
            .map(|given| given.args.to_string())
            .collect();
        for (n, rid) in rids.iter().enumerate() {
            if rid.is_empty() || !asked.contains(&format!("\"{rid}\"")) {
                let help = "`addTransceiver` has them in `sendEncodings`";
                found.help(&at.index(n), format!("no step gives {name} an encoding `{rid}`"), help);
            }
        }
    }
}

fn seen(
    (seen, others, least): (Option<bool>, bool, Option<u64>),
    comes: bool,
    (other, kind): (&str, MediaKind),
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    if seen.is_none() && !others {
        found.add(path, format!("nothing is expected of the {kind}"));
    } else if !comes {
        found.add(path, format!("{other} has no {kind} to send"));
    }
    if seen == Some(false) && others {
        found.add(&path.key("seen"), "what is not seen has no properties");
    }
    if least == Some(0) {
        found.add(&path.key("minFrames"), "`minFrames: 0` always holds");
    }
}

/// The operations that a peer rejects are those that steps want rejected. A candidate on its way may be rejected without a step.
fn errors(
    facts: &Facts<'_>,
    name: &str,
    expected: &PeerExpectations,
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    let Some(errors) = &expected.errors else { return };
    let path = path.key("errors");
    let carried = |command: &str| command == "addIceCandidate";
    let mut rejected = facts
        .commands
        .iter()
        .filter(|given| given.peer == name && !carried(given.name))
        .filter_map(|given| Some((given.name, given.step.rejects.as_deref()?)));
    for (n, error) in errors.iter().enumerate() {
        let (command, names) = error.parts();
        if carried(command) {
            continue;
        }
        let at = path.index(n);
        match rejected.next() {
            None => {
                let help = "the step has `rejects` with the exception";
                return found.help(&at, format!("no step wants `{command}` rejected at {name}"), help);
            }
            Some((other, _)) if other != command => {
                return found.add(&at, format!("{name} is to reject `{other}` here"));
            }
            Some((_, exception)) if !names.iter().any(|known| known == exception) => {
                return found.add(&at, format!("the step wants `{command}` rejected with {exception}"));
            }
            Some(_) => {}
        }
    }
    if let Some((command, exception)) = rejected.next() {
        found.add(&path, format!("a step wants `{command}` rejected at {name} with {exception}"));
    }
}
