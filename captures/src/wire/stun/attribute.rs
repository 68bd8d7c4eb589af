//! A STUN attribute: RFC 8489 §14.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Type                  |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         Value (variable)                ....
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::content::Content;
use super::message::{Message, TransactionId};
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink, UNDISSECTED};
use crate::wire::stop::{Read, Stop};
use std::fmt;

code_points! {
    /// Attribute types: the IANA registry "STUN Attributes", RFC 3489's and libwebrtc's own.
    pub enum AttributeType(u16) {
        MappedAddress = 0x0001 => "MAPPED-ADDRESS",
        ResponseAddress = 0x0002 => "RESPONSE-ADDRESS",
        ChangeRequest = 0x0003 => "CHANGE-REQUEST",
        SourceAddress = 0x0004 => "SOURCE-ADDRESS",
        ChangedAddress = 0x0005 => "CHANGED-ADDRESS",
        Username = 0x0006 => "USERNAME",
        Password = 0x0007 => "PASSWORD",
        MessageIntegrity = 0x0008 => "MESSAGE-INTEGRITY",
        ErrorCode = 0x0009 => "ERROR-CODE",
        UnknownAttributes = 0x000a => "UNKNOWN-ATTRIBUTES",
        ReflectedFrom = 0x000b => "REFLECTED-FROM",
        ChannelNumber = 0x000c => "CHANNEL-NUMBER",
        Lifetime = 0x000d => "LIFETIME",
        Bandwidth = 0x0010 => "BANDWIDTH",
        XorPeerAddress = 0x0012 => "XOR-PEER-ADDRESS",
        Data = 0x0013 => "DATA",
        Realm = 0x0014 => "REALM",
        Nonce = 0x0015 => "NONCE",
        XorRelayedAddress = 0x0016 => "XOR-RELAYED-ADDRESS",
        RequestedAddressFamily = 0x0017 => "REQUESTED-ADDRESS-FAMILY",
        EvenPort = 0x0018 => "EVEN-PORT",
        RequestedTransport = 0x0019 => "REQUESTED-TRANSPORT",
        DontFragment = 0x001a => "DONT-FRAGMENT",
        AccessToken = 0x001b => "ACCESS-TOKEN",
        MessageIntegritySha256 = 0x001c => "MESSAGE-INTEGRITY-SHA256",
        PasswordAlgorithm = 0x001d => "PASSWORD-ALGORITHM",
        Userhash = 0x001e => "USERHASH",
        XorMappedAddress = 0x0020 => "XOR-MAPPED-ADDRESS",
        TimerVal = 0x0021 => "TIMER-VAL",
        ReservationToken = 0x0022 => "RESERVATION-TOKEN",
        Priority = 0x0024 => "PRIORITY",
        UseCandidate = 0x0025 => "USE-CANDIDATE",
        Padding = 0x0026 => "PADDING",
        ResponsePort = 0x0027 => "RESPONSE-PORT",
        ConnectionId = 0x002a => "CONNECTION-ID",
        AdditionalAddressFamily = 0x8000 => "ADDITIONAL-ADDRESS-FAMILY",
        AddressErrorCode = 0x8001 => "ADDRESS-ERROR-CODE",
        PasswordAlgorithms = 0x8002 => "PASSWORD-ALGORITHMS",
        AlternateDomain = 0x8003 => "ALTERNATE-DOMAIN",
        Icmp = 0x8004 => "ICMP",
        XorMappedAddressDraft = 0x8020 => "XOR-MAPPED-ADDRESS (draft)",
        Software = 0x8022 => "SOFTWARE",
        AlternateServer = 0x8023 => "ALTERNATE-SERVER",
        TransactionTransmitCounter = 0x8025 => "TRANSACTION_TRANSMIT_COUNTER",
        CacheTimeout = 0x8027 => "CACHE-TIMEOUT",
        Fingerprint = 0x8028 => "FINGERPRINT",
        IceControlled = 0x8029 => "ICE-CONTROLLED",
        IceControlling = 0x802a => "ICE-CONTROLLING",
        ResponseOrigin = 0x802b => "RESPONSE-ORIGIN",
        OtherAddress = 0x802c => "OTHER-ADDRESS",
        EcnCheck = 0x802d => "ECN-CHECK STUN",
        ThirdPartyAuthorization = 0x802e => "THIRD-PARTY-AUTHORIZATION",
        MobilityTicket = 0x8030 => "MOBILITY-TICKET",
        CiscoStunFlowdata = 0xc000 => "CISCO-STUN-FLOWDATA",
        Nomination = 0xc001 => "NOMINATION",
        EnfNetworkStatus = 0xc002 => "ENF-NETWORK-STATUS",
        CiscoWebexFlowInfo = 0xc056 => "CISCO-WEBEX-FLOW-INFO",
        GoogNetworkInfo = 0xc057 => "GOOG-NETWORK-INFO",
        GoogLastIceCheckReceived = 0xc058 => "GOOG-LAST-ICE-CHECK-RECEIVED",
        GoogMiscInfo = 0xc059 => "GOOG-MISC-INFO",
        GoogObsolete1 = 0xc05a => "GOOG-OBSOLETE-1",
        GoogConnectionId = 0xc05b => "GOOG-CONNECTION-ID",
        GoogDelta = 0xc05c => "GOOG-DELTA",
        GoogDeltaAck = 0xc05d => "GOOG-DELTA-ACK",
        GoogDeltaSyncReq = 0xc05e => "GOOG-DELTA-SYNC-REQ",
        GoogMessageIntegrity32 = 0xc060 => "GOOG-MESSAGE-INTEGRITY-32",
        MetaDtlsInStun = 0xc070 => "META-DTLS-IN-STUN",
        MetaDtlsInStunAck = 0xc071 => "META-DTLS-IN-STUN-ACKNOWLEDGEMENT",
    }
}

impl AttributeType {
    /// Whether an agent that does not know it must refuse the message (RFC 8489 §14).
    pub const fn is_comprehension_required(self) -> bool {
        self.raw() < 0x8000
    }
}

/// An attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type.
    pub kind: Field<AttributeType>,
    /// Bytes of the value.
    pub length: Field<u16>,
    /// The value.
    pub value: Field<&'a [u8]>,
    /// Up to three bytes up to a multiple of four.
    pub padding: Field<&'a [u8]>,
}

/// Bytes that pad `length` to a multiple of four.
const fn padding(length: u16) -> usize {
    (4 - length as usize % 4) % 4
}

impl<'a> Attribute<'a> {
    /// Reads type, length, value and padding.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let (kind, length) = (r.code("type")?, r.u16("length")?);
        if usize::from(length.value) > r.remaining() {
            return Err(Stop { length_from: Some(length.range), ..r.short(length.value.into()) });
        }
        let value = r.bytes("value", length.value.into())?;
        let padding = r.bytes("padding", padding(length.value).min(r.remaining()))?;
        Ok(Self { kind, length, value, padding })
    }

    pub(super) fn walk<S: Sink>(
        r: &mut Reader<'a, S>,
        message: &Message<'a>,
        key: Option<&[u8]>,
    ) -> Read<()> {
        let view = Self::read(&mut Reader::at("STUN attribute", r.peek(), r.offset()));
        r.node("attribute", |r| {
            let kind = r.code::<AttributeType>("type")?;
            r.rename(|| kind.value.name().unwrap_or("unknown attribute").into());
            let length = r.u16("length")?;
            let transaction = message.transaction.value;
            r.attempt(length.value.into(), length.range, |r| Content::read(r, kind.value, transaction))?;
            r.summary(|| match &view {
                Ok(attribute) => {
                    let verified = message.verify(attribute, key).map_or("", |matches| match matches {
                        true => " (matches)",
                        false => " (does not match)",
                    });
                    format!("{}{verified}", attribute.show(transaction))
                }
                Err(_) => String::new(),
            });
            let padded = r.remaining().min(padding(length.value));
            if padded > 0 {
                r.bytes("padding", padded)?;
            }
            if padded < padding(length.value) {
                r.anomaly(length.range, || "not padded to a multiple of four bytes".into());
            }
            Ok(())
        })
    }

    /// What the value says. `transaction` is needed for XORed addresses.
    pub fn content(&self, transaction: TransactionId) -> Read<Content<'a>> {
        let start = self.value.range.start as usize;
        Content::read(
            &mut Reader::at("STUN attribute", self.value.value, start),
            self.kind.value,
            transaction,
        )
    }

    /// For one line.
    pub(super) fn show(&self, transaction: TransactionId) -> Shown<'a> {
        Shown(*self, transaction)
    }
}

/// An attribute as `TYPE=content`.
pub(super) struct Shown<'a>(Attribute<'a>, TransactionId);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.kind.value)?;
        use AttributeType as T;
        match self.0.content(self.1) {
            Ok(Content::Empty) => Ok(()),
            Ok(Content::Number(number)) => match self.0.kind.value {
                T::Fingerprint | T::ConnectionId => write!(f, "={number:#010x}"),
                T::IceControlled | T::IceControlling => write!(f, "={number:#018x}"),
                T::ChannelNumber => write!(f, "={number:#06x}"),
                _ => write!(f, "={number}"),
            },
            Ok(content) => write!(f, "={content}"),
            Err(_) => write!(f, "=({} bytes, malformed)", self.0.value.value.len()),
        }
    }
}

/// The attributes of a message.
#[derive(Debug)]
pub struct Attributes<'a> {
    reader: Reader<'a>,
    cut: Option<Stop>,
}

impl<'a> Attributes<'a> {
    pub(super) const fn new(message: &Message<'a>) -> Self {
        let reader = Reader::at("STUN", message.body.value, message.body.range.start as usize);
        Self { reader, cut: message.cut }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Read<Attribute<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return self.cut.take().map(Err);
        }
        let attribute = Attribute::read(&mut self.reader);
        if attribute.is_err() {
            self.reader.rest(UNDISSECTED);
            self.cut = None;
        }
        Some(attribute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::stun::view;
    use crate::wire::testing::hex;

    #[test]
    fn unknown_attributes_and_odd_padding_survive() {
        let message =
            hex("0001 0010 2112a442 000102030405060708090a0b  7abc 0001 ee 010203  8abc 0004 01020304");
        let attributes: Vec<_> = view(&message).unwrap().attributes().map(Result::unwrap).collect();
        assert_eq!(attributes[0].kind.value, AttributeType::Unknown(0x7abc));
        assert!(attributes[0].kind.value.is_comprehension_required());
        assert_eq!(attributes[0].padding.value, [1, 2, 3]);
        assert!(!attributes[1].kind.value.is_comprehension_required());
        assert_eq!(attributes[1].content(TransactionId::default()), Ok(Content::Bytes(&[1, 2, 3, 4])));
    }

    #[test]
    fn an_attribute_longer_than_the_message_stops() {
        let message = hex("0001 0008 2112a442 000102030405060708090a0b  0006 0010 61626364");
        let attributes: Vec<_> = view(&message).unwrap().attributes().collect();
        let stop = attributes[0].unwrap_err();
        assert_eq!((stop.offset, stop.needed, stop.available), (24, 16, 4));
        assert_eq!(attributes.len(), 1);
    }
}
