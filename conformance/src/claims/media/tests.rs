//! Tracks without sections, and media that nobody sent.

use super::super::Fault;
use super::super::testing::{Case, answers};
use crate::checks::controls::Recording;
use crate::evidence::{Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{MediaKind, PeerEvent};
use peerproof_captures::timeline::What;
use peerproof_captures::wire::demux::Class;

const LAYER: Layer = Layer::Media;

fn is_track(event: &PeerEvent) -> bool {
    matches!(event, PeerEvent::Track { .. })
}

fn is_seen(event: &PeerEvent) -> bool {
    matches!(event, PeerEvent::MediaSeen { .. })
}

#[test]
fn a_track_is_that_of_a_section_that_sends_once() {
    let mut twice = Case::of(Recording::Call);
    twice.double("bob", is_track).blames("bob", "event/track", LAYER, "before");
    let mut never = Case::of(Recording::Call);
    never.silence("bob", is_track).blames(
        "bob",
        "event/track",
        LAYER,
        "never reports the track of section 0",
    );
    type Edit = fn(&mut PeerEvent);
    let edits: [(&str, &str, Edit); 3] = [
        ("event/track.mid", "no description of the other side has that section", |event| {
            if let PeerEvent::Track { mid, .. } = event {
                *mid = Some("7".to_owned());
            }
        }),
        ("event/track.kind", "that section is of video", |event| {
            if let PeerEvent::Track { kind, .. } = event {
                *kind = MediaKind::Audio;
            }
        }),
        ("event/track.streams", "other a=msid lines", |event| {
            if let PeerEvent::Track { streams, .. } = event {
                streams.push("ghost".to_owned());
            }
        }),
    ];
    for (claim, words, edit) in edits {
        let mut case = Case::of(Recording::Call);
        case.edit("bob", edit).blames("bob", claim, LAYER, words);
    }
}

#[test]
fn tracks_are_unmuted_by_rtp_and_muted_without_it() {
    let of_first = |case: &Case| {
        let found = case.record.timeline.iter().find_map(|entry| match &entry.what {
            What::Event { event: PeerEvent::Track { id, .. }, .. } => Some(id.clone()),
            _ => None,
        });
        found.unwrap()
    };
    let mut early = Case::of(Recording::Call);
    let id = of_first(&early);
    let unmuted = |event: &PeerEvent| matches!(event, PeerEvent::TrackUnmute { .. });
    early.silence("bob", unmuted).report_after("bob", is_track, PeerEvent::TrackUnmute { id: id.clone() });
    early.blames("bob", "event/trackunmute.id", LAYER, "ms later");
    let mut twice = Case::of(Recording::Call);
    twice.double("bob", unmuted).blames("bob", "event/trackunmute.id", LAYER, "the same before");
    let mut unknown = Case::of(Recording::Call);
    unknown.report_late("bob", 0, PeerEvent::TrackMute { id: "ghost".to_owned() });
    unknown.blames("bob", "event/trackmute.id", LAYER, "it has no such track");
    let mut muted = Case::of(Recording::Call);
    muted.report_after("bob", is_seen, PeerEvent::TrackMute { id: id.clone() });
    muted.blames("bob", "event/trackmute.id", LAYER, "goes on to come");
    let mut ended = Case::of(Recording::Call);
    ended.report_after("bob", is_seen, PeerEvent::TrackEnded { id });
    ended.blames("bob", "event/trackended.id", LAYER, "nothing ended it");
    // Unless the description that brought it was rolled back.
    ended.args("bob", "setRemoteDescription", |args| args["description"]["type"] = "rollback".into());
    let found = ended.found();
    assert!(!found.iter().any(|it| it.sentence().contains("nothing ended it")), "{found:#?}");
}

#[test]
fn what_unmutes_a_track_may_be_of_an_unknown_payload_type() {
    // Every packet of RTP that came to Bob has that payload type.
    let lacking = |payload_type: Option<u8>| {
        let mut case = Case::of(Recording::Call);
        let is = |packet: &Packet| {
            packet.class() == Class::Rtp && packet.tap == Peer(1) && packet.sender == Peer(0)
        };
        match payload_type {
            Some(payload_type) => {
                let packets = &mut case.record.wire.as_mut().unwrap().packets;
                packets.iter_mut().filter(|it| is(it)).for_each(|it| {
                    it.bytes[1] = payload_type;
                });
            }
            None => {
                case.lose(is);
            }
        }
        case.found().iter().any(|it| it.sentence().contains("no RTP of"))
    };
    assert_eq!([Some(33), None].map(lacking), [false, true]);
}

#[test]
fn a_track_ends_with_a_section_that_the_own_answer_rejects() {
    let ended = |rejected: &str| {
        let mut case = Case::of(Recording::Call);
        let id = case.record.timeline.iter().find_map(|entry| match &entry.what {
            What::Event { event: PeerEvent::Track { id, .. }, .. } => Some(id.clone()),
            _ => None,
        });
        case.report_after("bob", is_seen, PeerEvent::TrackEnded { id: id.unwrap() });
        for name in ["createAnswer", "setLocalDescription"] {
            answers(&mut case.record, "bob", name, |value| {
                if let Some(sdp) = value["sdp"].as_str() {
                    value["sdp"] =
                        sdp.replace(&format!("m={rejected} 9 "), &format!("m={rejected} 0 ")).into();
                }
            });
        }
        case.found().iter().any(|it| it.sentence().contains("nothing ended it"))
    };
    assert_eq!(["video", "audio"].map(ended), [false, true]);
}

/// Edits what was seen.
fn see(edit: impl Fn(usize, &mut u64, &mut Option<u32>, &mut Option<u32>)) -> Case {
    let mut case = Case::of(Recording::Call);
    let mut n = 0;
    case.edit("bob", |event| {
        if let PeerEvent::MediaSeen { frames, number, width, .. } = event {
            edit(n, frames, number, width);
            n += 1;
        }
    });
    assert!(n > 2, "there are {n}");
    case
}

#[test]
fn no_more_is_recognised_than_had_come_by_then() {
    let last = std::cell::Cell::new(0);
    see(|_, frames, _, width| {
        if width.is_some() {
            last.set(last.get().max(*frames));
        }
    });
    see(|_, frames, _, width| {
        if width.is_some() {
            *frames = last.get() + 3;
        }
    })
    .blames("bob", "event/mediaseen.frames", LAYER, "had come by then");
}

#[test]
fn only_what_came_and_was_sent_is_recognised() {
    let number = "event/mediaseen.number";
    see(|_, _, number, _| *number = Some(40_000)).blames("bob", number, LAYER, "cannot have sent more than");
    see(|n, _, number, _| *number = Some(if n == 1 { 0 } else { 5 })).blames("bob", number, LAYER, "before");
    let frames = "event/mediaseen.frames";
    see(|_, frames, _, _| *frames *= 100).blames("bob", frames, LAYER, "RTP of");
    see(|n, frames, _, _| *frames = if n == 1 { 1 } else { 2 }).blames(
        "bob",
        frames,
        LAYER,
        "it had reported",
    );
    see(|_, _, _, width| *width = Some(322)).blames(
        "bob",
        "event/mediaseen.width",
        LAYER,
        "the source of alice is smaller",
    );
    let mut scaled = Case::of(Recording::Video);
    scaled.edit("bob", |event| {
        if let PeerEvent::MediaSeen { kind: MediaKind::Video, width, .. } = event {
            *width = Some(160);
        }
    });
    scaled.blames("bob", "event/mediaseen.width", LAYER, "the key frames that came have 320 × 240");
}

#[test]
fn packets_of_a_type_that_stands_for_both_kinds_decide_nothing() {
    let blamed = |kind: &str| {
        let mut case = Case::of(Recording::Call);
        case.args("bob", "setRemoteDescription", |args| {
            let sdp = args["description"]["sdp"].as_str().unwrap();
            let line = sdp.lines().find(|line| line.starts_with("m=video")).unwrap();
            let other = line.replace("m=video", &format!("m={kind}"));
            let maps: Vec<_> = sdp.lines().filter(|line| line.starts_with("a=rtpmap:")).collect();
            args["description"]["sdp"] =
                format!("{sdp}{other}\r\na=mid:9\r\n{}\r\n", maps.join("\r\n")).into();
        });
        case.edit("bob", |event| {
            if let PeerEvent::MediaSeen { frames, .. } = event {
                *frames *= 100;
            }
        });
        case.found().iter().any(|it| it.claim == "event/mediaseen.frames" && it.sentence().contains("RTP of"))
    };
    assert!(blamed("video") && !blamed("audio"));
}

#[test]
fn media_without_rtp_is_the_recordings_fault_where_it_was_to_be_sent() {
    let mut lost = Case::of(Recording::Call);
    lost.lose(|packet| packet.class() == Class::Rtp).lacks("no RTP of video came");
    let mut unwatched = Case::of(Recording::Call);
    unwatched.without(|what| matches!(what, What::Command { name, .. } if name == "watch"));
    unwatched.blames("bob", "event/mediaseen.id", LAYER, "not asked to watch");
    let mut ghost = Case::of(Recording::Conflict);
    let seen = PeerEvent::MediaSeen {
        id: "ghost".to_owned(),
        kind: MediaKind::Video,
        frames: 10,
        width: None,
        height: None,
        number: Some(9),
        tone_hz: None,
    };
    ghost.report_late("bob", 0, seen).blames(
        "bob",
        "event/mediaseen.id",
        LAYER,
        "never reported such a track",
    );
}

#[test]
fn a_tone_is_that_of_a_source() {
    let heard = |hz: u32| {
        let mut case = Case::of(Recording::Video);
        let track = case.record.timeline.iter().find_map(|entry| match &entry.what {
            What::Event { peer, event: PeerEvent::Track { id, kind: MediaKind::Audio, .. }, .. }
                if peer == "bob" =>
            {
                Some(id.clone())
            }
            _ => None,
        });
        for frames in [1, 2] {
            let (id, kind) = (track.clone().unwrap(), MediaKind::Audio);
            let seen = PeerEvent::MediaSeen {
                id,
                kind,
                frames,
                width: None,
                height: None,
                number: None,
                tone_hz: Some(hz),
            };
            case.report_late("bob", 0, seen);
        }
        case
    };
    let claim = "event/mediaseen.toneHz";
    // Whether the one plays or the other hears another tone, no packet shows.
    let found = heard(880).found();
    let said = found.iter().find(|it| it.claim == claim).unwrap();
    assert_eq!((&said.fault, said.layer), (&Fault::Undecided, LAYER), "{found:#?}");
    assert!(said.sentence().contains("alice should play 440 Hz"), "{found:#?}");
    let found = heard(440).found();
    assert!(!found.iter().any(|it| it.claim == claim), "{found:#?}");
}

#[test]
fn what_is_seen_was_unmuted_and_is_not_reported_twice_at_once() {
    let mut muted = Case::of(Recording::Call);
    muted.silence("bob", |event| matches!(event, PeerEvent::TrackUnmute { .. }));
    muted.blames("bob", "event/trackunmute.id", LAYER, "never reports that the track was unmuted");
    let mut twice = Case::of(Recording::Call);
    twice.double("bob", is_seen).blames(
        "bob",
        "event/mediaseen.frames",
        LAYER,
        "it had just reported the same",
    );
}
