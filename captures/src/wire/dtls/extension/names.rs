//! Lists of names: server_name (RFC 6066 §3), ALPN (RFC 7301 §3.1) and certificate_authorities (RFC 8446 §4.2.4).
//!
//! ```text
//! struct { NameType name_type; opaque HostName<1..2^16-1>; } ServerName;
//! struct { ServerName server_name_list<1..2^16-1>; } ServerNameList;
//! opaque ProtocolName<1..2^8-1>;
//! struct { ProtocolName protocol_name_list<2..2^16-1>; } ProtocolNameList;
//! opaque DistinguishedName<1..2^16-1>;
//! struct { DistinguishedName authorities<3..2^16-1>; } CertificateAuthoritiesExtension;
//! ```

use super::super::vector;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::show::Joined;
use crate::wire::stop::Read;
use std::fmt;

/// The server names that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerNames<'a>(Field<&'a [u8]>);

impl<'a> ServerNames<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let names = vector::nested16(r, "server_name_list length", |r| {
            vector::each(r, "ServerName", |r| server_name(r).map(drop))
        })?;
        Ok(Self(names))
    }

    /// The names, whatever their type.
    pub fn iter(self) -> impl Iterator<Item = Field<&'a [u8]>> + Clone {
        vector::items(self.0, |r| server_name(r))
    }
}

fn server_name<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Field<&'a [u8]>> {
    r.u8("name_type")?;
    text16(r, "HostName length", "HostName")
}

fn text16<'a, S: Sink>(
    r: &mut Reader<'a, S>,
    length_name: &'static str,
    name: &'static str,
) -> Read<Field<&'a [u8]>> {
    let length = usize::from(r.u16(length_name)?.value);
    r.text(name, length)
}

impl fmt::Display for ServerNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Joined(self.iter().map(|name| String::from_utf8_lossy(name.value))).fmt(f)
    }
}

/// The application protocols offered or chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names<'a>(Field<&'a [u8]>);

impl<'a> Names<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let names = vector::nested16(r, "protocol_name_list length", |r| {
            while !r.is_empty() {
                protocol_name(r)?;
            }
            Ok(())
        })?;
        Ok(Self(names))
    }

    /// The names.
    pub fn iter(self) -> impl Iterator<Item = Field<&'a [u8]>> + Clone {
        vector::items(self.0, |r| protocol_name(r))
    }
}

fn protocol_name<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Field<&'a [u8]>> {
    let length = usize::from(r.u8("ProtocolName length")?.value);
    r.text("ProtocolName", length)
}

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Joined(self.iter().map(|name| String::from_utf8_lossy(name.value))).fmt(f)
    }
}

/// Reads distinguished names (DER) up to the limit.
pub(in crate::wire::dtls) fn authorities<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Field<&'a [u8]>> {
    vector::nested16(r, "authorities length", |r| {
        while !r.is_empty() {
            authority(r)?;
        }
        Ok(())
    })
}

/// Reads one distinguished name.
pub(in crate::wire::dtls) fn authority<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Field<&'a [u8]>> {
    vector::opaque16(r, "DistinguishedName length", "DistinguishedName")
}
