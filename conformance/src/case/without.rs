//! What one peer breaks, known or not, so that a layer between the two does not come up: the cause of all that fails at that layer or above.

use super::cause::{Cause, at_layer, time};
use crate::api::{PeerView, Views};
use crate::catalogue::Catalogue;
use crate::finding::Status;
use crate::record::CaseRecord;
use crate::verdict::Layer;
use peerproof_captures::event::{DtlsState, IceState};

/// A requirement, the lowest layer at which it shows that it is broken, and whether that layer works at a peer all the same.
type Needed = (&'static str, Layer, fn(&PeerView) -> bool);

const NEEDED: [Needed; 2] = [
    // Who takes no part in an ICE restart gathers no new candidates, and checks with what the other side has given up (RFC 8445 §9,
    // RFC 8839 §4.4.1.1.1 and §4.4.2.1). Which peer notices that, and at which layer, depends on how long each waits.
    ("ice-restart-changes-both-credentials", Layer::Gathering, |view| {
        view.ice.last().is_some_and(|at| matches!(at.is, IceState::Connected | IceState::Completed))
    }),
    // Two servers, or two clients, wait for each other (RFC 8842 §5).
    ("dtls-answer-setup-valid", Layer::Dtls, |view| {
        view.dtls.last().is_some_and(|at| at.is == DtlsState::Connected)
    }),
];

/// The first finding that a requirement is broken without which the layer of the failure, or one below it, cannot work, where it does not.
pub(super) fn cause(record: &CaseRecord, views: &Views, top: Layer) -> Option<Cause> {
    let all = NEEDED.iter().filter_map(|(requirement, shows, works)| {
        // What is gathered anew shows whether the layers above still work or not.
        if top < *shows || (top > Layer::Gathering && views.values().all(works)) {
            return None;
        }
        let broken = record.file.findings.iter().find(|finding| {
            finding.requirement == *requirement
                && finding.result == Status::Fail
                && !finding.evidence.is_empty()
        })?;
        let source = Catalogue::get().requirement(requirement).map_or("", |it| it.source.as_str());
        Some(Cause {
            t_us: time(record, *broken.evidence.first()?)?,
            layer: at_layer(broken),
            side: broken.endpoint.clone(),
            sentence: format!("{} violates {requirement} ({source}): {}", broken.endpoint, broken.sentence),
            evidence: broken.evidence.clone(),
        })
    });
    all.min_by_key(|cause| cause.t_us)
}
