//! Records: DTLSPlaintext, DTLSCiphertext of 1.2 (RFC 6347 §4.1, RFC 9146 §3) and the unified header of 1.3 (RFC 9147 §4).

use super::bytes::Bytes;

/// Content types.
pub(in crate::decrypt) mod content {
    pub(in crate::decrypt) const HANDSHAKE: u8 = 22;
    pub(in crate::decrypt) const APPLICATION_DATA: u8 = 23;
    pub(in crate::decrypt) const WITH_CONNECTION_ID: u8 = 25;
}

/// A record as it stands in a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decrypt) struct Record<'a> {
    /// All its bytes.
    pub(in crate::decrypt) bytes: &'a [u8],
    pub(in crate::decrypt) header: Header<'a>,
    /// What follows the header.
    pub(in crate::decrypt) body: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decrypt) enum Header<'a> {
    /// 13 bytes and perhaps a connection id.
    Plain { content: u8, version: [u8; 2], epoch: u16, sequence: u64, connection_id: &'a [u8] },
    /// The unified header, whose sequence number is encrypted.
    Unified {
        /// Its bytes.
        bytes: &'a [u8],
        /// Where the sequence number begins in them and how many bytes it has.
        sequence: (usize, usize),
        /// Low two bits of the epoch.
        epoch: u8,
    },
}

impl Record<'_> {
    /// Whether it is in epoch 0, which is not protected.
    pub(in crate::decrypt) fn is_plaintext(&self) -> bool {
        matches!(self.header, Header::Plain { epoch: 0, .. })
    }

    /// Whether its header says that it holds handshake messages.
    pub(in crate::decrypt) fn is_handshake(&self) -> bool {
        matches!(self.header, Header::Plain { content: content::HANDSHAKE, .. })
    }
}

/// The records of a datagram, as far as they make sense.
pub(in crate::decrypt) struct Records<'a> {
    rest: Bytes<'a>,
    connection_id: usize,
}

impl<'a> Records<'a> {
    /// `connection_id` is the length of the connection ids that the receiver asked for.
    pub(in crate::decrypt) fn new(datagram: &'a [u8], connection_id: usize) -> Self {
        Self { rest: Bytes(datagram), connection_id }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let whole = self.rest.0;
        let first = *whole.first()?;
        let mut rest = self.rest;
        let unified = first & 0b1110_0000 == 0b0010_0000;
        let (header, body) = if unified {
            unified_header(&mut rest, whole, first, self.connection_id)
        } else {
            plain_header(&mut rest, self.connection_id)
        }?;
        let bytes = whole.get(..whole.len() - rest.0.len())?;
        self.rest = rest;
        Some(Record { bytes, header, body })
    }
}

fn plain_header<'a>(rest: &mut Bytes<'a>, connection_id: usize) -> Option<(Header<'a>, &'a [u8])> {
    let content = rest.u8()?;
    let version = rest.array()?;
    let epoch = rest.u16()?;
    let sequence = rest.u48()?;
    let connection_id = rest.take(if content == content::WITH_CONNECTION_ID { connection_id } else { 0 })?;
    let body = rest.vector16()?;
    Some((Header::Plain { content, version, epoch, sequence, connection_id }, body))
}

fn unified_header<'a>(
    rest: &mut Bytes<'a>,
    whole: &'a [u8],
    first: u8,
    connection_id: usize,
) -> Option<(Header<'a>, &'a [u8])> {
    rest.u8()?;
    rest.take(if first & 0x10 != 0 { connection_id } else { 0 })?;
    let at = whole.len() - rest.0.len();
    let width = if first & 0x08 != 0 { 2 } else { 1 };
    rest.take(width)?;
    let length = if first & 0x04 != 0 { rest.u16()?.into() } else { rest.0.len() };
    let bytes = whole.get(..whole.len() - rest.0.len())?;
    let body = rest.take(length)?;
    Some((Header::Unified { bytes, sequence: (at, width), epoch: first & 3 }, body))
}
