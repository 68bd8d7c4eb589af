//! CertificateRequest: RFC 5246 §7.4.4 and RFC 8446 §4.3.2.
//!
//! ```text
//! struct {
//!     ClientCertificateType certificate_types<1..2^8-1>;
//!     SignatureAndHashAlgorithm supported_signature_algorithms<2..2^16-2>;
//!     DistinguishedName certificate_authorities<0..2^16-1>;
//! } CertificateRequest;                                                       // 1.2
//! struct {
//!     opaque certificate_request_context<0..2^8-1>;
//!     Extension extensions<2..2^16-1>;
//! } CertificateRequest;                                                       // 1.3
//! ```

use super::super::extension::{ExtensionHolder, Extensions};
use super::super::signature::SignatureScheme;
use super::super::vector;
use super::super::version::Version;
use crate::wire::codes::Codes;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// Kinds of certificates in 1.2: the IANA registry "TLS ClientCertificateType Identifiers".
    pub enum CertificateType(u8) {
        RsaSign = 1 => "rsa_sign",
        DssSign = 2 => "dss_sign",
        RsaFixedDh = 3 => "rsa_fixed_dh",
        DssFixedDh = 4 => "dss_fixed_dh",
        EcdsaSign = 64 => "ecdsa_sign",
        RsaFixedEcdh = 65 => "rsa_fixed_ecdh",
        EcdsaFixedEcdh = 66 => "ecdsa_fixed_ecdh",
    }
}

/// A CertificateRequest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateRequest<'a> {
    /// Of 1.2 and before.
    Tls12 {
        /// Acceptable kinds.
        types: Codes<'a, CertificateType>,
        /// Acceptable signatures; absent before 1.2.
        signature_algorithms: Option<Codes<'a, SignatureScheme>>,
        /// Acceptable issuers: DER names, each after its length of two bytes.
        authorities: Field<&'a [u8]>,
    },
    /// Of 1.3.
    Tls13 {
        /// What the answer will repeat.
        context: Field<&'a [u8]>,
        /// All else.
        extensions: Extensions<'a>,
    },
}

impl<'a> CertificateRequest<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, version: Version) -> Read<Self> {
        if version.is_13() {
            let length = "certificate_request_context length";
            return Ok(Self::Tls13 {
                context: vector::opaque8(r, length, "certificate_request_context")?,
                extensions: Extensions::read(r, ExtensionHolder::CertificateRequest)?,
            });
        }
        let types = vector::codes8(r, "certificate_types length", "certificate_type")?;
        let signature_algorithms = if version.names_signature_algorithms() {
            let length = "supported_signature_algorithms length";
            Some(vector::codes16(r, length, "signature_algorithm")?)
        } else {
            None
        };
        let authorities = vector::nested16(r, "certificate_authorities length", |r| {
            while !r.is_empty() {
                vector::opaque16(r, "DistinguishedName length", "DistinguishedName")?;
            }
            Ok(())
        })?;
        Ok(Self::Tls12 { types, signature_algorithms, authorities })
    }
}

impl fmt::Display for CertificateRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls12 { types, .. } => write!(f, "{types}"),
            Self::Tls13 { extensions, .. } => write!(f, "[{extensions}]"),
        }
    }
}
