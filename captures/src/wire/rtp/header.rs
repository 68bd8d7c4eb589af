//! The RTP header: RFC 3550 §5.1.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                           timestamp                           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |           synchronization source (SSRC) identifier            |
//! +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! |            contributing source (CSRC) identifiers             |
//! |                             ....                              |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::extension::{Elements, ExtensionBlock};
use super::value::ExtensionMap;
use crate::wire::field::Field;
use crate::wire::list::{List, Unit};
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// A contributing source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Csrc(pub Field<u32>);

impl<'a> Unit<'a> for Csrc {
    const NAME: &'static str = "CSRC";
    const IS_NODE: bool = false;

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let csrc = r.u32("CSRC")?;
        r.meaning(|| Value::Hex(csrc.value.into(), 4));
        Ok(Self(csrc))
    }
}

/// Everything before the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Version, padding, extension and CSRC count.
    pub first: Field<u8>,
    /// Marker and payload type.
    pub second: Field<u8>,
    /// The sequence number.
    pub sequence: Field<u16>,
    /// The timestamp in units of the payload type's clock rate.
    pub timestamp: Field<u32>,
    /// The synchronisation source.
    pub ssrc: Field<u32>,
    /// The contributing sources.
    pub csrcs: List<'a, Csrc>,
    /// The header extension, if there is one.
    pub extension: Option<ExtensionBlock<'a>>,
}

impl<'a> Header<'a> {
    /// Reads the header; with a recorder, header extensions are read as what `map` says they are.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>, map: &ExtensionMap) -> Read<Self> {
        let first = r.u8("V, P, X, CC")?;
        r.part("version", 0xc0, first.value);
        r.part("padding", 0x20, first.value);
        r.part("extension", 0x10, first.value);
        r.part("CSRC count", 0x0f, first.value);
        let second = r.u8("M, PT")?;
        r.part("marker", 0x80, second.value);
        r.part("payload type", 0x7f, second.value);
        let sequence = r.u16("sequence number")?;
        let timestamp = r.u32("timestamp")?;
        let ssrc = r.u32("SSRC")?;
        r.meaning(|| Value::Hex(ssrc.value.into(), 4));
        let csrcs = List::read(r, usize::from(first.value & 0x0f) * 4, first.range)?;
        let extension = if first.value & 0x10 != 0 {
            Some(r.node("header extension", |r| ExtensionBlock::read(r, map))?)
        } else {
            None
        };
        Ok(Self { first, second, sequence, timestamp, ssrc, csrcs, extension })
    }

    /// The version; 2 for RTP as we know it.
    pub const fn version(&self) -> u8 {
        self.first.value >> 6
    }

    /// Whether padding follows the payload.
    pub const fn has_padding(&self) -> bool {
        self.first.value & 0x20 != 0
    }

    /// The marker bit.
    pub const fn marker(&self) -> bool {
        self.second.value & 0x80 != 0
    }

    /// The payload type.
    pub const fn payload_type(&self) -> u8 {
        self.second.value & 0x7f
    }

    /// The elements of the header extension.
    pub fn elements(&self) -> Elements<'a> {
        self.extension.as_ref().map(ExtensionBlock::elements).unwrap_or_default()
    }
}

impl fmt::Display for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequence, timestamp, ssrc, .. } = self;
        write!(f, "PT {} seq {sequence} ts {timestamp} ssrc {:#010x}", self.payload_type(), ssrc.value)?;
        if self.marker() {
            f.write_str(" marker")?;
        }
        for csrc in self.csrcs {
            write!(f, " csrc {:#010x}", csrc.0.value)?;
        }
        if let Some(extension) = &self.extension {
            write!(f, " {extension}")?;
        }
        Ok(())
    }
}
