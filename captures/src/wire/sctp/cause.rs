//! Error causes of ABORT and ERROR: RFC 9260 §3.3.10.
//!
//! ```text
//! |          Cause Code           |         Cause Length          |
//! \                  Cause-Specific Information                   \
//! ```

use super::chunk::{HEADER, read_padding};
use super::{Number16, Parameter};
use crate::wire::field::{Field, Span};
use crate::wire::list::{List, Unit};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// Cause codes.
    pub enum CauseCode(u16) {
        InvalidStream = 1 => "invalid stream identifier",
        MissingMandatoryParameter = 2 => "missing mandatory parameter",
        StaleCookie = 3 => "stale cookie",
        OutOfResource = 4 => "out of resource",
        UnresolvableAddress = 5 => "unresolvable address",
        UnrecognizedChunk = 6 => "unrecognized chunk type",
        InvalidMandatoryParameter = 7 => "invalid mandatory parameter",
        UnrecognizedParameters = 8 => "unrecognized parameters",
        NoUserData = 9 => "no user data",
        CookieWhileShuttingDown = 10 => "cookie received while shutting down",
        RestartWithNewAddresses = 11 => "restart of an association with new addresses",
        UserInitiatedAbort = 12 => "user-initiated abort",
        ProtocolViolation = 13 => "protocol violation",
        DeleteLastAddress = 0x00a0 => "request to delete last remaining IP address",
        ResourceShortage = 0x00a1 => "operation refused due to resource shortage",
        DeleteSourceAddress = 0x00a2 => "request to delete source IP address",
        IllegalAsconfAck = 0x00a3 => "association aborted due to illegal ASCONF-ACK",
        NoAuthorization = 0x00a4 => "request refused - no authorization",
        UnsupportedHmac = 0x0105 => "unsupported HMAC identifier",
    }
}

/// What a cause says, by its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CauseContent<'a> {
    /// Nothing more.
    Empty,
    /// A stream that does not exist.
    Stream(Field<u16>),
    /// Parameter types that are missing.
    Missing(List<'a, Number16>),
    /// A number: the staleness of a cookie in microseconds, the TSN of a DATA without data, an HMAC identifier.
    Number(Field<u32>),
    /// Parameters that were not known, or new addresses.
    Parameters(List<'a, Parameter<'a>>),
    /// A reason in words.
    Text(Field<&'a [u8]>),
    /// Bytes: a chunk, an address, or of an unknown code.
    Bytes(Field<&'a [u8]>),
}

impl<'a> CauseContent<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>, code: CauseCode) -> Read<Self> {
        Ok(match code {
            CauseCode::OutOfResource
            | CauseCode::InvalidMandatoryParameter
            | CauseCode::CookieWhileShuttingDown => Self::Empty,
            CauseCode::InvalidStream => {
                let stream = r.u16("stream identifier")?;
                r.u16("reserved")?;
                Self::Stream(stream)
            }
            CauseCode::MissingMandatoryParameter => {
                let count = r.u32("number of missing params")?;
                let length = usize::try_from(count.value).unwrap_or(usize::MAX).saturating_mul(2);
                Self::Missing(List::read(r, length, count.range)?)
            }
            CauseCode::StaleCookie => Self::Number(r.u32("measure of staleness")?),
            CauseCode::NoUserData => Self::Number(r.u32("TSN")?),
            CauseCode::UnsupportedHmac => Self::Number(r.u16("HMAC identifier")?.map(u32::from)),
            CauseCode::UnrecognizedParameters | CauseCode::RestartWithNewAddresses => {
                Self::Parameters(List::rest(r))
            }
            CauseCode::UserInitiatedAbort | CauseCode::ProtocolViolation => {
                Self::Text(r.text("reason", r.remaining())?)
            }
            CauseCode::UnrecognizedChunk => Self::Bytes(r.rest("chunk")),
            _ => Self::Bytes(r.rest("cause-specific information")),
        })
    }
}

impl fmt::Display for CauseContent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Stream(stream) => write!(f, " {stream}"),
            Self::Missing(types) => types.iter().try_for_each(|kind| write!(f, " {}", kind.0)),
            Self::Number(number) => write!(f, " {number}"),
            Self::Parameters(parameters) => {
                parameters.iter().try_for_each(|parameter| write!(f, " [{parameter}]"))
            }
            Self::Text(text) if text.value.is_empty() => Ok(()),
            Self::Text(text) => write!(f, " {:?}", String::from_utf8_lossy(text.value)),
            Self::Bytes(bytes) => write!(f, " length {}", bytes.value.len()),
        }
    }
}

/// An error cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause<'a> {
    /// Its code.
    pub code: Field<CauseCode>,
    /// Its length, without padding.
    pub length: Field<u16>,
    /// What it says; `None` if that cannot be read.
    pub content: Option<CauseContent<'a>>,
    /// All bytes after its header.
    pub value: Field<&'a [u8]>,
}

impl<'a> Unit<'a> for Cause<'a> {
    const NAME: &'static str = "SCTP error cause";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let code = r.code::<CauseCode>("cause code")?;
        let length = r.u16("cause length")?;
        let value_length = usize::from(length.value).checked_sub(HEADER);
        let value_length =
            value_length.ok_or_else(|| r.invalid("the length is below that of the cause header"))?;
        let start = r.offset();
        let value = r.peek().get(..value_length).unwrap_or_default();
        let content = r.attempt(value_length, length.range, |r| CauseContent::read(r, code.value))?;
        read_padding(r, value_length)?;
        let value = Field::new(Span::new(start, start + value_length), value);
        let cause = Self { code, length, content, value };
        r.summary(|| cause.to_string());
        Ok(cause)
    }
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code.value)?;
        match &self.content {
            Some(content) => content.fmt(f),
            None => f.write_str(" malformed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;

    #[track_caller]
    fn check_cause(cause: &str, expected: &str) {
        let length = crate::wire::testing::hex(cause).len() + 4;
        check(&format!("0900{length:04x} {cause}"), &format!("ERROR [{expected}]"));
    }

    #[test]
    fn causes_are_understood_by_code() {
        check_cause("00010008 0005 0000", "invalid stream identifier 5");
        check_cause("0002000c 00000002 0007 0008", "missing mandatory parameter 7 8");
        check_cause("00030008 000003e8", "stale cookie 1000");
        check_cause("00040004", "out of resource");
        check_cause("00060008 ff000004", "unrecognized chunk type length 4");
        check_cause("00080008 c0ff0004", "unrecognized parameters [0xc0ff length 0]");
        check_cause("00090008 00000007", "no user data 7");
        check_cause("000d0008 62616421", "protocol violation \"bad!\"");
        check_cause("01050008 0002 0000", "unsupported HMAC identifier 2");
        check_cause("0fff0008 00000007", "0x0fff length 4");
    }

    #[test]
    fn a_count_beyond_the_cause_is_malformed() {
        check_cause("0002000c ffffffff 0007 0008", "missing mandatory parameter malformed");
    }
}
