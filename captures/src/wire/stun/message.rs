//! A STUN message: RFC 8489 §5.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |0 0|     STUN Message Type     |         Message Length        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         Magic Cookie                          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                     Transaction ID (96 bits)                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::attribute::{Attribute, AttributeType, Attributes};
use super::content::Content;
use crate::wire::field::{Field, Span};
use crate::wire::node::{self, Dissected, Value};
use crate::wire::reader::{Reader, Sink};
use crate::wire::show::Hex;
use crate::wire::stop::{Read, Stop};
use std::fmt;
use std::net::SocketAddr;

/// The magic cookie.
pub const COOKIE: u32 = 0x2112_a442;

/// Bytes of the header.
pub(super) const HEADER: usize = 20;

/// The class of a message, RFC 8489 §5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// 0b00.
    Request,
    /// 0b01.
    Indication,
    /// 0b10.
    Success,
    /// 0b11.
    Error,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Request => "request",
            Self::Indication => "indication",
            Self::Success => "success response",
            Self::Error => "error response",
        })
    }
}

code_points! {
    /// The method of a message: the IANA registry "STUN Methods" and libwebrtc's GOOG_PING.
    pub enum Method(u16) {
        Binding = 0x001 => "Binding",
        SharedSecret = 0x002 => "SharedSecret",
        Allocate = 0x003 => "Allocate",
        Refresh = 0x004 => "Refresh",
        Send = 0x006 => "Send",
        Data = 0x007 => "Data",
        CreatePermission = 0x008 => "CreatePermission",
        ChannelBind = 0x009 => "ChannelBind",
        Connect = 0x00a => "Connect",
        ConnectionBind = 0x00b => "ConnectionBind",
        ConnectionAttempt = 0x00c => "ConnectionAttempt",
        GoogPing = 0x080 => "GOOG-PING",
    }
}

/// The first two bytes: method and class, interleaved, below two zero bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageType(pub u16);

impl MessageType {
    /// Of a method and a class.
    pub const fn of(method: Method, class: Class) -> Self {
        let m = method.raw();
        let c = match class {
            Class::Request => 0,
            Class::Indication => 0x0010,
            Class::Success => 0x0100,
            Class::Error => 0x0110,
        };
        Self((m & 0xf80) << 2 | (m & 0x070) << 1 | (m & 0x00f) | c)
    }

    /// The class.
    pub const fn class(self) -> Class {
        match (self.0 & 0x0100 != 0, self.0 & 0x0010 != 0) {
            (false, false) => Class::Request,
            (false, true) => Class::Indication,
            (true, false) => Class::Success,
            (true, true) => Class::Error,
        }
    }

    /// The method.
    pub fn method(self) -> Method {
        Method::from((self.0 & 0x3e00) >> 2 | (self.0 & 0x00e0) >> 1 | (self.0 & 0x000f))
    }

    /// The two most significant bits, zero in STUN.
    pub const fn zero_bits(self) -> u8 {
        (self.0 >> 14) as u8
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.method() {
            Method::Unknown(raw) => write!(f, "method {raw:#05x} {}", self.class()),
            method => write!(f, "{method} {}", self.class()),
        }
    }
}

/// What pairs a response with its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TransactionId(pub [u8; 12]);

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Method and class.
    pub kind: Field<MessageType>,
    /// Bytes after the header, as announced.
    pub length: Field<u16>,
    /// [`COOKIE`], unless the sender speaks RFC 3489, where it begins the transaction ID.
    pub cookie: Field<u32>,
    /// The transaction ID.
    pub transaction: Field<TransactionId>,
    /// The attributes, as far as they are there.
    pub body: Field<&'a [u8]>,
    /// Set when there are fewer bytes than `length` says.
    pub cut: Option<Stop>,
    /// Header and body.
    pub(super) bytes: &'a [u8],
}

/// Whether `datagram` has STUN's shape: zero bits, the cookie, and a length that is a multiple of four and ends with it.
pub fn looks_like_stun(datagram: &[u8]) -> bool {
    match datagram.first_chunk::<8>() {
        Some([first, _, high, low, cookie @ ..]) => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            *first < 0x40
                && u32::from_be_bytes(*cookie) == COOKIE
                && length.is_multiple_of(4)
                && length + HEADER == datagram.len()
        }
        None => false,
    }
}

impl<'a> Message<'a> {
    /// Reads the header and takes the body.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let mut message = Self::read_header(r)?;
        let length = usize::from(message.length.value);
        message.cut = (length > r.remaining())
            .then(|| Stop { length_from: Some(message.length.range), ..r.short(length) });
        message.body = r.bytes("attributes", length.min(r.remaining()))?;
        message.bytes = message.bytes.get(..HEADER + message.body.value.len()).unwrap_or(message.bytes);
        Ok(message)
    }

    fn read_header<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let bytes = r.peek();
        let kind = r.u16("message type")?.map(MessageType);
        r.meaning(|| Value::Text(kind.value.to_string()));
        r.part("zero bits", 0xc000, kind.value.0);
        let method = kind.value.method();
        r.part_meaning("method", 0x3eef, || Value::Code(method.raw().into(), method.name()));
        r.part_meaning("class", 0x0110, || Value::Text(kind.value.class().to_string()));
        let length = r.u16("message length")?;
        let cookie = r.u32("magic cookie")?;
        r.meaning(|| Value::Hex(cookie.value.into(), 4));
        if cookie.value != COOKIE {
            r.anomaly(cookie.range, || "not the magic cookie".into());
        }
        let transaction = r.array("transaction ID")?.map(TransactionId);
        let here = r.offset();
        let body = Field::new(Span::new(here, here), [].as_slice());
        Ok(Self { kind, length, cookie, transaction, body, cut: None, bytes })
    }

    fn walk<S: Sink>(r: &mut Reader<'a, S>, key: Option<&[u8]>) -> Read<Self> {
        // The body is looked at first, since the integrity of an attribute is over what comes before it.
        let view = Self::read(&mut Reader::at("STUN", r.peek(), r.offset()))?;
        r.summary(|| view.to_string());
        Self::read_header(r)?;
        r.within(view.length.value.into(), view.length.range, |r| {
            while !r.is_empty() {
                Attribute::walk(r, &view, key)?;
            }
            Ok(())
        })?;
        Ok(view)
    }

    /// The attributes in their order. The last item is a [`Stop`] if they do not end where they should.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self)
    }

    /// The first attribute of that type; those after it MUST be ignored (RFC 8489 §14).
    pub fn attribute(&self, kind: AttributeType) -> Option<Attribute<'a>> {
        self.attributes().map_while(Result::ok).find(|attribute| attribute.kind.value == kind)
    }

    /// What the first attribute of that type says, with the place of its value.
    pub fn content(&self, kind: AttributeType) -> Option<Field<Content<'a>>> {
        let attribute = self.attribute(kind)?;
        Some(Field::new(attribute.value.range, attribute.content(self.transaction.value).ok()?))
    }

    /// The address in the first attribute of that type, decoded.
    pub fn address(&self, kind: AttributeType) -> Option<Field<SocketAddr>> {
        match self.content(kind)? {
            Field { range, value: Content::Address(address) } => Some(Field::new(range, address)),
            _ => None,
        }
    }

    /// The number in the first attribute of that type.
    pub fn number(&self, kind: AttributeType) -> Option<Field<u64>> {
        match self.content(kind)? {
            Field { range, value: Content::Number(number) } => Some(Field::new(range, number)),
            _ => None,
        }
    }

    /// The text in the first attribute of that type, if it is UTF-8.
    pub fn text(&self, kind: AttributeType) -> Option<Field<&'a str>> {
        match self.content(kind)? {
            Field { range, value: Content::Text(text) } => {
                Some(Field::new(range, std::str::from_utf8(text).ok()?))
            }
            _ => None,
        }
    }

    /// Where the message starts within the whole.
    pub(super) const fn start(&self) -> usize {
        self.kind.range.start as usize
    }
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "STUN {} {}", self.kind.value, self.transaction.value)?;
        for attribute in self.attributes() {
            match attribute {
                Ok(attribute) => write!(f, " {}", attribute.show(self.transaction.value))?,
                Err(stop) => write!(f, " [{stop}]")?,
            }
        }
        Ok(())
    }
}

/// Reads a message without allocating.
pub fn view(bytes: &[u8]) -> Read<Message<'_>> {
    Message::read(&mut Reader::new("STUN", bytes))
}

/// Dissects a message entirely.
pub fn tree(bytes: &[u8]) -> Dissected<Message<'_>> {
    tree_with_key(bytes, None)
}

/// The same, and says of MESSAGE-INTEGRITY whether it matches `key` (a short-term password, or a long-term key).
pub fn tree_with_key<'a>(bytes: &'a [u8], key: Option<&[u8]>) -> Dissected<Message<'a>> {
    node::record("STUN", bytes, |r| Message::walk(r, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::stun::samples;
    use crate::wire::testing::{check_all, check_robust};

    #[test]
    fn message_types_survive_the_round_trip() {
        for raw in 0..0x4000 {
            let kind = MessageType(raw);
            assert_eq!(MessageType::of(kind.method(), kind.class()), kind);
        }
        assert_eq!(MessageType(0x0113).to_string(), "Allocate error response");
        assert_eq!(MessageType(0x0300).to_string(), "GOOG-PING success response");
        assert_eq!(MessageType(0x0017).to_string(), "Data indication");
        assert_eq!(MessageType(0x3fff).to_string(), "method 0xfff error response");
    }

    #[test]
    fn the_samples_of_rfc_5769_are_read() {
        let request = samples::request();
        let message = view(&request).unwrap();
        assert_eq!(message.kind.value, MessageType::of(Method::Binding, Class::Request));
        assert_eq!(message.transaction.value.to_string(), "b7e7a701bc34d686fa87dfae");
        assert_eq!(message.text(AttributeType::Username).unwrap().value, "evtj:h6vY");
        assert_eq!(message.text(AttributeType::Software).unwrap().value, "STUN test client");
        assert_eq!(message.number(AttributeType::Priority).unwrap().value, 0x6e00_01ff);
        assert_eq!(message.number(AttributeType::IceControlled).unwrap().value, 0x932f_f9b1_5126_3b36);
        assert_eq!(message.text(AttributeType::Realm), None);
        let v4 = samples::response_v4();
        let mapped = view(&v4).unwrap().address(AttributeType::XorMappedAddress).unwrap();
        assert_eq!((mapped.value.to_string().as_str(), mapped.range), ("192.0.2.1:32853", Span::new(40, 48)));
        let v6 = samples::response_v6();
        let mapped = view(&v6).unwrap().address(AttributeType::XorMappedAddress).unwrap().value;
        assert_eq!(mapped.to_string(), "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
        let long_term = samples::long_term_request();
        assert_eq!(view(&long_term).unwrap().text(AttributeType::Username).unwrap().value, "マトリックス");
    }

    #[test]
    fn every_sample_is_dissected_whole_and_no_broken_one_panics() {
        for sample in samples::all() {
            check_all(&sample, |bytes| tree(bytes).outcome());
        }
        check_robust(&[0; 21], |bytes| tree(bytes).outcome());
    }

    #[test]
    fn trees_of_the_samples() {
        let request = samples::request();
        let dissected = tree_with_key(&request, Some(samples::PASSWORD.as_bytes()));
        insta::assert_snapshot!("rfc5769_request", dissected.node);
        insta::assert_snapshot!("rfc5769_response_v6", tree(&samples::response_v6()).node);
        insta::assert_snapshot!("rfc8489_sha256_request", tree(&samples::sha256_request()).node);
        insta::assert_snapshot!("every_attribute", tree(&samples::every_attribute()).node);
    }

    #[test]
    fn a_message_cut_short_keeps_its_header_and_whole_attributes() {
        let request = samples::request();
        let cut = &request[..60];
        let message = view(cut).unwrap();
        let stop = message.cut.unwrap();
        assert_eq!((stop.offset, stop.needed, stop.available), (20, 0x58, 40));
        assert_eq!(stop.length_from, Some(message.length.range));
        let read: Vec<_> = message.attributes().collect();
        assert_eq!(read.len(), 4);
        assert!(read[..3].iter().all(Result::is_ok));
        assert!(read[3].is_err());
        assert!(!looks_like_stun(cut));
        assert!(looks_like_stun(&request));
    }
}
