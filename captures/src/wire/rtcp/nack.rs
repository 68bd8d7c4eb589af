//! Generic NACK: RFC 4585 §6.2.1.
//!
//! ```text
//! |            PID                |             BLP               |
//! ```

use crate::wire::field::Field;
use crate::wire::list::Unit;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// Up to 17 missing packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NackEntry {
    /// The first missing packet.
    pub packet_id: Field<u16>,
    /// Which of the sixteen that follow it are missing, the next one in the lowest bit.
    pub bitmask: Field<u16>,
}

impl NackEntry {
    /// The sequence numbers of the missing packets.
    pub fn sequences(&self) -> impl Iterator<Item = u16> + use<> {
        let (first, mask) = (self.packet_id.value, self.bitmask.value);
        let following = (0..16u16).filter(move |bit| mask >> bit & 1 == 1);
        std::iter::once(first).chain(following.map(move |bit| first.wrapping_add(bit + 1)))
    }
}

impl<'a> Unit<'a> for NackEntry {
    const NAME: &'static str = "NACK entry";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let packet_id = r.u16("packet ID")?;
        let bitmask = r.u16("bitmask of following lost packets")?;
        r.meaning(|| Value::Hex(bitmask.value.into(), 2));
        let entry = Self { packet_id, bitmask };
        r.summary(|| entry.to_string());
        Ok(entry)
    }
}

impl fmt::Display for NackEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, sequence) in self.sequences().enumerate() {
            write!(f, "{}{sequence}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::check;

    #[test]
    fn missing_packets_are_listed_across_the_wrap() {
        check(
            "81cd0004 00000001 00000002 00050000 fffe8003",
            "NACK from 0x00000001 for 0x00000002 5 65534,65535,0,14",
        );
    }
}
