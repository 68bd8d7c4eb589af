//! Values of libwebrtc's own attributes (`api/transport/stun.h`).
//!
//! ```text
//! GOOG-NETWORK-INFO:
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |          network ID           |         network cost          |
//! META-DTLS-IN-STUN-ACKNOWLEDGEMENT: CRC-32 values, four bytes each, of the DTLS packets received
//! ```

use crate::wire::field::Field;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::show::Joined;
use crate::wire::stop::Read;
use std::fmt;

/// The network that a candidate is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkInfo {
    /// The sender's number of the network.
    pub id: Field<u16>,
    /// What using it costs: 0 for the cheapest (Ethernet), 10 Wi-Fi, 900 mobile, 999 most.
    pub cost: Field<u16>,
}

impl NetworkInfo {
    pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Self> {
        Ok(Self { id: r.u16("network ID")?, cost: r.u16("network cost")? })
    }
}

impl fmt::Display for NetworkInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id:{},cost:{}", self.id.value, self.cost.value)
    }
}

/// The DTLS packets received so far, by CRC-32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received<'a>(&'a [u8]);

impl<'a> Received<'a> {
    /// The CRC-32 values. Bytes left over at the end are not shown.
    pub fn iter(self) -> impl Iterator<Item = u32> + Clone + 'a {
        self.0.chunks_exact(4).map(|word| word.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }
}

pub(super) fn received<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Received<'a>> {
    let received = Received(r.peek());
    while r.remaining() >= 4 {
        let crc = r.u32("CRC-32")?.value;
        r.meaning(|| Value::Hex(crc.into(), 4));
    }
    Ok(received)
}

impl fmt::Display for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Joined(self.iter().map(|crc| format!("{crc:08x}"))))
    }
}
