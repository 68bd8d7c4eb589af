//! SDES, source description: RFC 3550 §6.5, with items of RFC 7941.
//!
//! ```text
//! |V=2|P|    SC   |  PT=SDES=202  |             length            |
//! +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! |                          SSRC/CSRC_1                          |
//! |    CNAME=1    |     length    | user and domain name        ...
//! |  further items                         | null octets to 32 bits
//! ```

use super::read_ssrc;
use crate::wire::field::{Field, Span};
use crate::wire::list::{List, Unit};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// SDES item types.
    pub enum SdesItemType(u8) {
        End = 0 => "END",
        Cname = 1 => "CNAME",
        Name = 2 => "NAME",
        Email = 3 => "EMAIL",
        Phone = 4 => "PHONE",
        Loc = 5 => "LOC",
        Tool = 6 => "TOOL",
        Note = 7 => "NOTE",
        Priv = 8 => "PRIV",
        H323Caddr = 9 => "H323-CADDR",
        Apsi = 10 => "APSI",
        Rgrp = 11 => "RGRP",
        RtpStreamId = 12 => "RtpStreamId",
        RepairedRtpStreamId = 13 => "RepairedRtpStreamId",
        Ccid = 14 => "CCID",
        Mid = 15 => "MID",
    }
}

/// One item about a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdesItem<'a> {
    /// Its type.
    pub kind: Field<SdesItemType>,
    /// Its text.
    pub text: Field<&'a [u8]>,
}

impl<'a> Unit<'a> for SdesItem<'a> {
    const NAME: &'static str = "SDES item";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let kind = r.code("item type")?;
        let length = r.u8("length")?;
        let text = r.text("text", length.value.into())?;
        let item = Self { kind, text };
        r.summary(|| item.to_string());
        Ok(item)
    }
}

impl fmt::Display for SdesItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.value, String::from_utf8_lossy(self.text.value))
    }
}

/// What is said about one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdesChunk<'a> {
    /// The source.
    pub ssrc: Field<u32>,
    /// The items.
    pub items: List<'a, SdesItem<'a>>,
    /// The null octets that end the list.
    pub end: Field<&'a [u8]>,
}

impl<'a> Unit<'a> for SdesChunk<'a> {
    const NAME: &'static str = "SDES chunk";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let ssrc = read_ssrc(r, "SSRC/CSRC")?;
        let length = items_length(r.peek());
        // The list ends with one null octet and as many as reach the next word.
        let end = (4 - length % 4).min(r.remaining() - length);
        let items = List::read(r, length, Span::default())?;
        let end = r.bytes("end of items", end)?;
        let chunk = Self { ssrc, items, end };
        r.summary(|| chunk.to_string());
        Ok(chunk)
    }
}

/// Length of the items at the beginning of `bytes`, up to the null octet or the end.
fn items_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some([kind, rest @ ..]) = bytes.get(at..) {
        match (kind, rest) {
            (0, _) => return at,
            (_, [length, ..]) => at += 2 + usize::from(*length),
            (_, []) => break,
        }
    }
    bytes.len()
}

impl<'a> SdesChunk<'a> {
    /// The text of the first item of a type.
    pub fn text(&self, kind: SdesItemType) -> Option<&'a [u8]> {
        self.items.iter().find(|item| item.kind.value == kind).map(|item| item.text.value)
    }
}

impl fmt::Display for SdesChunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.ssrc.value)?;
        self.items.iter().try_for_each(|item| write!(f, " {item}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Body;
    use super::super::compound::tests::{body, check};
    use super::*;
    use crate::wire::testing::hex;

    #[test]
    fn chunks_and_items_are_understood() {
        let text = "82ca0006 00000001 0102 6162 0f01 30 00  00000002 0105 6162636465 00";
        check(text, "SDES 0x00000001 CNAME ab MID 0 0x00000002 CNAME abcde");
        let bytes = hex(text);
        let Body::SourceDescription(chunks) = body(&bytes) else { panic!() };
        assert_eq!(chunks.iter().nth(1).unwrap().text(SdesItemType::Cname), Some(&b"abcde"[..]));
    }

    #[test]
    fn items_that_fill_their_word_end_with_four_null_octets() {
        check("81ca0003 00000001 0102 6162 00000000", "SDES 0x00000001 CNAME ab");
    }

    #[test]
    fn an_item_longer_than_its_packet_ends_the_list() {
        let bytes = hex("81ca0002 00000001 0109 6162");
        let Body::SourceDescription(chunks) = body(&bytes) else { panic!() };
        let chunk = chunks.iter().next().unwrap();
        assert_eq!(chunk.items.iter().count(), 0);
        assert!(chunk.items.stop().is_some());
    }
}
