//! Clocks: the times of a peer's events fit the commands that it was given, and those of the other peer.

use super::{Claim, Contradiction, Session};

pub(super) const CLAIMS: &[Claim] = &[];

pub(super) fn check(_session: &Session<'_>, _found: &mut Vec<Contradiction>) {}
