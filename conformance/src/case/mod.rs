//! One recorded case and its verdict.
//!
//! [`judge`] is a pure function of the [`CaseRecord`]: the same recording gives the same verdict on any machine, at any time.

mod bitrate;
mod broken;
mod cause;
mod check;
mod early;
mod ended_allocation;
mod failed_step;
mod judge;
mod lacking;
mod lost;
mod released;
mod rewritten;
mod snapshot;
mod sockets;
mod stale_pair;
mod standing;
mod steps;
mod still_offered;
mod unnegotiated;
mod unrelated;
mod unserved;
mod without;

pub use crate::record::CaseRecord;
pub use bitrate::{Bitrate, LinkChange};
pub use check::Meeting;
pub use judge::judge;
pub use lacking::Missing;
pub use snapshot::{NoSnapshot, Snapshot};
pub use standing::{Standing, standing};
pub use steps::{ConnectingStep, StepName, steps};

use crate::api::{message, view};

pub use crate::case_file::{
    CaseFile, CasePeer, DIGESTS, FORMAT, FileDigest, MILLISECONDS, NotPlayed, OWN_DIGEST, Role, Runs,
    SENTENCES, SnapshotResult, Time, shown, versioned,
};
pub use crate::verdict::Waiver;

#[cfg(test)]
mod tests;
