//! The RTP of one kind of media that came to a peer, or that the other side sent where its own tap is missing.

use super::At;
use crate::evidence::{Kind, Packet};
use peerproof_captures::event::MediaKind;
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::payload::{Format, rtx, vp8};
use peerproof_captures::wire::rtp;
use std::collections::{BTreeMap, BTreeSet};

/// What came of one kind of media.
pub(super) struct Streams {
    /// When each packet came, in microseconds, in order.
    times: Vec<u64>,
    /// Its frames or blocks: synchronisation source and timestamp.
    frames: BTreeSet<(u32, u32)>,
    /// When the first packet of each came, in microseconds, in order.
    begun: Vec<u64>,
    /// The sizes in the key frames of VP8 that could be read.
    pub(super) sizes: BTreeSet<(u32, u32)>,
    /// Whether all packets are of VP8, so that all key frames are among [`Self::sizes`].
    pub(super) is_all_vp8: bool,
    /// When the last packet of any kind was recorded, in microseconds.
    last_us: u64,
    /// By how much the times of the peer's events may be off, in microseconds.
    pub(super) error_us: u64,
    /// Whether the other side has something of that kind to send, and a track of it is known.
    pub(super) may_have_been_sent: bool,
    /// Whether some came of a payload type that no description has: they may be of that kind.
    pub(super) has_unknown: bool,
}

impl Streams {
    /// None where packets may be missing, and where some are of a payload type that stands for both kinds.
    pub(super) fn of(at: &At<'_, '_>, kind: MediaKind) -> Option<Self> {
        let session = at.session;
        let tap = session.tap(&at.peer.name);
        let other = session.record.other(&at.peer.name);
        let packets: Vec<&Packet> = match (tap, other.and_then(|other| session.tap(other))) {
            (Some(tap), _) => tap.received().collect(),
            (None, Some(tap)) => tap.sent().collect(),
            (None, None) => return None,
        };
        let Formats { own: formats, others, shared } = formats(at, kind);
        let is_of = |packet: &Packet, wanted: &dyn Fn(u8) -> bool| {
            let read = || rtp::view(&packet.bytes).ok().map(|seen| seen.header.payload_type());
            packet.class() == Class::Rtp && read().is_some_and(wanted)
        };
        // Of which kind they are, descriptions do not tell.
        if packets.iter().any(|packet| is_of(packet, &|it| shared.contains(&it))) {
            return None;
        }
        let made = |name: &str| {
            session.asked(name).iter().any(|it| {
                it.name == "getUserMedia"
                    || (it.name == "createSource"
                        && it.args.get("kind").and_then(serde_json::Value::as_str) == Some(kind.as_str()))
            })
        };
        let mut streams = Self {
            times: Vec::new(),
            frames: BTreeSet::new(),
            begun: Vec::new(),
            sizes: BTreeSet::new(),
            is_all_vp8: true,
            last_us: packets.iter().map(|packet| packet.t_us).max().unwrap_or(0),
            error_us: session.clock_error(&at.peer.name),
            may_have_been_sent: other.is_some_and(made),
            has_unknown: packets
                .iter()
                .any(|packet| is_of(packet, &|it| !formats.contains_key(&it) && !others.contains(&it))),
        };
        for packet in packets.into_iter().filter(|packet| packet.class() == Class::Rtp) {
            streams.take(packet, &formats);
        }
        streams.begun.sort_unstable();
        Some(streams)
    }

    fn take(&mut self, packet: &Packet, formats: &BTreeMap<u8, Option<Format>>) {
        let Ok(seen) = rtp::view(&packet.bytes) else { return };
        let Some(format) = formats.get(&seen.header.payload_type()) else { return };
        self.times.push(packet.t_us);
        if self.frames.len() < MOST_FRAMES
            && self.frames.insert((seen.header.ssrc.value, seen.header.timestamp.value))
        {
            self.begun.push(packet.t_us);
        }
        match format {
            // A key frame may come by a retransmission alone.
            Some(Format::Vp8 | Format::Rtx) => {
                for clear in packet.clear.iter().filter(|it| it.kind == Kind::Rtp) {
                    let Ok(opened) = rtp::view(&clear.bytes) else { continue };
                    let payload = opened.payload.value;
                    let payload = match format {
                        Some(Format::Rtx) => {
                            rtx::view(payload).map(|it| it.payload.value).unwrap_or_default()
                        }
                        _ => payload,
                    };
                    let Ok(payload) = vp8::view(payload) else { continue };
                    let size = payload.frame.and_then(|frame| frame.resolution);
                    self.sizes.extend(size.map(|(width, height)| (width.value.into(), height.value.into())));
                }
                self.is_all_vp8 &= !packet.clear.is_empty();
            }
            _ => self.is_all_vp8 = false,
        }
    }

    pub(super) fn first_us(&self) -> Option<u64> {
        self.times.first().copied()
    }

    /// Whether packets of any kind were recorded until then, within a second.
    pub(super) fn reaches(&self, t_us: u64) -> bool {
        self.last_us.saturating_add(1_000_000) >= t_us
    }

    pub(super) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// How many frames, or packets of audio, had begun to come by then.
    pub(super) fn frames_by(&self, t_us: u64) -> usize {
        self.begun.partition_point(|begun| *begun <= t_us)
    }

    pub(super) fn is_counted(&self) -> bool {
        self.frames.len() < MOST_FRAMES
    }

    pub(super) fn any_within(&self, from_us: u64, to_us: u64) -> bool {
        self.times.iter().any(|t_us| (from_us..=to_us).contains(t_us))
    }
}

/// Most frames that are counted.
const MOST_FRAMES: usize = 1 << 20;

/// Payload types.
struct Formats {
    /// Those of a kind of media alone, with their format.
    own: BTreeMap<u8, Option<Format>>,
    /// Those of the other kind.
    others: BTreeSet<u8>,
    /// Those of both.
    shared: BTreeSet<u8>,
}

/// The payload types of a kind of media in all descriptions.
fn formats(at: &At<'_, '_>, kind: MediaKind) -> Formats {
    let mut formats = BTreeMap::new();
    let mut others = BTreeSet::new();
    for description in at.view.remote.iter().chain(&at.view.local) {
        let sdp = SessionDescription::parse(description.is.sdp.as_str());
        for section in sdp.media() {
            let is_kind = section.lines().next().is_some_and(|line| {
                line.raw.strip_prefix("m=").is_some_and(|rest| rest.starts_with(kind.as_str()))
            });
            for (payload_type, codec) in section.codecs() {
                if is_kind {
                    formats.insert(payload_type, codec.format());
                } else {
                    others.insert(payload_type);
                }
            }
        }
    }
    let shared: BTreeSet<u8> = formats.keys().copied().filter(|it| others.contains(it)).collect();
    formats.retain(|payload_type, _| !shared.contains(payload_type));
    Formats { own: formats, others, shared }
}
