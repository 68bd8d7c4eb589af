//! Values of TURN's attributes: RFC 8656 §18.
//!
//! ```text
//! CHANNEL-NUMBER, REQUESTED-TRANSPORT, REQUESTED-ADDRESS-FAMILY, ADDITIONAL-ADDRESS-FAMILY, EVEN-PORT:
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        Channel Number         |         RFFU = 0              |
//! |    Protocol   |                    RFFU                       |
//! |   Family      |            Reserved                           |
//! |R|    RFFU     |
//!
//! ADDRESS-ERROR-CODE (§18.12), ICMP (§18.13):
//! |  Family       |    Reserved             |Class|     Number    |  Reason Phrase (variable)
//! |  Reserved                     |  ICMP Type  |  ICMP Code      |  Error Data
//! ```

use super::address::Family;
use super::content::Content;
use super::error_code::Code;
use crate::wire::field::Field;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

pub(super) fn channel_number<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Content<'a>> {
    let number = r.u16("channel number")?.value;
    r.meaning(|| Value::Hex(number.into(), 2));
    r.u16("RFFU")?;
    Ok(Content::Number(number.into()))
}

pub(super) fn even_port<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Content<'a>> {
    let flags = r.u8("flags")?.value;
    r.part("R", 0x80, flags);
    r.part("RFFU", 0x7f, flags);
    Ok(Content::EvenPort(flags & 0x80 != 0))
}

pub(super) fn requested_transport<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Content<'a>> {
    let protocol = r.u8("protocol")?.value;
    let name = match protocol {
        6 => Some("TCP"),
        17 => Some("UDP"),
        _ => None,
    };
    r.meaning(|| Value::Code(protocol.into(), name));
    r.u24("RFFU")?;
    Ok(Content::Number(protocol.into()))
}

pub(super) fn family<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Content<'a>> {
    let family = r.code::<Family>("family")?.value;
    r.u24("reserved")?;
    Ok(Content::Family(family))
}

/// Why an address of one family could not be allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressError<'a> {
    /// Which family.
    pub family: Field<Family>,
    /// Why not.
    pub code: Field<Code>,
    /// The reason phrase.
    pub reason: Field<&'a [u8]>,
}

impl<'a> AddressError<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let family = r.code("family")?;
        let word = r.u24("error code")?;
        let code = word.map(|word| Code::from((word >> 8 & 7) as u16 * 100 + (word & 0xff) as u16));
        r.meaning(|| Value::Code(code.value.raw().into(), code.value.name()));
        r.part("reserved", 0xfff800, word.value);
        r.part("class", 0x700, word.value);
        r.part("number", 0xff, word.value);
        let reason = r.text("reason phrase", r.remaining())?;
        Ok(Self { family, code, reason })
    }
}

impl fmt::Display for AddressError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = String::from_utf8_lossy(self.reason.value);
        write!(f, "{}:{} {reason:?}", self.family.value, self.code.value.raw())
    }
}

/// An ICMP message that the server received about a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Type of the message, of ICMP or ICMPv6.
    pub kind: Field<u8>,
    /// Its code.
    pub code: Field<u8>,
    /// What comes with it, as the MTU with "packet too big".
    pub data: Field<u32>,
}

impl Icmp {
    pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Self> {
        r.u16("reserved")?;
        let word = r.u16("ICMP type and code")?;
        // Type and code have 7 and 9 bits here, unlike in ICMP.
        let kind = word.map(|word| (word >> 9) as u8);
        let code = word.map(|word| (word & 0x1ff) as u8);
        r.part("type", 0xfe00, word.value);
        r.part("code", 0x01ff, word.value);
        Ok(Self { kind, code, data: r.u32("error data")? })
    }
}

impl fmt::Display for Icmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type:{},code:{},data:{}", self.kind.value, self.code.value, self.data.value)
    }
}
