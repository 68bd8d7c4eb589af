//! Certificate: RFC 5246 §7.4.2 and RFC 8446 §4.4.2; CompressedCertificate: RFC 8879 §4.
//!
//! ```text
//! opaque ASN.1Cert<1..2^24-1>;
//! struct { ASN.1Cert certificate_list<0..2^24-1>; } Certificate;              // 1.2
//!
//! struct {
//!     opaque cert_data<1..2^24-1>;
//!     Extension extensions<0..2^16-1>;
//! } CertificateEntry;
//! struct {
//!     opaque certificate_request_context<0..2^8-1>;
//!     CertificateEntry certificate_list<0..2^24-1>;
//! } Certificate;                                                              // 1.3
//!
//! struct {
//!     CertificateCompressionAlgorithm algorithm;
//!     uint24 uncompressed_length;
//!     opaque compressed_certificate_message<1..2^24-1>;
//! } CompressedCertificate;
//! ```

use super::super::extension::{ExtensionHolder, Extensions};
use super::super::vector;
use super::super::version::Version;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::show::Hex;
use crate::wire::stop::Read;
use sha2::{Digest, Sha256};
use std::fmt;

/// A certificate with what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateEntry<'a> {
    /// X.509 in DER.
    pub data: Field<&'a [u8]>,
    /// Its extensions, in 1.3.
    pub extensions: Option<Extensions<'a>>,
}

impl<'a> CertificateEntry<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>, is_13: bool) -> Read<Self> {
        let data = vector::opaque24(r, "cert_data length", "cert_data")?;
        r.summary(|| format!("{} bytes, sha-256 {}", data.value.len(), Hex(&Sha256::digest(data.value))));
        let extensions = if is_13 { Some(Extensions::read(r, ExtensionHolder::Certificate)?) } else { None };
        Ok(Self { data, extensions })
    }
}

/// The certificates of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// certificate_request_context, in 1.3.
    pub context: Option<Field<&'a [u8]>>,
    /// All certificates.
    pub list: Field<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, version: Version) -> Read<Self> {
        let is_13 = version.is_13();
        let context = if is_13 {
            let length = "certificate_request_context length";
            Some(vector::opaque8(r, length, "certificate_request_context")?)
        } else {
            None
        };
        let list = vector::nested24(r, "certificate_list length", |r| {
            vector::each(r, "certificate", |r| CertificateEntry::read(r, is_13).map(drop))
        })?;
        Ok(Self { context, list })
    }

    /// One by one, that of the side itself first. Ends at the first that cannot be read.
    pub fn entries(self) -> impl Iterator<Item = CertificateEntry<'a>> + Clone {
        vector::items(self.list, move |r| CertificateEntry::read(r, self.context.is_some()))
    }
}

impl fmt::Display for Certificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} certificates", self.entries().count())
    }
}

/// A Certificate message in compressed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressedCertificate<'a> {
    /// How it is compressed.
    pub algorithm: Field<u16>,
    /// Bytes of the message it stands for.
    pub uncompressed_length: Field<u32>,
    /// The message, compressed.
    pub message: Field<&'a [u8]>,
}

impl<'a> CompressedCertificate<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let length = "compressed_certificate_message length";
        Ok(Self {
            algorithm: r.u16("algorithm")?,
            uncompressed_length: r.u24("uncompressed_length")?,
            message: vector::opaque24(r, length, "compressed_certificate_message")?,
        })
    }
}

impl fmt::Display for CompressedCertificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "algorithm {}, {} bytes", self.algorithm, self.uncompressed_length)
    }
}
