//! ABORT and ERROR: RFC 9260 §3.3.7 and §3.3.10.
//!
//! ```text
//! |   Type = 6, 9 |  Reserved   |T|            Length             |
//! \                   zero or more Error Causes                   \
//! ```

use super::Cause;
use crate::wire::list::List;
use crate::wire::reader::{Reader, Sink};
use std::fmt;

/// The end of an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort<'a> {
    /// Why.
    pub causes: List<'a, Cause<'a>>,
}

impl<'a> Abort<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Self {
        Self { causes: List::rest(r) }
    }
}

impl fmt::Display for Abort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.causes.iter().try_for_each(|cause| write!(f, " [{cause}]"))
    }
}

/// Something that went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationError<'a> {
    /// What.
    pub causes: List<'a, Cause<'a>>,
}

impl<'a> OperationError<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Self {
        Self { causes: List::rest(r) }
    }
}

impl fmt::Display for OperationError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.causes.iter().try_for_each(|cause| write!(f, " [{cause}]"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;

    #[test]
    fn an_abort_and_an_error_have_their_causes() {
        check(
            "0601000c 000c0007 627965 00 09000010 0001 0008 0005 0000 000a 0004",
            "ABORT [user-initiated abort \"bye\"], \
             ERROR [invalid stream identifier 5] [cookie received while shutting down]",
        );
        check("06000004", "ABORT");
    }
}
