//! Streams of RTP: what was sent and received of each SSRC, and with which codec.

use super::wire::{Count, Flow, Seen};
use super::{Contradiction, Reading, Session, Stat};
use crate::case_file::{CasePeer, Runs};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Fmtp, SessionDescription};
use std::collections::{BTreeMap, BTreeSet};

/// Packets and frames by which a counter may be ahead of the capture: those that are on their way to it.
const AHEAD: f64 = 3.0;
/// The same of bytes.
const AHEAD_BYTES: f64 = 1_600.0;
/// Frames that a sender has counted and not sent yet where packets are lost: libwebrtc's pacer holds up to two seconds of them.
const HELD_BACK: f64 = 60.0;
/// Which part of what was seen before must be counted at least: what arrives before its receiver is ready is not.
const COUNTED: f64 = 0.5;
/// Fewer packets than these need not be counted.
const BEHIND: f64 = 10.0;

/// A counter, what the wire shows of it, and whether it must reach that.
struct Counter {
    claim: &'static str,
    field: &'static str,
    of: fn(Count) -> u64,
    ahead: f64,
    /// What the other side reports of the same stream.
    mirror: &'static str,
    /// Least that the wire must show before a lower value is wrong; nothing if the value may be any lower one.
    behind: Option<f64>,
}

const SENT: [Counter; 4] = [
    Counter {
        claim: "stat/outbound-rtp.packetsSent",
        field: "packetsSent",
        of: |count| count.packets,
        ahead: AHEAD,
        mirror: "packetsReceived",
        behind: Some(BEHIND),
    },
    Counter {
        claim: "stat/outbound-rtp.bytesSent",
        field: "bytesSent",
        of: |count| count.whole,
        ahead: AHEAD_BYTES,
        mirror: "bytesReceived",
        behind: None,
    },
    Counter {
        claim: "stat/outbound-rtp.framesSent",
        field: "framesSent",
        of: |count| count.frames,
        ahead: AHEAD,
        mirror: "framesReceived",
        behind: None,
    },
    Counter {
        claim: "stat/outbound-rtp.retransmittedPacketsSent",
        field: "retransmittedPacketsSent",
        of: |count| count.packets,
        ahead: AHEAD,
        mirror: "retransmittedPacketsReceived",
        behind: None,
    },
];

const RECEIVED: [Counter; 5] = [
    Counter {
        claim: "stat/inbound-rtp.packetsReceived",
        field: "packetsReceived",
        of: |count| count.packets,
        ahead: AHEAD,
        mirror: "packetsSent",
        behind: Some(BEHIND),
    },
    Counter {
        claim: "stat/inbound-rtp.bytesReceived",
        field: "bytesReceived",
        of: |count| count.whole,
        ahead: AHEAD_BYTES,
        mirror: "bytesSent",
        behind: None,
    },
    Counter {
        claim: "stat/inbound-rtp.framesReceived",
        field: "framesReceived",
        of: |count| count.frames,
        ahead: AHEAD,
        mirror: "framesSent",
        behind: None,
    },
    Counter {
        claim: "stat/inbound-rtp.framesDecoded",
        field: "framesDecoded",
        of: |count| count.frames,
        ahead: AHEAD,
        mirror: "framesSent",
        behind: None,
    },
    Counter {
        claim: "stat/inbound-rtp.retransmittedPacketsReceived",
        field: "retransmittedPacketsReceived",
        of: |count| count.packets,
        ahead: AHEAD,
        mirror: "retransmittedPacketsSent",
        behind: None,
    },
];

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    others: &[Reading<'_>],
    seen: Option<&Seen>,
    found: &mut Vec<Contradiction>,
) {
    if let Some(seen) = seen {
        let (sent, received) = (seen.sent(reading), seen.received(reading));
        // Of several streams of a track a receiver may know only some.
        let simulcast =
            session.views.values().any(|view| view.local.iter().any(|at| at.is.sdp.contains("a=simulcast")));
        let must_arrive = !seen.faulted && !simulcast;
        for (kind, flow, counters, must) in
            [("outbound-rtp", sent, &SENT[..], true), ("inbound-rtp", received, &RECEIVED[..], must_arrive)]
        {
            let Some(flow) = flow else { continue };
            for stat in reading.of_kind(kind) {
                for counter in counters {
                    one((peer, must), (reading, others), &stat, flow, counter, found);
                }
            }
        }
    }
    let is_over = session.ended_us(&peer.name).is_some_and(|ended| ended <= reading.answered_us);
    let held_back = seen.and_then(|seen| seen.sent(reading)).is_some_and(|flow| flow.held_back);
    let is_lossless = session.reports_all(peer) && session.disturbed().is_empty();
    for stat in reading.stats() {
        within_itself(reading, &stat, held_back, is_over, found);
        if is_lossless {
            decoded(reading, &stat, found);
        }
    }
    codecs(session, peer, reading, found);
}

fn one(
    (peer, must): (&CasePeer, bool),
    (reading, others): (&Reading<'_>, &[Reading<'_>]),
    stat: &Stat<'_>,
    flow: &Flow,
    counter: &Counter,
    found: &mut Vec<Contradiction>,
) {
    let Some(claimed) = stat.number(counter.field) else { return };
    let Some(ssrc) = ssrc_of(stat, "ssrc") else { return };
    // What went again in a stream of its own (RFC 4588) counts here too: in any that no other dictionary is about.
    let others_own: BTreeSet<u32> = reading
        .of_kind(stat.kind)
        .flat_map(|it| [ssrc_of(&it, "ssrc"), ssrc_of(&it, "rtxSsrc")])
        .flatten()
        .filter(|other| *other != ssrc && Some(*other) != ssrc_of(stat, "rtxSsrc"))
        .collect();
    let least = flow.streams.get(&ssrc).map_or(0, |span| (counter.of)(span.least));
    let counted = flow.streams.iter().filter(|(of, _)| !others_own.contains(of));
    let most: u64 = counted.map(|(_, span)| (counter.of)(span.most)).sum();
    let says = |value: f64| format!("{} {value} of SSRC {ssrc}", counter.field);
    let ahead = if flow.held_back && counter.field == "framesSent" { HELD_BACK } else { counter.ahead };
    if claimed > most as f64 * flow.factor + ahead {
        let seen = format!("no more than {most} were on the wire by then");
        let contradiction = reading.contradicts(counter.claim, Layer::Media, says(claimed), seen, None);
        // The other side reports as much: then the capture lacks it.
        let mirrored = reading.by_then(others).flat_map(Reading::stats).any(|it| {
            ssrc_of(&it, "ssrc") == Some(ssrc)
                && it.number(counter.mirror).is_some_and(|value| value > most as f64 + counter.ahead)
        });
        found.push(if mirrored { contradiction.of_the_recording() } else { contradiction });
    }
    // What an adapter counts may be less than what its implementation does.
    let counts = peer.runs == Runs::Driven || claimed > 0.0;
    if let Some(behind) = counter.behind.filter(|_| must && counts && !peer.is_translated())
        && least as f64 > behind
        && claimed < least as f64 * COUNTED - AHEAD
    {
        let seen = format!("{least} had been on the wire before it was asked");
        found.push(reading.contradicts(counter.claim, Layer::Media, says(claimed), seen, None).of_less());
    }
}

/// An SSRC; zero stands for none.
fn ssrc_of(stat: &Stat<'_>, field: &str) -> Option<u32> {
    let number = stat.fields.get(field)?.as_u64()?;
    u32::try_from(number).ok().filter(|ssrc| *ssrc != 0)
}

/// Counters of one stream that cannot exceed each other, but for the frames that one has counted already. Where the transport is over, Firefox
/// goes on to count frames that no packet carries.
fn within_itself(
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    held_back: bool,
    is_over: bool,
    found: &mut Vec<Contradiction>,
) {
    const PAIRS: [(&str, &str, &str, &str, f64); 4] = [
        ("inbound-rtp", "stat/inbound-rtp.keyFramesDecoded", "keyFramesDecoded", "framesDecoded", 1.0),
        ("inbound-rtp", "stat/inbound-rtp.framesReceived", "framesReceived", "packetsReceived", 2.0),
        ("outbound-rtp", "stat/outbound-rtp.keyFramesEncoded", "keyFramesEncoded", "framesEncoded", 1.0),
        ("outbound-rtp", "stat/outbound-rtp.framesSent", "framesSent", "packetsSent", 2.0),
    ];
    for (kind, claim, less, more, ahead) in PAIRS {
        if is_over && less == "framesSent" {
            continue;
        }
        // What was lost and came in a stream of its own (RFC 4588) is a packet of that stream for some, which is still lost here.
        let repaired = if less == "framesReceived" { stat.number("packetsLost").unwrap_or(0.0) } else { 0.0 };
        let ahead = if held_back && less == "framesSent" { HELD_BACK } else { ahead + repaired.max(0.0) };
        let (Some(a), Some(b)) = (stat.number(less), stat.number(more)) else { continue };
        if stat.kind == kind && a > b + ahead {
            let seen = format!("its {more} is {b}");
            found.push(reading.contradicts(
                claim,
                Layer::Media,
                format!("{less} {a} of a stream"),
                seen,
                None,
            ));
        }
    }
}

/// What is decoded was received. Where packets are lost, browsers count frames that came late in one of the two only.
fn decoded(reading: &Reading<'_>, stat: &Stat<'_>, found: &mut Vec<Contradiction>) {
    let (Some(decoded), Some(received)) = (stat.number("framesDecoded"), stat.number("framesReceived"))
    else {
        return;
    };
    if stat.kind == "inbound-rtp" && decoded > received + AHEAD {
        let claimed = format!("framesDecoded {decoded} of a stream");
        let seen = format!("its framesReceived is {received}");
        let claim = "stat/inbound-rtp.framesDecoded";
        found.push(reading.contradicts(claim, Layer::Media, claimed, seen, None));
    }
}

/// A codec has the payload type, name and clock rate of an `rtpmap` in a description of either side (RFC 8866 §6.6).
fn codecs(session: &Session<'_>, peer: &CasePeer, reading: &Reading<'_>, found: &mut Vec<Contradiction>) {
    let mut known: BTreeSet<Map> = BTreeSet::new();
    let mut formats: BTreeMap<u8, BTreeSet<String>> = BTreeMap::new();
    let mut is_described = false;
    for (_, view) in session.peers() {
        for at in view.local.iter().chain(&view.remote) {
            is_described = true;
            let sdp = SessionDescription::parse(at.is.sdp.as_str());
            for section in sdp.media() {
                let maps = section.named("rtpmap").filter_map(|line| rtpmap(line.value?));
                known.extend(maps);
                for fmtp in section.every::<Fmtp>() {
                    if let Some(number) = fmtp.payload_type() {
                        formats.entry(number).or_default().extend(parameters(&fmtp.parameters));
                    }
                }
            }
        }
    }
    if !is_described {
        return;
    }
    // Those in use: some implementations list all that they have.
    let used: BTreeSet<&str> = reading.stats().filter_map(|stat| stat.text("codecId")).collect();
    for stat in reading.of_kind("codec").filter(|stat| stat.text("id").is_some_and(|id| used.contains(id))) {
        let (Some(payload_type), Some(mime)) = (stat.number("payloadType"), stat.text("mimeType")) else {
            continue;
        };
        let name = mime.rsplit('/').next().unwrap_or(mime).to_ascii_lowercase();
        let rate = stat.number("clockRate");
        let fits = |(number, known, of, _): &Map| {
            *number as f64 == payload_type && *known == name && rate.is_none_or(|rate| rate == *of as f64)
        };
        // Static payload types need no rtpmap (RFC 3551 §6).
        if payload_type >= 35.0 && !known.iter().any(fits) {
            let claimed = format!("a codec {mime} with the payload type {payload_type}");
            let seen = "no description maps that payload type so".to_owned();
            found.push(reading.contradicts("stat/codec.payloadType", Layer::Media, claimed, seen, None));
        }
        format(session.reports_all(peer), reading, &stat, &formats, found);
        // Of a video there are none, and some say so.
        let of: BTreeSet<u64> = known.iter().filter(|it| fits(it)).map(|(.., channels)| *channels).collect();
        let channels = stat.number("channels").filter(|it| *it != 0.0 && session.reports_all(peer));
        if let Some(says) = channels.filter(|says| !of.is_empty() && !of.iter().any(|it| *it as f64 == *says))
        {
            let is: Vec<String> = of.iter().map(u64::to_string).collect();
            let claimed = format!("a codec {mime} of {says} channels");
            let seen = format!("the descriptions have {}", is.join(" or "));
            found.push(reading.contradicts("stat/codec.channels", Layer::Media, claimed, seen, None));
        }
    }
}

/// The parameters of a codec are of an `fmtp` in a description of either side (RFC 8866 §6.15): all by their names, and some with the same values,
/// as implementations write others for what they do not support.
fn format(
    reports_all: bool,
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    formats: &BTreeMap<u8, BTreeSet<String>>,
    found: &mut Vec<Contradiction>,
) {
    let (Some(line), Some(number)) =
        (stat.text("sdpFmtpLine").filter(|_| reports_all), stat.fields.get("payloadType"))
    else {
        return;
    };
    let name = |parameter: &str| parameter.split('=').next().unwrap_or_default().to_owned();
    let number_of = number.as_u64().and_then(|number| u8::try_from(number).ok());
    let none = BTreeSet::new();
    let known = number_of.and_then(|number| formats.get(&number)).unwrap_or(&none);
    let says: Vec<String> = parameters(line).collect();
    let stranger = says.iter().find(|it| !known.iter().any(|known| name(known) == name(it)));
    let seen = match stranger {
        Some(stranger) => format!("no fmtp of that payload type has {}", name(stranger)),
        None if says.iter().any(|it| known.contains(it)) => return,
        None => "no fmtp of that payload type has any of these values".to_owned(),
    };
    let claimed = format!("sdpFmtpLine {line:?} of the payload type {number}");
    found.push(reading.contradicts("stat/codec.sdpFmtpLine", Layer::Media, claimed, seen, None));
}

/// What stands between the semicolons of a value of `a=fmtp`, without regard to case.
fn parameters(value: &str) -> impl Iterator<Item = String> + '_ {
    value.split(';').map(|it| it.trim().to_ascii_lowercase()).filter(|it| !it.is_empty())
}

/// Payload type, encoding, clock rate and channels, of which there is one if none are given.
type Map = (u64, String, u64, u64);

/// What the value of an `a=rtpmap` has.
fn rtpmap(value: &str) -> Option<Map> {
    let (number, encoding) = value.split_once(' ')?;
    let mut words = encoding.trim().split('/');
    let name = words.next()?.to_ascii_lowercase();
    let rate = words.next()?.parse().ok()?;
    Some((number.parse().ok()?, name, rate, words.next().and_then(|it| it.parse().ok()).unwrap_or(1)))
}
