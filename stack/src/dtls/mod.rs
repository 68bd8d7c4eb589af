//! What can be known of DTLS without asking the `webrtc` crate: from its records as they pass, and from its ciphers.

mod record;
mod watch;

pub use crate::signal::Evidence;
pub(crate) use watch::Watch;
