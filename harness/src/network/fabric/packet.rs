//! An IP packet on its way through the fabric: read, rewritten and checked, never interpreted beyond the ports.
//!
//! RFC 791 §3.1, RFC 8200 §3, RFC 768, RFC 9293 §3.1, RFC 792, RFC 4443. Checksums are kept right by the incremental
//! update of RFC 1624, so that a packet whose checksum was wrong stays wrong.

mod build;

pub use build::udp;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Protocol number of ICMP.
pub const ICMP: u8 = 1;
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// Protocol number of ICMPv6.
pub const ICMPV6: u8 = 58;

/// An IPv4 or IPv6 packet whose header is whole.
#[derive(Clone, PartialEq, Eq)]
pub struct IpPacket {
    bytes: Vec<u8>,
    version: Version,
    protocol: u8,
    /// Where the payload of the IP packet begins.
    transport: usize,
    /// A fragment other than the first carries no ports.
    later_fragment: bool,
    /// What whoever sends it wants to recognise it by, wherever it ends.
    mark: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V4,
    V6,
}

/// Why bytes are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Neither IPv4 nor IPv6.
    #[error("IP version {0} is neither 4 nor 6")]
    Version(u8),
    /// The packet ends within its header.
    #[error("packet of {available} bytes ends within its header of {needed}")]
    Short {
        /// Bytes that the header has.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// The length field does not agree with what came.
    #[error("packet announces {said} bytes and has {available}")]
    Length {
        /// What the header says.
        said: usize,
        /// What is there.
        available: usize,
    },
}

/// Protocol and both ends of a packet. ICMP echoes have their identifier in place of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// IP protocol number.
    pub protocol: u8,
    /// The sender.
    pub source: SocketAddr,
    /// The receiver.
    pub destination: SocketAddr,
}

/// One end of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The sender.
    Source,
    /// The receiver.
    Destination,
}

impl IpPacket {
    /// Reads the headers.
    ///
    /// # Errors
    /// When the bytes are not one whole packet. IPv6 extension headers are followed as far as they are known.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let first = byte(&bytes, 0).ok_or(Malformed::Short { needed: 1, available: 0 })?;
        match first >> 4 {
            4 => Self::parse_v4(bytes),
            6 => Self::parse_v6(bytes),
            other => Err(Malformed::Version(other)),
        }
    }

    fn parse_v4(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let available = bytes.len();
        let header = usize::from(byte(&bytes, 0).unwrap_or(0) & 0x0f) * 4;
        let needed = header.max(20);
        if available < needed || header < 20 {
            return Err(Malformed::Short { needed, available });
        }
        let said = usize::from(word(&bytes, 2));
        if said != available {
            return Err(Malformed::Length { said, available });
        }
        let protocol = byte(&bytes, 9).unwrap_or(0);
        let later_fragment = word(&bytes, 6) & 0x1fff != 0;
        Ok(Self { bytes, version: Version::V4, protocol, transport: header, later_fragment, mark: 0 })
    }

    fn parse_v6(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let available = bytes.len();
        if available < 40 {
            return Err(Malformed::Short { needed: 40, available });
        }
        let said = usize::from(word(&bytes, 4)) + 40;
        if said != available {
            return Err(Malformed::Length { said, available });
        }
        let mut protocol = byte(&bytes, 6).unwrap_or(0);
        let mut transport = 40;
        let mut later_fragment = false;
        // Hop-by-hop options, routing, fragment, destination options (RFC 8200 §4.1).
        while let 0 | 43 | 44 | 60 = protocol {
            let (Some(next), Some(length)) = (byte(&bytes, transport), byte(&bytes, transport + 1)) else {
                return Err(Malformed::Short { needed: transport + 8, available });
            };
            if protocol == 44 {
                later_fragment = word(&bytes, transport + 2) & 0xfff8 != 0;
                transport += 8;
            } else {
                transport += (usize::from(length) + 1) * 8;
            }
            protocol = next;
        }
        if transport > available {
            return Err(Malformed::Short { needed: transport, available });
        }
        Ok(Self { bytes, version: Version::V6, protocol, transport, later_fragment, mark: 0 })
    }

    /// The whole packet.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The whole packet, given away.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The packet with a mark that stays with it and its copies; nothing on the way looks at it.
    #[must_use]
    pub fn marked(mut self, mark: u64) -> Self {
        self.mark = mark;
        self
    }

    /// The mark; zero if it was never given one.
    #[must_use]
    pub fn mark(&self) -> u64 {
        self.mark
    }

    /// IP protocol number of the payload.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// The address at one end.
    #[must_use]
    pub fn address(&self, end: End) -> IpAddr {
        let at = self.address_at(end);
        match self.version {
            Version::V4 => IpAddr::V4(Ipv4Addr::from(array::<4>(&self.bytes, at))),
            Version::V6 => IpAddr::V6(Ipv6Addr::from(array::<16>(&self.bytes, at))),
        }
    }

    /// Protocol and both ends; `None` for later fragments and for protocols without ports.
    #[must_use]
    pub fn flow(&self) -> Option<Flow> {
        if self.later_fragment {
            return None;
        }
        let (source, destination) = match self.protocol {
            UDP | TCP if self.bytes.len() >= self.transport + 8 => {
                (word(&self.bytes, self.transport), word(&self.bytes, self.transport + 2))
            }
            ICMP | ICMPV6 if self.is_echo() => {
                let identifier = word(&self.bytes, self.transport + 4);
                (identifier, identifier)
            }
            _ => return None,
        };
        Some(Flow {
            protocol: self.protocol,
            source: SocketAddr::new(self.address(End::Source), source),
            destination: SocketAddr::new(self.address(End::Destination), destination),
        })
    }

    /// What the packet is carried for: the UDP or TCP payload, empty for others.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        let skip = match self.protocol {
            UDP => 8,
            TCP => usize::from(byte(&self.bytes, self.transport + 12).unwrap_or(0) >> 4) * 4,
            _ => return &[],
        };
        if self.later_fragment { &[] } else { self.bytes.get(self.transport + skip..).unwrap_or_default() }
    }

    /// The packet quoted by an ICMP error (RFC 792, RFC 4443 §3), as far as its ports are there.
    #[must_use]
    pub fn quoted(&self) -> Option<Flow> {
        let errors: &[u8] = match self.protocol {
            ICMP => &[3, 4, 5, 11, 12],
            ICMPV6 => &[1, 2, 3, 4],
            _ => return None,
        };
        if !errors.contains(&byte(&self.bytes, self.transport)?) {
            return None;
        }
        let inner = self.bytes.get(self.transport + 8..)?;
        let (protocol, header, source, destination): (u8, usize, IpAddr, IpAddr) = match byte(inner, 0)? >> 4
        {
            4 if inner.len() >= 20 => (
                byte(inner, 9)?,
                usize::from(byte(inner, 0)? & 0x0f) * 4,
                Ipv4Addr::from(array::<4>(inner, 12)).into(),
                Ipv4Addr::from(array::<4>(inner, 16)).into(),
            ),
            6 if inner.len() >= 40 => (
                byte(inner, 6)?,
                40,
                Ipv6Addr::from(array::<16>(inner, 8)).into(),
                Ipv6Addr::from(array::<16>(inner, 24)).into(),
            ),
            _ => return None,
        };
        if !matches!(protocol, UDP | TCP) || inner.len() < header + 4 {
            return None;
        }
        Some(Flow {
            protocol,
            source: SocketAddr::new(source, word(inner, header)),
            destination: SocketAddr::new(destination, word(inner, header + 2)),
        })
    }

    /// Puts another address and port (or ICMP identifier) at one end. An address of the other family changes nothing.
    pub fn rewrite(&mut self, end: End, to: SocketAddr) {
        let at = self.address_at(end);
        let covers_addresses = !matches!(self.protocol, ICMP);
        match (self.version, to.ip()) {
            (Version::V4, IpAddr::V4(address)) => self.replace(at, &address.octets(), covers_addresses, true),
            (Version::V6, IpAddr::V6(address)) => {
                self.replace(at, &address.octets(), covers_addresses, false);
            }
            _ => return,
        }
        if self.flow().is_some() {
            let port = match (self.protocol, end) {
                (ICMP | ICMPV6, _) => self.transport + 4,
                (_, End::Source) => self.transport,
                (_, End::Destination) => self.transport + 2,
            };
            self.replace(port, &to.port().to_be_bytes(), true, false);
        }
    }

    /// Puts another address and port at one end of the packet that an ICMP error of IPv4 quotes. Its own checksum of UDP or
    /// TCP stays, since of its payload nothing may be there.
    pub fn rewrite_quoted(&mut self, end: End, to: SocketAddr) {
        let IpAddr::V4(address) = to.ip() else { return };
        if self.protocol != ICMP || self.quoted().is_none() {
            return;
        }
        let inner = self.transport + 8;
        let header = usize::from(byte(&self.bytes, inner).unwrap_or(0) & 0x0f) * 4;
        let (address_at, port_at) = match end {
            End::Source => (inner + 12, inner + header),
            End::Destination => (inner + 16, inner + header + 2),
        };
        let old = array::<4>(&self.bytes, address_at);
        if let Some(place) = self.bytes.get_mut(address_at..address_at + 4) {
            place.copy_from_slice(&address.octets());
        }
        // What the address changes in the sum over the quotation, the quoted header's checksum takes back.
        self.mend(inner + 10, &old, &address.octets());
        self.replace(port_at, &to.port().to_be_bytes(), true, false);
    }

    /// Counts one hop. `false` when the packet has come to its last.
    pub fn hop(&mut self) -> bool {
        let at = match self.version {
            Version::V4 => 8,
            Version::V6 => 7,
        };
        let left = byte(&self.bytes, at).unwrap_or(0);
        if left <= 1 {
            return false;
        }
        // The hop limit shares a 16-bit word of the IPv4 header checksum with the protocol.
        match self.version {
            Version::V4 => self.replace(8, &[left - 1, self.protocol], false, true),
            Version::V6 => {
                if let Some(b) = self.bytes.get_mut(at) {
                    *b = left - 1;
                }
            }
        }
        true
    }

    /// Flips one bit of the transport payload without mending the checksum: what a broken link does.
    pub fn flip(&mut self, bit: u64) {
        let from = self.transport.min(self.bytes.len());
        let room = (self.bytes.len() - from) as u64 * 8;
        if room > 0 {
            let at = bit % room;
            if let Some(b) = self.bytes.get_mut(from + usize::try_from(at / 8).unwrap_or(0)) {
                *b ^= 1 << (at % 8);
            }
        }
    }

    /// Inverts the lowest bit of one byte of the payload, counted from the end if negative, and mends the checksum, so that
    /// the receiver takes it for what was sent. A packet that has no such byte stays as it is.
    pub fn corrupt(&mut self, byte: i32) {
        let length = self.payload().len();
        let distance = byte.unsigned_abs() as usize;
        let within = if byte < 0 { length.checked_sub(distance) } else { Some(distance) };
        let Some(within) = within.filter(|at| *at < length) else { return };
        let at = self.bytes.len() - length + within;
        // Checksums count in words from the beginning of the transport header.
        let word_at = at - (at - self.transport) % 2;
        let Some(old) = self.bytes.get(word_at..(word_at + 2).min(self.bytes.len())) else { return };
        let mut new = old.to_vec();
        if let Some(changed) = new.get_mut(at - word_at) {
            *changed ^= 1;
        }
        self.replace(word_at, &new, true, false);
    }

    /// Whether the sender forbids fragmentation (always in IPv6).
    #[must_use]
    pub fn must_not_be_fragmented(&self) -> bool {
        match self.version {
            Version::V4 => word(&self.bytes, 6) & 0x4000 != 0,
            Version::V6 => true,
        }
    }

    fn is_echo(&self) -> bool {
        let kind = byte(&self.bytes, self.transport);
        let echo = match self.protocol {
            ICMP => matches!(kind, Some(0 | 8)),
            _ => matches!(kind, Some(128 | 129)),
        };
        echo && self.bytes.len() >= self.transport + 8
    }

    fn address_at(&self, end: End) -> usize {
        match (self.version, end) {
            (Version::V4, End::Source) => 12,
            (Version::V4, End::Destination) => 16,
            (Version::V6, End::Source) => 8,
            (Version::V6, End::Destination) => 24,
        }
    }

    /// Replaces bytes at an even offset and mends the checksums that cover them.
    fn replace(&mut self, at: usize, with: &[u8], in_transport_sum: bool, in_header_sum: bool) {
        let Some(place) = self.bytes.get_mut(at..at + with.len()) else { return };
        let old = place.to_vec();
        place.copy_from_slice(with);
        if in_header_sum {
            self.mend(10, &old, with);
        }
        if in_transport_sum && !self.later_fragment {
            let sum = match self.protocol {
                UDP => self.transport + 6,
                TCP => self.transport + 16,
                ICMP | ICMPV6 => self.transport + 2,
                _ => return,
            };
            // An IPv4 datagram without checksum stays without (RFC 768).
            let absent = self.protocol == UDP && word(&self.bytes, sum) == 0;
            if !absent {
                self.mend(sum, &old, with);
                if self.protocol == UDP && word(&self.bytes, sum) == 0 {
                    self.put(sum, 0xffff);
                }
            }
        }
    }

    /// `HC' = ~(~HC + ~m + m')`, RFC 1624 §3.
    fn mend(&mut self, sum_at: usize, old: &[u8], new: &[u8]) {
        if self.bytes.len() < sum_at + 2 {
            return;
        }
        let mut sum = u32::from(!word(&self.bytes, sum_at));
        for at in (0..old.len()).step_by(2) {
            sum += u32::from(!word(old, at)) + u32::from(word(new, at));
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        self.put(sum_at, !u16::try_from(sum).unwrap_or(0));
    }

    fn put(&mut self, at: usize, value: u16) {
        if let Some(place) = self.bytes.get_mut(at..at + 2) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }
}

impl fmt::Debug for IpPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.flow() {
            Some(flow) => write!(f, "{flow} ({} bytes)", self.bytes.len()),
            None => write!(
                f,
                "protocol {} {} > {} ({} bytes)",
                self.protocol,
                self.address(End::Source),
                self.address(End::Destination),
                self.bytes.len()
            ),
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            UDP => f.write_str("UDP ")?,
            TCP => f.write_str("TCP ")?,
            ICMP | ICMPV6 => f.write_str("ICMP ")?,
            other => write!(f, "protocol {other} ")?,
        }
        write!(f, "{} > {}", self.source, self.destination)
    }
}

fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// The 16-bit word at `at`; what is not there counts as zero.
fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([byte(bytes, at).unwrap_or(0), byte(bytes, at + 1).unwrap_or(0)])
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(from) = bytes.get(at..at + N) {
        out.copy_from_slice(from);
    }
    out
}

fn sum_words(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|c| u32::from(word(c, 0))).sum()
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// The sum over header and pseudo-header of a right packet is all ones.
    fn is_right(packet: &IpPacket) -> bool {
        let b = packet.bytes();
        let (addresses, header_right) = match packet.version {
            Version::V4 => (12, fold(sum_words(&b[..packet.transport])) == 0xffff),
            Version::V6 => (8, true),
        };
        let addresses_end = if packet.version == Version::V4 { 20 } else { 40 };
        let length = (b.len() - packet.transport) as u32;
        let sum = sum_words(&b[addresses..addresses_end])
            + u32::from(UDP)
            + length
            + sum_words(&b[packet.transport..]);
        header_right && fold(sum) == 0xffff
    }

    #[test]
    fn a_rewritten_datagram_has_right_checksums() {
        for (from, to, other) in [
            ("10.0.0.2:5000", "203.0.113.9:3478", "198.51.100.1:61000"),
            ("[fd00::2]:5000", "[2001:db8::9]:3478", "[2001:db8::1]:61000"),
        ] {
            for size in [0, 1, 2, 117, 1200] {
                let mut packet = udp(at(from), at(to), &vec![0xa5; size]).unwrap();
                assert!(is_right(&packet));
                packet.rewrite(End::Source, at(other));
                assert!(is_right(&packet), "{from} {size}");
                assert_eq!(packet.flow().unwrap().source, at(other));
                packet.rewrite(End::Destination, at(from));
                assert!(is_right(&packet));
                assert!(packet.hop());
                assert!(is_right(&packet));
                assert_eq!(packet.payload().len(), size);
            }
        }
    }

    #[test]
    fn a_wrong_checksum_stays_wrong() {
        let mut packet = udp(at("10.0.0.2:5000"), at("203.0.113.9:3478"), b"hello").unwrap();
        packet.flip(70);
        assert!(!is_right(&packet));
        packet.rewrite(End::Source, at("198.51.100.1:61000"));
        assert!(!is_right(&packet));
    }

    #[test]
    fn no_truncation_and_no_byte_value_panics() {
        let whole = udp(at("10.0.0.2:5000"), at("203.0.113.9:3478"), b"hello").unwrap().into_bytes();
        for length in 0..whole.len() {
            assert!(IpPacket::parse(whole[..length].to_vec()).is_err());
        }
        for position in 0..whole.len() {
            for value in 0..=255 {
                let mut bytes = whole.clone();
                bytes[position] = value;
                if let Ok(mut packet) = IpPacket::parse(bytes) {
                    packet.rewrite(End::Source, at("1.2.3.4:5"));
                    packet.hop();
                    let _ = (packet.flow(), packet.quoted(), packet.payload().len());
                }
            }
        }
    }

    #[test]
    fn the_last_hop_is_noticed() {
        let mut bytes = udp(at("10.0.0.2:5000"), at("203.0.113.9:3478"), b"").unwrap().into_bytes();
        bytes[8] = 1;
        assert!(!IpPacket::parse(bytes).unwrap().hop());
    }
}
