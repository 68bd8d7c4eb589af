//! PAD: RFC 4820 §3.
//!
//! ```text
//! | Type = 0x84   |   Flags=0     |             Length            |
//! \                         Padding Data                          \
//! ```

use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use std::fmt;

/// Bytes without meaning, to probe the path's MTU with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pad<'a> {
    /// The bytes.
    pub data: Field<&'a [u8]>,
}

impl<'a> Pad<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Self {
        Self { data: r.rest("padding data") }
    }
}

impl fmt::Display for Pad<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "length {}", self.data.value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;

    #[test]
    fn its_length_is_shown() {
        check("84000008 00000000", "PAD length 4");
    }
}
