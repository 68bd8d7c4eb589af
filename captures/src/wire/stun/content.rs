//! What an attribute says, by its type.

use super::address::{self, Family};
use super::algorithm::{Algorithm, Algorithms};
use super::attribute::AttributeType;
use super::error_code::ErrorCode;
use super::google::{self, NetworkInfo, Received};
use super::message::TransactionId;
use super::turn_values::{self, AddressError, Icmp};
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::show::Joined;
use crate::wire::stop::Read;
use std::fmt;
use std::net::SocketAddr;

/// A list of attribute types, or of other numbers of two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Types<'a>(&'a [u8]);

impl<'a> Types<'a> {
    /// The numbers. A byte left over at the end is not shown.
    pub fn iter(self) -> impl Iterator<Item = u16> + Clone + 'a {
        self.0.chunks_exact(2).map(|pair| pair.iter().fold(0, |number, byte| number << 8 | u16::from(*byte)))
    }
}

/// The meaning of an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// A transport address, with the XOR undone.
    Address(SocketAddr),
    /// Text, which should be UTF-8.
    Text(&'a [u8]),
    /// Bytes without further meaning to STUN, or of an unknown attribute.
    Bytes(&'a [u8]),
    /// A number: priority, lifetime in seconds, channel, tie breaker, port, protocol, fingerprint.
    Number(u64),
    /// Present, which says it all.
    Empty,
    /// ERROR-CODE.
    Error(ErrorCode<'a>),
    /// UNKNOWN-ATTRIBUTES.
    Types(Types<'a>),
    /// GOOG-MISC-INFO.
    Numbers(Types<'a>),
    /// An address family asked for.
    Family(Family),
    /// EVEN-PORT: whether the next port is to be reserved.
    EvenPort(bool),
    /// CHANGE-REQUEST (RFC 5780 §7.2).
    Change {
        /// The response is to come from the other address.
        ip: bool,
        /// The response is to come from the other port.
        port: bool,
    },
    /// PASSWORD-ALGORITHM.
    Algorithm(Algorithm<'a>),
    /// PASSWORD-ALGORITHMS.
    Algorithms(Algorithms<'a>),
    /// ADDRESS-ERROR-CODE.
    AddressError(AddressError<'a>),
    /// ICMP.
    Icmp(Icmp),
    /// TRANSACTION_TRANSMIT_COUNTER (RFC 7982 §3).
    Transmits {
        /// How often the request has been sent.
        requests: u8,
        /// How often the response has been sent.
        responses: u8,
    },
    /// GOOG-NETWORK-INFO.
    Network(NetworkInfo),
    /// META-DTLS-IN-STUN-ACKNOWLEDGEMENT.
    Received(Received<'a>),
}

impl<'a> Content<'a> {
    /// Reads the value of an attribute of that type; the reader must be limited to it.
    pub(super) fn read<S: Sink>(
        r: &mut Reader<'a, S>,
        kind: AttributeType,
        transaction: TransactionId,
    ) -> Read<Self> {
        use AttributeType as T;
        Ok(match kind {
            T::MappedAddress
            | T::ResponseAddress
            | T::SourceAddress
            | T::ChangedAddress
            | T::ReflectedFrom
            | T::AlternateServer
            | T::ResponseOrigin
            | T::OtherAddress => Self::Address(address::read(r, None)?),
            T::XorMappedAddress | T::XorPeerAddress | T::XorRelayedAddress | T::XorMappedAddressDraft => {
                Self::Address(address::read(r, Some(transaction))?)
            }
            T::Username | T::Password | T::Realm | T::Nonce | T::Software | T::AlternateDomain => {
                Self::Text(text(r)?)
            }
            T::ThirdPartyAuthorization => Self::Text(text(r)?),
            T::ErrorCode => Self::Error(ErrorCode::read(r)?),
            T::UnknownAttributes => Self::Types(types(r)?),
            T::GoogMiscInfo => Self::Numbers(numbers(r)?),
            T::Priority | T::Lifetime | T::Bandwidth | T::CacheTimeout | T::Nomination | T::TimerVal => {
                Self::Number(r.u32("value")?.value.into())
            }
            T::ConnectionId | T::GoogConnectionId => Self::Number(hex32(r, "connection ID")?),
            T::Fingerprint => Self::Number(hex32(r, "CRC-32")?),
            T::IceControlled | T::IceControlling => {
                let tie_breaker = r.u64("tie breaker")?.value;
                r.meaning(|| Value::Hex(tie_breaker, 8));
                Self::Number(tie_breaker)
            }
            T::GoogDeltaAck => Self::Number(r.u64("value")?.value),
            T::UseCandidate | T::DontFragment | T::GoogDeltaSyncReq => Self::Empty,
            T::ChannelNumber => turn_values::channel_number(r)?,
            T::EvenPort => turn_values::even_port(r)?,
            T::RequestedTransport => turn_values::requested_transport(r)?,
            T::RequestedAddressFamily | T::AdditionalAddressFamily => turn_values::family(r)?,
            T::AddressErrorCode => Self::AddressError(AddressError::read(r)?),
            T::Icmp => Self::Icmp(Icmp::read(r)?),
            T::ChangeRequest => change_request(r)?,
            T::ResponsePort => response_port(r)?,
            T::PasswordAlgorithm => Self::Algorithm(Algorithm::read(r)?),
            T::PasswordAlgorithms => Self::Algorithms(Algorithms::read(r)?),
            T::TransactionTransmitCounter => transmit_counter(r)?,
            T::GoogNetworkInfo => Self::Network(NetworkInfo::read(r)?),
            T::MetaDtlsInStunAck => Self::Received(google::received(r)?),
            T::MessageIntegrity | T::MessageIntegritySha256 | T::GoogMessageIntegrity32 => {
                Self::Bytes(r.rest("HMAC").value)
            }
            T::MetaDtlsInStun => Self::Bytes(r.rest("DTLS datagram").value),
            T::Data => Self::Bytes(r.rest("data").value),
            _ => Self::Bytes(r.rest("value").value),
        })
    }
}

fn text<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<&'a [u8]> {
    Ok(r.text("text", r.remaining())?.value)
}

fn hex32<S: Sink>(r: &mut Reader<'_, S>, name: &'static str) -> Read<u64> {
    let number = u64::from(r.u32(name)?.value);
    r.meaning(|| Value::Hex(number, 4));
    Ok(number)
}

fn types<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Types<'a>> {
    let types = Types(r.peek());
    while r.remaining() >= 2 {
        r.code::<AttributeType>("attribute type")?;
    }
    Ok(types)
}

fn numbers<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Types<'a>> {
    let numbers = Types(r.peek());
    while r.remaining() >= 2 {
        r.u16("number")?;
    }
    Ok(numbers)
}

/// RFC 5780 §7.2: 32 bits of which `A` (4) asks for another address and `B` (2) for another port.
fn change_request<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Content<'a>> {
    let flags = r.u32("flags")?.value;
    r.meaning(|| Value::Hex(flags.into(), 4));
    r.part("reserved", 0xffff_fff9, flags);
    r.part("change IP", 4, flags);
    r.part("change port", 2, flags);
    Ok(Content::Change { ip: flags & 4 != 0, port: flags & 2 != 0 })
}

/// RFC 5780 §7.5: a port and two bytes of padding, which belong to the value.
fn response_port<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Content<'a>> {
    let port = r.u16("port")?.value;
    if r.remaining() >= 2 {
        r.u16("padding in the value")?;
    }
    Ok(Content::Number(port.into()))
}

/// RFC 7982 §3: two reserved bytes, then the counters.
fn transmit_counter<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Content<'a>> {
    r.u16("reserved")?;
    let (requests, responses) = (r.u8("requests")?.value, r.u8("responses")?.value);
    Ok(Content::Transmits { requests, responses })
}

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Text(text) => write!(f, "{:?}", String::from_utf8_lossy(text)),
            Self::Bytes(bytes) => write!(f, "({} bytes)", bytes.len()),
            Self::Number(number) => write!(f, "{number}"),
            Self::Empty => Ok(()),
            Self::Error(error) => write!(f, "{error}"),
            Self::Types(types) => {
                write!(f, "{}", Joined(types.iter().map(|raw| AttributeType::from(raw).to_string())))
            }
            Self::Numbers(numbers) => write!(f, "{}", Joined(numbers.iter().map(|n| n.to_string()))),
            Self::Family(family) => write!(f, "{family}"),
            Self::EvenPort(reserve) => write!(f, "{}", if *reserve { "reserve-next" } else { "even" }),
            Self::Change { ip, port } => write!(f, "ip:{ip},port:{port}"),
            Self::Algorithm(algorithm) => write!(f, "{algorithm}"),
            Self::Algorithms(algorithms) => write!(f, "{algorithms}"),
            Self::AddressError(error) => write!(f, "{error}"),
            Self::Icmp(icmp) => write!(f, "{icmp}"),
            Self::Transmits { requests, responses } => write!(f, "{requests}/{responses}"),
            Self::Network(info) => write!(f, "{info}"),
            Self::Received(received) => write!(f, "{received}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: AttributeType, bytes: &[u8]) -> Read<Content<'_>> {
        Content::read(&mut Reader::new("STUN attribute", bytes), kind, TransactionId::default())
    }

    #[test]
    fn values_are_read_by_their_type() {
        use AttributeType as T;
        let check = |kind, bytes: &[u8], shown: &str| {
            assert_eq!(read(kind, bytes).unwrap().to_string(), shown, "{kind}");
        };
        check(T::ChangeRequest, &[0, 0, 0, 6], "ip:true,port:true");
        check(T::ResponsePort, &[0x12, 0x34, 0, 0], "4660");
        check(T::TransactionTransmitCounter, &[0, 0, 3, 1], "3/1");
        check(T::UnknownAttributes, &[0, 0x24, 0x7f, 1], "PRIORITY,0x7f01");
        check(T::GoogMiscInfo, &[0, 1, 0, 0], "1,0");
        check(T::Lifetime, &[0, 0, 2, 0x58], "600");
        check(T::Software, b"coturn", "\"coturn\"");
        check(T::Unknown(0xcafe), &[1, 2, 3], "(3 bytes)");
        check(T::UseCandidate, &[], "");
    }

    #[test]
    fn a_value_too_short_for_its_type_stops() {
        let stop = read(AttributeType::Priority, &[1, 2, 3]).unwrap_err();
        assert_eq!((stop.needed, stop.available), (4, 3));
    }
}
