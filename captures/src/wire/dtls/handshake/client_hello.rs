//! ClientHello: RFC 9147 §5.3, RFC 6347 §4.2.1.
//!
//! ```text
//! struct {
//!     ProtocolVersion legacy_version = { 254,253 }; // DTLSv1.2
//!     Random random;
//!     opaque legacy_session_id<0..32>;
//!     opaque legacy_cookie<0..2^8-1>;               // DTLS
//!     CipherSuite cipher_suites<2..2^16-2>;
//!     opaque legacy_compression_methods<1..2^8-1>;
//!     Extension extensions<8..2^16-1>;
//! } ClientHello;
//! ```

use super::super::cipher_suite::CipherSuite;
use super::super::extension::{Content, ExtensionHolder, ExtensionType, Extensions};
use super::super::vector;
use super::super::version::Version;
use crate::wire::codes::Codes;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// A ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The newest version before 1.3 that the client knows.
    pub legacy_version: Field<Version>,
    /// The client's random value.
    pub random: Field<[u8; 32]>,
    /// The session to be resumed.
    pub session_id: Field<&'a [u8]>,
    /// The cookie of a HelloVerifyRequest.
    pub cookie: Field<&'a [u8]>,
    /// In order of preference.
    pub cipher_suites: Codes<'a, CipherSuite>,
    /// Zero alone, for none.
    pub compression_methods: Field<&'a [u8]>,
    /// The extensions, which clients of 1.2 may leave out.
    pub extensions: Option<Extensions<'a>>,
}

impl<'a> ClientHello<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Ok(Self {
            legacy_version: r.code("legacy_version")?,
            random: r.array("random")?,
            session_id: vector::opaque8(r, "legacy_session_id length", "legacy_session_id")?,
            cookie: vector::opaque8(r, "legacy_cookie length", "legacy_cookie")?,
            cipher_suites: vector::codes16(r, "cipher_suites length", "cipher_suite")?,
            compression_methods: vector::opaque8(
                r,
                "legacy_compression_methods length",
                "legacy_compression_methods",
            )?,
            extensions: Extensions::read_optional(r, ExtensionHolder::ClientHello)?,
        })
    }

    /// What the extension of that type says.
    pub fn extension(&self, kind: ExtensionType) -> Option<Content<'a>> {
        self.extensions?.content(kind)
    }

    /// Whether `version` is offered, by supported_versions if it is there and by `legacy_version` if not.
    pub fn offers(&self, version: Version) -> bool {
        match self.extension(ExtensionType::SupportedVersions) {
            Some(Content::Versions(versions)) => versions.iter().any(|offered| offered == version),
            _ => self.legacy_version.value == version,
        }
    }
}

impl fmt::Display for ClientHello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.extension(ExtensionType::SupportedVersions) {
            Some(Content::Versions(versions)) => write!(f, "{versions}")?,
            _ => write!(f, "{}", self.legacy_version)?,
        }
        write!(f, ", {} suites", self.cipher_suites.len())?;
        if !self.cookie.value.is_empty() {
            write!(f, ", cookie")?;
        }
        if let Some(Content::UseSrtp(profiles)) = self.extension(ExtensionType::UseSrtp) {
            write!(f, ", use_srtp {profiles}")?;
        }
        match self.extensions {
            Some(extensions) => write!(f, ", [{extensions}]"),
            None => write!(f, ", no extensions"),
        }
    }
}
