//! AUTH: RFC 4895 §4.1.
//!
//! ```text
//! | Type = 0x0F   |   Flags=0     |             Length            |
//! |     Shared Key Identifier     |        HMAC Identifier        |
//! \                             HMAC                              \
//! ```

use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// The proof that the chunks after it are genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Auth<'a> {
    /// The key.
    pub key: Field<u16>,
    /// The algorithm: 1 for SHA-1, 3 for SHA-256.
    pub algorithm: Field<u16>,
    /// The proof.
    pub hmac: Field<&'a [u8]>,
}

impl<'a> Auth<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Ok(Self {
            key: r.u16("shared key identifier")?,
            algorithm: r.u16("HMAC identifier")?,
            hmac: r.rest("HMAC"),
        })
    }
}

impl fmt::Display for Auth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {} algorithm {} length {}", self.key, self.algorithm, self.hmac.value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;

    #[test]
    fn the_proof_is_kept() {
        check("0f00000c 0000 0001 aabbccdd", "AUTH key 0 algorithm 1 length 4");
    }
}
