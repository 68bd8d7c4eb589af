//! MAPPED-ADDRESS and XOR-MAPPED-ADDRESS: RFC 8489 §14.1 and §14.2.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |0 0 0 0 0 0 0 0|    Family     |            (X-)Port           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |              (X-)Address (32 bits or 128 bits)                |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::message::{COOKIE, TransactionId};
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

code_points! {
    /// Address families of STUN.
    pub enum Family(u8) {
        Ipv4 = 1 => "IPv4",
        Ipv6 = 2 => "IPv6",
    }
}

/// Reads an address, XORed if a transaction is given.
pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>, xor: Option<TransactionId>) -> Read<SocketAddr> {
    r.u8("zero")?;
    let family = r.code::<Family>("family")?;
    let mask = xor.map_or(0, |transaction| {
        u128::from(COOKIE) << 96
            | transaction.0.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
    });
    let port = r.u16(if xor.is_some() { "X-Port" } else { "port" })?.value ^ (mask >> 112) as u16;
    r.meaning(|| Value::Unsigned(port.into()));
    let name = if xor.is_some() { "X-Address" } else { "address" };
    let address = match family.value {
        Family::Ipv4 => {
            let address = r.array::<4>(name)?.value;
            IpAddr::V4(Ipv4Addr::from_bits(u32::from_be_bytes(address) ^ (mask >> 96) as u32))
        }
        Family::Ipv6 => {
            IpAddr::V6(Ipv6Addr::from_bits(u128::from_be_bytes(r.array::<16>(name)?.value) ^ mask))
        }
        Family::Unknown(_) => return Err(r.invalid("unknown address family")),
    };
    r.meaning(|| Value::Ip(address));
    Ok(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::hex;

    #[test]
    fn an_unknown_family_stops_at_the_address() {
        let bytes = hex("0003 1234 01020304");
        let stop = read(&mut Reader::new("STUN attribute", &bytes), None).unwrap_err();
        assert_eq!((stop.offset, stop.to_string().contains("unknown address family")), (4, true));
    }

    #[test]
    fn addresses_without_xor_are_read_as_they_are() {
        let bytes = hex("0001 1234 c0000201");
        let address = read(&mut Reader::new("STUN attribute", &bytes), None).unwrap();
        assert_eq!(address.to_string(), "192.0.2.1:4660");
    }
}
