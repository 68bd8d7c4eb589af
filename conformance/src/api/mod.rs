//! What the peers' APIs reported, sorted by peer and by what it is about.

pub(crate) mod message;
pub(crate) mod view;

pub(crate) use view::{At, PeerView};

use indexmap::IndexMap;

/// Peers by name, in the order of the case: offerer first.
pub(crate) type Views = IndexMap<String, PeerView>;
