//! BSD loopback: four bytes of protocol family (`LINKTYPE_NULL`, `LINKTYPE_LOOP`).
//!
//! The family is in the byte order of the machine that captured, or in network byte order; its values are small, so both
//! orders are recognised. `AF_INET` is 2 everywhere, `AF_INET6` is 10, 24, 28 or 30.

use super::ethernet::{IPV4, IPV6};
use crate::wire::stop::Read;
use crate::wire::{Reader, Sink, Value};

/// Reads the header; the EtherType of what follows.
pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<u16> {
    r.node("BSD loopback", |r| {
        let raw = r.u32("protocol family")?.value;
        let family = if raw > u16::MAX.into() { raw.swap_bytes() } else { raw };
        let (kind, name) = match family {
            2 => (IPV4, Some("IPv4")),
            10 | 24 | 28 | 30 => (IPV6, Some("IPv6")),
            _ => (0, None),
        };
        r.meaning(|| Value::Code(family.into(), name));
        Ok(kind)
    })
}
