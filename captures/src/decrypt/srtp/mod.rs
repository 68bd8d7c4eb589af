//! SRTP and SRTCP (RFC 3711, RFC 7714): taking off the protection.

mod context;
mod keys;
mod profile;

pub use context::{Context, SrtpError};
pub use profile::{MasterKey, Profile};
