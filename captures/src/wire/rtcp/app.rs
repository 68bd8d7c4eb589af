//! APP, application-defined: RFC 3550 §6.7.
//!
//! ```text
//! |V=2|P| subtype |   PT=APP=204  |             length            |
//! |                           SSRC/CSRC                           |
//! |                          name (ASCII)                         |
//! |                   application-dependent data                ...
//! ```

use super::{Header, read_ssrc};
use crate::wire::field::Field;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// The body of an APP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct App<'a> {
    /// The subtype, from the header.
    pub subtype: u8,
    /// Who sends it.
    pub ssrc: Field<u32>,
    /// Its name.
    pub name: Field<[u8; 4]>,
    /// Its data.
    pub data: Field<&'a [u8]>,
}

impl<'a> App<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, header: &Header) -> Read<Self> {
        let ssrc = read_ssrc(r, "SSRC/CSRC")?;
        let name = r.array("name")?;
        r.meaning(|| Value::Text(String::from_utf8_lossy(&name.value).into_owned()));
        Ok(Self { subtype: header.count(), ssrc, name, data: r.rest("application-dependent data") })
    }
}

impl fmt::Display for App<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(&self.name.value);
        write!(f, "APP from {:#010x} {name:?} subtype {}", self.ssrc.value, self.subtype)?;
        write!(f, " length {}", self.data.value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::check;

    #[test]
    fn an_app_packet_is_understood() {
        check("83cc0003 00000001 61626364 00000007", "APP from 0x00000001 \"abcd\" subtype 3 length 4");
    }
}
