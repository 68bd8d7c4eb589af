//! Ethernet II with VLAN tags (IEEE 802.3, 802.1Q).
//!
//! ```text
//! +--------------+--------------+---------------------+-----------+---------+
//! | destination 6|     source 6 | 0x8100 tag 2, ...   |    type 2 | payload |
//! +--------------+--------------+---------------------+-----------+---------+
//! ```

use crate::wire::stop::Read;
use crate::wire::{Reader, Sink, Value};

/// EtherTypes.
pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const SERVICE_VLAN: u16 = 0x88a8;
const OLD_SERVICE_VLAN: u16 = 0x9100;
/// Most tags read. Two are usual.
const MOST_TAGS: usize = 4;

/// Reads the header; the EtherType of what follows.
pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<u16> {
    r.node("Ethernet", |r| {
        r.bytes("destination", 6)?;
        r.bytes("source", 6)?;
        let mut kind = ether_type(r)?;
        for _ in 0..MOST_TAGS {
            if !matches!(kind, VLAN | SERVICE_VLAN | OLD_SERVICE_VLAN) {
                break;
            }
            let tag = r.u16("VLAN tag")?;
            r.part("priority", 0xe000, tag.value);
            r.part("drop eligible", 0x1000, tag.value);
            r.part("VLAN", 0x0fff, tag.value);
            kind = ether_type(r)?;
        }
        Ok(kind)
    })
}

/// Reads an EtherType.
pub(super) fn ether_type<S: Sink>(r: &mut Reader<'_, S>) -> Read<u16> {
    let kind = r.u16("EtherType")?.value;
    r.meaning(|| {
        let name = match kind {
            IPV4 => Some("IPv4"),
            IPV6 => Some("IPv6"),
            VLAN => Some("VLAN"),
            SERVICE_VLAN | OLD_SERVICE_VLAN => Some("service VLAN"),
            0x0806 => Some("ARP"),
            _ => None,
        };
        Value::Code(kind.into(), name)
    });
    Ok(kind)
}
