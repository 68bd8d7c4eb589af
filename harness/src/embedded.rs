//! Files that are in the executable, so that it is complete wherever it is: the suite of scenarios with its snapshots and known deviations,
//! the adapters of other implementations, and the pages and modules that make a browser a peer.

use include_dir::{Dir, include_dir};

/// The folder `scenarios`.
pub(crate) static SCENARIOS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../scenarios");

/// The folder `harness/adapters`.
pub(crate) static ADAPTERS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/adapters");

/// The folder `harness/agent`.
pub(crate) static AGENT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/agent");
