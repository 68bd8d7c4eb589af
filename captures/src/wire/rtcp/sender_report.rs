//! SR, the sender report: RFC 3550 §6.4.1.
//!
//! ```text
//! |V=2|P|    RC   |   PT=SR=200   |             length            |
//! |                         SSRC of sender                        |
//! +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! |              NTP timestamp, most significant word             |
//! |             NTP timestamp, least significant word             |
//! |                         RTP timestamp                         |
//! |                     sender's packet count                     |
//! |                      sender's octet count                     |
//! +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! |                         report blocks                         |
//! |                  profile-specific extensions                  |
//! ```

use super::{Header, ReportBlock, read_ssrc};
use crate::wire::field::Field;
use crate::wire::list::List;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// The body of an SR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// Who sends it.
    pub ssrc: Field<u32>,
    /// When it was sent: seconds since 1900 in the upper half, the fraction in the lower.
    pub ntp: Field<u64>,
    /// The same moment in units of the RTP timestamps.
    pub rtp_timestamp: Field<u32>,
    /// Packets sent.
    pub packet_count: Field<u32>,
    /// Bytes of payload sent.
    pub octet_count: Field<u32>,
    /// What the sender received from others.
    pub blocks: List<'a, ReportBlock>,
    /// Profile-specific extensions.
    pub extensions: Field<&'a [u8]>,
}

impl<'a> SenderReport<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, header: &Header) -> Read<Self> {
        let ssrc = read_ssrc(r, "SSRC of sender")?;
        let ntp = r.u64("NTP timestamp")?;
        r.meaning(|| Value::Hex(ntp.value, 8));
        let rtp_timestamp = r.u32("RTP timestamp")?;
        let packet_count = r.u32("sender's packet count")?;
        let octet_count = r.u32("sender's octet count")?;
        let length = usize::from(header.count()) * ReportBlock::LENGTH;
        let blocks = List::read(r, length, header.first.range)?;
        let extensions = r.rest("profile-specific extensions");
        Ok(Self { ssrc, ntp, rtp_timestamp, packet_count, octet_count, blocks, extensions })
    }

    /// The part of the NTP timestamp that report blocks repeat as LSR.
    pub const fn middle_ntp(&self) -> u32 {
        (self.ntp.value >> 16) as u32
    }
}

impl fmt::Display for SenderReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ssrc, rtp_timestamp, packet_count, octet_count, blocks, .. } = self;
        write!(
            f,
            "SR from {:#010x} ts {rtp_timestamp} packets {packet_count} bytes {octet_count}",
            ssrc.value
        )?;
        blocks.iter().try_for_each(|block| write!(f, " [{block}]"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Body;
    use super::super::compound::tests::{body, check};
    use crate::wire::testing::hex;

    const SR: &str = "81c8000c 01020304 e4c70f4e 80000000 00015f90 0000002a 00001388
                      0a0b0c0d 40fffffe 0001fffe 00000040 0f4e8000 00010000";

    #[test]
    fn a_sender_report_with_a_block_is_understood() {
        check(
            SR,
            "SR from 0x01020304 ts 90000 packets 42 bytes 5000 \
             [0x0a0b0c0d lost -2 (64/256) highest 131070 jitter 64]",
        );
        let bytes = hex(SR);
        let Body::SenderReport(report) = body(&bytes) else { panic!() };
        assert_eq!(report.middle_ntp(), 0x0f4e_8000);
        assert_eq!(report.blocks.iter().next().unwrap().last_sr.value, report.middle_ntp());
    }

    #[test]
    fn profile_specific_extensions_are_kept() {
        let bytes = hex("80c80007 01020304 e4c70f4e 80000000 00015f90 0000002a 00001388 deadbeef");
        let Body::SenderReport(report) = body(&bytes) else { panic!() };
        assert_eq!(report.extensions.value, hex("deadbeef"));
    }
}
