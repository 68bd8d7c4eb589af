//! The certificate authority of this process, from which the STUN and TURN servers of its scenarios have their certificates for TLS.
//!
//! One for all cases: a program receives it when it starts, and serves several.

use peerproof_stack::server::{Authority, TlsError};
use std::sync::{Arc, OnceLock};

/// Variables that name a file of trusted authorities, of OpenSSL and of Go (`SSL_CERT_FILE`) and of Node.js.
pub const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"];

/// The authority, made when it is first asked for.
///
/// # Errors
/// The cryptography library cannot make one.
pub fn authority() -> Result<&'static Authority, Arc<TlsError>> {
    static AUTHORITY: OnceLock<Result<Authority, Arc<TlsError>>> = OnceLock::new();
    AUTHORITY.get_or_init(|| Authority::new().map_err(Arc::new)).as_ref().map_err(Arc::clone)
}
