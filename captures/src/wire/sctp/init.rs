//! INIT and INIT-ACK: RFC 9260 §3.3.2 and §3.3.3.
//!
//! ```text
//! |   Type = 1, 2 |  Chunk Flags  |      Chunk Length             |
//! |                         Initiate Tag                          |
//! |           Advertised Receiver Window Credit (a_rwnd)          |
//! |  Number of Outbound Streams   |   Number of Inbound Streams   |
//! |                          Initial TSN                          |
//! \              Optional / Variable-Length Parameters            \
//! ```

use super::{ChunkType, Parameter, ParameterContent, ParameterType};
use crate::wire::field::Field;
use crate::wire::list::List;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// What an endpoint says of itself at the start of an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Init<'a> {
    /// The verification tag of packets sent to it.
    pub initiate_tag: Field<u32>,
    /// Bytes that it can buffer.
    pub receiver_window: Field<u32>,
    /// Streams that it wants to send on.
    pub outbound_streams: Field<u16>,
    /// Most streams that it accepts.
    pub inbound_streams: Field<u16>,
    /// Its first TSN.
    pub initial_tsn: Field<u32>,
    /// The parameters.
    pub parameters: List<'a, Parameter<'a>>,
}

impl<'a> Init<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let initiate_tag = r.u32("initiate tag")?;
        r.meaning(|| Value::Hex(initiate_tag.value.into(), 4));
        Ok(Self {
            initiate_tag,
            receiver_window: r.u32("a_rwnd")?,
            outbound_streams: r.u16("number of outbound streams")?,
            inbound_streams: r.u16("number of inbound streams")?,
            initial_tsn: r.u32("initial TSN")?,
            parameters: List::rest(r),
        })
    }

    /// The first parameter of a type.
    pub fn parameter(&self, kind: ParameterType) -> Option<Parameter<'a>> {
        self.parameters.iter().find(|parameter| parameter.kind.value == kind)
    }

    /// The state cookie of an INIT-ACK.
    pub fn cookie(&self) -> Option<&'a [u8]> {
        self.parameter(ParameterType::StateCookie).map(|parameter| parameter.value.value)
    }

    /// Whether a chunk type is among the supported extensions (RFC 5061 §4.2.7).
    pub fn supports(&self, chunk: ChunkType) -> bool {
        match self.parameter(ParameterType::SupportedExtensions).and_then(|parameter| parameter.content) {
            Some(ParameterContent::ChunkTypes(types)) => types.iter().any(|kind| kind.0.value == chunk),
            _ => false,
        }
    }
}

impl fmt::Display for Init<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            initiate_tag,
            receiver_window,
            outbound_streams,
            inbound_streams,
            initial_tsn,
            parameters,
        } = self;
        write!(
            f,
            "tag {:#010x} window {receiver_window} streams {outbound_streams}/{inbound_streams} tsn {initial_tsn}",
            initiate_tag.value
        )?;
        parameters.iter().try_for_each(|parameter| write!(f, " [{parameter}]"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Body;
    use super::super::packet::tests::{body, check, packet_of};
    use super::*;

    #[test]
    fn an_init_is_understood() {
        let text =
            "01000027 9b1f3a0c 00500000 ffff ffff 5d1c2f01 c0000004 8001000800000001 80080007 c08240 00";
        check(
            text,
            "INIT tag 0x9b1f3a0c window 5242880 streams 65535/65535 tsn 1562128129 \
             [forward TSN supported] [zero checksum acceptable 1] \
             [supported extensions FORWARD-TSN,RE-CONFIG,I-DATA]",
        );
        let bytes = packet_of(text);
        let Body::Init(init) = body(&bytes) else { panic!() };
        assert!(init.supports(ChunkType::IData) && !init.supports(ChunkType::Auth));
    }

    #[test]
    fn an_init_ack_carries_a_cookie() {
        let text = "0200001a 00000001 00010000 0400 0800 00000002 00070006 aabb 0000";
        check(text, "INIT-ACK tag 0x00000001 window 65536 streams 1024/2048 tsn 2 [state cookie length 2]");
        let bytes = packet_of(text);
        let Body::InitAck(init) = body(&bytes) else { panic!() };
        assert_eq!(init.cookie(), Some(&[0xaa, 0xbb][..]));
    }
}
