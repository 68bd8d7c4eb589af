//! Answers: what was answered with success shows its effect in the next description, on the wire or in the state.

use super::{Claim, Contradiction, Session};

pub(super) const CLAIMS: &[Claim] = &[];

pub(super) fn check(_session: &Session<'_>, _found: &mut Vec<Contradiction>) {}
