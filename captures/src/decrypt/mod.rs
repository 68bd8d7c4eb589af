//! Taking off the protection of DTLS, SRTP and SRTCP with secrets that are at hand.
//!
//! A [`Session`] follows everything that passes one place of observation, live or from a file: it reads the hellos, finds
//! the keys in key logs (the NSS format of `SSLKEYLOGFILE`) and gives DTLS plaintext, RTP and RTCP out. What cannot be
//! opened yet waits, within limits, and comes out when its secret does.
//!
//! DTLS 1.2 and 1.3 with the suites of [`suite::Suite`], SRTP with the profiles of [`srtp::Profile`], whose keys follow from
//! the handshake's secrets by RFC 5764 or are given directly. Nothing here judges: replays are opened again, and what does
//! not authenticate is reported as such.

mod associations;
mod cipher;
mod data;
mod dtls;
mod kdf;
mod orphans;
mod path;
pub mod secrets;
mod session;
pub mod srtp;
pub mod suite;

pub use data::{AssociationId, AssociationInfo, Clear, Content, Datagram, Failure, Limits, Outcome};
pub use dtls::{Side, Tried, Version};
pub use kdf::Hash;
pub use secrets::Secrets;
pub use session::Session;
