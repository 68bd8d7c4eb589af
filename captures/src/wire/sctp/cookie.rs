//! COOKIE-ECHO: RFC 9260 §3.3.11. COOKIE-ACK (§3.3.12) has no value.
//!
//! ```text
//! |   Type = 10   |  Chunk Flags  |            Length             |
//! \                            Cookie                             \
//! ```

use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use std::fmt;

/// The cookie of the INIT-ACK, given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookieEcho<'a> {
    /// The cookie.
    pub cookie: Field<&'a [u8]>,
}

impl<'a> CookieEcho<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Self {
        Self { cookie: r.rest("cookie") }
    }
}

impl fmt::Display for CookieEcho<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "length {}", self.cookie.value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;

    #[test]
    fn a_cookie_is_given_back_whatever_it_holds() {
        check("0a000007 aabbcc 00 0b000004", "COOKIE-ECHO length 3, COOKIE-ACK");
    }
}
