//! STUN messages (RFC 8489 §5) with the attributes of ICE (RFC 8445 §16.1).

use super::classify::{u16_at, u32_at};
use super::{Kind, StunClass};

const MAGIC_COOKIE: u32 = 0x2112_A442;
const ERROR_CODE: u16 = 0x0009;
const USE_CANDIDATE: u16 = 0x0025;
const ICE_CONTROLLED: u16 = 0x8029;
const ICE_CONTROLLING: u16 = 0x802A;

/// Name of a method of RFC 8489 and RFC 8656.
pub(super) fn method_name(method: u16) -> Option<&'static str> {
    Some(match method {
        0x001 => "Binding",
        0x003 => "Allocate",
        0x004 => "Refresh",
        0x006 => "Send",
        0x007 => "Data",
        0x008 => "CreatePermission",
        0x009 => "ChannelBind",
        _ => return None,
    })
}

/// Reads a message, or nothing if it is none.
pub(super) fn message(bytes: &[u8]) -> Option<Kind> {
    let kind = u16_at(bytes, 0)?;
    if u32_at(bytes, 4)? != MAGIC_COOKIE {
        return None;
    }
    let class = match (kind >> 7 & 0b10) | (kind >> 4 & 0b1) {
        0 => StunClass::Request,
        1 => StunClass::Indication,
        2 => StunClass::Success,
        _ => StunClass::Error,
    };
    let method = (kind & 0x000F) | (kind >> 1 & 0x0070) | (kind >> 2 & 0x0F80);
    let (mut use_candidate, mut controlling, mut error) = (false, None, None);
    let mut rest = bytes.get(20..).unwrap_or_default();
    while let (Some(attribute), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        match attribute {
            USE_CANDIDATE => use_candidate = true,
            ICE_CONTROLLING => controlling = Some(true),
            ICE_CONTROLLED => controlling = Some(false),
            ERROR_CODE => {
                error = u16_at(rest, 6).map(|code| (code >> 8 & 0x7) * 100 + (code & 0xFF));
            }
            _ => {}
        }
        let padded = 4 + usize::from(length).next_multiple_of(4);
        rest = rest.get(padded..).unwrap_or_default();
    }
    Some(Kind::Stun { class, method, use_candidate, controlling, error })
}
