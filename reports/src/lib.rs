//! Verdicts as HTML, JUnit, JSON, Markdown and a table for the terminal.
//!
//! A [`RunReport`] is built from recorded cases and their verdicts; the [`export`]ers turn it into bytes. Nothing here
//! decides anything, and nothing does I/O.
#![forbid(unsafe_code)]

mod case;
mod counted;
mod document;
pub mod escape;
pub mod export;
mod findings;
mod matrix;
mod nats;
mod overview;
mod run;
pub mod session;
mod time;
pub mod wrap;

pub use case::{CaseReport, Deciding, describe_what};
pub use counted::counted;
pub use findings::{Breach, Grouped, Requirements, grouped};
pub use matrix::{Came, Cell, Conflict, Deviating, Difference, Implementation, Lack, Matrix, Play, Unplayed};
pub use nats::{Meetings, NatTable};
pub use overview::{Overview, Tally};
pub use run::{Counts, FORMAT, ReadError, RunReport, Shard};

#[cfg(test)]
mod testing;
