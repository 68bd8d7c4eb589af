//! The one pass over a capture: frames go in, typed observations come out.
//!
//! ```text
//!  Frame ─▶ link::Network ─▶ place ─▶ copies ─▶ Servers (TURN) ─▶ Sink::datagram(&Observation) ─▶ Follow
//!                                                                                                  │
//!           Sink::opened(&Opened), also for earlier datagrams ◀── decrypt::Session ◀───────────────┘
//!           Sink::outcome(&Observation, Outcome)
//! ```
//!
//! An [`Observer`] takes frames of a [`CaptureReader`](crate::file::CaptureReader), or those that a recorder is about to write, in
//! their order. For each datagram it gives a [`Sink`] an [`Observation`]: frame, time, place, direction, ends, its way (direct,
//! to a server, or through which relay and how), and its layers from outside to inside with their bytes. The sink says whether
//! its protection is to be opened ([`Follow`]) and gets the plaintext ([`Opened`]), at once or when its secret comes.
//!
//! An observation borrows from the frame. What is kept from frame to frame is what decryption, TURN, IP fragments and TCP streams
//! need, each within limits; whoever needs more keeps it in its sink. All that reads captures is such a sink: the
//! [trace](crate::trace), the evidence that requirements are checked against, and what `inspect` shows of single packets.

mod defects;
mod observation;
mod observer;
mod servers;
#[cfg(test)]
mod tests;
pub mod unit;
#[cfg(test)]
mod unit_tests;

pub use defects::Defect;
pub use observation::{Ends, Follow, Layer, Observation, Opened, Path, Relay};
pub use observer::{Observer, PLACES, Sink};
pub use servers::LearnedAddresses;
pub use unit::{StunClass, Unit};
