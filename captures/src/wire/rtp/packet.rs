//! An RTP packet in the clear: RFC 3550 §5.1, with padding at its end.

use super::header::Header;
use super::value::ExtensionMap;
use crate::wire::field::{Field, Span};
use crate::wire::node::{self, Dissected};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// A packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The header.
    pub header: Header<'a>,
    /// The payload, without padding.
    pub payload: Field<&'a [u8]>,
    /// The padding with its count at the end; empty if there is none or its count does not fit the packet.
    pub padding: Field<&'a [u8]>,
}

impl<'a> Packet<'a> {
    /// Reads a packet, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>, map: &ExtensionMap) -> Read<Self> {
        let header = Header::read(r, map)?;
        let rest = r.peek();
        let count = match rest.last() {
            Some(count) if header.has_padding() => usize::from(*count),
            _ => 0,
        };
        // A count of zero or beyond the payload means nothing: all is payload then.
        let count = if count <= rest.len() { count } else { 0 };
        let payload = r.bytes("payload", rest.len() - count)?;
        let padding = Field::new(
            Span::new(payload.range.end as usize, payload.range.end as usize + count),
            rest.get(rest.len() - count..).unwrap_or_default(),
        );
        if count > 0 {
            r.bytes("padding", count - 1)?;
            r.u8("padding count")?;
        } else if header.has_padding() {
            r.anomaly(payload.range, || "the count of the padding does not fit the packet".into());
        }
        let packet = Self { header, payload, padding };
        r.summary(|| packet.to_string());
        Ok(packet)
    }

    /// Whether the header announces padding that is not there.
    pub fn has_wrong_padding(&self) -> bool {
        self.header.has_padding() && self.padding.value.is_empty()
    }
}

/// Reads a packet.
pub fn view(bytes: &[u8]) -> Read<Packet<'_>> {
    Packet::read(&mut Reader::new("RTP", bytes), &ExtensionMap::EMPTY)
}

/// The tree of a packet whose header extensions are not known.
pub fn tree(bytes: &[u8]) -> Dissected<Packet<'_>> {
    tree_with(bytes, &ExtensionMap::EMPTY)
}

/// The tree of a packet with header extensions as `map` says.
pub fn tree_with<'a>(bytes: &'a [u8], map: &ExtensionMap) -> Dissected<Packet<'a>> {
    node::record("RTP", bytes, |r| Packet::read(r, map))
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RTP {} length {}", self.header, self.payload.value.len())?;
        if !self.padding.value.is_empty() {
            write!(f, " padding {}", self.padding.value.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ExtensionKind, ExtensionValue};
    use super::*;
    use crate::wire::testing::{check_all, check_robust, hex};

    /// VP8 with a transport-wide sequence number, a send time and a mid, as Chrome sends it.
    const VP8: &str = "90e0 3039 0001e240 11223344 bede0003 1012 31 0007 22abcdef 4030 00
                       9080 8001 1000 9d012a";

    fn map() -> ExtensionMap {
        let kinds =
            [(2, ExtensionKind::AbsSendTime), (3, ExtensionKind::TransportSequence), (4, ExtensionKind::Mid)];
        kinds.into_iter().collect()
    }

    #[test]
    fn a_packet_of_a_browser_is_understood() {
        let bytes = hex(VP8);
        let packet = view(&bytes).unwrap();
        assert_eq!(
            packet.to_string(),
            "RTP PT 96 seq 12345 ts 123456 ssrc 0x11223344 marker ext 1,3,2,4 length 9"
        );
        let mid = packet.header.elements().find(|e| e.id == 4).unwrap();
        assert_eq!(ExtensionValue::of(ExtensionKind::Mid, mid.value.value), Some(ExtensionValue::Text(b"0")));
        let tree = tree_with(&bytes, &map());
        assert_eq!(tree.node.find("mid").unwrap().summary, "0");
        assert_eq!(tree.node.find("transport-wide-cc").unwrap().summary, "7");
        check_all(&bytes, |b| tree_with(b, &map()).outcome());
    }

    #[test]
    fn contributing_sources_and_padding_are_kept_apart() {
        let bytes = hex("a2 00 0001 00000002 00000003 00000004 00000005 aabb 000003");
        let packet = view(&bytes).unwrap();
        assert_eq!(packet.header.csrcs.iter().map(|c| c.0.value).collect::<Vec<_>>(), [4, 5]);
        assert_eq!((packet.payload.value, packet.padding.value), (&[0xaa, 0xbb][..], &[0, 0, 3][..]));
        assert_eq!(tree(&bytes).node.field("padding count").unwrap().range, Span::new(24, 25));
        check_all(&bytes, |b| tree(b).outcome());
    }

    #[test]
    fn padding_beyond_the_payload_is_no_padding() {
        for count in ["00", "04"] {
            let bytes = hex(&format!("a0 00 0001 00000002 00000003 aabb{count}"));
            let packet = view(&bytes).unwrap();
            assert!(packet.has_wrong_padding());
            assert_eq!(packet.payload.value.len(), 3);
            assert_eq!(tree(&bytes).node.anomalies.len(), 1);
        }
        let all = hex("a0 00 0001 00000002 00000003 000003");
        assert!(view(&all).unwrap().payload.value.is_empty());
    }

    #[test]
    fn an_extension_longer_than_the_packet_stops_with_its_length_field() {
        let bytes = hex("9060 0001 00000002 00000003 bede0002 10aa0000");
        let stop = view(&bytes).unwrap_err();
        assert_eq!((stop.offset, stop.needed, stop.available), (16, 8, 4));
        assert_eq!(stop.length_from, Some(Span::new(14, 16)));
        check_robust(&bytes, |b| tree_with(b, &map()).outcome());
    }

    #[test]
    fn the_view_and_the_tree_stop_alike() {
        let bytes = hex(VP8);
        for length in 0..bytes.len() {
            let (view, tree) = (view(&bytes[..length]), tree_with(&bytes[..length], &map()));
            assert_eq!(view.is_ok(), tree.stop.is_none(), "at {length}");
        }
    }

    /// Builds a packet anew from its view.
    fn emit(packet: &Packet<'_>) -> Vec<u8> {
        let header = &packet.header;
        let mut bytes = vec![header.first.value, header.second.value];
        bytes.extend(header.sequence.value.to_be_bytes());
        bytes.extend(header.timestamp.value.to_be_bytes());
        bytes.extend(header.ssrc.value.to_be_bytes());
        header.csrcs.iter().for_each(|csrc| bytes.extend(csrc.0.value.to_be_bytes()));
        if let Some(extension) = &header.extension {
            bytes.extend(extension.profile.value.to_be_bytes());
            bytes.extend(extension.length.value.to_be_bytes());
            bytes.extend(extension.data.value);
        }
        bytes.extend(packet.payload.value);
        bytes.extend(packet.padding.value);
        bytes
    }

    #[test]
    fn a_view_holds_everything_of_its_packet() {
        for text in [VP8, "a2 00 0001 00000002 00000003 00000004 00000005 aabb 000003"] {
            let bytes = hex(text);
            assert_eq!(emit(&view(&bytes).unwrap()), bytes);
        }
    }
}
