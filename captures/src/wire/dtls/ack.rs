//! ACKs of DTLS 1.3: RFC 9147 §7.
//!
//! ```text
//! struct {
//!     RecordNumber record_numbers<0..2^16-1>;
//! } ACK;
//! struct {
//!     uint64 epoch;
//!     uint64 sequence_number;
//! } RecordNumber;
//! ```

use super::vector;
use crate::wire::field::Field;
use crate::wire::node::{self, Dissected};
use crate::wire::reader::{Reader, Sink};
use crate::wire::show::Joined;
use crate::wire::stop::Read;
use std::fmt;

/// A record by epoch and sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordNumber {
    /// The epoch.
    pub epoch: u64,
    /// The sequence number within it.
    pub sequence: u64,
}

impl RecordNumber {
    fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Self> {
        Ok(Self { epoch: r.u64("epoch")?.value, sequence: r.u64("sequence_number")?.value })
    }
}

impl fmt::Display for RecordNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.epoch, self.sequence)
    }
}

/// The records that have been received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack<'a> {
    /// Their numbers.
    pub record_numbers: Field<&'a [u8]>,
}

impl<'a> Ack<'a> {
    /// Reads the content of a record.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let record_numbers = vector::nested16(r, "record_numbers length", |r| {
            vector::each(r, "record_number", |r| {
                let number = RecordNumber::read(r)?;
                r.summary(|| number.to_string());
                Ok(())
            })
        })?;
        Ok(Self { record_numbers })
    }

    pub(super) fn walk<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let ack = Self::read(r)?;
        r.summary(|| ack.to_string());
        Ok(ack)
    }

    /// The numbers one by one.
    pub fn iter(self) -> impl Iterator<Item = RecordNumber> + Clone + 'a {
        vector::items(self.record_numbers, |r| RecordNumber::read(r))
    }
}

impl fmt::Display for Ack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ACK {}", Joined(self.iter()))
    }
}

/// Reads an ACK from the content of a record.
pub fn view(bytes: &[u8]) -> Read<Ack<'_>> {
    Ack::read(&mut Reader::new("DTLS ACK", bytes))
}

/// Dissects an ACK entirely.
pub fn tree(bytes: &[u8]) -> Dissected<Ack<'_>> {
    node::record("DTLS ACK", bytes, Ack::walk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{check_all, hex};

    #[test]
    fn record_numbers_are_read_one_by_one() {
        let bytes = hex("0020 0000000000000002 0000000000000000 0000000000000002 0000000000000007");
        assert_eq!(view(&bytes).unwrap().to_string(), "ACK 2/0,2/7");
        assert_eq!(view(&[0, 0]).unwrap().iter().count(), 0);
        check_all(&bytes, |bytes| tree(bytes).outcome());
    }

    #[test]
    fn a_list_longer_than_the_record_stops() {
        let stop = view(&hex("0020 00000000")).unwrap_err();
        assert_eq!((stop.needed, stop.available), (32, 4));
    }
}
