//! HEARTBEAT and HEARTBEAT-ACK: RFC 9260 §3.3.5 and §3.3.6.
//!
//! ```text
//! |   Type = 4, 5 |  Chunk Flags  |       Heartbeat Length        |
//! \          Heartbeat Information TLV (Variable Length)          \
//! ```

use super::Parameter;
use crate::wire::list::List;
use crate::wire::reader::{Reader, Sink};
use std::fmt;

/// A sign of life, or the answer to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat<'a> {
    /// The heartbeat information, which the answer repeats.
    pub parameters: List<'a, Parameter<'a>>,
}

impl<'a> Heartbeat<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Self {
        Self { parameters: List::rest(r) }
    }
}

impl fmt::Display for Heartbeat<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parameters.iter().try_for_each(|parameter| write!(f, " [{parameter}]"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;

    #[test]
    fn the_answer_repeats_the_information() {
        check(
            "0400000c 0001 0008 aabbccdd 0500000c 0001 0008 aabbccdd",
            "HEARTBEAT [heartbeat info length 4], HEARTBEAT-ACK [heartbeat info length 4]",
        );
    }
}
