//! Parameters of INIT, HEARTBEAT, RE-CONFIG and ASCONF: RFC 9260 §3.2.1.
//!
//! ```text
//! |        Parameter Type         |       Parameter Length        |
//! \                        Parameter Value                        \
//! ```

use super::chunk::{HEADER, read_padding};
use super::{Action, ChunkType, Number16, ResetRequest, ResetResponse};
use crate::wire::field::{Field, Span};
use crate::wire::list::{List, Unit};
use crate::wire::reader::{Reader, Sink};
use crate::wire::show::Joined;
use crate::wire::stop::Read;
use std::fmt;
use std::net::IpAddr;

code_points! {
    /// Parameter types.
    pub enum ParameterType(u16) {
        HeartbeatInfo = 1 => "heartbeat info",
        Ipv4Address = 5 => "IPv4 address",
        Ipv6Address = 6 => "IPv6 address",
        StateCookie = 7 => "state cookie",
        Unrecognized = 8 => "unrecognized parameter",
        CookiePreservative = 9 => "cookie preservative",
        HostName = 11 => "host name address",
        SupportedAddressTypes = 12 => "supported address types",
        OutgoingReset = 13 => "outgoing SSN reset request",
        IncomingReset = 14 => "incoming SSN reset request",
        SsnTsnReset = 15 => "SSN/TSN reset request",
        ReConfigResponse = 16 => "re-configuration response",
        AddOutgoingStreams = 17 => "add outgoing streams request",
        AddIncomingStreams = 18 => "add incoming streams request",
        EcnCapable = 0x8000 => "ECN capable",
        ZeroChecksumAcceptable = 0x8001 => "zero checksum acceptable",
        Random = 0x8002 => "random",
        ChunkList = 0x8003 => "chunk list",
        HmacAlgorithms = 0x8004 => "requested HMAC algorithms",
        Padding = 0x8005 => "padding",
        SupportedExtensions = 0x8008 => "supported extensions",
        ForwardTsnSupported = 0xc000 => "forward TSN supported",
        AddIpAddress = 0xc001 => "add IP address",
        DeleteIpAddress = 0xc002 => "delete IP address",
        ErrorCauseIndication = 0xc003 => "error cause indication",
        SetPrimaryAddress = 0xc004 => "set primary address",
        SuccessIndication = 0xc005 => "success indication",
        AdaptationLayer = 0xc006 => "adaptation layer indication",
    }
}

impl ParameterType {
    /// What a receiver does that does not know the type.
    pub const fn action_if_unknown(self) -> Action {
        Action::of((self.raw() >> 14) as u8)
    }
}

/// A chunk type in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedChunkType(pub Field<ChunkType>);

impl<'a> Unit<'a> for ListedChunkType {
    const NAME: &'static str = "chunk type";
    const IS_NODE: bool = false;

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        r.code("chunk type").map(Self)
    }
}

/// What a parameter says, by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterContent<'a> {
    /// Nothing: its presence says it all.
    Empty,
    /// Bytes without further meaning, or of an unknown type.
    Bytes(Field<&'a [u8]>),
    /// A number: the increment of a cookie preservative in milliseconds, the error detection method of RFC 9653, the adaptation
    /// code point.
    Number(Field<u32>),
    /// An address.
    Address(Field<IpAddr>),
    /// Address types or HMAC identifiers.
    Numbers(List<'a, Number16>),
    /// Chunk types: supported extensions, or chunks to be authenticated.
    ChunkTypes(List<'a, ListedChunkType>),
    /// A reset request.
    ResetRequest(ResetRequest<'a>),
    /// The answer to a request.
    ResetResponse(ResetResponse),
    /// A request for more streams: its number and how many.
    AddStreams(Field<u32>, Field<u16>),
    /// A part of an ASCONF or its answer: the correlation id, and a parameter or causes in bytes.
    Correlated(Field<u32>, Field<&'a [u8]>),
}

impl<'a> ParameterContent<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>, kind: ParameterType) -> Read<Self> {
        use ParameterType as Kind;
        Ok(match kind {
            Kind::EcnCapable | Kind::ForwardTsnSupported => Self::Empty,
            Kind::CookiePreservative => Self::Number(r.u32("suggested cookie life-span increment")?),
            Kind::ZeroChecksumAcceptable => Self::Number(r.u32("error detection method identifier")?),
            Kind::AdaptationLayer => Self::Number(r.u32("adaptation code point")?),
            Kind::Ipv4Address => Self::Address(r.ipv4("address")?.map(IpAddr::V4)),
            Kind::Ipv6Address => Self::Address(r.ipv6("address")?.map(IpAddr::V6)),
            Kind::SupportedAddressTypes | Kind::HmacAlgorithms => Self::Numbers(List::rest(r)),
            Kind::ChunkList | Kind::SupportedExtensions => Self::ChunkTypes(List::rest(r)),
            Kind::OutgoingReset => Self::ResetRequest(ResetRequest::read_outgoing(r)?),
            Kind::IncomingReset | Kind::SsnTsnReset => Self::ResetRequest(ResetRequest::read_incoming(r)?),
            Kind::ReConfigResponse => Self::ResetResponse(ResetResponse::read(r)?),
            Kind::AddOutgoingStreams | Kind::AddIncomingStreams => {
                let request = r.u32("request sequence number")?;
                let count = r.u16("number of new streams")?;
                r.u16("reserved")?;
                Self::AddStreams(request, count)
            }
            // What is inside is not read as parameters or causes: they could hold one another without end.
            Kind::AddIpAddress
            | Kind::DeleteIpAddress
            | Kind::SetPrimaryAddress
            | Kind::ErrorCauseIndication
            | Kind::SuccessIndication => Self::Correlated(r.u32("correlation id")?, r.rest("value")),
            Kind::HostName => Self::Bytes(r.text("host name", r.remaining())?),
            Kind::HeartbeatInfo => Self::Bytes(r.rest("heartbeat information")),
            Kind::StateCookie => Self::Bytes(r.rest("cookie")),
            Kind::Unrecognized => Self::Bytes(r.rest("parameter")),
            Kind::Random | Kind::Padding | Kind::Unknown(_) => Self::Bytes(r.rest("value")),
        })
    }
}

impl fmt::Display for ParameterContent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Bytes(bytes) => write!(f, " length {}", bytes.value.len()),
            Self::Number(number) => write!(f, " {number}"),
            Self::Address(address) => write!(f, " {address}"),
            Self::Numbers(numbers) => numbers
                .iter()
                .enumerate()
                .try_for_each(|(i, n)| write!(f, "{}{}", if i == 0 { " " } else { "," }, n.0)),
            Self::ChunkTypes(types) => {
                let names: Vec<ChunkType> = types.iter().map(|kind| kind.0.value).collect();
                write!(f, " {}", Joined(names.iter()))
            }
            Self::ResetRequest(request) => write!(f, " {request}"),
            Self::ResetResponse(response) => write!(f, " {response}"),
            Self::AddStreams(request, count) => write!(f, " {request} count {count}"),
            Self::Correlated(id, value) => write!(f, " {id} length {}", value.value.len()),
        }
    }
}

/// A parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Its type.
    pub kind: Field<ParameterType>,
    /// Its length, without padding.
    pub length: Field<u16>,
    /// What it says; `None` if that cannot be read.
    pub content: Option<ParameterContent<'a>>,
    /// All bytes after its header.
    pub value: Field<&'a [u8]>,
}

impl<'a> Unit<'a> for Parameter<'a> {
    const NAME: &'static str = "SCTP parameter";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let kind = r.code::<ParameterType>("parameter type")?;
        let length = r.u16("parameter length")?;
        let value_length = usize::from(length.value).checked_sub(HEADER);
        let value_length =
            value_length.ok_or_else(|| r.invalid("the length is below that of the parameter header"))?;
        let start = r.offset();
        let value = r.peek().get(..value_length).unwrap_or_default();
        let content = r.attempt(value_length, length.range, |r| ParameterContent::read(r, kind.value))?;
        read_padding(r, value_length)?;
        let value = Field::new(Span::new(start, start + value_length), value);
        let parameter = Self { kind, length, content, value };
        r.summary(|| parameter.to_string());
        Ok(parameter)
    }
}

impl fmt::Display for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.value)?;
        match &self.content {
            Some(content) => content.fmt(f),
            None => f.write_str(" malformed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;
    use super::*;

    /// Parameters within an INIT.
    #[track_caller]
    fn check_parameters(parameters: &str, expected: &str) {
        let length = crate::wire::testing::hex(parameters).len() + 20;
        let text = format!("0100{length:04x} 00000001 00010000 0001 0001 00000002 {parameters}");
        check(&text, &format!("INIT tag 0x00000001 window 65536 streams 1/1 tsn 2 {expected}"));
    }

    #[test]
    fn parameters_are_understood_by_type() {
        check_parameters("00050008 c0000201", "[IPv4 address 192.0.2.1]");
        check_parameters("00060014 20010db8000000000000000000000001", "[IPv6 address 2001:db8::1]");
        check_parameters("000c0008 0005 0006", "[supported address types 5,6]");
        check_parameters("00090008 000003e8", "[cookie preservative 1000]");
        check_parameters("80000004 c0000004", "[ECN capable] [forward TSN supported]");
        check_parameters("80010008 00000001", "[zero checksum acceptable 1]");
        check_parameters(
            "80020008 aabbccdd 80040006 0003 0000 80030005 c1 000000 c0000004",
            "[random length 4] [requested HMAC algorithms 3] [chunk list ASCONF] [forward TSN supported]",
        );
        check_parameters("c0060008 00000009", "[adaptation layer indication 9]");
        check_parameters("000b0008 612e6200", "[host name address length 4]");
        check_parameters("00080008 c0ff0004", "[unrecognized parameter length 4]");
        check_parameters("c0ff0008 aabbccdd", "[0xc0ff length 4]");
    }

    #[test]
    fn a_parameter_too_short_for_its_type_does_not_hide_the_next() {
        check_parameters("00050006 c000 0000 c0000004", "[IPv4 address malformed] [forward TSN supported]");
    }

    #[test]
    fn the_high_bits_of_an_unknown_type_say_what_to_do() {
        assert_eq!(ParameterType::from(0xc0ff).action_if_unknown(), Action::SkipAndReport);
        assert_eq!(ParameterType::from(0x8fff).action_if_unknown(), Action::Skip);
        assert_eq!(ParameterType::from(0x00ff).action_if_unknown(), Action::Stop);
    }
}
