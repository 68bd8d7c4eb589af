//! ERROR-CODE: RFC 8489 §14.8.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |           Reserved, should be 0         |Class|     Number    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      Reason Phrase (variable)                                ..
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use crate::wire::field::Field;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// Error codes: the IANA registry "STUN Error Codes".
    pub enum Code(u16) {
        TryAlternate = 300 => "Try Alternate",
        BadRequest = 400 => "Bad Request",
        Unauthenticated = 401 => "Unauthenticated",
        Forbidden = 403 => "Forbidden",
        MobilityForbidden = 405 => "Mobility Forbidden",
        UnknownAttribute = 420 => "Unknown Attribute",
        AllocationMismatch = 437 => "Allocation Mismatch",
        StaleNonce = 438 => "Stale Nonce",
        AddressFamilyNotSupported = 440 => "Address Family not Supported",
        WrongCredentials = 441 => "Wrong Credentials",
        UnsupportedTransport = 442 => "Unsupported Transport Protocol",
        PeerAddressFamilyMismatch = 443 => "Peer Address Family Mismatch",
        ConnectionAlreadyExists = 446 => "Connection Already Exists",
        ConnectionTimeout = 447 => "Connection Timeout or Failure",
        AllocationQuotaReached = 486 => "Allocation Quota Reached",
        RoleConflict = 487 => "Role Conflict",
        ServerError = 500 => "Server Error",
        InsufficientCapacity = 508 => "Insufficient Capacity",
    }
}

/// An error and its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode<'a> {
    /// Class times one hundred plus number.
    pub code: Field<Code>,
    /// The reason phrase, which should be UTF-8.
    pub reason: Field<&'a [u8]>,
}

impl<'a> ErrorCode<'a> {
    /// Reads the value.
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let word = r.u32("error code")?;
        let code = word.map(|word| Code::from((word >> 8 & 7) as u16 * 100 + (word & 0xff) as u16));
        r.meaning(|| Value::Code(code.value.raw().into(), code.value.name()));
        r.part("reserved", 0xffff_f800, word.value);
        r.part("class", 0x700, word.value);
        r.part("number", 0xff, word.value);
        let reason = r.text("reason phrase", r.remaining())?;
        Ok(Self { code, reason })
    }
}

impl fmt::Display for ErrorCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.code.value.raw(), String::from_utf8_lossy(self.reason.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_and_number_make_the_code() {
        let bytes = *b"\x00\x00\x04\x57Role Conflict";
        let error = ErrorCode::read(&mut Reader::new("STUN attribute", &bytes)).unwrap();
        assert_eq!(error.code.value, Code::RoleConflict);
        assert_eq!(error.to_string(), "487 \"Role Conflict\"");
    }

    #[test]
    fn numbers_above_99_do_not_fail() {
        let error = ErrorCode::read(&mut Reader::new("STUN attribute", &[0, 0, 7, 255])).unwrap().code.value;
        assert_eq!(error, Code::Unknown(955));
    }
}
