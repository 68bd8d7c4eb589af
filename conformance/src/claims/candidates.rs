//! Candidates and pairs: what was gathered was reported once, can be reached there, and what is used is what was gathered.

use super::{Claim, Contradiction, Session};

pub(super) const CLAIMS: &[Claim] = &[];

pub(super) fn check(_session: &Session<'_>, _found: &mut Vec<Contradiction>) {}
