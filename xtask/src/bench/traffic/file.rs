//! A pcap file in the making: Ethernet, IPv4 or IPv6, UDP.

use anyhow::Result;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// 2026-01-01 00:00 UTC.
const BEGINS: u64 = 1_767_225_600_000_000_000;
/// The magic number of files with nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;

/// The file.
pub(super) struct PcapFile {
    out: BufWriter<File>,
    last: u64,
    pub(super) bytes: u64,
    pub(super) packets: u64,
}

impl PcapFile {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        out.write_all(&MAGIC.to_le_bytes())?;
        out.write_all(&[2, 0, 4, 0])?;
        out.write_all(&[0; 8])?;
        out.write_all(&262_144_u32.to_le_bytes())?;
        out.write_all(&1_u32.to_le_bytes())?;
        Ok(Self { out, last: 0, bytes: 24, packets: 0 })
    }

    /// Writes a datagram of `after` nanoseconds into the capture, or a moment after the one before.
    pub(super) fn datagram(
        &mut self,
        after: u64,
        ends: (SocketAddr, SocketAddr),
        payload: &[u8],
    ) -> Result<()> {
        self.last = after.max(self.last + 100);
        let at = BEGINS + self.last;
        let (from, to) = ends;
        let udp = u16::try_from(8 + payload.len())?;
        let mut head = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1].to_vec();
        match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                head.extend([0x08, 0, 0x45, 0]);
                head.extend((udp + 20).to_be_bytes());
                head.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
                head.extend(from.octets());
                head.extend(to.octets());
            }
            (from, to) => {
                head.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                head.extend(udp.to_be_bytes());
                head.extend([17, 64]);
                for address in [from, to] {
                    match address {
                        IpAddr::V4(address) => head.extend(address.to_ipv6_mapped().octets()),
                        IpAddr::V6(address) => head.extend(address.octets()),
                    }
                }
            }
        }
        head.extend(from.port().to_be_bytes());
        head.extend(to.port().to_be_bytes());
        head.extend(udp.to_be_bytes());
        head.extend([0, 0]);
        let length = (head.len() + payload.len()) as u32;
        for word in [(at / 1_000_000_000) as u32, (at % 1_000_000_000) as u32, length, length] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(&head)?;
        self.out.write_all(payload)?;
        self.bytes += 16 + u64::from(length);
        self.packets += 1;
        Ok(())
    }

    pub(super) fn close(mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}
