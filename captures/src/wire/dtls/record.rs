//! The record layer: RFC 6347 §4.1, RFC 9146 §4 (connection IDs in 1.2), RFC 9147 §4.
//!
//! ```text
//! struct {                                            // DTLSPlaintext, DTLSCiphertext of 1.2
//!     ContentType type;
//!     ProtocolVersion legacy_record_version;
//!     uint16 epoch;
//!     uint48 sequence_number;
//!     opaque cid[cid_length];                         // only in records of type tls12_cid
//!     uint16 length;
//!     opaque fragment[DTLSPlaintext.length];
//! } DTLSPlaintext;
//!
//!  0 1 2 3 4 5 6 7
//! +-+-+-+-+-+-+-+-+
//! |0|0|1|C|S|L|E E|                                   // unified header of 1.3
//! +-+-+-+-+-+-+-+-+
//! | Connection ID |   C - Connection ID (CID) present
//! | (if any,      |
//! /  length as    /   S - sequence number length, 16 or 8 bits
//! |  negotiated)  |
//! +-+-+-+-+-+-+-+-+   L - length present
//! |  8 or 16 bit  |
//! |Sequence Number|   E - epoch, the two low bits
//! +-+-+-+-+-+-+-+-+
//! | 16 bit Length |
//! | (if present)  |
//! +-+-+-+-+-+-+-+-+
//! ```

use super::ack::Ack;
use super::alert::Alert;
use super::handshake::{self, Fragments};
use super::version::Version;
use crate::wire::field::{Field, Span};
use crate::wire::node::{self, Dissected, Value};
use crate::wire::reader::{Reader, Sink, UNDISSECTED};
use crate::wire::show::Hex;
use crate::wire::stop::{Cause, Read, Stop};
use std::fmt;

code_points! {
    /// Content types: the IANA registry "TLS ContentType".
    pub enum ContentType(u8) {
        ChangeCipherSpec = 20 => "change_cipher_spec",
        Alert = 21 => "alert",
        Handshake = 22 => "handshake",
        ApplicationData = 23 => "application_data",
        Heartbeat = 24 => "heartbeat",
        Tls12Cid = 25 => "tls12_cid",
        Ack = 26 => "ACK",
        ReturnRoutabilityCheck = 27 => "return_routability_check",
    }
}

const UNKNOWN_CID_LENGTH: &str = "the length of the connection ID is not known";

/// Whether reading a record stopped because it has a connection ID whose length is not known.
pub fn lacks_cid_length(stop: &Stop) -> bool {
    stop.cause == Cause::Invalid(UNKNOWN_CID_LENGTH)
}

/// A record with a full header: of 1.2, or unprotected in 1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainRecord<'a> {
    /// What the fragment holds.
    pub kind: Field<ContentType>,
    /// The version; DTLS 1.0 in a first ClientHello, DTLS 1.2 in all of 1.3.
    pub version: Field<Version>,
    /// Counts the changes of keys. Records of epoch 0 are not protected.
    pub epoch: Field<u16>,
    /// The number of the record within its epoch.
    pub sequence: Field<u64>,
    /// The connection ID, in records of type `tls12_cid`.
    pub cid: Option<Field<&'a [u8]>>,
    /// Bytes of the fragment.
    pub length: Field<u16>,
    /// Content if the epoch is 0, else ciphertext.
    pub fragment: Field<&'a [u8]>,
}

/// A record with a unified header: protected, of 1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnifiedRecord<'a> {
    /// The first byte.
    pub flags: Field<u8>,
    /// The connection ID.
    pub cid: Option<Field<&'a [u8]>>,
    /// The low bits of the sequence number, encrypted.
    pub sequence: Field<u16>,
    /// Bytes of the fragment, if given; if not the record ends with the datagram.
    pub length: Option<Field<u16>>,
    /// All of the header: the additional data of the AEAD once the sequence number in it is decrypted.
    pub header: Field<&'a [u8]>,
    /// Ciphertext.
    pub fragment: Field<&'a [u8]>,
}

impl UnifiedRecord<'_> {
    /// The two low bits of the epoch.
    pub const fn epoch_bits(&self) -> u8 {
        self.flags.value & 0x03
    }

    /// Whether the sequence number has 16 bits and not 8.
    pub const fn has_long_sequence(&self) -> bool {
        self.flags.value & 0x08 != 0
    }

    /// Where the sequence number begins in the header, and its length in bytes.
    pub const fn sequence_in_header(&self) -> (usize, usize) {
        let at = self.sequence.range.start.saturating_sub(self.header.range.start);
        (at as usize, self.sequence.range.len())
    }
}

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// With a full header.
    Plain(PlainRecord<'a>),
    /// With a unified header.
    Unified(UnifiedRecord<'a>),
}

impl<'a> Record<'a> {
    /// Reads the next record of a datagram. `cid_length` is the length negotiated for connection IDs of the sender's, zero if there
    /// are none or it is not known.
    ///
    /// # Errors
    /// If the bytes end before the record, begin none, or the record has a connection ID whose length is not known
    /// ([`lacks_cid_length`]).
    #[inline]
    pub fn read<S: Sink>(r: &mut Reader<'a, S>, cid_length: usize) -> Read<Self> {
        let mut record = Self::read_header(r, cid_length)?;
        match &mut record {
            Self::Plain(plain) => {
                plain.fragment = r.sized("fragment", plain.length.value.into(), plain.length.range)?;
            }
            Self::Unified(unified) => {
                unified.fragment = match unified.length {
                    Some(length) => r.sized("encrypted_record", length.value.into(), length.range)?,
                    None => r.rest("encrypted_record"),
                };
            }
        }
        Ok(record)
    }

    fn read_header<S: Sink>(r: &mut Reader<'a, S>, cid_length: usize) -> Read<Self> {
        match r.peek().first() {
            None => Err(r.short(1)),
            Some(20..=31) => Self::read_plain_header(r, cid_length).map(Self::Plain),
            Some(32..=63) => Self::read_unified_header(r, cid_length).map(Self::Unified),
            Some(_) => Err(r.invalid("the first byte is that of no record")),
        }
    }

    fn read_plain_header<S: Sink>(r: &mut Reader<'a, S>, cid_length: usize) -> Read<PlainRecord<'a>> {
        let kind = r.code("type")?;
        let version = r.code("legacy_record_version")?;
        let (epoch, sequence) = (r.u16("epoch")?, r.u48("sequence_number")?);
        let cid =
            if kind.value == ContentType::Tls12Cid { Some(Self::read_cid(r, cid_length)?) } else { None };
        let length = r.u16("length")?;
        Ok(PlainRecord { kind, version, epoch, sequence, cid, length, fragment: Field::default() })
    }

    fn read_unified_header<S: Sink>(r: &mut Reader<'a, S>, cid_length: usize) -> Read<UnifiedRecord<'a>> {
        let bytes = r.peek();
        let flags = r.u8("flags")?;
        r.meaning(|| Value::Hex(flags.value.into(), 1));
        r.part("fixed bits", 0xe0, flags.value);
        r.part("C (connection ID present)", 0x10, flags.value);
        r.part("S (sequence number of 16 bits)", 0x08, flags.value);
        r.part("L (length present)", 0x04, flags.value);
        r.part("E (epoch, low bits)", 0x03, flags.value);
        let cid = if flags.value & 0x10 != 0 { Some(Self::read_cid(r, cid_length)?) } else { None };
        let sequence = if flags.value & 0x08 != 0 {
            r.u16("encrypted sequence number")?
        } else {
            r.u8("encrypted sequence number")?.map(u16::from)
        };
        let length = if flags.value & 0x04 != 0 { Some(r.u16("length")?) } else { None };
        let range = flags.range.to(length.map_or(sequence.range, |length| length.range));
        let header = Field::new(range, bytes.get(..range.len()).unwrap_or(bytes));
        Ok(UnifiedRecord { flags, cid, sequence, length, header, fragment: Field::default() })
    }

    /// An empty connection ID is never sent (RFC 9146 §3, RFC 9147 §9): a length of zero says that it is not known.
    fn read_cid<S: Sink>(r: &mut Reader<'a, S>, cid_length: usize) -> Read<Field<&'a [u8]>> {
        if cid_length == 0 { Err(r.invalid(UNKNOWN_CID_LENGTH)) } else { r.bytes("cid", cid_length) }
    }

    fn walk<S: Sink>(r: &mut Reader<'a, S>, cid_length: usize) -> Read<()> {
        let whole = Self::read(&mut Reader::at("DTLS record", r.peek(), r.offset()), cid_length);
        r.summary(|| whole.map_or_else(|_| String::new(), |record| record.to_string()));
        match Self::read_header(r, cid_length)? {
            Self::Unified(UnifiedRecord { length: None, .. }) => {
                r.rest("encrypted_record");
                Ok(())
            }
            Self::Unified(UnifiedRecord { length: Some(length), .. }) => {
                r.within(length.value.into(), length.range, |r| {
                    r.rest("encrypted_record");
                    Ok(())
                })
            }
            Self::Plain(plain) => {
                let length = plain.length;
                r.attempt(length.value.into(), length.range, |r| {
                    if plain.epoch.value == 0 { walk_content(r, plain.kind.value) } else { ciphertext(r) }
                })?;
                Ok(())
            }
        }
    }

    /// The connection ID.
    pub const fn cid(&self) -> Option<Field<&'a [u8]>> {
        match self {
            Self::Plain(plain) => plain.cid,
            Self::Unified(unified) => unified.cid,
        }
    }

    /// The bytes of the record, header and fragment.
    pub const fn range(&self) -> Span {
        match self {
            Self::Plain(plain) => plain.kind.range.to(plain.fragment.range),
            Self::Unified(unified) => unified.flags.range.to(unified.fragment.range),
        }
    }

    /// Whether nothing protects it: a full header and epoch 0.
    pub const fn is_plaintext(&self) -> bool {
        matches!(self, Self::Plain(plain) if plain.epoch.value == 0)
    }

    /// The handshake fragments of an unprotected handshake record.
    pub fn fragments(&self) -> Option<Fragments<'a>> {
        self.plaintext(ContentType::Handshake).map(Fragments::new)
    }

    /// The content of an unprotected record of that type.
    pub fn plaintext(&self, kind: ContentType) -> Option<Field<&'a [u8]>> {
        match self {
            Self::Plain(plain) if plain.kind.value == kind && plain.epoch.value == 0 => Some(plain.fragment),
            _ => None,
        }
    }
}

fn ciphertext<S: Sink>(r: &mut Reader<'_, S>) -> Read<()> {
    r.rest("ciphertext");
    Ok(())
}

/// Reads the content of an unprotected record. Messages that differ between versions have the form of 1.2 there, as 1.3 protects them.
fn walk_content<S: Sink>(r: &mut Reader<'_, S>, kind: ContentType) -> Read<()> {
    match kind {
        ContentType::Handshake => r.layer("DTLS handshake", |r| handshake::walk_all(r, Version::Dtls12)),
        ContentType::Alert => r.layer("DTLS alert", |r| r.node("alert", Alert::walk).map(drop)),
        ContentType::Ack => r.layer("DTLS ACK", |r| r.node("ACK", Ack::walk).map(drop)),
        ContentType::ChangeCipherSpec => r.u8("change_cipher_spec").map(drop),
        _ => {
            r.rest("content");
            Ok(())
        }
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unified(record) => {
                write!(f, "DTLS 1.3 epoch ..{:02b}", record.epoch_bits())?;
                if let Some(cid) = record.cid {
                    write!(f, " cid {}", Hex(cid.value))?;
                }
                write!(f, " encrypted ({} bytes)", record.fragment.value.len())
            }
            Self::Plain(record) => {
                write!(f, "{} {}/{} ", record.version, record.epoch, record.sequence)?;
                if let Some(cid) = record.cid {
                    write!(f, "cid {} ", Hex(cid.value))?;
                }
                show_content(f, self, record)
            }
        }
    }
}

fn show_content(f: &mut fmt::Formatter<'_>, record: &Record<'_>, plain: &PlainRecord<'_>) -> fmt::Result {
    let length = plain.fragment.value.len();
    if plain.epoch.value != 0 {
        return write!(f, "encrypted {} ({length} bytes)", plain.kind);
    }
    if let Some(fragments) = record.fragments() {
        for (index, fragment) in fragments.enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            match fragment {
                Ok(fragment) => write!(f, "{separator}{fragment}")?,
                Err(stop) => write!(f, "{separator}[{stop}]")?,
            }
        }
        return Ok(());
    }
    let content = plain.fragment.value;
    match plain.kind.value {
        ContentType::Alert => match super::alert::view(content) {
            Ok(alert) => write!(f, "{alert}"),
            Err(stop) => write!(f, "[{stop}]"),
        },
        ContentType::Ack => match super::ack::view(content) {
            Ok(ack) => write!(f, "{ack}"),
            Err(stop) => write!(f, "[{stop}]"),
        },
        kind => write!(f, "{kind} ({length} bytes)"),
    }
}

/// A datagram of DTLS: records one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    bytes: &'a [u8],
    base: usize,
    cid_length: usize,
}

impl<'a> Datagram<'a> {
    /// `bytes` that start at `base` within the whole, with connection IDs of `cid_length` bytes.
    pub const fn at(bytes: &'a [u8], base: usize, cid_length: usize) -> Self {
        Self { bytes, base, cid_length }
    }

    /// The records. The last item is a [`Stop`] if they do not end where they should.
    pub const fn records(&self) -> Records<'a> {
        Records { reader: Reader::at("DTLS record", self.bytes, self.base), cid_length: self.cid_length }
    }

    fn walk<S: Sink>(self, r: &mut Reader<'a, S>) -> Read<Self> {
        r.summary(|| self.to_string());
        while !r.is_empty() {
            r.node("record", |r| Record::walk(r, self.cid_length))?;
        }
        Ok(self)
    }
}

impl fmt::Display for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, record) in self.records().enumerate() {
            let separator = if index == 0 { "" } else { " | " };
            match record {
                Ok(record) => write!(f, "{separator}{record}")?,
                Err(stop) => write!(f, "{separator}[{stop}]")?,
            }
        }
        Ok(())
    }
}

/// The records of a datagram.
#[derive(Debug)]
pub struct Records<'a> {
    reader: Reader<'a>,
    cid_length: usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Stop>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let record = Record::read(&mut self.reader, self.cid_length);
        if record.is_err() {
            self.reader.rest(UNDISSECTED);
        }
        Some(record)
    }
}

/// A datagram without connection IDs, to be read record by record without allocating.
pub const fn view(bytes: &[u8]) -> Datagram<'_> {
    Datagram::at(bytes, 0, 0)
}

/// What follows from the connection ID of the first record on, if it has one. How long the ID is does not stand there.
pub fn from_connection_id(datagram: &[u8]) -> Option<&[u8]> {
    // Records with connection IDs are few, and this is asked of each datagram.
    if !matches!(datagram.first()?, 25 | 0x30..=0x3f) {
        return None;
    }
    let stop = Record::read_header(&mut Reader::new("DTLS record", datagram), 0).err()?;
    if lacks_cid_length(&stop) { datagram.get(stop.offset as usize..) } else { None }
}

/// Dissects a datagram entirely, as far as it is not encrypted.
pub fn tree(datagram: Datagram<'_>) -> Dissected<Datagram<'_>> {
    node::record("DTLS", datagram.bytes, |r| datagram.walk(r))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dtls::samples;
    use crate::wire::testing::{check_all, check_robust, hex};

    fn lines(datagrams: &[Vec<u8>]) -> String {
        datagrams.iter().map(|datagram| format!("{}\n", view(datagram))).collect()
    }

    #[test]
    fn recorded_handshakes_read_as_they_were() {
        insta::assert_snapshot!("openssl_lines", lines(&samples::openssl()));
        insta::assert_snapshot!("chrome_lines", lines(&samples::chrome()));
    }

    #[test]
    fn trees_of_recorded_handshakes() {
        let openssl = samples::openssl();
        let trees: String = openssl.iter().map(|datagram| tree(view(datagram)).node.to_string()).collect();
        insta::assert_snapshot!("openssl_trees", trees);
        let chrome = samples::chrome();
        let trees: String =
            chrome.iter().take(4).map(|datagram| tree(view(datagram)).node.to_string()).collect();
        insta::assert_snapshot!("chrome_trees", trees);
    }

    #[test]
    fn every_datagram_is_dissected_whole_and_no_broken_one_panics() {
        for datagram in samples::openssl().iter().chain(&samples::chrome()) {
            check_all(datagram, |bytes| tree(view(bytes)).outcome());
        }
    }

    #[test]
    fn unified_headers_have_every_combination_of_parts() {
        for (text, cid_length, header, shown) in [
            ("20 07 aabbcc", 0, 2, "DTLS 1.3 epoch ..00 encrypted (3 bytes)"),
            ("2a 0007 aabbcc", 0, 3, "DTLS 1.3 epoch ..10 encrypted (3 bytes)"),
            ("2f 0007 0003 aabbcc", 0, 5, "DTLS 1.3 epoch ..11 encrypted (3 bytes)"),
            ("35 c1c2 07 0003 aabbcc", 2, 6, "DTLS 1.3 epoch ..01 cid c1c2 encrypted (3 bytes)"),
        ] {
            let bytes = hex(text);
            let datagram = Datagram::at(&bytes, 0, cid_length);
            assert_eq!(datagram.to_string(), shown);
            let Some(Ok(Record::Unified(record))) = datagram.records().next() else { panic!("{text}") };
            assert_eq!(record.header.value, &bytes[..header]);
            assert_eq!(record.sequence.value, 7);
            check_all(&bytes, |bytes| tree(Datagram::at(bytes, 0, cid_length)).outcome());
        }
    }

    #[test]
    fn connection_ids_of_1_2_stand_before_the_length() {
        let bytes = hex("19 fefd 0001 000000000005 c1c2c3 0002 beef");
        let datagram = Datagram::at(&bytes, 0, 3);
        assert_eq!(datagram.to_string(), "DTLS 1.2 1/5 cid c1c2c3 encrypted tls12_cid (2 bytes)");
        check_all(&bytes, |bytes| tree(Datagram::at(bytes, 0, 3)).outcome());
    }

    #[test]
    fn a_connection_id_of_unknown_length_stops_where_it_begins() {
        for (text, at) in [("19 fefd 0001 000000000005 c1c2c3 0002 beef", 11), ("35 c1c2 07 0003 aabbcc", 1)]
        {
            let bytes = hex(text);
            let stop = view(&bytes).records().next().unwrap().unwrap_err();
            assert!(lacks_cid_length(&stop));
            assert_eq!(stop.offset, at);
            assert_eq!(from_connection_id(&bytes), bytes.get(at as usize..));
            check_robust(&bytes, |bytes| tree(view(bytes)).outcome());
        }
        for text in ["16 fefd 0000 000000000005 0002 beef", "2e 0007 0001 aa", "19 fefd"] {
            assert_eq!(from_connection_id(&hex(text)), None);
        }
    }

    #[test]
    fn records_after_one_another_are_read_until_what_is_none() {
        let bytes = hex("15 fefd 0000 000000000001 0002 022a  14 fefd 0000 000000000002 0001 01
                         1a fefd 0000 000000000003 0002 0000  99");
        let shown = "DTLS 1.2 0/1 alert fatal bad_certificate | DTLS 1.2 0/2 change_cipher_spec (1 bytes) | \
                     DTLS 1.2 0/3 ACK  | [DTLS record stops at byte 44: the first byte is that of no record]";
        assert_eq!(view(&bytes).to_string(), shown);
        let dissected = tree(view(&bytes));
        assert_eq!(dissected.stop.unwrap().offset, 44);
        assert_eq!(dissected.node.children.len(), 4);
    }
}
