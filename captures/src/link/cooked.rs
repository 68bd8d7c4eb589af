//! Linux "cooked" captures, versions 1 and 2 (`LINKTYPE_LINUX_SLL`, `LINKTYPE_LINUX_SLL2`).

use super::ethernet::ether_type;
use crate::wire::stop::Read;
use crate::wire::{Reader, Sink};

/// Reads a header of version 1 (16 bytes); the EtherType of what follows.
pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<u16> {
    r.node("Linux cooked", |r| {
        r.u16("packet type")?;
        r.u16("ARPHRD type")?;
        r.u16("address length")?;
        r.bytes("address", 8)?;
        ether_type(r)
    })
}

/// Reads a header of version 2 (20 bytes); the EtherType of what follows.
pub(super) fn read_v2<S: Sink>(r: &mut Reader<'_, S>) -> Read<u16> {
    r.node("Linux cooked v2", |r| {
        let kind = ether_type(r)?;
        r.u16("reserved")?;
        r.u32("interface index")?;
        r.u16("ARPHRD type")?;
        r.u8("packet type")?;
        r.u8("address length")?;
        r.bytes("address", 8)?;
        Ok(kind)
    })
}
