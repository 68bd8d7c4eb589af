//! Tracks and media: a track has a section, recognised frames have RTP, and only numbers that were sent are recognised.

mod packets;
mod seen;
#[cfg(test)]
mod tests;
mod tracks;

use super::observed::against;
use super::{Claim, Contradiction, Session};
use crate::api::PeerView;
use crate::case_file::CasePeer;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::MediaKind;
use peerproof_captures::sdp::SessionDescription;
use serde_json::Value;

const WITH_SECTION: &str = "the media sections of the descriptions of the other side";

pub(super) const CLAIMS: &[Claim] = &[
    Claim::checked(
        "event/track",
        Layer::Media,
        "the descriptions of the other side: each section that it sends has a track by the time that the description is set, once",
    ),
    Claim::checked("event/track.id", Layer::Media, "the other events of the track, which have the same"),
    Claim::checked("event/track.kind", Layer::Media, WITH_SECTION),
    Claim::checked("event/track.mid", Layer::Media, WITH_SECTION),
    Claim::checked("event/track.streams", Layer::Media, "the a=msid lines of its section"),
    Claim::checked(
        "event/trackmute.id",
        Layer::Media,
        "the tracks of the peer, and RTP that goes on to come though nothing stopped it",
    ),
    Claim::checked(
        "event/trackunmute.id",
        Layer::Media,
        "the tracks of the peer, and RTP of its kind that came before",
    ),
    Claim::checked("event/trackended.id", Layer::Media, "the commands and descriptions that end a track"),
    Claim::checked("event/mediaseen.id", Layer::Media, "the tracks of the peer, and the command to watch"),
    Claim::checked("event/mediaseen.kind", Layer::Media, "the kind of the track"),
    Claim::checked(
        "event/mediaseen.frames",
        Layer::Media,
        "the RTP that came: as many frames and no more; the numbers that were read; the reports before",
    ),
    Claim::checked(
        "event/mediaseen.width",
        Layer::Media,
        "the size in the key frames that came, and of the source",
    ),
    Claim::checked(
        "event/mediaseen.height",
        Layer::Media,
        "the size in the key frames that came, and of the source",
    ),
    Claim::checked(
        "event/mediaseen.number",
        Layer::Media,
        "the frame rate of the source and its age: no number that it has not reached; the reports before",
    ),
    Claim::checked("event/mediaseen.toneHz", Layer::Media, "the tones of the sources of the other side"),
];

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    for (peer, view) in session.peers() {
        if session.has_one_connection(&peer.name) {
            let at = At { session, peer, view, sections: sections(view) };
            at.tracks(found);
            at.seen(found);
            at.enlarged(found);
        }
    }
}

/// The sender of the video for whose size a peer waited, with the sizes in its key frames, if all could be read and none has that size.
pub(super) fn never_sent<'a>(
    session: &Session<'a>,
    name: &str,
    (width, height): (Option<u32>, Option<u32>),
) -> Option<(&'a str, String)> {
    if width.is_none() && height.is_none() {
        return None;
    }
    let (peer, view) = session.peers().find(|(peer, _)| peer.name == name)?;
    let at = At { session, peer, view, sections: sections(view) };
    let streams = packets::Streams::of(&at, MediaKind::Video)?;
    let fits = |(w, h): &(u32, u32)| width.is_none_or(|it| it == *w) && height.is_none_or(|it| it == *h);
    if !streams.is_all_vp8 || streams.sizes.is_empty() || streams.sizes.iter().any(fits) {
        return None;
    }
    let sizes: Vec<String> = streams.sizes.iter().take(5).map(|(w, h)| format!("{w} × {h}")).collect();
    Some((session.record.other(name)?, sizes.join(", ")))
}

impl At<'_, '_> {
    /// No encoder makes frames larger than those of its camera: their size is the one that `getUserMedia` answered with, or less.
    fn enlarged(&self, found: &mut Vec<Contradiction>) {
        let Some(other) = self.session.record.other(&self.peer.name) else { return };
        let mut most: Option<(u64, u64, (u64, u64))> = None;
        for asked in self.session.asked(other) {
            let (Some(value), Some(answer)) = (asked.result(), asked.answered()) else { continue };
            match asked.name {
                // Sources of ours, and constraints that change, are compared by themselves.
                "createSource" | "applyConstraints" => return,
                "getUserMedia" => {}
                _ => continue,
            }
            for track in value.get("tracks").and_then(Value::as_array).into_iter().flatten() {
                let of = |name: &str| track.get("settings")?.get(name)?.as_u64();
                let Some(size) = of("width").zip(of("height")) else { continue };
                let area = |(width, height): (u64, u64)| width.saturating_mul(height);
                if most.is_none_or(|(.., known)| area(known) < area(size)) {
                    most = Some((answer.n, answer.t_us, size));
                }
            }
        }
        let Some((n, t_us, (width, height))) = most else { return };
        let Some(streams) = packets::Streams::of(self, MediaKind::Video) else { return };
        let area = width.saturating_mul(height);
        let larger = streams.sizes.iter().find(|(w, h)| u64::from(*w) * u64::from(*h) > area);
        if let Some((w, h)) = larger {
            let claimed = format!("{other} answered getUserMedia with {width} × {height} pixels");
            let seen = format!("its key frames have {w} × {h}");
            let claim = ("answer/getUserMedia", Layer::Media);
            found.push(against(other, claim, t_us, claimed, seen, [Place::Entry(n)]));
        }
    }
}

/// A peer that receives media.
struct At<'a, 'b> {
    session: &'b Session<'a>,
    peer: &'a CasePeer,
    view: &'a PeerView,
    sections: Vec<Described>,
}

/// A media section of a description of the other side.
struct Described {
    /// The entry of the timeline by which the description is known.
    n: u64,
    mid: Option<String>,
    kind: String,
    /// Whether the other side sends.
    sends: bool,
    is_rejected: bool,
    /// The stream identifiers of its `a=msid` lines, sorted.
    streams: Vec<String>,
}

fn sections(view: &PeerView) -> Vec<Described> {
    let mut all = Vec::new();
    for at in &view.remote {
        let sdp = SessionDescription::parse(at.is.sdp.as_str());
        for section in sdp.media() {
            let mut streams: Vec<String> = section
                .attributes()
                .filter(|it| it.name == "msid")
                .filter_map(|it| Some(it.value?.split_ascii_whitespace().next()?.to_owned()))
                .filter(|id| id != "-")
                .collect();
            streams.sort_unstable();
            streams.dedup();
            let line = section.lines().next().map(|line| line.raw.to_owned()).unwrap_or_default();
            let kind = line.trim_start_matches("m=").split(' ').next().unwrap_or_default().to_owned();
            let direction = section.direction();
            all.push(Described {
                n: at.n,
                mid: section.mid(),
                kind,
                sends: direction.sends(),
                is_rejected: section.is_rejected(),
                streams,
            });
        }
    }
    all
}
