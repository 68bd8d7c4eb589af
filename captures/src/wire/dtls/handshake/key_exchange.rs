//! ServerKeyExchange and ClientKeyExchange of 1.2: RFC 8422 §5.4 and §5.7, RFC 5246 §7.4.3 and §7.4.7; KeyUpdate: RFC 8446 §4.6.3.
//!
//! ```text
//! struct {
//!     ECCurveType curve_type = named_curve;
//!     NamedCurve namedcurve;
//!     opaque point<1..2^8-1>;
//!     Signature signed_params;
//! } ServerKeyExchange;                      // ECDHE
//! struct { opaque point<1..2^8-1>; } ClientKeyExchange;                       // ECDHE
//! struct { opaque encrypted_or_public<0..2^16-1>; } ClientKeyExchange;        // RSA, DHE
//! struct { KeyUpdateRequest request_update; } KeyUpdate;
//! ```
//!
//! Which exchange it is follows from the cipher suite, which a single message does not contain: ECDHE is recognised by its curve type and
//! lengths, and all else is kept as bytes.

use super::super::group::Group;
use super::super::vector;
use super::super::version::Version;
use super::certificate_verify::CertificateVerify;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// How a curve is named, RFC 8422 §5.4.
    pub enum CurveType(u8) {
        ExplicitPrime = 1 => "explicit_prime",
        ExplicitChar2 = 2 => "explicit_char2",
        NamedCurve = 3 => "named_curve",
    }
}

/// A ServerKeyExchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKeyExchange<'a> {
    /// Of ECDHE with a named curve.
    Ecdhe {
        /// The curve.
        group: Field<Group>,
        /// The server's public key.
        point: Field<&'a [u8]>,
        /// The signature; absent when the suite has none (pre-shared keys, anonymous).
        signature: Option<CertificateVerify<'a>>,
    },
    /// Of any other exchange.
    Other(Field<&'a [u8]>),
}

impl<'a> ServerKeyExchange<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, version: Version) -> Read<Self> {
        if r.peek().first() != Some(&CurveType::NamedCurve.raw()) {
            return Ok(Self::Other(r.rest("params")));
        }
        r.code::<CurveType>("curve_type")?;
        let group = r.code("namedcurve")?;
        let point = vector::opaque8(r, "point length", "point")?;
        let signature = if r.is_empty() { None } else { Some(CertificateVerify::read(r, version)?) };
        Ok(Self::Ecdhe { group, point, signature })
    }
}

impl fmt::Display for ServerKeyExchange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ecdhe { group, signature: Some(signature), .. } => write!(f, "{group}, {signature}"),
            Self::Ecdhe { group, .. } => write!(f, "{group}"),
            Self::Other(params) => write!(f, "({} bytes)", params.value.len()),
        }
    }
}

/// A ClientKeyExchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKeyExchange<'a> {
    /// Of ECDHE: the client's public key.
    Ecdhe(Field<&'a [u8]>),
    /// Of RSA (the encrypted premaster secret) or DHE (the client's public key).
    Long(Field<&'a [u8]>),
    /// Of any other exchange.
    Other(Field<&'a [u8]>),
}

impl<'a> ClientKeyExchange<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Ok(match *r.peek() {
            [length, ref point @ ..] if usize::from(length) == point.len() => {
                Self::Ecdhe(vector::opaque8(r, "point length", "point")?)
            }
            [high, low, ref key @ ..] if usize::from(u16::from_be_bytes([high, low])) == key.len() => {
                Self::Long(vector::opaque16(r, "exchange_keys length", "exchange_keys")?)
            }
            _ => Self::Other(r.rest("exchange_keys")),
        })
    }
}

impl fmt::Display for ClientKeyExchange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ecdhe(point) => write!(f, "point of {} bytes", point.value.len()),
            Self::Long(key) | Self::Other(key) => write!(f, "({} bytes)", key.value.len()),
        }
    }
}

code_points! {
    /// Whether the receiver of a KeyUpdate is to update too.
    pub enum UpdateRequest(u8) {
        NotRequested = 0 => "update_not_requested",
        Requested = 1 => "update_requested",
    }
}

/// A KeyUpdate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUpdate {
    /// Whether the receiver is to update too.
    pub request_update: Field<UpdateRequest>,
}

impl KeyUpdate {
    pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Self> {
        Ok(Self { request_update: r.code("request_update")? })
    }
}

impl fmt::Display for KeyUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request_update.fmt(f)
    }
}
