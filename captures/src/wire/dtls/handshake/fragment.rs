//! The handshake header and fragments: RFC 9147 §5.2.
//!
//! ```text
//! struct {
//!     HandshakeType msg_type;    /* handshake type */
//!     uint24 length;             /* bytes in message */
//!     uint16 message_seq;        /* DTLS-required field */
//!     uint24 fragment_offset;    /* DTLS-required field */
//!     uint24 fragment_length;    /* DTLS-required field */
//!     select (msg_type) { … } body;
//! } Handshake;
//! ```

use super::super::version::Version;
use super::body::Body;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink, UNDISSECTED};
use crate::wire::stop::{Read, Stop};
use std::fmt;

code_points! {
    /// Kinds of handshake messages: the IANA registry "TLS HandshakeType".
    pub enum HandshakeType(u8) {
        HelloRequest = 0 => "HelloRequest",
        ClientHello = 1 => "ClientHello",
        ServerHello = 2 => "ServerHello",
        HelloVerifyRequest = 3 => "HelloVerifyRequest",
        NewSessionTicket = 4 => "NewSessionTicket",
        EndOfEarlyData = 5 => "EndOfEarlyData",
        EncryptedExtensions = 8 => "EncryptedExtensions",
        RequestConnectionId = 9 => "RequestConnectionId",
        NewConnectionId = 10 => "NewConnectionId",
        Certificate = 11 => "Certificate",
        ServerKeyExchange = 12 => "ServerKeyExchange",
        CertificateRequest = 13 => "CertificateRequest",
        ServerHelloDone = 14 => "ServerHelloDone",
        CertificateVerify = 15 => "CertificateVerify",
        ClientKeyExchange = 16 => "ClientKeyExchange",
        ClientCertificateRequest = 17 => "ClientCertificateRequest",
        Finished = 20 => "Finished",
        CertificateUrl = 21 => "CertificateUrl",
        CertificateStatus = 22 => "CertificateStatus",
        SupplementalData = 23 => "SupplementalData",
        KeyUpdate = 24 => "KeyUpdate",
        CompressedCertificate = 25 => "CompressedCertificate",
        EktKey = 26 => "EKTKey",
        MessageHash = 254 => "message_hash",
    }
}

/// A fragment of a message, which may be all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The kind of the message.
    pub kind: Field<HandshakeType>,
    /// Bytes of the whole message without header.
    pub length: Field<u32>,
    /// The number of the message.
    pub message_seq: Field<u16>,
    /// Bytes of the message before this fragment.
    pub fragment_offset: Field<u32>,
    /// Bytes of this fragment.
    pub fragment_length: Field<u32>,
    /// The fragment.
    pub bytes: Field<&'a [u8]>,
}

impl<'a> Fragment<'a> {
    /// Bytes of the header.
    pub const HEADER: usize = 12;

    /// Reads header and fragment.
    #[inline]
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let mut fragment = Self::read_header(r)?;
        let length = fragment.fragment_length;
        fragment.bytes = r.sized("fragment", length.value as usize, length.range)?;
        Ok(fragment)
    }

    fn read_header<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Ok(Self {
            kind: r.code("msg_type")?,
            length: r.u24("length")?,
            message_seq: r.u16("message_seq")?,
            fragment_offset: r.u24("fragment_offset")?,
            fragment_length: r.u24("fragment_length")?,
            bytes: Field::default(),
        })
    }

    /// Whether it is all of the message.
    pub const fn is_whole(&self) -> bool {
        self.fragment_offset.value == 0 && self.fragment_length.value == self.length.value
    }

    /// The random of a ClientHello or ServerHello, if this begins one: it follows the version in both.
    pub fn hello_random(&self) -> Option<&'a [u8; 32]> {
        let is_hello = matches!(self.kind.value, HandshakeType::ClientHello | HandshakeType::ServerHello);
        if is_hello && self.fragment_offset.value == 0 {
            self.bytes.value.get(2..)?.first_chunk()
        } else {
            None
        }
    }

    /// What the message says, if this is all of it; [`Body::Fragment`] if not.
    pub fn body(&self, version: Version) -> Read<Body<'a>> {
        if !self.is_whole() {
            return Ok(Body::Fragment(self.bytes));
        }
        let start = self.bytes.range.start as usize;
        Body::read(&mut Reader::at("DTLS handshake", self.bytes.value, start), self.kind.value, version)
    }

    fn walk<S: Sink>(r: &mut Reader<'a, S>, version: Version) -> Read<()> {
        let whole = Self::read(&mut Reader::at("DTLS handshake", r.peek(), r.offset()));
        let header = Self::read_header(r)?;
        r.rename(|| header.kind.value.name().unwrap_or("unknown handshake message").into());
        let length = header.fragment_length;
        r.summary(|| whole.map_or_else(|_| String::new(), |whole| whole.to_string()));
        if !header.is_whole() {
            return r.within(length.value as usize, length.range, |r| {
                r.rest("fragment");
                Ok(())
            });
        }
        r.attempt(length.value as usize, length.range, |r| {
            let body = Body::read(r, header.kind.value, version)?;
            r.summary(|| format!("{header}{body}"));
            Ok(())
        })?;
        Ok(())
    }
}

/// Reads fragments up to the limit, as children in the record.
pub(in crate::wire::dtls) fn walk_all<S: Sink>(r: &mut Reader<'_, S>, version: Version) -> Read<()> {
    while !r.is_empty() {
        r.node("handshake message", |r| Fragment::walk(r, version))?;
    }
    Ok(())
}

impl fmt::Display for Fragment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.value)?;
        if !self.is_whole() {
            let start = self.fragment_offset.value;
            let end = u64::from(start) + u64::from(self.fragment_length.value);
            write!(f, " (bytes {start}..{end} of {})", self.length.value)?;
        }
        Ok(())
    }
}

/// The fragments that a record holds.
#[derive(Debug)]
pub struct Fragments<'a>(Reader<'a>);

impl<'a> Fragments<'a> {
    /// Of the content of a record.
    pub fn new(content: Field<&'a [u8]>) -> Self {
        Self(Reader::at("DTLS handshake", content.value, content.range.start as usize))
    }
}

impl<'a> Iterator for Fragments<'a> {
    type Item = Result<Fragment<'a>, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let fragment = Fragment::read(&mut self.0);
        if fragment.is_err() {
            self.0.rest(UNDISSECTED);
        }
        Some(fragment)
    }
}
