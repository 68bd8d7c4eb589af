//! BYE: RFC 3550 §6.6.
//!
//! ```text
//! |V=2|P|    SC   |   PT=BYE=203  |             length            |
//! |                           SSRC/CSRC                           |
//! :                              ...                              :
//! |     length    |               reason for leaving            ...
//! ```

use super::{Header, Ssrc};
use crate::wire::field::Field;
use crate::wire::list::List;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// The body of a BYE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bye<'a> {
    /// The sources that leave.
    pub sources: List<'a, Ssrc>,
    /// Why.
    pub reason: Option<Field<&'a [u8]>>,
}

impl<'a> Bye<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, header: &Header) -> Read<Self> {
        let sources = List::read(r, usize::from(header.count()) * 4, header.first.range)?;
        let reason = if r.is_empty() {
            None
        } else {
            let length = r.u8("length of reason")?;
            Some(r.text("reason for leaving", length.value.into())?)
        };
        r.rest("null octets");
        Ok(Self { sources, reason })
    }
}

impl fmt::Display for Bye<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BYE")?;
        self.sources.iter().try_for_each(|source| write!(f, " {:#010x}", source.0.value))?;
        self.reason.iter().try_for_each(|reason| write!(f, " {:?}", String::from_utf8_lossy(reason.value)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::check;

    #[test]
    fn a_bye_may_give_a_reason() {
        check("82cb0002 00000001 00000002", "BYE 0x00000001 0x00000002");
        check("81cb0003 00000001 05 62796521 21 0000", "BYE 0x00000001 \"bye!!\"");
        check("80cb0000", "BYE");
    }
}
