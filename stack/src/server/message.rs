//! Reading requests and writing answers, on the codec of the `rtc` crate. Everything that comes in is hostile.

use super::observed::Method;
use rtc::crypto::RTCCrypto;
use rtc::stun::attributes::{ATTR_ERROR_CODE, ATTR_MESSAGE_INTEGRITY, AttrType};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE,
    METHOD_BINDING, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, METHOD_SEND,
    Message, MessageClass, MessageType, Setter,
};
use rtc::stun::xoraddr::XorMappedAddress;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// ADDITIONAL-ADDRESS-FAMILY (RFC 8656 §18.11), which the codec does not name.
pub(super) const ADDITIONAL_ADDRESS_FAMILY: AttrType = AttrType(0x8000);

/// Most attributes that a request may have; those of the RFCs have far fewer.
const MOST_ATTRIBUTES: usize = 64;

/// Bytes of a STUN header (RFC 8489 §5).
pub(super) const HEADER: usize = 20;

/// What came from a client.
pub(super) enum Incoming {
    /// A request that wants an answer.
    Request(Method, Message),
    /// A Send indication (RFC 8656 §11).
    Send(Message),
    /// ChannelData (RFC 8656 §12.4): channel number and data.
    Channel(u16, Vec<u8>),
}

/// Reads one datagram, or one framed message. What is none of the server's business, or malformed, is nothing.
pub(super) fn read(bytes: &[u8]) -> Option<Incoming> {
    let first = u16::from_be_bytes(bytes.first_chunk().copied()?);
    if (0x4000..=0x4FFF).contains(&first) {
        // RFC 8656 §12.4; over UDP padding may follow the data, so more bytes than the length says are allowed.
        let length = usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?));
        return Some(Incoming::Channel(first, bytes.get(4..4 + length)?.to_vec()));
    }
    let length = usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?));
    if first >= 0x4000 || length % 4 != 0 || bytes.len() != HEADER + length {
        return None;
    }
    let mut message = Message::new();
    message.unmarshal_binary(bytes).ok()?;
    if message.attributes.0.len() > MOST_ATTRIBUTES {
        return None;
    }
    let MessageType { method, class } = message.typ;
    let method = match method {
        METHOD_BINDING => Method::Binding,
        METHOD_ALLOCATE => Method::Allocate,
        METHOD_REFRESH => Method::Refresh,
        METHOD_CREATE_PERMISSION => Method::CreatePermission,
        METHOD_CHANNEL_BIND => Method::ChannelBind,
        METHOD_SEND if class == CLASS_INDICATION => return Some(Incoming::Send(message)),
        _ => return None,
    };
    (class == CLASS_REQUEST).then_some(Incoming::Request(method, message))
}

/// The value of the first attribute of this type.
pub(super) fn value(message: &Message, kind: AttrType) -> Option<&[u8]> {
    message.attributes.0.iter().find(|attribute| attribute.typ == kind).map(|found| found.value.as_slice())
}

/// The text of the first attribute of this type, at most as long as RFC 8489 allows (§14.3, §14.9, §14.10).
pub(super) fn text(message: &Message, kind: AttrType) -> Option<&str> {
    let value = value(message, kind).filter(|value| value.len() < 764)?;
    std::str::from_utf8(value).ok()
}

/// A 32-bit number.
pub(super) fn number(message: &Message, kind: AttrType) -> Option<u32> {
    Some(u32::from_be_bytes(value(message, kind)?.try_into().ok()?))
}

/// All addresses in attributes of this type, as XOR-MAPPED-ADDRESS holds them (RFC 8489 §14.2). Nothing if one is malformed.
pub(super) fn addresses(message: &Message, kind: AttrType) -> Option<Vec<SocketAddr>> {
    let mut pad = [0; 16];
    let (cookie, rest) = pad.split_at_mut(4);
    cookie.copy_from_slice(&0x2112_A442_u32.to_be_bytes());
    rest.copy_from_slice(&message.transaction_id.0);
    message
        .attributes
        .0
        .iter()
        .filter(|attribute| attribute.typ == kind)
        .map(|attribute| {
            let (head, address) = attribute.value.split_first_chunk::<4>()?;
            let [_, family, port @ ..] = *head;
            let port = u16::from_be_bytes(port) ^ 0x2112;
            let ip: IpAddr = match family {
                1 => Ipv4Addr::from(unxored::<4>(address, &pad)?).into(),
                2 => Ipv6Addr::from(unxored::<16>(address, &pad)?).into(),
                _ => return None,
            };
            Some(SocketAddr::new(ip, port))
        })
        .collect()
}

fn unxored<const N: usize>(bytes: &[u8], pad: &[u8; 16]) -> Option<[u8; N]> {
    let mut plain: [u8; N] = bytes.try_into().ok()?;
    for (byte, pad) in plain.iter_mut().zip(pad) {
        *byte ^= pad;
    }
    Some(plain)
}

/// The beginning of a success response.
pub(super) fn success(request: &Message) -> Message {
    begin(request, CLASS_SUCCESS_RESPONSE)
}

/// The beginning of an error response.
pub(super) fn error(request: &Message, code: u16) -> Message {
    let mut message = begin(request, CLASS_ERROR_RESPONSE);
    let (class, number) = (code / 100, code % 100);
    let mut value = vec![0, 0, u8::try_from(class).unwrap_or(5), u8::try_from(number).unwrap_or(0)];
    value.extend_from_slice(reason(code).as_bytes());
    message.add(ATTR_ERROR_CODE, &value);
    message
}

fn begin(request: &Message, class: MessageClass) -> Message {
    let mut message = Message::new();
    message.transaction_id = request.transaction_id;
    message.set_type(MessageType::new(request.typ.method, class));
    message.write_header();
    message
}

/// A Data indication (RFC 8656 §11.6).
pub(super) fn data_indication(peer: SocketAddr, data: &[u8]) -> Option<Vec<u8>> {
    use rtc::stun::attributes::{ATTR_DATA, ATTR_XOR_PEER_ADDRESS};
    let mut message = Message::new();
    message.set_type(MessageType::new(METHOD_DATA, CLASS_INDICATION));
    message.new_transaction_id().ok()?;
    message.write_header();
    add_address(&mut message, ATTR_XOR_PEER_ADDRESS, peer);
    message.add(ATTR_DATA, data);
    Some(message.raw)
}

/// ChannelData, padded as streams want it (RFC 8656 §12.5).
pub(crate) fn channel_data(channel: u16, data: &[u8], padded: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(data.len() + 8);
    bytes.extend_from_slice(&channel.to_be_bytes());
    // A datagram is never longer than 65535 bytes.
    bytes.extend_from_slice(&u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend_from_slice(data);
    if padded {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// Adds an address as XOR-MAPPED-ADDRESS holds it.
pub(crate) fn add_address(message: &mut Message, kind: AttrType, address: SocketAddr) {
    let address = XorMappedAddress { ip: address.ip(), port: address.port() };
    // Any IP address has a length that the codec knows.
    let _never_fails = address.add_to_as(message, kind);
}

/// Adds an address in the clear, as MAPPED-ADDRESS holds it (RFC 8489 §14.1).
pub(super) fn add_plain_address(message: &mut Message, kind: AttrType, address: SocketAddr) {
    let mut value = vec![0, if address.is_ipv4() { 1 } else { 2 }];
    value.extend_from_slice(&address.port().to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => value.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => value.extend_from_slice(&ip.octets()),
    }
    message.add(kind, &value);
}

/// Signs with `key`, if there is one, adds the fingerprint, and gives the bytes.
pub(crate) fn finish(mut message: Message, key: Option<&[u8]>, crypto: &dyn RTCCrypto) -> Option<Vec<u8>> {
    if let Some(key) = key {
        MessageIntegrity::new_raw_integrity_with_provider(key, crypto).add_to(&mut message).ok()?;
    }
    FINGERPRINT.add_to(&mut message).ok()?;
    Some(message.raw)
}

/// Whether MESSAGE-INTEGRITY was made with `key` (RFC 8489 §14.5). What follows it is not covered and was not read.
pub(super) fn is_signed_with(message: &Message, key: &[u8], crypto: &dyn RTCCrypto) -> bool {
    if value(message, ATTR_MESSAGE_INTEGRITY).is_none_or(|value| value.len() != 20) {
        return false;
    }
    MessageIntegrity::check(&mut message.clone(), key, crypto).is_ok()
}

/// The phrase of an error code.
pub(super) const fn reason(code: u16) -> &'static str {
    match code {
        300 => "Try Alternate",
        400 => "Bad Request",
        401 => "Unauthenticated",
        403 => "Forbidden",
        420 => "Unknown Attribute",
        437 => "Allocation Mismatch",
        438 => "Stale Nonce",
        440 => "Address Family not Supported",
        441 => "Wrong Credentials",
        442 => "Unsupported Transport Protocol",
        443 => "Peer Address Family Mismatch",
        486 => "Allocation Quota Reached",
        508 => "Insufficient Capacity",
        _ => "Server Error",
    }
}
