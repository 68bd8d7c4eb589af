//! Tracks and media: a track has a section, recognised frames have RTP, and only numbers that were sent are recognised.

mod packets;
mod seen;
#[cfg(test)]
mod tests;
mod tracks;

use super::{Claim, Contradiction, Session};
use crate::api::PeerView;
use crate::case_file::CasePeer;
use crate::verdict::Layer;
use peerproof_captures::sdp::SessionDescription;

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
