//! Questions and resource records: RFC 1035 §4.1.2 and §4.1.3, RFC 6762 §10.2 and §5.4 (the top bit of the class).
//!
//! ```text
//! +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//! /                     NAME                      /
//! |                     TYPE                      |
//! |U|                   CLASS                     |   question: unicast response wanted; record: flush the cache
//! +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+   a question ends here
//! |                      TTL                      |
//! |                                               |
//! |                   RDLENGTH                    |
//! /                     RDATA                     /
//! +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//! ```

use super::name::{Name, Whole};
use crate::wire::field::Field;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

code_points! {
    /// Types of records and questions: the IANA registry "Resource Record (RR) TYPEs".
    pub enum RecordType(u16) {
        A = 1 => "A",
        Ns = 2 => "NS",
        Cname = 5 => "CNAME",
        Soa = 6 => "SOA",
        Ptr = 12 => "PTR",
        Hinfo = 13 => "HINFO",
        Mx = 15 => "MX",
        Txt = 16 => "TXT",
        Aaaa = 28 => "AAAA",
        Srv = 33 => "SRV",
        Opt = 41 => "OPT",
        Nsec = 47 => "NSEC",
        Svcb = 64 => "SVCB",
        Https = 65 => "HTTPS",
        Any = 255 => "ANY",
    }
}

code_points! {
    /// Classes, without the top bit.
    pub enum Class(u16) {
        Internet = 1 => "IN",
        Chaos = 3 => "CH",
        Hesiod = 4 => "HS",
        None = 254 => "NONE",
        Any = 255 => "ANY",
    }
}

const TOP_BIT: u16 = 0x8000;

fn read_class<S: Sink>(r: &mut Reader<'_, S>, top_bit: &'static str) -> Read<(Field<Class>, bool)> {
    let raw = r.u16("class")?;
    let class = raw.map(|raw| Class::from(raw & !TOP_BIT));
    r.meaning(|| Value::Code(raw.value.into(), class.value.name()));
    r.part(top_bit, TOP_BIT.into(), raw.value);
    Ok((class, raw.value & TOP_BIT != 0))
}

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question<'a> {
    /// Whose records are asked for.
    pub name: Name<'a>,
    /// Which records.
    pub kind: Field<RecordType>,
    /// Of which class.
    pub class: Field<Class>,
    /// Whether the answer is wanted by unicast (RFC 6762 §5.4).
    pub unicast_response: bool,
}

impl<'a> Question<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, message: Whole<'a>) -> Read<Self> {
        let name = Name::read(r, message, "name")?;
        let kind = r.code("type")?;
        let (class, unicast_response) = read_class(r, "unicast response")?;
        let question = Self { name, kind, class, unicast_response };
        r.summary(|| question.to_string());
        Ok(question)
    }
}

impl fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unicast = if self.unicast_response { " (QU)" } else { "" };
        write!(f, "{}? {}{unicast}", self.kind, self.name)
    }
}

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data<'a> {
    /// A.
    V4(Field<Ipv4Addr>),
    /// AAAA.
    V6(Field<Ipv6Addr>),
    /// PTR, CNAME, NS.
    Name(Name<'a>),
    /// SRV (RFC 2782).
    Service {
        /// Lower first.
        priority: Field<u16>,
        /// Share among equal priorities.
        weight: Field<u16>,
        /// The port.
        port: Field<u16>,
        /// The host.
        target: Name<'a>,
    },
    /// TXT: strings, each after its length of a byte.
    Text(Field<&'a [u8]>),
    /// NSEC: no other types than these exist (RFC 6762 §6.1).
    Nsec {
        /// The name itself in multicast DNS.
        next: Name<'a>,
        /// Bit maps of types (RFC 4034 §4.1.2).
        types: Field<&'a [u8]>,
    },
    /// Of any other type.
    Other(Field<&'a [u8]>),
}

impl<'a> Data<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>, kind: RecordType, message: Whole<'a>) -> Read<Self> {
        Ok(match kind {
            RecordType::A => Self::V4(r.ipv4("address")?),
            RecordType::Aaaa => Self::V6(r.ipv6("address")?),
            RecordType::Ptr | RecordType::Cname | RecordType::Ns => {
                Self::Name(Name::read(r, message, "name")?)
            }
            RecordType::Srv => Self::Service {
                priority: r.u16("priority")?,
                weight: r.u16("weight")?,
                port: r.u16("port")?,
                target: Name::read(r, message, "target")?,
            },
            RecordType::Nsec => {
                let next = Name::read(r, message, "next domain name")?;
                Self::Nsec { next, types: r.rest("type bit maps") }
            }
            RecordType::Txt => Self::Text(text(r)?),
            _ => Self::Other(r.rest("data")),
        })
    }
}

fn text<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Field<&'a [u8]>> {
    if !r.records() {
        return Ok(r.rest("text"));
    }
    let all = Reader::at("DNS", r.peek(), r.offset()).rest("text");
    while !r.is_empty() {
        let length = r.u8("length")?;
        r.text("string", length.value.into())?;
    }
    Ok(all)
}

/// A resource record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Whose record it is.
    pub name: Name<'a>,
    /// Its type.
    pub kind: Field<RecordType>,
    /// Its class; of OPT the UDP payload size.
    pub class: Field<Class>,
    /// Whether it replaces all records of its name, type and class (RFC 6762 §10.2).
    pub cache_flush: bool,
    /// Seconds for which it is valid; zero withdraws it (RFC 6762 §10.1).
    pub ttl: Field<u32>,
    /// Bytes of the data.
    pub length: Field<u16>,
    /// What it says; `None` if that cannot be read.
    pub data: Option<Data<'a>>,
}

impl<'a> Record<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, message: Whole<'a>) -> Read<Self> {
        let name = Name::read(r, message, "name")?;
        let kind = r.code("type")?;
        let (class, cache_flush) = read_class(r, "cache flush")?;
        let ttl = r.u32("TTL")?;
        let length = r.u16("data length")?;
        let data = r.attempt(length.value.into(), length.range, |r| Data::read(r, kind.value, message))?;
        let record = Self { name, kind, class, cache_flush, ttl, length, data };
        r.summary(|| record.to_string());
        Ok(record)
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.kind)?;
        match &self.data {
            Some(Data::V4(address)) => write!(f, " {address}"),
            Some(Data::V6(address)) => write!(f, " {address}"),
            Some(Data::Name(name)) => write!(f, " {name}"),
            Some(Data::Service { port, target, .. }) => write!(f, " {target}:{port}"),
            Some(Data::Nsec { .. }) => Ok(()),
            Some(Data::Text(bytes) | Data::Other(bytes)) => write!(f, " ({} bytes)", bytes.value.len()),
            None => write!(f, " (malformed)"),
        }?;
        write!(f, " ttl {}", self.ttl)
    }
}
