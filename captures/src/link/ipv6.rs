//! IPv6 with its extension headers (RFC 8200 §3, §4).
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version| Traffic Class |           Flow Label                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Payload Length        |  Next Header  |   Hop Limit   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! +                         Source Address (16)                   +
//! +                      Destination Address (16)                 +
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::frame::{Fragment, Ip, protocol_name};
use crate::wire::stop::Read;
use crate::wire::{Reader, Sink, Value};
use std::net::IpAddr;

const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
/// Most extension headers read.
const MOST_EXTENSIONS: usize = 16;

/// Reads the header and its extension headers.
pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Ip> {
    r.node("IPv6", |r| {
        let first = r.u32("version, traffic class and flow label")?;
        r.part("version", 0xf000_0000, first.value);
        r.part("traffic class", 0x0ff0_0000, first.value);
        r.part("flow label", 0x000f_ffff, first.value);
        if first.value >> 28 != 6 {
            return Err(r.invalid("not version 6"));
        }
        let payload = r.u16("payload length")?;
        let mut protocol = next_header(r)?;
        r.u8("hop limit")?;
        let source = IpAddr::V6(r.ipv6("source")?.value);
        let destination = IpAddr::V6(r.ipv6("destination")?.value);
        let begins = r.offset();
        let mut fragment = None;
        for _ in 0..MOST_EXTENSIONS {
            // Within a later fragment there are no more headers.
            let inside = fragment.is_some_and(|fragment: Fragment| fragment.offset > 0);
            if inside || !is_extension(protocol) {
                break;
            }
            (protocol, fragment) = r.node("extension header", |r| extension(r, protocol, fragment))?;
        }
        let extensions = r.offset() - begins;
        // Zero in jumbograms and where the network card segments.
        let length = match usize::from(payload.value) {
            0 => None,
            payload => Some(payload.saturating_sub(extensions)),
        };
        Ok(Ip { source, destination, protocol, length, length_from: payload.range, fragment })
    })
}

fn next_header<S: Sink>(r: &mut Reader<'_, S>) -> Read<u8> {
    let protocol = r.u8("next header")?.value;
    r.meaning(|| Value::Code(protocol.into(), protocol_name(protocol)));
    Ok(protocol)
}

/// Hop-by-hop options, routing, fragment, authentication, destination options, mobility, HIP, Shim6.
fn is_extension(protocol: u8) -> bool {
    matches!(protocol, 0 | 43 | FRAGMENT | AUTHENTICATION | 60 | 135 | 139 | 140)
}

fn extension<S: Sink>(
    r: &mut Reader<'_, S>,
    kind: u8,
    fragment: Option<Fragment>,
) -> Read<(u8, Option<Fragment>)> {
    let next = next_header(r)?;
    if kind == FRAGMENT {
        r.u8("reserved")?;
        let offset = r.u16("fragment offset and flags")?;
        r.part("fragment offset in 8 bytes", 0xfff8, offset.value);
        r.part("more fragments", 0x0001, offset.value);
        let identification = r.u32("identification")?.value;
        let (offset, more) = (usize::from(offset.value & 0xfff8), offset.value & 1 != 0);
        // An atomic fragment (RFC 6946) is whole.
        return Ok((next, (more || offset > 0).then_some(Fragment { identification, offset, more })));
    }
    let length = usize::from(r.u8("length")?.value);
    let rest = if kind == AUTHENTICATION { length * 4 } else { length * 8 } + 6;
    r.bytes("content", rest)?;
    Ok((next, fragment))
}
