//! Tracks: each has a section of the other side that sends, each such section has a track, and what mutes or ends one has a cause.

use super::super::observed::{PATIENCE_US, against};
use super::super::{Contradiction, Fault};
use super::packets::Streams;
use super::{At, Described};
use crate::api::is_rollback;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{MediaKind, PeerEvent};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::timeline::{Answer, What};
use std::collections::BTreeMap;

const TRACK: (&str, Layer) = ("event/track", Layer::Media);
const MUTE: (&str, Layer) = ("event/trackmute.id", Layer::Media);
const UNMUTE: (&str, Layer) = ("event/trackunmute.id", Layer::Media);
const ENDED: (&str, Layer) = ("event/trackended.id", Layer::Media);

/// Commands after which a track may be muted or ended, at either side.
const STOPS: [&str; 6] =
    ["removeTrack", "replaceTrack", "setDirection", "stopTransceiver", "close", "setConfiguration"];

impl At<'_, '_> {
    fn say(
        &self,
        claim: (&'static str, Layer),
        at: (u64, u64),
        claimed: String,
        seen: impl Into<String>,
    ) -> Contradiction {
        let (n, t_us) = at;
        against(&self.peer.name, claim, t_us, claimed, seen, [Place::Entry(n)])
    }

    pub(super) fn tracks(&self, found: &mut Vec<Contradiction>) {
        self.sections_of_tracks(found);
        self.never_announced(found);
        self.muted(found);
    }

    /// The sections with that MID, in every description of the other side.
    fn sections_of<'b>(&'b self, mid: &'b str) -> impl Iterator<Item = &'b Described> {
        self.sections.iter().filter(move |it| it.mid.as_deref() == Some(mid))
    }

    fn sections_of_tracks(&self, found: &mut Vec<Contradiction>) {
        let mut before: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for at in &self.view.tracks {
            let track = &at.is;
            let what = format!("{} reports a track of {}", self.peer.name, track.kind);
            let place = (at.n, at.t_us);
            let Some(mid) = &track.mid else { continue };
            if let Some(earlier) = before.insert((mid, &track.id), at.n)
                && !self.was_described_between(earlier, at.n)
            {
                let seen = format!("it had reported the track of section {mid} before");
                found.push(self.say(TRACK, place, what, seen));
                return;
            }
            if self.sections.is_empty() {
                continue;
            }
            let claimed = format!("{what} in section {mid}");
            let mut same = self.sections_of(mid).peekable();
            if same.peek().is_none() {
                let seen = "no description of the other side has that section";
                found.push(self.say(("event/track.mid", Layer::Media), place, claimed, seen));
            } else if self.sections_of(mid).all(|it| it.kind != track.kind.as_str()) {
                let kind = same.next().map_or("", |it| it.kind.as_str());
                let seen = format!("that section is of {kind}");
                found.push(self.say(("event/track.kind", Layer::Media), place, claimed, seen));
            } else if !self.sections_of(mid).any(|it| it.sends) {
                let seen = "the other side never sends in that section";
                found.push(self.say(TRACK, place, claimed, seen));
            } else {
                let mut streams = track.streams.clone();
                streams.sort_unstable();
                streams.dedup();
                // Without a=msid the track belongs to a stream of the receiver's choice (RFC 9429 §5.10).
                let is_same = |it: &Described| it.sends && (it.streams.is_empty() || it.streams == streams);
                if !self.peer.is_translated() && !self.sections_of(mid).any(is_same) {
                    let claimed = format!("{claimed} that belongs to {} streams", streams.len());
                    let seen = "the section has other a=msid lines";
                    found.push(self.say(("event/track.streams", Layer::Media), place, claimed, seen));
                }
            }
        }
    }

    /// Whether a description was set between two entries, so that a track may come again.
    fn was_described_between(&self, from: u64, to: u64) -> bool {
        self.session.record.timeline.iter().any(|entry| {
            (from..to).contains(&entry.n)
                && match &entry.what {
                    What::Command { peer, name, .. } => {
                        peer == &self.peer.name && name.ends_with("Description")
                    }
                    What::Event { peer, event: PeerEvent::Acted { .. }, .. } => peer == &self.peer.name,
                    _ => false,
                }
        })
    }

    /// The tracks of a description are there when the operation that sets it is done (webrtc-pc §4.4.1.5).
    fn never_announced(&self, found: &mut Vec<Contradiction>) {
        if !self.session.reports_all(self.peer) || self.peer.never_reports("track", "") {
            return;
        }
        for asked in self.session.asked(&self.peer.name) {
            let (Some((answer, Answer::Ok(_))), "setRemoteDescription") = (asked.answer, asked.name) else {
                continue;
            };
            let sends = |it: &&Described| {
                it.n == answer.n
                    && it.sends
                    && !it.is_rejected
                    && ["audio", "video"].contains(&it.kind.as_str())
            };
            for section in self.sections.iter().filter(sends) {
                let Some(mid) = &section.mid else { continue };
                let is_there = self.view.tracks.iter().any(|it| it.is.mid.as_ref() == Some(mid));
                // It was heard since, so its event would have come.
                let was_heard = self.session.events(&self.peer.name).any(|(entry, _)| entry.n > answer.n);
                if !is_there && was_heard {
                    let claimed = format!("{} answers that setRemoteDescription was done", self.peer.name);
                    let seen = format!("it never reports the track of section {mid}");
                    found.push(self.say(TRACK, (answer.n, answer.t_us), claimed, seen));
                    return;
                }
            }
        }
    }

    /// `mute`, `unmute` and `ended`.
    fn muted(&self, found: &mut Vec<Contradiction>) {
        let mut last: BTreeMap<&str, bool> = BTreeMap::new();
        for (entry, event) in self.session.events(&self.peer.name) {
            let (claim, id, muted, what) = match event {
                PeerEvent::TrackMute { id } => (MUTE, id, Some(true), "muted"),
                PeerEvent::TrackUnmute { id } => (UNMUTE, id, Some(false), "unmuted"),
                PeerEvent::TrackEnded { id } => (ENDED, id, None, "ended"),
                _ => continue,
            };
            let place = (entry.n, entry.t_us);
            let claimed = format!("{} reports that the track {id} is {what}", self.peer.name);
            let track = self.view.tracks.iter().find(|it| it.n < entry.n && &it.is.id == id);
            let Some(track) = track else {
                if !self.is_local(id) {
                    found.push(self.say(claim, place, claimed, "it has no such track"));
                    return;
                }
                continue;
            };
            let kind = track.is.kind;
            if let Some(muted) = muted
                && last.insert(id, muted) == Some(muted)
            {
                found.push(self.say(claim, place, claimed, "it had reported the same before"));
                return;
            }
            match muted {
                Some(false) => found.extend(self.unmuted(kind, place, claimed)),
                Some(true) => found.extend(self.muted_while_it_comes(kind, place, claimed)),
                None if !self.was_stopped(entry.n)
                    && !self.was_rolled_back(entry.n)
                    && !self.sections.iter().any(|it| it.is_rejected || !it.sends)
                    && !self.rejects(track.is.mid.as_deref()) =>
                {
                    found.push(self.say(claim, place, claimed, "nothing ended it"));
                }
                None => {}
            }
        }
    }

    /// Whether a description of its own rejects the section of a track, which stops the transceiver (webrtc-pc §4.4.1.5).
    fn rejects(&self, mid: Option<&str>) -> bool {
        self.view.local.iter().any(|at| {
            let sdp = SessionDescription::parse(at.is.sdp.as_str());
            sdp.media().any(|it| it.is_rejected() && it.mid().as_deref() == mid)
        })
    }

    /// Whether a remote description was rolled back before, which ends the tracks that came with it (webrtc-pc §4.4.1.5).
    fn was_rolled_back(&self, n: u64) -> bool {
        self.session.asked(&self.peer.name).iter().any(|it| it.entry.n < n && is_rollback(it.args))
    }

    /// Whether a track is one of the peer's own.
    fn is_local(&self, id: &str) -> bool {
        let made = ["createSource", "getUserMedia"];
        let has = |value: &serde_json::Value| {
            let tracks = value.get("tracks").and_then(serde_json::Value::as_array);
            tracks
                .into_iter()
                .flatten()
                .any(|it| it.get("id").and_then(serde_json::Value::as_str) == Some(id))
        };
        let asked = self.session.asked(&self.peer.name);
        asked.into_iter().any(|it| made.contains(&it.name) && it.result().is_some_and(has))
    }

    /// Whether a command before an entry stops a track.
    fn was_stopped(&self, n: u64) -> bool {
        self.session.record.timeline.iter().take_while(|entry| entry.n < n).any(|entry| match &entry.what {
            What::Command { name, .. } => STOPS.contains(&name.as_str()),
            What::Event { event, .. } => matches!(event, PeerEvent::Acted { .. } | PeerEvent::Lost { .. }),
            _ => false,
        })
    }

    /// `unmute` says that the first packet came.
    fn unmuted(&self, kind: MediaKind, at: (u64, u64), claimed: String) -> Option<Contradiction> {
        let streams = Streams::of(self, kind)?;
        if self.peer.is_translated() {
            return None;
        }
        let (error, from_us) = (streams.error_us, streams.first_us());
        match from_us {
            // Its payload type may have been rewritten on the way to the sender.
            None if streams.has_unknown => None,
            None => {
                let mut none = self.say(UNMUTE, at, claimed, format!("no RTP of {kind} came"));
                // The other side may have sent what the recording lacks.
                if streams.may_have_been_sent {
                    none.fault = Fault::Recording;
                    none.claim = "";
                }
                Some(none)
            }
            Some(first) => {
                let stalled = self.session.stalled(at.1, first);
                let is_early = first
                    > at.1.saturating_add(error).saturating_add(stalled).saturating_add(PATIENCE_US / 10);
                let ms = first.saturating_sub(at.1) / 1_000;
                is_early.then(|| {
                    self.say(UNMUTE, at, claimed, format!("the first RTP of {kind} came {ms} ms later"))
                })
            }
        }
    }

    fn muted_while_it_comes(
        &self,
        kind: MediaKind,
        at: (u64, u64),
        claimed: String,
    ) -> Option<Contradiction> {
        let streams = Streams::of(self, kind)?;
        let t_us = at.1;
        let stopped = self.was_stopped(at.0) || self.sections.iter().any(|it| it.is_rejected || !it.sends);
        // Implementations mute a track after some silence.
        let before = streams.any_within(t_us.saturating_sub(PATIENCE_US / 2), t_us);
        let after = streams.any_within(t_us, t_us.saturating_add(PATIENCE_US));
        (before && after && !stopped && !self.peer.is_translated())
            .then(|| self.say(MUTE, at, claimed, format!("RTP of {kind} goes on to come")))
    }
}
