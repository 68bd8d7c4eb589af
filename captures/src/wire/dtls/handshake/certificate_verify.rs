//! CertificateVerify: RFC 8446 §4.4.3, RFC 5246 §7.4.8.
//!
//! ```text
//! struct {
//!     SignatureScheme algorithm;        // from 1.2 on
//!     opaque signature<0..2^16-1>;
//! } CertificateVerify;
//! ```

use super::super::signature::SignatureScheme;
use super::super::vector;
use super::super::version::Version;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// A signature over the handshake, also that of ServerKeyExchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateVerify<'a> {
    /// How it is signed; absent before 1.2.
    pub algorithm: Option<Field<SignatureScheme>>,
    /// The signature.
    pub signature: Field<&'a [u8]>,
}

impl<'a> CertificateVerify<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, version: Version) -> Read<Self> {
        let algorithm = if version.names_signature_algorithms() { Some(r.code("algorithm")?) } else { None };
        Ok(Self { algorithm, signature: vector::opaque16(r, "signature length", "signature")? })
    }
}

impl fmt::Display for CertificateVerify<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.algorithm {
            Some(algorithm) => write!(f, "{algorithm}"),
            None => write!(f, "signature of {} bytes", self.signature.value.len()),
        }
    }
}
