//! Wireshark's exported PDU (`LINKTYPE_WIRESHARK_UPPER_PDU`, 252): tags that name the dissector and the addresses, then
//! the bytes. A tag is its number and length, both 16 bits big-endian, and its value padded to four bytes.

use super::packet::Direction;
use std::net::{IpAddr, SocketAddr};

const END: u16 = 0;
const DISSECTOR: u16 = 12;
const IPV4_SOURCE: u16 = 20;
const IPV4_DESTINATION: u16 = 21;
const IPV6_SOURCE: u16 = 22;
const IPV6_DESTINATION: u16 = 23;
const PORT_TYPE: u16 = 24;
const SOURCE_PORT: u16 = 25;
const DESTINATION_PORT: u16 = 26;
const ORIGINAL_FRAME: u16 = 30;
const PEER_TO_PEER_DIRECTION: u16 = 35;
/// `EXP_PDU_PT_UDP`.
const UDP: u32 = 3;

/// Appends the tags for `dissector` between two addresses.
pub(super) fn tags(
    out: &mut Vec<u8>,
    dissector: &str,
    (from, to): (SocketAddr, SocketAddr),
    direction: Direction,
    carried_by: Option<u64>,
) {
    tag(out, DISSECTOR, dissector.as_bytes());
    address(out, from.ip(), IPV4_SOURCE, IPV6_SOURCE);
    address(out, to.ip(), IPV4_DESTINATION, IPV6_DESTINATION);
    tag(out, PORT_TYPE, &UDP.to_be_bytes());
    tag(out, SOURCE_PORT, &u32::from(from.port()).to_be_bytes());
    tag(out, DESTINATION_PORT, &u32::from(to.port()).to_be_bytes());
    if let Some(Ok(frame)) = carried_by.map(u32::try_from) {
        tag(out, ORIGINAL_FRAME, &frame.to_be_bytes());
    }
    let direction: u32 = match direction {
        Direction::Outbound => 0,
        Direction::Inbound => 1,
    };
    tag(out, PEER_TO_PEER_DIRECTION, &direction.to_be_bytes());
    tag(out, END, &[]);
}

fn address(out: &mut Vec<u8>, address: IpAddr, v4: u16, v6: u16) {
    match address {
        IpAddr::V4(address) => tag(out, v4, &address.octets()),
        IpAddr::V6(address) => tag(out, v6, &address.octets()),
    }
}

/// Values here are names and addresses, far shorter than 64 KiB.
fn tag(out: &mut Vec<u8>, number: u16, value: &[u8]) {
    let padded = value.len().next_multiple_of(4);
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&(padded as u16).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len() + padded - value.len(), 0);
}
