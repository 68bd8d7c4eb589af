//! The reference stack as a peer, in this process.

mod answer;
mod channels;
mod housed;
mod joined;
mod media;
mod outlet;
mod peer;
mod serve;
mod translate;

pub use housed::open_in;
pub use peer::{StackOptions, open};
pub use serve::serve;
