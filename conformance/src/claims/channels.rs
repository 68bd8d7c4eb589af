//! Data channels: each that opens was asked for by one side, announced at the other, and closed because somebody asked for it.

use super::{Claim, Contradiction, Session};

pub(super) const CLAIMS: &[Claim] = &[];

pub(super) fn check(_session: &Session<'_>, _found: &mut Vec<Contradiction>) {}
