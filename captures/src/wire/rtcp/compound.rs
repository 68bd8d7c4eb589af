//! RTCP packets as they follow one another in a datagram: RFC 3550 §6.1, reduced size by RFC 5506.

use super::{
    App, Bye, ExtendedReport, Header, PacketType, PayloadFeedback, ReceiverReport, SdesChunk, SenderReport,
    TransportFeedback,
};
use crate::wire::field::{Field, Span};
use crate::wire::list::{List, Unit};
use crate::wire::node::{self, Dissected};
use crate::wire::reader::{Reader, Sink, UNDISSECTED};
use crate::wire::stop::{Read, Stop};
use std::fmt;

/// What comes before the content of a packet, in bytes.
const HEADER: usize = 4;

/// What a packet says, by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// SR.
    SenderReport(SenderReport<'a>),
    /// RR.
    ReceiverReport(ReceiverReport<'a>),
    /// SDES.
    SourceDescription(List<'a, SdesChunk<'a>>),
    /// BYE.
    Bye(Bye<'a>),
    /// APP.
    App(App<'a>),
    /// RTPFB.
    TransportFeedback(TransportFeedback<'a>),
    /// PSFB.
    PayloadFeedback(PayloadFeedback<'a>),
    /// XR.
    ExtendedReport(ExtendedReport<'a>),
    /// A type not known here.
    Unknown(Field<&'a [u8]>),
}

impl<'a> Body<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>, header: &Header) -> Read<Self> {
        Ok(match header.kind.value {
            PacketType::SenderReport => Self::SenderReport(SenderReport::read(r, header)?),
            PacketType::ReceiverReport => Self::ReceiverReport(ReceiverReport::read(r, header)?),
            PacketType::SourceDescription => Self::SourceDescription(List::rest(r)),
            PacketType::Bye => Self::Bye(Bye::read(r, header)?),
            PacketType::App => Self::App(App::read(r, header)?),
            PacketType::TransportFeedback => Self::TransportFeedback(TransportFeedback::read(r, header)?),
            PacketType::PayloadFeedback => Self::PayloadFeedback(PayloadFeedback::read(r, header)?),
            PacketType::ExtendedReport => Self::ExtendedReport(ExtendedReport::read(r)?),
            _ => Self::Unknown(r.rest("content")),
        })
    }

    /// Who sent the packet; the first source of SDES and BYE. `None` if it does not say.
    pub fn sender(&self) -> Option<u32> {
        match self {
            Self::SenderReport(report) => Some(report.ssrc.value),
            Self::ReceiverReport(report) => Some(report.ssrc.value),
            Self::SourceDescription(chunks) => chunks.iter().next().map(|chunk| chunk.ssrc.value),
            Self::Bye(bye) => bye.sources.iter().next().map(|source| source.0.value),
            Self::App(app) => Some(app.ssrc.value),
            Self::TransportFeedback(feedback) => Some(feedback.sender.value),
            Self::PayloadFeedback(feedback) => Some(feedback.sender.value),
            Self::ExtendedReport(report) => Some(report.ssrc.value),
            Self::Unknown(_) => None,
        }
    }
}

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SenderReport(report) => report.fmt(f),
            Self::ReceiverReport(report) => report.fmt(f),
            Self::SourceDescription(chunks) => {
                f.write_str("SDES")?;
                chunks.iter().try_for_each(|chunk| write!(f, " {chunk}"))
            }
            Self::Bye(bye) => bye.fmt(f),
            Self::App(app) => app.fmt(f),
            Self::TransportFeedback(feedback) => feedback.fmt(f),
            Self::PayloadFeedback(feedback) => feedback.fmt(f),
            Self::ExtendedReport(report) => report.fmt(f),
            Self::Unknown(content) => write!(f, "length {}", content.value.len()),
        }
    }
}

/// One packet of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The header.
    pub header: Header,
    /// What it says; `None` if that cannot be read.
    pub body: Option<Body<'a>>,
    /// All bytes after the header.
    pub content: Field<&'a [u8]>,
    /// The padding with its count at the end; empty if there is none or its count does not fit the packet.
    pub padding: Field<&'a [u8]>,
}

impl<'a> Unit<'a> for Packet<'a> {
    const NAME: &'static str = "RTCP packet";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let header = Header::read(r)?;
        r.rename(|| format!("RTCP {}", header.kind.value).into());
        let length = usize::from(header.length.value) * 4;
        let start = r.offset();
        let whole = r.peek().get(..length);
        let count = match whole.and_then(<[u8]>::last) {
            Some(count) if header.has_padding() && usize::from(*count) <= length => usize::from(*count),
            _ => 0,
        };
        let body = r.attempt(length - count, header.length.range, |r| Body::read(r, &header))?;
        let content = Field::new(Span::new(start, start + length), whole.unwrap_or_default());
        let padding = Field::new(
            Span::new(start + length - count, start + length),
            content.value.get(length - count..).unwrap_or_default(),
        );
        if count > 0 {
            r.bytes("padding", count - 1)?;
            r.u8("padding count")?;
        } else if header.has_padding() {
            r.anomaly(content.range, || "the count of the padding does not fit the packet".into());
        }
        let packet = Self { header, body, content, padding };
        r.summary(|| packet.to_string());
        Ok(packet)
    }
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            Some(Body::Unknown(content)) => {
                write!(f, "{} length {}", self.header.kind.value, content.value.len())
            }
            Some(body) => body.fmt(f),
            None => write!(f, "{} malformed", self.header.kind.value),
        }
    }
}

/// The packets of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compound<'a> {
    /// The packets in order.
    pub packets: List<'a, Packet<'a>>,
}

impl<'a> Compound<'a> {
    /// Each packet that can be separated from the next, with all of its bytes.
    pub fn parts(&self) -> impl Iterator<Item = (Packet<'a>, &'a [u8])> + use<'a> {
        let mut rest = self.packets.bytes.value;
        self.packets.iter().map(move |packet| {
            let length = HEADER + packet.content.value.len();
            let (part, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after;
            (packet, part)
        })
    }

    /// Whether it begins with a report, as a compound has to (RFC 3550 §6.1); otherwise it is of reduced size.
    pub fn begins_with_report(&self) -> bool {
        let kind = self.packets.iter().next().map(|packet| packet.header.kind.value);
        matches!(kind, Some(PacketType::SenderReport | PacketType::ReceiverReport))
    }
}

impl fmt::Display for Compound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RTCP")?;
        for (i, packet) in self.packets.iter().enumerate() {
            write!(f, "{} {packet}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// The packets of a datagram, read as they are asked for.
pub fn view(bytes: &[u8]) -> Compound<'_> {
    Compound { packets: List::rest(&mut Reader::new("RTCP", bytes)) }
}

/// Whether a datagram is RTCP in the clear: packets of version 2 and known types fill it by their lengths. Behind those of SRTCP an index and
/// a tag follow (RFC 3711 §3.4).
pub fn is_in_clear(bytes: &[u8]) -> bool {
    let packets = view(bytes).packets;
    let known =
        |packet: &Packet<'_>| packet.header.version() == 2 && packet.header.kind.value.name().is_some();
    !packets.is_empty() && packets.iter().all(|packet| known(&packet)) && packets.stop().is_none()
}

/// Behind which field the packet that begins here cannot be read any further, and why: ` after its field "SSRC": …`. Empty if nothing of it
/// is a packet.
pub fn unread(bytes: &[u8]) -> String {
    let (node, stop) = tree(bytes).outcome();
    let Some(packet) = node.children.first() else { return String::new() };
    let leaves = packet.leaves().into_iter().take_while(|leaf| leaf.name != UNDISSECTED);
    let after = leaves.last().map(|leaf| format!(" after its field {:?}", leaf.name));
    let anomaly = packet.anomalies.first().map(|anomaly| anomaly.what.to_string());
    let cause = anomaly.or_else(|| stop.map(|stop| stop.to_string()));
    format!("{}{}", after.unwrap_or_default(), cause.map(|it| format!(": {it}")).unwrap_or_default())
}

/// The tree of a datagram.
pub fn tree(bytes: &[u8]) -> Dissected<Compound<'_>> {
    node::record("RTCP", bytes, |r| {
        while !r.is_empty() {
            r.node(Packet::NAME, |r| {
                let outcome = Packet::read(r);
                if let Err(stop) = &outcome {
                    r.undissected(stop);
                }
                outcome
            })?;
        }
        let compound = view(bytes);
        r.summary(|| compound.to_string());
        Ok::<_, Stop>(compound)
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::wire::testing::{check_all, hex};

    /// Reads a datagram of one packet, checks its one-line form and puts it through everything.
    #[track_caller]
    pub(in crate::wire::rtcp) fn check(text: &str, expected: &str) {
        let bytes = hex(text);
        assert_eq!(view(&bytes).to_string(), format!("RTCP {expected}"));
        assert_eq!(view(&bytes).packets.stop(), None);
        check_all(&bytes, |b| tree(b).outcome());
    }

    /// The body of a datagram of one packet.
    #[track_caller]
    pub(in crate::wire::rtcp) fn body(bytes: &[u8]) -> Body<'_> {
        view(bytes).packets.iter().next().unwrap().body.unwrap()
    }

    #[test]
    fn what_is_in_the_clear_is_filled_by_its_packets() {
        let clear = hex("80c90001 00002000 81ca0003 00001000 0104 6e616d65 0000");
        assert!(is_in_clear(&clear));
        // As SRTCP: an index with the E bit, and a tag of ten bytes.
        assert!(!is_in_clear(&[&clear[..], &hex("80000001"), &[7; 10]].concat()));
        assert!(!is_in_clear(&[&clear[..], &hex("80000001"), &[7; 16]].concat()), "the tag of GCM");
        for (at, byte) in [(0, 0x40), (1, 0x60), (3, 2)] {
            let mut other = clear.clone();
            other[at] = byte;
            assert!(!is_in_clear(&other), "byte {at}");
        }
        assert!(!is_in_clear(&[]) && !is_in_clear(&clear[..clear.len() - 4]));
    }

    #[test]
    fn a_compound_is_read_packet_by_packet() {
        let text = "80c90001 00000001  81ca0003 00000001 01026162 00000000  81ce0002 00000001 00000002";
        check(text, "RR from 0x00000001, SDES 0x00000001 CNAME ab, PLI from 0x00000001 for 0x00000002");
        let bytes = hex(text);
        assert!(view(&bytes).begins_with_report());
        assert!(!view(&hex("81ce0002 00000001 00000002")).begins_with_report());
    }

    #[test]
    fn padding_is_kept_apart_and_a_wrong_count_is_remarked_upon() {
        let bytes = hex("a0c90002 00000001 00000004");
        let packet = view(&bytes).packets.iter().next().unwrap();
        assert_eq!(packet.padding.value, [0, 0, 0, 4]);
        check_all(&bytes, |b| tree(b).outcome());
        let bytes = hex("a0c90001 000000ff");
        assert!(view(&bytes).packets.iter().next().unwrap().padding.value.is_empty());
        assert_eq!(tree(&bytes).node.children[0].anomalies.len(), 1);
    }

    #[test]
    fn a_packet_whose_body_cannot_be_read_does_not_hide_the_next() {
        let bytes = hex("82c90001 00000001 80cb0000");
        let found: Vec<_> = view(&bytes).packets.iter().map(|packet| packet.to_string()).collect();
        assert_eq!(found, ["RR malformed", "BYE"]);
        let parts: Vec<usize> = view(&bytes).parts().map(|(_, part)| part.len()).collect();
        assert_eq!(parts, [8, 4]);
        assert!(unread(&bytes).starts_with(" after its field \"SSRC of sender\": "), "{}", unread(&bytes));
        check_all(&bytes, |b| tree(b).outcome());
    }

    #[test]
    fn a_packet_longer_than_the_datagram_stops_with_its_length_field() {
        let bytes = hex("80c90001 00000001 81ca0003 00000001");
        let stop = tree(&bytes).stop.unwrap();
        assert_eq!((stop.offset, stop.needed, stop.length_from), (12, 12, Some(Span::new(10, 12))));
        assert_eq!(view(&bytes).packets.iter().count(), 1);
    }

    #[test]
    fn unknown_types_keep_their_content() {
        check("80d40001 aabbccdd", "0xd4 length 4");
    }
}
