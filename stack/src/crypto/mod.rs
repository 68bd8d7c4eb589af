//! The crate's cryptography, watched: who computes the session's secrets can report them.
//!
//! DTLS 1.2 derives everything from the master secret with one function (RFC 5246 §5), which the `webrtc` crate builds
//! from the provider's HMAC. So the master secret, the randoms and the SRTP keying material pass here, and the
//! plaintext of each record passes the AEAD ciphers.

mod prf;
mod provider;
mod records;

pub(crate) use provider::Watched;
