//! Recordings made anew: cases of the suite between two reference peers, which needs no browser.

use peerproof::cli::{Prepared, prepare};
use peerproof::peers::implementation::Roster;
use peerproof::run::{Filter, case, plan};
use peerproof::scenario::Suite;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The cases: of each family what puts the most different things on the wire.
pub(crate) const CASES: [&str; 8] = [
    "data/echo/stack-stack",
    "data/large-message/stack-stack",
    "data/max-retransmits/stack-stack",
    "dtls/server-flight-lost/stack-stack",
    "ice/restart/stack-stack",
    "ice/trickle/stack-stack",
    "media/audio/stack-stack",
    "media/video/stack-stack",
];

/// Plays cases.
#[derive(Default)]
pub(crate) struct Recordings {
    shared: OnceLock<Result<Shared, String>>,
}

struct Shared {
    runtime: tokio::runtime::Runtime,
    prepared: Prepared,
    suite: Suite,
}

impl Recordings {
    /// Plays a case and gives its capture.
    pub(crate) fn play(&self, name: &str) -> Result<PathBuf, String> {
        let shared = self.shared.get_or_init(start).as_ref().map_err(Clone::clone)?;
        let filter = Filter { names: vec![name.to_owned()], ..Filter::default() };
        let case =
            plan(&shared.suite, &Roster::default(), &filter).into_iter().find(|case| case.name == name);
        let case = case.ok_or_else(|| format!("there is no case {name}"))?;
        let setting = std::sync::Arc::clone(&shared.prepared.setting);
        let task = shared.runtime.spawn(async move { Box::pin(case::play(&setting, &case, 1)).await });
        let played = shared.runtime.block_on(task).map_err(|error| error.to_string())?;
        // The verdict is the suite's business; what was recorded is compared whatever it is.
        Ok(played.map_err(|error| error.to_string())?.folder.join("capture.pcapng"))
    }

    /// Ends what the cases needed.
    pub(crate) fn shutdown(self) {
        if let Some(Ok(Shared { runtime, prepared, .. })) = self.shared.into_inner() {
            runtime.block_on(prepared.shutdown());
        }
    }
}

fn start() -> Result<Shared, String> {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let suite = Suite::load(&scenarios)
        .map_err(|errors| errors.first().map_or_else(String::new, ToString::to_string))?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oracle-{}", std::process::id()));
    let peerproof = Path::new(env!("CARGO_BIN_EXE_peerproof"));
    let prepared = runtime.block_on(prepare(&scenarios, output, peerproof, 1, false))?;
    Ok(Shared { runtime, prepared, suite })
}
