//! Files that are in the executable, so that it is complete wherever it is: the suite of scenarios with its snapshots and known deviations,
//! and the adapters of other implementations.

use include_dir::{Dir, include_dir};

/// The folder `scenarios`.
pub(crate) static SCENARIOS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../scenarios");

/// The folder `harness/adapters`.
pub(crate) static ADAPTERS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/adapters");
