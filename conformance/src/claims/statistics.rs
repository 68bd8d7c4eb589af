//! Statistics: counters against the wire, candidates and pairs against what was gathered and used, one reading against the next.

use super::{Claim, Contradiction, Session};

pub(super) const CLAIMS: &[Claim] = &[];

pub(super) fn check(_session: &Session<'_>, _found: &mut Vec<Contradiction>) {}
