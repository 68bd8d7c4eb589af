//! Streams of audio and video.

use super::session::Api;
use super::{Found, Kind, Layer, Missed, SECOND, Says, Severity, counted, side_of, time};
use crate::verdict::Place;
use peerproof_captures::timeline::What;
use peerproof_captures::trace::{Connection, MalformedRtcp, OtherVersion, Side, Stream};
use serde_json::Value;

/// Loss that is worth a mention, in percent, and packets that must have been expected.
const LOSS: (f64, u64) = (5.0, 100);
/// How long a stream may be silent before it counts as stopped.
const STOPPED: u64 = 3 * SECOND;
/// How long media must go one way before the other is missed, and its packets.
const ONE_WAY: (u64, u64) = (3 * SECOND, 50);
/// The longest time until a receiver sends RTCP: 5 s, at most 1.5 times as long by chance, and compensated (RFC 3550 §6.2, §6.3.1).
const RTCP: u64 = 6_157 * SECOND / 1_000;
/// How long a key frame may take.
const KEY_FRAME: u64 = 2 * SECOND;

/// What the streams of a connection show.
pub(super) fn of_packets(connection: &Connection, found: &mut Found) {
    one_way(connection, found);
    other_version(connection, found);
    malformed_rtcp(connection, found);
    for side in Side::BOTH {
        stopped(connection, side, found);
    }
    for stream in connection.streams.values() {
        loss(connection, stream, found);
        key_frame(connection, stream, found);
    }
}

fn called(stream: &Stream) -> String {
    let codec = match (&stream.codec, stream.main_payload_type()) {
        (Some(codec), _) => format!("{codec} "),
        (None, Some(payload_type)) => format!("payload type {payload_type} "),
        (None, None) => String::new(),
    };
    format!("{codec}{:#010x}", stream.ssrc)
}

fn one_way(connection: &Connection, found: &mut Found) {
    let packets = |side| connection.media_of(side).map(|stream| stream.packets).sum::<u64>();
    let (a, b) = (packets(Side::A), packets(Side::B));
    let (side, count) = match (a, b) {
        (0, count) => (Side::A, count),
        (count, 0) => (Side::B, count),
        _ => return,
    };
    let begun = connection.media_of(side.other()).map(|stream| stream.first).min();
    let ended = connection.media_of(side.other()).map(|stream| stream.last).max();
    let (Some(begun), Some(ended)) = (begun, ended) else { return };
    if count < ONE_WAY.1 || ended.since(begun) < ONE_WAY.0 {
        return;
    }
    let (silent, other) = (connection.peers.of(side), connection.peers.of(side.other()));
    let expected = match (silent.described_media, other.described_media) {
        (Some((sends, _)), Some((_, receives))) => Some(sends && receives),
        _ => None,
    };
    if expected == Some(false) {
        return;
    }
    let (name, sender) = (side_of(connection, side), side_of(connection, side.other()));
    let rtcp = if silent.rtcp > 0 { "only RTCP" } else { "neither media nor RTCP" };
    let owes_rtcp = silent.rtcp == 0 && ended.since(begun) > RTCP;
    found.add(Says {
        severity: if expected == Some(true) || owes_rtcp { Severity::Broken } else { Severity::Notice },
        layer: Layer::Media,
        kind: Kind::OneWayMedia,
        side: Some(name.clone()),
        at: Some(begun),
        what: format!(
            "{sender} sent {count} packets of media in {}; {name} sent {rtcp}",
            time(ended.since(begun))
        ),
        why: if expected == Some(true) {
            "one side does not send although its description says so, or its packets do not pass the capture point: no track, a muted \
             source, or a filter in one direction"
        } else {
            "one side does not send, or its packets do not pass the capture point: no track, a muted source, a direction of recvonly, \
             or a filter in one direction"
        },
        next: if expected == Some(true) {
            "look at the silent side's tracks, then capture there"
        } else {
            "look at the direction attributes of both descriptions; if both say sendrecv look at the silent side's tracks, then \
             capture there"
        },
    });
}

/// RTP that by its first byte is another protocol.
fn other_version(connection: &Connection, found: &mut Found) {
    for side in Side::BOTH {
        let Some(odd) = connection.other_versions.of(side) else { continue };
        let OtherVersion { packets, first, version, payload_type, ssrc } = odd;
        let (name, other) = (side_of(connection, side), side_of(connection, side.other()));
        let streams = || connection.streams.values().filter(|stream| stream.from == side);
        let nacks: u64 = streams().map(|stream| stream.feedback.nacks).sum();
        let others = streams().any(|stream| stream.ssrc == *ssrc);
        found.add(Says {
            severity: if others { Severity::Degraded } else { Severity::Broken },
            layer: Layer::Media,
            kind: Kind::RtpVersion,
            side: Some(name.clone()),
            at: Some(*first),
            what: format!(
                "{} of {name} with payload type {payload_type} and source {ssrc:#010x}, which its description announces, {} the RTP \
                 version {version} instead of 2; {other} sent {}",
                counted(*packets, "packet"),
                if *packets == 1 { "has" } else { "have" },
                counted(nacks, "NACK")
            ),
            why: "a receiver tells protocols apart by the first byte (RFC 7983), so it drops these or takes them for STUN: if they are \
                  retransmissions, what was lost stays lost",
            next: "look at what writes the header of that stream (RTX, FEC), and compare its first byte with that of the other streams",
        });
    }
}

/// RTCP whose lengths and counts contradict what it holds.
fn malformed_rtcp(connection: &Connection, found: &mut Found) {
    for side in Side::BOTH {
        let Some(odd) = &connection.peers.of(side).malformed_rtcp else { continue };
        let MalformedRtcp { packets, first, what } = odd;
        let name = side_of(connection, side);
        found.add(Says {
            severity: Severity::Degraded,
            layer: Layer::Media,
            kind: Kind::MalformedRtcp,
            side: Some(name.clone()),
            at: Some(*first),
            what: format!(
                "{} of {name} {} malformed; the first: {what}",
                counted(*packets, "RTCP packet"),
                if *packets == 1 { "is" } else { "are" }
            ),
            why: "a receiver discards RTCP that it cannot read, so the feedback in it (losses, arrival times, requests of key frames) does \
                  not reach the sender: nothing is repaired, and its estimate of the bandwidth falls",
            next: "compare the length and the counts in the header with what follows, in what writes these packets (RFC 3550 §6.4, \
                   RFC 4585 §6.1); `inspect --frame` shows the deciding frame byte by byte",
        });
    }
}

/// Streams that ended although the connection goes on, unless another of that side took over.
fn stopped(connection: &Connection, side: Side, found: &mut Found) {
    let ends = |stream: &Stream| stream.bye.is_some() || connection.last.since(stream.last) < STOPPED;
    let closed = connection.handshake().is_some_and(|handshake| {
        handshake.alerts.iter().any(|alert| alert.from == side && alert.level != Some(2))
    });
    if closed || connection.peers.of(side).last.is_none_or(|last| connection.last.since(last) >= 30 * SECOND)
    {
        return;
    }
    for stream in connection.media_of(side) {
        let another = connection.media_of(side).any(|other| {
            other.ssrc != stream.ssrc
                && other.main_payload_type() == stream.main_payload_type()
                && other.last > stream.last
        });
        if ends(stream) || another || stream.packets < ONE_WAY.1 {
            continue;
        }
        let silence = connection.last.since(stream.last);
        let name = side_of(connection, side);
        found.add(Says {
            severity: Severity::Degraded,
            layer: Layer::Media,
            kind: Kind::MediaStopped,
            side: Some(name.clone()),
            at: Some(stream.last),
            what: format!(
                "{} of {name} ended with frame {}, without BYE; the connection went on for {}",
                called(stream),
                stream.last.frame,
                time(silence)
            ),
            why: "the sender stopped: its source ended or was muted, the section was made inactive, or its congestion control gave it no \
                  bandwidth; or its packets are filtered from then on",
            next: "look at what came in the seconds before the deciding frame: a renegotiation, NACKs and losses, REMB or transport-wide \
                   feedback that fell",
        });
    }
}

fn loss(connection: &Connection, stream: &Stream, found: &mut Found) {
    if stream.expected < LOSS.1 || stream.loss_percent() < LOSS.0 || stream.is_repair() {
        return;
    }
    let name = side_of(connection, stream.from);
    found.add(Says {
        severity: Severity::Degraded,
        layer: Layer::Media,
        kind: Kind::Loss,
        side: Some(name.clone()),
        at: Some(stream.last),
        what: format!(
            "of {} packets of {} from {name} {} were not seen ({:.1} %); {} asked for {}",
            stream.expected,
            called(stream),
            stream.lost,
            stream.loss_percent(),
            counted(stream.feedback.nacks, "NACK"),
            stream.feedback.nacked_packets
        ),
        why: "they were lost between the sender and the capture point (or by the capture itself)",
        next: "compare with the loss that the receiver reports; if that is less, the capture dropped packets; if it is as much, the \
               loss is before the capture, else behind it",
    });
}

fn key_frame(connection: &Connection, stream: &Stream, found: &mut Found) {
    let Some(since) = stream.feedback.key_frame_awaited_since.filter(|_| stream.payload_read) else { return };
    let waited = stream.last.since(since);
    if waited < KEY_FRAME {
        return;
    }
    let name = side_of(connection, stream.from);
    found.add(Says {
        severity: Severity::Broken,
        layer: Layer::Media,
        kind: Kind::NoKeyFrame,
        side: Some(name.clone()),
        at: Some(since),
        what: format!(
            "{} was asked for a key frame of {} in frame {}; in the {} after it none came ({} PLI, {} FIR in all)",
            name,
            called(stream),
            since.frame,
            time(waited),
            stream.feedback.plis,
            stream.feedback.firs
        ),
        why: "the sender does not act on the request: RTCP does not reach it or does not authenticate, the request names another source, \
              or its encoder is not notified. The picture stays frozen or black until then",
        next: "look at the media source in the PLI (it must be the SSRC of the stream, not of its RTX), and at a=rtcp-fb in both \
               descriptions",
    });
}

/// What a peer watches should be decoded and recognised.
pub(super) fn of_api(api: &Api<'_>) -> Option<Missed> {
    if !api.has_section("audio") && !api.has_section("video") {
        return None;
    }
    for (name, view, other, _) in api.both() {
        for at in &view.tracks {
            let watched = api.timeline.iter().any(|entry| {
                matches!(&entry.what, What::Command { peer, name: command, args, .. }
                    if peer == name && command == "watch" && args.get("track").and_then(Value::as_str) == Some(&at.is.id))
            });
            if watched && !view.media_samples.iter().any(|sample| sample.is.track == at.is.id) {
                let silent = api.sent(other, name).is_some_and(|sent| sent.srtp == 0);
                let (side, seen) = if silent {
                    (other, format!("{other} sent no packet"))
                } else {
                    (name, "none was decoded and recognised".to_owned())
                };
                return Some(Missed {
                    layer: Layer::Media,
                    kind: Kind::NoMedia,
                    side: side.to_owned(),
                    expected: format!("{name} should get {other}'s {}", at.is.kind),
                    seen,
                    evidence: vec![Place::Entry(at.n)],
                    why: "the sender has no track or is muted, or the receiver cannot decode what comes",
                    next: "look at the direction attributes, the codecs of the answer, and at PLI and FIR that are not followed by a key \
                           frame",
                });
            }
        }
    }
    None
}
