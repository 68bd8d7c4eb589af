//! What the peers' APIs reported, sorted by peer and by what it is about.

pub(crate) mod message;
mod rejected;
pub(crate) mod view;

pub(crate) use rejected::rejects_all;
pub(crate) use view::{At, PeerView};

use indexmap::IndexMap;
use peerproof_captures::timeline::Entry;
use serde_json::Value;

/// Peers by name, in the order of the case: offerer first.
pub(crate) type Views = IndexMap<String, PeerView>;

/// The view of each of these peers in a timeline.
pub(crate) fn views<'a>(timeline: &[Entry], names: impl IntoIterator<Item = &'a String>) -> Views {
    names.into_iter().map(|name| (name.clone(), PeerView::of(timeline, name))).collect()
}

/// Whether the arguments of `setLocalDescription` or `setRemoteDescription` ask for a rollback.
pub(crate) fn is_rollback(args: &Value) -> bool {
    args.pointer("/description/type").is_some_and(|kind| kind == "rollback")
}
