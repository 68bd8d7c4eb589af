//! What was seen and heard against what came and what was sent.

use super::super::observed::{against, lacks};
use super::super::{Contradiction, Fault, Session};
use super::At;
use super::packets::Streams;
use crate::api::view::MediaSample;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{MediaKind, PeerEvent};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const ID: (&str, Layer) = ("event/mediaseen.id", Layer::Media);
const KIND: (&str, Layer) = ("event/mediaseen.kind", Layer::Media);
const FRAMES: (&str, Layer) = ("event/mediaseen.frames", Layer::Media);
const WIDTH: (&str, Layer) = ("event/mediaseen.width", Layer::Media);
const NUMBER: (&str, Layer) = ("event/mediaseen.number", Layer::Media);
const TONE: (&str, Layer) = ("event/mediaseen.toneHz", Layer::Media);

/// Numbers count up to here and begin again (docs/media.md).
const NUMBERS: f64 = 65_536.0;
/// Frames by which a number may be older than the counter beside it: the picture was read at some time since the report before, 250 ms earlier, and
/// frames counted since; at 30 frames a second those are eight.
const LAG: u64 = 8;
/// How far off a tone may be in hertz: peers measure it within five. A choice of ours.
const TONE_WITHIN: u32 = 40;

/// A source of the other side.
struct Source {
    /// When the command was given, in microseconds.
    t_us: u64,
    frame_rate: f64,
    size: (u32, u32),
    tone_hz: u32,
}

fn sources(session: &Session<'_>, name: &str, kind: MediaKind) -> Vec<Source> {
    let asked = session.asked(name).into_iter();
    let made = asked.filter(|it| {
        it.name == "createSource" && it.args.get("kind").and_then(Value::as_str) == Some(kind.as_str())
    });
    made.map(|it| {
        let number = |name: &str, default: u32| {
            let given = it.args.get(name).and_then(Value::as_u64);
            given.and_then(|given| u32::try_from(given).ok()).unwrap_or(default)
        };
        let rate = it.args.get("frameRate").and_then(Value::as_f64).unwrap_or(15.0);
        Source {
            t_us: it.entry.t_us,
            frame_rate: rate,
            size: (number("width", 320), number("height", 240)),
            tone_hz: number("toneHz", 440),
        }
    })
    .collect()
}

/// The most frames that a source of that age can have painted. The timer of a page has whole milliseconds, so that it may be faster than
/// its rate.
fn most_frames(age_us: u64, frame_rate: f64) -> f64 {
    let frame_us = ((1e3 / frame_rate).floor() * 1e3).max(1e3);
    age_us as f64 / frame_us + 2.0
}

impl At<'_, '_> {
    fn saw(
        &self,
        claim: (&'static str, Layer),
        at: &crate::api::At<MediaSample>,
        claimed: String,
        seen: String,
    ) -> Contradiction {
        against(&self.peer.name, claim, at.t_us, claimed, seen, [Place::Entry(at.n)])
    }

    pub(super) fn seen(&self, found: &mut Vec<Contradiction>) {
        if self.view.media_samples.is_empty() {
            return;
        }
        if !self.known(found) {
            return;
        }
        self.without_unmute(found);
        for kind in [MediaKind::Audio, MediaKind::Video] {
            let samples: Vec<_> = self.view.media_samples.iter().filter(|at| at.is.kind == kind).collect();
            if samples.is_empty() {
                continue;
            }
            let before = found.len();
            if let Some(streams) = Streams::of(self, kind) {
                self.came(kind, &samples, &streams, found);
            }
            if found.len() == before {
                self.backwards(&samples, found);
                self.as_sent(kind, &samples, found);
            }
        }
    }

    /// Each report is of a track that the peer has, of its kind, and was asked to watch.
    fn known(&self, found: &mut Vec<Contradiction>) -> bool {
        let mut tracks: BTreeMap<&str, (u64, MediaKind)> = BTreeMap::new();
        for at in &self.view.tracks {
            tracks.entry(&at.is.id).or_insert((at.n, at.is.kind));
        }
        let watched = self.watched();
        for at in &self.view.media_samples {
            let id = at.is.track.as_str();
            let track = tracks.get(id).filter(|(n, _)| *n < at.n);
            let is_watched = watched.get(id).is_some_and(|(n, _)| *n < at.n);
            let seen = match track {
                None => Some((ID, "it never reported such a track".to_owned())),
                Some((_, kind)) if *kind != at.is.kind => Some((KIND, format!("the track is of {kind}"))),
                Some(_) if !is_watched => Some((ID, "it was not asked to watch that track".to_owned())),
                Some(_) => None,
            };
            if let Some((claim, seen)) = seen {
                let claimed = format!("{} reports that it recognised {}", self.peer.name, at.is.kind);
                found.push(self.saw(claim, at, claimed, seen));
                return false;
            }
        }
        true
    }

    /// What is seen of a track came, so it is not muted any more, and the peer is connected.
    fn without_unmute(&self, found: &mut Vec<Contradiction>) {
        if !self.session.reports_all(self.peer) || self.peer.never_reports("trackunmute", "") {
            return;
        }
        let unmuted: BTreeSet<&str> = self
            .session
            .events(&self.peer.name)
            .filter_map(|(_, event)| match event {
                PeerEvent::TrackUnmute { id } => Some(id.as_str()),
                _ => None,
            })
            .collect();
        let missing = self
            .view
            .media_samples
            .iter()
            .find(|at| at.is.frames > 0 && !unmuted.contains(at.is.track.as_str()));
        if let Some(at) = missing {
            let claimed = format!("{} reports that it recognised {}", self.peer.name, at.is.kind);
            let seen = "it never reports that the track was unmuted".to_owned();
            found.push(self.saw(("event/trackunmute.id", Layer::Media), at, claimed, seen));
        }
    }

    /// The tracks that the peer was asked to watch: the entry of the first command, and how many there are.
    fn watched(&self) -> BTreeMap<&str, (u64, usize)> {
        let mut watched: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
        for it in self.session.asked(&self.peer.name).into_iter().filter(|it| it.name == "watch") {
            if let Some(id) = it.args.get("track").and_then(Value::as_str) {
                watched.entry(id).or_insert((it.entry.n, 0)).1 += 1;
            }
        }
        watched
    }

    /// What is recognised came in RTP.
    fn came(
        &self,
        kind: MediaKind,
        samples: &[&crate::api::At<MediaSample>],
        streams: &Streams,
        found: &mut Vec<Contradiction>,
    ) {
        let Some(first) = samples.iter().find(|at| at.is.frames > 0) else { return };
        let claimed = format!("{} reports that it recognised {kind}", self.peer.name);
        if streams.is_empty() && streams.has_unknown {
            return;
        }
        if streams.is_empty() {
            let seen = format!("no RTP of {kind} came");
            found.push(if streams.may_have_been_sent {
                lacks(Layer::Media, first.t_us, claimed, seen, [Place::Entry(first.n)])
            } else {
                self.saw(FRAMES, first, claimed, seen)
            });
            return;
        }
        // By then, as far as the clock of the peer and the machine leave that open.
        let came_by = |t_us: u64| {
            let late = self.session.stalled(t_us, t_us).saturating_add(streams.error_us);
            streams.frames_by(t_us.saturating_add(late))
        };
        let most_by = |t_us: u64| match kind {
            MediaKind::Video => came_by(t_us) as u64 + 1,
            // A packet of audio is up to three blocks of 20 ms here (RFC 7587 §4.2), and what is stretched counts as well.
            MediaKind::Audio => 3 * came_by(t_us) as u64 + 50,
        };
        if let Some(at) = samples
            .iter()
            .find(|at| at.is.frames > most_by(at.t_us))
            .filter(|at| streams.is_counted() && streams.reaches(at.t_us))
        {
            let claimed = format!("{} reports {} frames of {kind}", self.peer.name, at.is.frames);
            let seen = format!("RTP of {} had come by then", came_by(at.t_us));
            found.push(self.saw(FRAMES, at, claimed, seen));
            return;
        }
        let mut sized = samples.iter().filter_map(|at| Some((at, at.is.size?)));
        let wrong = sized.find(|(_, size)| !streams.sizes.contains(size));
        if let Some((at, (width, height))) = wrong.filter(|_| streams.is_all_vp8 && !streams.sizes.is_empty())
        {
            let claimed = format!("{} reports frames of {width} × {height} pixels", self.peer.name);
            let sizes: Vec<String> = streams.sizes.iter().map(|(w, h)| format!("{w} × {h}")).collect();
            let seen = format!("the key frames that came have {}", sizes.join(" or "));
            found.push(self.saw(WIDTH, at, claimed, seen));
        }
    }

    /// Counters and numbers only grow.
    fn backwards(&self, samples: &[&crate::api::At<MediaSample>], found: &mut Vec<Contradiction>) {
        let other = self.session.record.other(&self.peer.name);
        let is_steady = other.is_some_and(|other| {
            let replaced = self.session.did(other, "replaceTrack", u64::MAX);
            !replaced && sources(self.session, other, MediaKind::Video).len() == 1
        });
        // A receiver that is stopped and begun anew counts anew.
        const STOPS: [&str; 3] = ["removeTrack", "setDirection", "stopTransceiver"];
        let stops = self
            .session
            .record
            .file
            .peers
            .iter()
            .any(|peer| STOPS.iter().any(|command| self.session.did(&peer.name, command, u64::MAX)));
        let mut last: BTreeMap<&str, &MediaSample> = BTreeMap::new();
        let mut times: BTreeMap<&str, u64> = BTreeMap::new();
        let watched = self.watched();
        for at in samples {
            let is = &at.is;
            let Some(before) = last.insert(&is.track, is) else {
                times.insert(&is.track, at.t_us);
                continue;
            };
            if watched.get(is.track.as_str()).is_some_and(|(_, times)| *times > 1) {
                continue;
            }
            // Reports are 250 ms apart (docs/media.md).
            let since_us = at.t_us.saturating_sub(times.insert(&is.track, at.t_us).unwrap_or(0));
            if is == before && since_us < 1_000 {
                let claimed = format!("{} reports {} frames", self.peer.name, is.frames);
                let seen = "it had just reported the same".to_owned();
                found.push(self.saw(FRAMES, at, claimed, seen));
                return;
            }
            if is.frames < before.frames && stops {
                continue;
            }
            if is.frames < before.frames {
                let claimed = format!("{} reports {} frames", self.peer.name, is.frames);
                let seen = format!("it had reported {} before", before.frames);
                found.push(self.saw(FRAMES, at, claimed, seen));
                return;
            }
            let (Some(number), Some(earlier), true) = (is.number, before.number, is_steady) else { continue };
            let wraps = earlier > 60_000 && number < 5_000;
            let advanced = is.frames - before.frames;
            let claimed = || format!("{} reports frame {number}", self.peer.name);
            if number < earlier && !wraps {
                let seen = format!("it had seen frame {earlier} before");
                found.push(self.saw(NUMBER, at, claimed(), seen));
                return;
            }
            if !wraps && advanced > u64::from(number - earlier) + LAG {
                let seen = format!("it saw {advanced} frames since frame {earlier}");
                found.push(self.saw(NUMBER, at, claimed(), seen));
                return;
            }
        }
    }

    /// Only what the sources made can be recognised.
    fn as_sent(
        &self,
        kind: MediaKind,
        samples: &[&crate::api::At<MediaSample>],
        found: &mut Vec<Contradiction>,
    ) {
        let Some(other) = self.session.record.other(&self.peer.name) else { return };
        let sources = sources(self.session, other, kind);
        let has_camera = self.session.did(other, "getUserMedia", u64::MAX);
        if sources.is_empty() || has_camera {
            return;
        }
        let error_us = self.session.clock_error(&self.peer.name);
        for (n, at) in samples.iter().enumerate() {
            let is = &at.is;
            if let Some(number) = is.number {
                let most = sources.iter().map(|source| {
                    let age_us = at.t_us.saturating_add(error_us).saturating_sub(source.t_us);
                    most_frames(age_us, source.frame_rate)
                });
                let most = most.fold(0.0, f64::max);
                if most < NUMBERS && f64::from(number) > most {
                    let claimed = format!("{} reports frame {number}", self.peer.name);
                    let seen = format!("{other} cannot have sent more than frame {most:.0} by then");
                    found.push(self.saw(NUMBER, at, claimed, seen));
                    return;
                }
            }
            if let Some((width, height)) = is.size
                && sources.iter().all(|source| width > source.size.0 || height > source.size.1)
            {
                let claimed = format!("{} reports frames of {width} × {height} pixels", self.peer.name);
                found.push(self.saw(WIDTH, at, claimed, format!("the source of {other} is smaller")));
                return;
            }
            // A piece in which the tone begins or ends has others in it; two in a row do not.
            let is_false = |hz: u32| sources.iter().all(|source| hz.abs_diff(source.tone_hz) > TONE_WITHIN);
            let before = n.checked_sub(1).and_then(|n| samples.get(n)).and_then(|at| at.is.tone_hz);
            if let Some(hz) = is.tone_hz.filter(|hz| is_false(*hz) && before.is_some_and(is_false)) {
                let claimed = format!("{} reports a tone of {hz} Hz", self.peer.name);
                let tones: Vec<String> = sources.iter().map(|source| source.tone_hz.to_string()).collect();
                let seen = format!(
                    "{other} should play {} Hz, and the packets do not show which of the two is right",
                    tones.join(" or ")
                );
                let fault = Fault::Undecided;
                found.push(Contradiction { fault, ..self.saw(TONE, at, claimed, seen) });
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::most_frames;

    #[test]
    fn a_timer_of_whole_milliseconds_is_faster_than_its_rate() {
        // 66 ms instead of 66.7: seen of Chrome.
        assert!((238.0..242.0).contains(&most_frames(15_725_000, 15.0)));
        assert!((302.0..303.0).contains(&most_frames(3_000_000, 100.0)));
    }
}
