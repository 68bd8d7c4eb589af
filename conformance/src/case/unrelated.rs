//! Findings in descriptions that a failure cannot come from.

use crate::finding::Finding;
use crate::record::CaseRecord;
use crate::verdict::{Layer, Place, Verdict};
use peerproof_captures::event::{ConnectionState, PeerEvent};
use peerproof_captures::timeline::What;

/// Whether a failure above the descriptions cannot come from a finding in them: all it is about is the media of a section, and what failed
/// is below media; or the peers were connected by these descriptions, and others have taken their place since.
pub(super) fn is_unrelated(record: &CaseRecord, finding: &Finding, top: Layer, failure: &Verdict) -> bool {
    let lines = || finding.evidence.iter().filter(|place| matches!(place, Place::Line { .. }));
    if top <= Layer::Sdp || lines().next().is_none() {
        return false;
    }
    let is_below = !matches!(top, Layer::Srtp | Layer::Media);
    if is_below && lines().all(|place| line(record, *place).is_some_and(is_of_media)) {
        return true;
    }
    let last = finding.evidence.iter().filter_map(entry).max().unwrap_or(u64::MAX);
    let end = failure.evidence.iter().filter_map(entry).max().unwrap_or(u64::MAX);
    let between = || record.timeline.iter().filter(|entry| (last..end).contains(&entry.n));
    let connects = |name: &String| {
        between().find(|entry| {
            matches!(&entry.what, What::Event { peer, event, .. } if peer == name
                && matches!(event, PeerEvent::ConnectionStateChange { state: ConnectionState::Connected }))
        })
    };
    let connected: Option<Vec<u64>> =
        record.file.peers.iter().map(|peer| connects(&peer.name).map(|entry| entry.n)).collect();
    let Some(connected) = connected.and_then(|all| all.into_iter().max()) else { return false };
    between().any(|entry| {
        entry.n > connected && matches!(&entry.what, What::Carried { from, .. } if *from == finding.endpoint)
    })
}

/// The text of a line of a description, as its maker sent it.
fn line(record: &CaseRecord, place: Place) -> Option<&str> {
    let Place::Line { entry, line } = place else { return None };
    let What::Carried { sent, .. } = &record.timeline.iter().find(|it| it.n == entry)?.what else {
        return None;
    };
    sent.sdp.lines().nth(line.checked_sub(1)?)
}

/// Whether a line of a description is about the media of its section alone, and not about the transport or the section itself.
fn is_of_media(line: &str) -> bool {
    const OF_MEDIA: [&str; 16] = [
        "rtpmap",
        "fmtp",
        "rtcp-fb",
        "extmap",
        "msid",
        "ssrc",
        "ssrc-group",
        "rid",
        "simulcast",
        "ptime",
        "maxptime",
        "sendrecv",
        "sendonly",
        "recvonly",
        "inactive",
        "framerate",
    ];
    let name = line.trim_end().strip_prefix("a=").and_then(|rest| rest.split(':').next());
    name.is_some_and(|name| OF_MEDIA.contains(&name))
}

/// The entry of the timeline at a place.
const fn entry(place: &Place) -> Option<u64> {
    match place {
        Place::Entry(n) | Place::Line { entry: n, .. } => Some(*n),
        Place::Frame(_) | Place::File { .. } => None,
    }
}
