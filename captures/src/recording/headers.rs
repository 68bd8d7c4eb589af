//! IP, UDP and TCP headers for payloads whose own were never seen.
//!
//! Addresses, ports, lengths and checksums are right. What a socket does not report is made up: IPv4 identification 0 with
//! "don't fragment", hop limit 64, and for TCP sequence numbers that count the recorded bytes from 1 with no SYN.

use indexmap::IndexMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

const UDP: u8 = 17;
const TCP: u8 = 6;
const HOP_LIMIT: u8 = 64;
/// Streams whose sequence numbers are kept; further ones all start from 1.
const MOST_STREAMS: usize = 65_536;

/// The payload does not fit an IP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Appends an IP packet with one UDP datagram.
pub(super) fn udp(
    out: &mut Vec<u8>,
    from: SocketAddr,
    to: SocketAddr,
    payload: &[u8],
) -> Result<(), TooLong> {
    let length = u16::try_from(8 + payload.len()).map_err(|_| TooLong)?;
    let mut header = [0; 8];
    header[0..2].copy_from_slice(&from.port().to_be_bytes());
    header[2..4].copy_from_slice(&to.port().to_be_bytes());
    header[4..6].copy_from_slice(&length.to_be_bytes());
    let ends = Ends::of(from, to);
    let sum = match ends.checksum(UDP, length, &[&header, payload]) {
        0 => 0xffff, // RFC 768: zero means "none"
        sum => sum,
    };
    header[6..8].copy_from_slice(&sum.to_be_bytes());
    ends.write_header(out, UDP, length)?;
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
    Ok(())
}

/// Sequence numbers of the TCP streams recorded so far.
#[derive(Debug, Default)]
pub(super) struct Streams {
    next: IndexMap<(u32, SocketAddr, SocketAddr), u32>,
}

impl Streams {
    /// Appends an IP packet with one TCP segment, as seen at `place`.
    pub(super) fn tcp(
        &mut self,
        out: &mut Vec<u8>,
        place: u32,
        from: SocketAddr,
        to: SocketAddr,
        payload: &[&[u8]],
    ) -> Result<(), TooLong> {
        let size: usize = payload.iter().map(|part| part.len()).sum();
        let length = u16::try_from(20 + size).map_err(|_| TooLong)?;
        let ends = Ends::of(from, to);
        let sequence = self.next.get(&(place, from, to)).copied().unwrap_or(1);
        let acknowledged = self.next.get(&(place, to, from)).copied().unwrap_or(1);

        let mut header = [0; 20];
        header[0..2].copy_from_slice(&from.port().to_be_bytes());
        header[2..4].copy_from_slice(&to.port().to_be_bytes());
        header[4..8].copy_from_slice(&sequence.to_be_bytes());
        header[8..12].copy_from_slice(&acknowledged.to_be_bytes());
        header[12] = 5 << 4; // header length in words
        header[13] = 0x18; // PSH, ACK
        header[14..16].copy_from_slice(&u16::MAX.to_be_bytes());
        let joined = payload.concat();
        let sum = ends.checksum(TCP, length, &[&header, &joined]);
        header[16..18].copy_from_slice(&sum.to_be_bytes());

        ends.write_header(out, TCP, length)?;
        out.extend_from_slice(&header);
        out.extend_from_slice(&joined);
        if self.next.len() < MOST_STREAMS || self.next.contains_key(&(place, from, to)) {
            self.next.insert((place, from, to), sequence.wrapping_add(size as u32));
        }
        Ok(())
    }
}

/// Source and destination in one address family.
enum Ends {
    V4([u8; 4], [u8; 4]),
    V6([u8; 16], [u8; 16]),
}

impl Ends {
    fn of(from: SocketAddr, to: SocketAddr) -> Self {
        let mapped = |address: IpAddr| -> Ipv6Addr {
            match address {
                IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                IpAddr::V6(v6) => v6,
            }
        };
        match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Self::V4(from.octets(), to.octets()),
            (from, to) => Self::V6(mapped(from).octets(), mapped(to).octets()),
        }
    }

    /// Checksum over pseudo header and parts; all parts but the last have an even length.
    fn checksum(&self, protocol: u8, length: u16, parts: &[&[u8]]) -> u16 {
        let mut sum = u32::from(protocol) + u32::from(length);
        match self {
            Self::V4(from, to) => sum = add(add(sum, from), to),
            Self::V6(from, to) => sum = add(add(sum, from), to),
        }
        fold(parts.iter().fold(sum, |sum, part| add(sum, part)))
    }

    fn write_header(&self, out: &mut Vec<u8>, protocol: u8, length: u16) -> Result<(), TooLong> {
        match self {
            Self::V4(from, to) => {
                let total = length.checked_add(20).ok_or(TooLong)?;
                let mut header = [0; 20];
                header[0] = 0x45;
                header[2..4].copy_from_slice(&total.to_be_bytes());
                header[6] = 0x40; // don't fragment
                header[8] = HOP_LIMIT;
                header[9] = protocol;
                header[12..16].copy_from_slice(from);
                header[16..20].copy_from_slice(to);
                let sum = fold(add(0, &header));
                header[10..12].copy_from_slice(&sum.to_be_bytes());
                out.extend_from_slice(&header);
            }
            Self::V6(from, to) => {
                let mut header = [0; 40];
                header[0] = 0x60;
                header[4..6].copy_from_slice(&length.to_be_bytes());
                header[6] = protocol;
                header[7] = HOP_LIMIT;
                header[8..24].copy_from_slice(from);
                header[24..40].copy_from_slice(to);
                out.extend_from_slice(&header);
            }
        }
        Ok(())
    }
}

/// Adds 16-bit words to a one's complement sum (RFC 1071). At most 64 KiB in total, so that `u32` holds it.
fn add(sum: u32, bytes: &[u8]) -> u32 {
    let mut words = bytes.chunks_exact(2);
    let sum = words.by_ref().fold(sum, |sum, word| match word {
        [high, low] => sum + u32::from(u16::from_be_bytes([*high, *low])),
        _ => sum,
    });
    words.remainder().first().map_or(sum, |last| sum + (u32::from(*last) << 8))
}

fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], port))
    }

    #[test]
    fn checksums_of_headers_verify_to_zero() {
        let mut out = Vec::new();
        udp(&mut out, v4(1, 5000), v4(2, 6000), b"odd").unwrap();
        assert_eq!(fold(add(0, &out[..20])), 0);
        let mut pseudo = out[12..20].to_vec();
        pseudo.extend([0, UDP, 0, 11]);
        pseudo.extend(&out[20..]);
        assert_eq!(fold(add(0, &pseudo)), 0);
    }

    #[test]
    fn sequence_numbers_of_a_stream_count_its_bytes() {
        let mut streams = Streams::default();
        let (mut first, mut second, mut back) = (Vec::new(), Vec::new(), Vec::new());
        streams.tcp(&mut first, 0, v4(1, 1), v4(2, 2), &[b"abc"]).unwrap();
        streams.tcp(&mut second, 0, v4(1, 1), v4(2, 2), &[&[0, 1], b"x"]).unwrap();
        streams.tcp(&mut back, 0, v4(2, 2), v4(1, 1), &[b"y"]).unwrap();
        assert_eq!(first[24..28], 1_u32.to_be_bytes());
        assert_eq!(second[24..28], 4_u32.to_be_bytes());
        assert_eq!(back[28..32], 7_u32.to_be_bytes());
    }

    #[test]
    fn a_payload_that_fits_no_ip_packet_is_refused() {
        let big = vec![0; 65_508];
        assert_eq!(udp(&mut Vec::new(), v4(1, 1), v4(2, 2), &big), Err(TooLong));
        assert_eq!(udp(&mut Vec::new(), v4(1, 1), v4(2, 2), &big[1..]), Ok(()));
    }
}
