//! The header that all RTCP packets share: RFC 3550 §6.4.1.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P|   RC    |       PT      |             length            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;

code_points! {
    /// RTCP packet types.
    pub enum PacketType(u8) {
        SenderReport = 200 => "SR",
        ReceiverReport = 201 => "RR",
        SourceDescription = 202 => "SDES",
        Bye = 203 => "BYE",
        App = 204 => "APP",
        TransportFeedback = 205 => "RTPFB",
        PayloadFeedback = 206 => "PSFB",
        ExtendedReport = 207 => "XR",
        Avb = 208 => "AVB",
        ReceiverSummary = 209 => "RSI",
        PortMapping = 210 => "TOKEN",
        IdmsSettings = 211 => "IDMS",
    }
}

/// The header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Version, padding, and a count whose meaning depends on the type.
    pub first: Field<u8>,
    /// The packet type.
    pub kind: Field<PacketType>,
    /// Length of what follows the header in words of 32 bits.
    pub length: Field<u16>,
}

impl Header {
    /// Reads the header.
    pub fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Self> {
        let first = r.u8("V, P, count")?;
        r.part("version", 0xc0, first.value);
        r.part("padding", 0x20, first.value);
        r.part("count", 0x1f, first.value);
        let kind = r.code("packet type")?;
        let length = r.u16("length in words")?;
        Ok(Self { first, kind, length })
    }

    /// The version; 2 for RTCP as we know it.
    pub const fn version(&self) -> u8 {
        self.first.value >> 6
    }

    /// Whether padding ends the packet.
    pub const fn has_padding(&self) -> bool {
        self.first.value & 0x20 != 0
    }

    /// The number of report blocks, chunks or sources; the subtype of APP; the feedback message type.
    pub const fn count(&self) -> u8 {
        self.first.value & 0x1f
    }
}
