//! Programs as peers: adapters, which speak the peer protocol as JSON lines on standard input and output.
//!
//! - [`process`]: one process under its supervisor, and its lines;
//! - [`peer`]: one case of it, the [`Peer`](super::Peer);
//! - [`pool`]: processes that serve several cases.

mod lines;
mod peer;
mod pool;
pub(crate) mod process;
mod spec;

pub use pool::Programs;
pub use spec::ProgramSpec;
