//! A DNS message: RFC 1035 §4.1.1.
//!
//! ```text
//!   0  1  2  3  4  5  6  7  8  9  0  1  2  3  4  5
//! +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//! |                      ID                       |
//! |QR|   Opcode  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
//! |                    QDCOUNT                    |
//! |                    ANCOUNT                    |
//! |                    NSCOUNT                    |
//! |                    ARCOUNT                    |
//! +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//! ```

use super::name::Whole;
use super::record::{Question, Record};
use crate::wire::field::Field;
use crate::wire::node::{self, Dissected, Value};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::{Read, Stop};
use std::fmt;

code_points! {
    /// What is asked.
    pub enum Opcode(u8) {
        Query = 0 => "query",
        InverseQuery = 1 => "inverse query",
        Status = 2 => "status",
        Notify = 4 => "notify",
        Update = 5 => "update",
    }
}

/// The sections of a message in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// Questions.
    Question,
    /// Answers.
    Answer,
    /// Authority; in a probe the records proposed.
    Authority,
    /// Additional records.
    Additional,
}

impl Section {
    const ALL: [Self; 4] = [Self::Question, Self::Answer, Self::Authority, Self::Additional];

    const fn name(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Answer => "answer",
            Self::Authority => "authority",
            Self::Additional => "additional",
        }
    }
}

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Pairs a response with its query; zero in multicast.
    pub id: Field<u16>,
    /// All flags.
    pub flags: Field<u16>,
    /// Entries of each section, as announced.
    pub counts: [Field<u16>; 4],
    /// The sections.
    pub body: Field<&'a [u8]>,
    message: Whole<'a>,
}

impl<'a> Message<'a> {
    /// Reads the header and takes the rest.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let mut message = Self::read_header(r)?;
        message.body = r.rest("sections");
        Ok(message)
    }

    fn read_header<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let message = Whole { bytes: r.peek(), base: r.offset() };
        let id = r.u16("ID")?;
        let flags = r.u16("flags")?;
        r.meaning(|| Value::Hex(flags.value.into(), 2));
        r.part("QR (response)", 0x8000, flags.value);
        r.part("opcode", 0x7800, flags.value);
        r.part("AA (authoritative)", 0x0400, flags.value);
        r.part("TC (truncated)", 0x0200, flags.value);
        r.part("RD (recursion desired)", 0x0100, flags.value);
        r.part("RA (recursion available)", 0x0080, flags.value);
        r.part("Z, AD, CD", 0x0070, flags.value);
        r.part("RCODE", 0x000f, flags.value);
        let counts = [r.u16("QDCOUNT")?, r.u16("ANCOUNT")?, r.u16("NSCOUNT")?, r.u16("ARCOUNT")?];
        Ok(Self { id, flags, counts, body: Field::default(), message })
    }

    fn walk<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let view = Self::read(&mut Reader::at("DNS", r.peek(), r.offset()))?;
        r.summary(|| view.to_string());
        Self::read_header(r)?;
        for (section, count) in Section::ALL.into_iter().zip(view.counts) {
            for _ in 0..count.value {
                r.node(section.name(), |r| Entry::read(r, section, view.message))?;
            }
        }
        Ok(view)
    }

    /// Whether it is a response.
    pub const fn is_response(&self) -> bool {
        self.flags.value & 0x8000 != 0
    }

    /// What is asked.
    pub fn opcode(&self) -> Opcode {
        Opcode::from((self.flags.value >> 11 & 0x0f) as u8)
    }

    /// Zero for success.
    pub const fn response_code(&self) -> u8 {
        (self.flags.value & 0x000f) as u8
    }

    /// Questions and records in their order. The last item is a [`Stop`] if there are fewer than announced.
    pub fn entries(&self) -> Entries<'a> {
        Entries {
            reader: Reader::at("DNS", self.body.value, self.body.range.start as usize),
            left: self.counts.map(|count| count.value),
            message: self.message,
        }
    }
}

/// A question or record with its section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// In the first section.
    Question(Question<'a>),
    /// In any other.
    Record(Section, Record<'a>),
}

impl<'a> Entry<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>, section: Section, message: Whole<'a>) -> Read<Self> {
        match section {
            Section::Question => Question::read(r, message).map(Self::Question),
            _ => Ok(Self::Record(section, Record::read(r, message)?)),
        }
    }
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Question(question) => question.fmt(f),
            Self::Record(_, record) => record.fmt(f),
        }
    }
}

/// The entries of a message.
#[derive(Debug)]
pub struct Entries<'a> {
    reader: Reader<'a>,
    left: [u16; 4],
    message: Whole<'a>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        let (left, section) = self.left.iter_mut().zip(Section::ALL).find(|(left, _)| **left > 0)?;
        *left -= 1;
        let entry = Entry::read(&mut self.reader, section, self.message);
        if entry.is_err() {
            self.left = [0; 4];
        }
        Some(entry)
    }
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DNS {}", self.opcode())?;
        if self.is_response() {
            write!(f, " response")?;
        }
        if self.response_code() != 0 {
            write!(f, " rcode {}", self.response_code())?;
        }
        for (index, entry) in self.entries().enumerate() {
            let separator = if index == 0 { " " } else { ", " };
            match entry {
                Ok(entry) => write!(f, "{separator}{entry}")?,
                Err(stop) => write!(f, "{separator}[{stop}]")?,
            }
        }
        Ok(())
    }
}

/// Reads a message without allocating.
pub fn view(bytes: &[u8]) -> Read<Message<'_>> {
    Message::read(&mut Reader::new("DNS", bytes))
}

/// Dissects a message entirely.
pub fn tree(bytes: &[u8]) -> Dissected<Message<'_>> {
    node::record("DNS", bytes, Message::walk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::mdns::{Data, RecordType};
    use crate::wire::testing::{check_all, check_robust, hex};

    /// What Chrome 156 sends for its candidates: announcements and queries.
    fn chrome() -> Vec<Vec<u8>> {
        include_str!("chrome.hex").lines().map(hex).collect()
    }

    /// PTR, SRV, TXT, a pointer in data, an unknown type, made up.
    fn service() -> Vec<u8> {
        hex("0000 8400 0001 0003 0000 0001
             045f727470 045f756470 056c6f63616c 00  000c 8001
             c00c 000c 0001 00001194 0004 01 61 c00c
             c02d 0021 8001 00000078 0009 0000 0000 13ba 01 62 00
             c02d 0010 8001 00001194 0007 03613d62 02 7869
             c011 ff00 0001 00000000 0002 beef")
    }

    #[test]
    fn messages_of_chrome_are_read() {
        let lines: String = chrome().iter().map(|bytes| format!("{}\n", view(bytes).unwrap())).collect();
        insta::assert_snapshot!("chrome_lines", lines);
        let trees: String = chrome().iter().map(|bytes| tree(bytes).node.to_string()).collect();
        insta::assert_snapshot!("chrome_trees", trees);
    }

    #[test]
    fn records_of_services_are_read() {
        let bytes = service();
        let message = view(&bytes).unwrap();
        let shown = "DNS query response PTR? _rtp._udp.local (QU), _rtp._udp.local PTR a._rtp._udp.local ttl 4500, \
                     a._rtp._udp.local SRV b:5050 ttl 120, a._rtp._udp.local TXT (7 bytes) ttl 4500, \
                     _udp.local 0xff00 (2 bytes) ttl 0";
        assert_eq!(message.to_string(), shown);
        let service = message.entries().map(Result::unwrap).find_map(|entry| match entry {
            Entry::Record(_, record) if record.kind.value == RecordType::Srv => record.data,
            _ => None,
        });
        assert!(matches!(service, Some(Data::Service { port, .. }) if port.value == 5050));
    }

    #[test]
    fn messages_are_dissected_whole_and_no_broken_one_panics() {
        for bytes in chrome().iter().chain([&service()]) {
            check_all(bytes, |bytes| tree(bytes).outcome());
        }
    }

    #[test]
    fn counts_that_lie_stop_at_the_end() {
        let bytes = hex("0000 0000 ffff ffff ffff ffff");
        let entries: Vec<_> = view(&bytes).unwrap().entries().collect();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].unwrap_err().offset, 12);
        check_robust(&bytes, |bytes| tree(bytes).outcome());
    }
}
