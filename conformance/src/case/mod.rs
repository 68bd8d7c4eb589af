//! One recorded case and its verdict.
//!
//! [`judge`] is a pure function of the [`CaseRecord`]: the same recording gives the same verdict on any machine, at any time.

mod bitrate;
mod check;
mod failed_step;
mod file;
mod judge;
mod ladder;
mod message;
mod record;
mod standing;
mod steps;
mod view;
mod wire;

pub use bitrate::{Bitrate, LinkChange};
pub use check::Meeting;
pub use file::{CaseFile, CasePeer, FORMAT, NotPlayed, Role, Runs, SnapshotResult, Time, Waiver};
pub use judge::{Missing, judge};
pub use record::CaseRecord;
pub use standing::{Standing, standing};
pub use steps::{ConnectingStep, StepName, steps};
pub use wire::summary;

#[cfg(test)]
mod tests;
