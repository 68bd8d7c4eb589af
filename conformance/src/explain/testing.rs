//! The reports of a recording, for the tests of the layers.

use super::session::{Api, Recorded, Session};
use crate::api::{PeerView, Views};
use crate::evidence::Wire;
use crate::record::CaseRecord;
use peerproof_captures::timeline::Entry;

/// What `ask` finds in the reports of a timeline and the packets beside them.
pub(super) fn of_record<T>(
    record: &CaseRecord,
    timeline: &[Entry],
    wire: Option<&Wire>,
    ask: impl FnOnce(&Api<'_>) -> T,
) -> T {
    let names = record.file.peers.iter().map(|peer| &peer.name);
    let views: Views = names.map(|name| (name.clone(), PeerView::of(timeline, name))).collect();
    let session = Session::of_case(Recorded { views: &views, timeline, stats: None, wire });
    ask(&session.api().unwrap())
}
