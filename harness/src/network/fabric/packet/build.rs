//! Packets made from nothing.

use super::{IpPacket, UDP, fold, sum_words};
use std::net::{IpAddr, SocketAddr};

/// A UDP datagram between two addresses of one family, as a whole IP packet with right checksums.
#[must_use]
pub fn udp(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Option<IpPacket> {
    let length = u16::try_from(payload.len() + 8).ok()?;
    let mut bytes = match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, UDP, 0, 0];
            header.extend(from.octets());
            header.extend(to.octets());
            let total = length.checked_add(20)?;
            header[2..4].copy_from_slice(&total.to_be_bytes());
            let sum = !fold(sum_words(&header));
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            header
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut header = vec![0x60, 0, 0, 0, 0, 0, UDP, 64];
            header[4..6].copy_from_slice(&length.to_be_bytes());
            header.extend(from.octets());
            header.extend(to.octets());
            header
        }
        _ => return None,
    };
    let transport = bytes.len();
    let addresses = if source.is_ipv4() { 12 } else { 8 };
    bytes.extend(source.port().to_be_bytes());
    bytes.extend(destination.port().to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    // The pseudo-header: both addresses, the protocol and the length (RFC 768, RFC 8200 §8.1).
    let pseudo = sum_words(&bytes[addresses..transport]) + u32::from(UDP) + u32::from(length);
    let sum = match !fold(pseudo + sum_words(&bytes[transport..])) {
        0 => 0xffff,
        sum => sum,
    };
    bytes[transport + 6..transport + 8].copy_from_slice(&sum.to_be_bytes());
    IpPacket::parse(bytes).ok()
}
