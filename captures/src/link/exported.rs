//! Wireshark's exported PDU (`LINKTYPE_WIRESHARK_UPPER_PDU`): tags that say what the bytes are, then the bytes.
//!
//! A tag is its number and length, 16 bits each and big-endian, and its value padded to four bytes.

use crate::wire::stop::Read;
use crate::wire::{Reader, Sink};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const END: u16 = 0;
/// Most tags read.
const MOST_TAGS: usize = 64;

/// What the tags say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exported<'a> {
    /// Name of the dissector.
    pub(super) dissector: &'a [u8],
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// The frame that it was taken from.
    pub(super) original_frame: Option<u32>,
}

pub(super) fn read<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Exported<'a>> {
    r.node("exported PDU", |r| {
        let (mut dissector, mut original_frame) = (&[][..], None);
        let unspecified = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let (mut from, mut to) = ((unspecified, 0), (unspecified, 0));
        for _ in 0..MOST_TAGS {
            let kind = r.u16("tag")?.value;
            let length = r.u16("length")?;
            let value = match kind {
                12 | 13 => r.text("dissector", length.value.into())?,
                _ => r.bytes("value", length.value.into())?,
            }
            .value;
            let length = usize::from(length.value);
            if length % 4 != 0 {
                r.bytes("padding", length.next_multiple_of(4) - length)?;
            }
            let v4 = || value.first_chunk::<4>().map(|bytes| IpAddr::V4(Ipv4Addr::from(*bytes)));
            let v6 = || value.first_chunk::<16>().map(|bytes| IpAddr::V6(Ipv6Addr::from(*bytes)));
            let number = || value.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
            match kind {
                END => break,
                12 | 13 => dissector = value.split(|byte| *byte == 0).next().unwrap_or_default(),
                20 => from.0 = v4().unwrap_or(unspecified),
                21 => to.0 = v4().unwrap_or(unspecified),
                22 => from.0 = v6().unwrap_or(unspecified),
                23 => to.0 = v6().unwrap_or(unspecified),
                25 => from.1 = number().unwrap_or(0) as u16,
                26 => to.1 = number().unwrap_or(0) as u16,
                30 => original_frame = number(),
                _ => {}
            }
        }
        let (from, to) = (SocketAddr::from(from), SocketAddr::from(to));
        Ok(Exported { dissector, from, to, original_frame })
    })
}
