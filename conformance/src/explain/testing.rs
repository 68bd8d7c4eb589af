//! The reports of a recording, for the tests of the layers.

use super::session::{Api, Recorded, Session};
use crate::api::views;
use crate::evidence::Wire;
use crate::record::CaseRecord;
use peerproof_captures::timeline::Entry;

/// What `ask` finds in a timeline of a recording and the packets beside it.
pub(super) fn of_session<T>(
    record: &CaseRecord,
    timeline: &[Entry],
    wire: Option<&Wire>,
    ask: impl FnOnce(&Session<'_>) -> T,
) -> T {
    let views = views(timeline, record.file.peers.iter().map(|peer| &peer.name));
    ask(&Session::of_case(Recorded { views: &views, timeline, stats: None, wire }))
}

/// The same of the reports alone.
pub(super) fn of_record<T>(
    record: &CaseRecord,
    timeline: &[Entry],
    wire: Option<&Wire>,
    ask: impl FnOnce(&Api<'_>) -> T,
) -> T {
    of_session(record, timeline, wire, |session| ask(&session.api().unwrap()))
}
