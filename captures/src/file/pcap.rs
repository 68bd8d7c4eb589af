//! The format of libpcap, draft-ietf-opsawg-pcap: a header of 24 bytes, then records with a header of 16 bytes.

use super::item::{Clock, Format, Interface, LinkType};
use super::options::ByteOrder;

/// Length of the file header.
pub(super) const HEADER: usize = 24;

/// What the file header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) order: ByteOrder,
    pub(super) nanoseconds: bool,
    /// Length of a record's header: 24 in a variant that some Linux distributions once wrote.
    pub(super) record_header: usize,
    pub(super) snap_length: u32,
    pub(super) link: LinkType,
    pub(super) check_sequence: u8,
}

impl Header {
    /// Recognises the magic number.
    pub(super) fn sniff(magic: [u8; 4]) -> Option<(ByteOrder, bool, usize)> {
        let known = |number: u32| match number {
            0xa1b2_c3d4 => Some((false, 16)),
            0xa1b2_3c4d => Some((true, 16)),
            0xa1b2_cd34 => Some((false, 24)),
            _ => None,
        };
        let big = known(u32::from_be_bytes(magic)).map(|(n, header)| (ByteOrder::Big, n, header));
        big.or_else(|| known(u32::from_le_bytes(magic)).map(|(n, header)| (ByteOrder::Little, n, header)))
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (order, nanoseconds, record_header) = Self::sniff(*bytes.first_chunk()?)?;
        let snap_length = order.u32(bytes, 16)?;
        let network = order.u32(bytes, 20)?;
        // Bits 28 to 31 hold the length of the frame check sequence in 16-bit words if bit 26 is set.
        let check_sequence = if network & (1 << 26) != 0 { (network >> 28) as u8 * 2 } else { 0 };
        let link = LinkType(network as u16);
        Some(Self { order, nanoseconds, record_header, snap_length, link, check_sequence })
    }

    pub(super) fn format(&self) -> Format {
        Format::Pcap { order: self.order, nanoseconds: self.nanoseconds }
    }

    pub(super) fn interface(&self) -> Interface {
        Interface {
            section: 0,
            link: self.link,
            snap_length: self.snap_length,
            name: None,
            description: None,
            comments: Vec::new(),
            check_sequence: self.check_sequence,
            clock: if self.nanoseconds { Clock::NANOSECONDS } else { Clock::MICROSECONDS },
        }
    }

    /// Time in nanoseconds, captured and original length.
    pub(super) fn record(&self, bytes: &[u8]) -> Option<(u64, u32, u32)> {
        let seconds = u64::from(self.order.u32(bytes, 0)?);
        let fraction = u64::from(self.order.u32(bytes, 4)?);
        let fraction = if self.nanoseconds { fraction } else { fraction * 1_000 };
        let time = seconds * 1_000_000_000 + fraction;
        Some((time, self.order.u32(bytes, 8)?, self.order.u32(bytes, 12)?))
    }
}
