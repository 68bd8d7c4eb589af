//! The blocks of pcapng, draft-ietf-opsawg-pcapng §4.

use super::item::{Clock, Direction, Interface, LinkType, Section};
use super::options::{ByteOrder, COMMENT, Options};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Section Header Block, the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
/// Interface Description Block.
pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
/// Packet Block, obsolete.
pub(super) const PACKET: u32 = 2;
/// Simple Packet Block.
pub(super) const SIMPLE_PACKET: u32 = 3;
/// Name Resolution Block.
pub(super) const NAME_RESOLUTION: u32 = 4;
/// Enhanced Packet Block.
pub(super) const ENHANCED_PACKET: u32 = 6;
/// Decryption Secrets Block.
pub(super) const DECRYPTION_SECRETS: u32 = 10;

/// Secrets in the NSS key log format.
pub const SECRETS_TLS_KEY_LOG: u32 = 0x544c_534b;

/// The byte order that a section header's magic number names.
pub(super) fn section_order(magic: [u8; 4]) -> Option<ByteOrder> {
    match u32::from_be_bytes(magic) {
        0x1a2b_3c4d => Some(ByteOrder::Big),
        0x4d3c_2b1a => Some(ByteOrder::Little),
        _ => None,
    }
}

/// Reads the body of a section header.
pub(super) fn section(body: &[u8], order: ByteOrder) -> Option<Section> {
    let options = Options::new(body.get(16..)?, order);
    Some(Section {
        hardware: options.text(2),
        os: options.text(3),
        application: options.text(4),
        comments: options.texts(COMMENT),
    })
}

/// Reads the body of an interface description.
pub(super) fn interface(body: &[u8], order: ByteOrder, section: usize) -> Option<Interface> {
    let options = Options::new(body.get(8..)?, order);
    let byte = |code| options.with_code(code).next().and_then(|value| value.first().copied());
    let offset = options.with_code(14).next().and_then(|value| order.u64(value, 0));
    Some(Interface {
        section,
        link: LinkType(order.u16(body, 0)?),
        snap_length: order.u32(body, 4)?,
        name: options.text(2),
        description: options.text(3),
        comments: options.texts(COMMENT),
        // The draft counts bits, its example and most writers count bytes.
        check_sequence: byte(13).map_or(0, |length| if length < 8 { length } else { length / 8 }),
        clock: Clock {
            resolution: byte(9).unwrap_or(Clock::MICROSECONDS.resolution),
            offset: offset.map_or(0, u64::cast_signed),
        },
    })
}

/// A packet as its block has it.
pub(super) struct PacketBlock<'a> {
    /// Number within the section.
    pub(super) interface: u32,
    pub(super) ticks: Option<u64>,
    pub(super) data: &'a [u8],
    pub(super) original_length: u32,
    pub(super) direction: Option<Direction>,
    pub(super) options: Options<'a>,
}

/// Reads the body of an enhanced packet block, or of the obsolete packet block.
pub(super) fn packet(kind: u32, body: &[u8], order: ByteOrder) -> Option<PacketBlock<'_>> {
    let interface = match kind {
        PACKET => u32::from(order.u16(body, 0)?),
        _ => order.u32(body, 0)?,
    };
    let ticks = u64::from(order.u32(body, 4)?) << 32 | u64::from(order.u32(body, 8)?);
    let captured = order.u32(body, 12)? as usize;
    let rest = body.get(20..)?;
    let data = rest.get(..captured).unwrap_or(rest);
    let options = captured.checked_next_multiple_of(4).and_then(|end| rest.get(end..));
    let options = Options::new(options.unwrap_or_default(), order);
    let direction = options.u32(2).and_then(|flags| match flags & 3 {
        1 => Some(Direction::Inbound),
        2 => Some(Direction::Outbound),
        _ => None,
    });
    Some(PacketBlock {
        interface,
        ticks: Some(ticks),
        data,
        original_length: order.u32(body, 16)?,
        direction,
        options,
    })
}

/// Reads the body of a simple packet block, whose captured length follows from the first interface's snap length.
pub(super) fn simple_packet(body: &[u8], order: ByteOrder, snap_length: u32) -> Option<PacketBlock<'_>> {
    let original_length = order.u32(body, 0)?;
    let rest = body.get(4..)?;
    let captured = if snap_length == 0 { original_length } else { original_length.min(snap_length) };
    let data = rest.get(..captured as usize).unwrap_or(rest);
    Some(PacketBlock {
        interface: 0,
        ticks: None,
        data,
        original_length,
        direction: None,
        options: Options::NONE,
    })
}

/// A Decryption Secrets Block.
#[derive(Debug, Clone, Copy)]
pub struct Secrets<'a> {
    /// Their type, for example [`SECRETS_TLS_KEY_LOG`].
    pub kind: u32,
    /// The secrets.
    pub data: &'a [u8],
}

pub(super) fn secrets(body: &[u8], order: ByteOrder) -> Option<Secrets<'_>> {
    let length = order.u32(body, 4)? as usize;
    let rest = body.get(8..)?;
    Some(Secrets { kind: order.u32(body, 0)?, data: rest.get(..length).unwrap_or(rest) })
}

/// The records of a Name Resolution Block, read as they are iterated.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    bytes: &'a [u8],
    order: ByteOrder,
}

pub(super) fn names(body: &[u8], order: ByteOrder) -> Names<'_> {
    Names { bytes: body, order }
}

impl<'a> Iterator for Names<'a> {
    /// An address and the bytes of its first name.
    type Item = (IpAddr, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let kind = self.order.u16(self.bytes, 0).filter(|kind| *kind != 0)?;
            let length = usize::from(self.order.u16(self.bytes, 2)?);
            let value = self.bytes.get(4..4 + length)?;
            self.bytes = self.bytes.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
            let (address, names) = match kind {
                1 => match value.split_first_chunk::<4>() {
                    Some((address, names)) => (IpAddr::V4(Ipv4Addr::from(*address)), names),
                    None => continue,
                },
                2 => match value.split_first_chunk::<16>() {
                    Some((address, names)) => (IpAddr::V6(Ipv6Addr::from(*address)), names),
                    None => continue,
                },
                _ => continue,
            };
            return Some((address, names.split(|byte| *byte == 0).next().unwrap_or_default()));
        }
    }
}
