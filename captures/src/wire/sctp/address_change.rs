//! ASCONF and ASCONF-ACK: RFC 5061 §4.1.
//!
//! ```text
//! |Type = 193, 128|  Chunk Flags  |      Chunk Length             |
//! |                       Sequence Number                         |
//! \                  Address Parameter, ASCONF Parameters         \
//! ```

use super::Parameter;
use crate::wire::field::Field;
use crate::wire::list::List;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// A change of addresses, or the answer to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressChange<'a> {
    /// The number of the change.
    pub sequence: Field<u32>,
    /// What changes.
    pub parameters: List<'a, Parameter<'a>>,
}

impl<'a> AddressChange<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Ok(Self { sequence: r.u32("sequence number")?, parameters: List::rest(r) })
    }
}

impl fmt::Display for AddressChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seq {}", self.sequence)?;
        self.parameters.iter().try_for_each(|parameter| write!(f, " [{parameter}]"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;

    #[test]
    fn changes_and_their_answers_are_understood() {
        check(
            "c1000020 00000001 00050008 c0000201 c0010010 00000007 00050008 c0000202",
            "ASCONF seq 1 [IPv4 address 192.0.2.1] [add IP address 7 length 8]",
        );
        check("80000010 00000001 c0050008 00000007", "ASCONF-ACK seq 1 [success indication 7 length 0]");
    }
}
