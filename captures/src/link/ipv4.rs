//! IPv4 (RFC 791 §3.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version|  IHL  |Type of Service|          Total Length         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Identification        |Flags|      Fragment Offset    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Time to Live |    Protocol   |         Header Checksum       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       Source Address                          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Destination Address                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Options                    |    Padding    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::frame::{Fragment, Ip};
use crate::wire::stop::Read;
use crate::wire::{Reader, Sink, Value};
use std::net::IpAddr;

/// Shortest header.
const FIXED: usize = 20;

/// Reads the header.
pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Ip> {
    r.node("IPv4", |r| {
        let first = r.u8("version and header length")?;
        r.part("version", 0xf0, first.value);
        r.part("header length in words", 0x0f, first.value);
        if first.value >> 4 != 4 {
            return Err(r.invalid("not version 4"));
        }
        let header = usize::from(first.value & 0x0f) * 4;
        r.u8("type of service")?;
        let total = r.u16("total length")?;
        let identification = r.u16("identification")?;
        let fragment = r.u16("flags and fragment offset")?;
        r.part("don't fragment", 0x4000, fragment.value);
        r.part("more fragments", 0x2000, fragment.value);
        r.part("fragment offset in 8 bytes", 0x1fff, fragment.value);
        r.u8("time to live")?;
        let protocol = r.u8("protocol")?.value;
        r.meaning(|| Value::Code(protocol.into(), super::frame::protocol_name(protocol)));
        let checksum = r.u16("header checksum")?;
        r.meaning(|| Value::Hex(checksum.value.into(), 2));
        let source = r.ipv4("source")?.value;
        let destination = r.ipv4("destination")?.value;
        match header.checked_sub(FIXED) {
            Some(0) => {}
            Some(options) => {
                r.bytes("options", options)?;
            }
            None => return Err(r.invalid("a header length below 20")),
        }
        // Zero where the network card segments; the frame's own length counts then.
        let length = match usize::from(total.value) {
            0 => None,
            total => Some(total.saturating_sub(header)),
        };
        let (more, offset) = (fragment.value & 0x2000 != 0, usize::from(fragment.value & 0x1fff) * 8);
        let fragment = (more || offset > 0).then_some(Fragment {
            identification: identification.value.into(),
            offset,
            more,
        });
        let (source, destination) = (IpAddr::V4(source), IpAddr::V4(destination));
        Ok(Ip { source, destination, protocol, length, length_from: total.range, fragment })
    })
}
