//! What is recorded of a case while it runs: its timeline, its packets at every place of observation, and the files made of them.
//!
//! The [`Journal`] writes the timeline. The [`CaseCapture`] writes the capture and lets the rules decide about each packet; packets come to it
//! from the sockets of the reference stack ([`CaseTap`]) or from a lab ([`lab`]).

pub mod capture;
pub(crate) mod digests;
pub(crate) mod files;
pub mod journal;
pub mod lab;
mod place;
mod rates;
mod streams;
pub mod tap;

pub use capture::CaseCapture;
pub use journal::Journal;
pub use tap::CaseTap;
