//! The sockets of the namespace that the calling thread is in, as `/proc/net` lists them (proc(5)).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A connection that is over; the kernel keeps its ports for a while and delivers nothing (`TCP_TIME_WAIT`).
const TIME_WAIT: u8 = 6;

/// The local addresses of sockets that are bound to an address which is not loopback.
pub(super) fn exposed() -> io::Result<Vec<SocketAddr>> {
    let mut found = Vec::new();
    for table in ["udp", "udp6", "tcp", "tcp6"] {
        let text = match std::fs::read_to_string(format!("/proc/thread-self/net/{table}")) {
            Ok(text) => text,
            // A kernel without IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        found.extend(text.lines().skip(1).filter_map(local).filter(|address| is_exposed(address.ip())));
    }
    Ok(found)
}

fn is_exposed(address: IpAddr) -> bool {
    let address = address.to_canonical();
    !address.is_loopback() && !address.is_unspecified()
}

/// The local address in a line, unless the connection is over.
fn local(line: &str) -> Option<SocketAddr> {
    let mut fields = line.split_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    let state = u8::from_str_radix(fields.nth(1)?, 16).ok()?;
    if state == TIME_WAIT {
        return None;
    }
    Some(SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?))
}

/// An address in hexadecimal: words of 32 bits in the order of bytes of the machine.
fn ip(hex: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    if !hex.len().is_multiple_of(8) {
        return None;
    }
    for word in hex.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read() {
        if cfg!(target_endian = "big") {
            return;
        }
        let udp = " 1234: 0200000A:D431 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0 0";
        assert_eq!(local(udp), Some("10.0.0.2:54321".parse().unwrap()));
        let tcp6 = "  0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 0";
        assert_eq!(local(tcp6), Some("[::1]:8080".parse().unwrap()));
        let over = "  0: 0200000A:D431 0300000A:0050 06 00000000:00000000 03:00001000 00000000 0 0 0 3 0";
        assert_eq!(local(over), None);
        for nonsense in ["", "x", "0: zz:1 x 07", "0: 0200000A 0 07", "0: 02:0001 0 07"] {
            assert_eq!(local(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn what_only_loopback_reaches_is_not_exposed() {
        for inside in ["127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"] {
            assert!(!is_exposed(inside.parse().unwrap()), "{inside}");
        }
        assert!(is_exposed("10.0.0.2".parse().unwrap()) && is_exposed("::ffff:10.0.0.2".parse().unwrap()));
    }
}
