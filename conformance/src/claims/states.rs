//! States: each transition is one that the W3C's state machines have, is reported once, and comes after the packets that it needs.

use super::{Claim, Contradiction, Session};

pub(super) const CLAIMS: &[Claim] = &[];

pub(super) fn check(_session: &Session<'_>, _found: &mut Vec<Contradiction>) {}
