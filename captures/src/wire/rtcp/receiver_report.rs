//! RR, the receiver report: RFC 3550 §6.4.2.
//!
//! ```text
//! |V=2|P|    RC   |   PT=RR=201   |             length            |
//! |                     SSRC of packet sender                     |
//! |                         report blocks                         |
//! |                  profile-specific extensions                  |
//! ```

use super::{Header, ReportBlock, read_ssrc};
use crate::wire::field::Field;
use crate::wire::list::List;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// The body of an RR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// Who sends it.
    pub ssrc: Field<u32>,
    /// What it received from others.
    pub blocks: List<'a, ReportBlock>,
    /// Profile-specific extensions.
    pub extensions: Field<&'a [u8]>,
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, header: &Header) -> Read<Self> {
        let ssrc = read_ssrc(r, "SSRC of sender")?;
        let length = usize::from(header.count()) * ReportBlock::LENGTH;
        let blocks = List::read(r, length, header.first.range)?;
        Ok(Self { ssrc, blocks, extensions: r.rest("profile-specific extensions") })
    }
}

impl fmt::Display for ReceiverReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RR from {:#010x}", self.ssrc.value)?;
        self.blocks.iter().try_for_each(|block| write!(f, " [{block}]"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::check;

    #[test]
    fn a_receiver_report_is_understood() {
        check(
            "81c90007 00000001 0a0b0c0d 00000001 00003039 00000000 00000000 00000000",
            "RR from 0x00000001 [0x0a0b0c0d lost 1 (0/256) highest 12345 jitter 0]",
        );
    }
}
