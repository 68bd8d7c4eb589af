//! ServerHello and HelloRetryRequest: RFC 8446 §4.1.3 and §4.1.4; HelloVerifyRequest: RFC 6347 §4.2.1.
//!
//! ```text
//! struct {
//!     ProtocolVersion legacy_version;
//!     Random random;
//!     opaque legacy_session_id_echo<0..32>;
//!     CipherSuite cipher_suite;
//!     uint8 legacy_compression_method = 0;
//!     Extension extensions<6..2^16-1>;
//! } ServerHello;
//! struct {
//!     ProtocolVersion server_version;
//!     opaque cookie<0..2^8-1>;
//! } HelloVerifyRequest;
//! ```

use super::super::cipher_suite::CipherSuite;
use super::super::extension::{Content, ExtensionHolder, ExtensionType, Extensions};
use super::super::vector;
use super::super::version::Version;
use crate::wire::field::Field;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// The random value of a HelloRetryRequest: SHA-256 of its name.
pub const HELLO_RETRY_REQUEST: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// A ServerHello or HelloRetryRequest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerHello<'a> {
    /// The version chosen, unless supported_versions says another.
    pub legacy_version: Field<Version>,
    /// The server's random value.
    pub random: Field<[u8; 32]>,
    /// The session; in 1.3 what the client sent.
    pub session_id: Field<&'a [u8]>,
    /// The suite chosen.
    pub cipher_suite: Field<CipherSuite>,
    /// Zero for none.
    pub compression_method: Field<u8>,
    /// The extensions, which servers of 1.2 may leave out.
    pub extensions: Option<Extensions<'a>>,
}

impl<'a> ServerHello<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let legacy_version = r.code("legacy_version")?;
        let random = r.array("random")?;
        let retry = random.value == HELLO_RETRY_REQUEST;
        if retry {
            r.meaning(|| Value::Text("HelloRetryRequest".into()));
        }
        let place = if retry { ExtensionHolder::HelloRetryRequest } else { ExtensionHolder::ServerHello };
        Ok(Self {
            legacy_version,
            random,
            session_id: vector::opaque8(r, "legacy_session_id_echo length", "legacy_session_id_echo")?,
            cipher_suite: r.code("cipher_suite")?,
            compression_method: r.u8("legacy_compression_method")?,
            extensions: Extensions::read_optional(r, place)?,
        })
    }

    /// Whether it is a HelloRetryRequest.
    pub fn is_hello_retry_request(&self) -> bool {
        self.random.value == HELLO_RETRY_REQUEST
    }

    /// What the extension of that type says.
    pub fn extension(&self, kind: ExtensionType) -> Option<Content<'a>> {
        self.extensions?.content(kind)
    }

    /// The version chosen.
    pub fn version(&self) -> Field<Version> {
        match self.extension(ExtensionType::SupportedVersions) {
            Some(Content::Version(version)) => version,
            _ => self.legacy_version,
        }
    }
}

impl fmt::Display for ServerHello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let retry = if self.is_hello_retry_request() { "(HelloRetryRequest) " } else { "" };
        write!(f, "{retry}{}, {}", self.version(), self.cipher_suite)?;
        if let Some(Content::UseSrtp(profiles)) = self.extension(ExtensionType::UseSrtp) {
            write!(f, ", use_srtp {profiles}")?;
        }
        match self.extensions {
            Some(extensions) => write!(f, ", [{extensions}]"),
            None => write!(f, ", no extensions"),
        }
    }
}

/// A HelloVerifyRequest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HelloVerifyRequest<'a> {
    /// DTLS 1.0, whatever is negotiated later.
    pub server_version: Field<Version>,
    /// What the client is to send back.
    pub cookie: Field<&'a [u8]>,
}

impl<'a> HelloVerifyRequest<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Ok(Self {
            server_version: r.code("server_version")?,
            cookie: vector::opaque8(r, "cookie length", "cookie")?,
        })
    }
}

impl fmt::Display for HelloVerifyRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, cookie of {} bytes", self.server_version, self.cookie.value.len())
    }
}
