//! Tracks and media: a track has a section, recognised frames have RTP, and only numbers that were sent are recognised.

use super::{Claim, Contradiction, Session};

pub(super) const CLAIMS: &[Claim] = &[];

pub(super) fn check(_session: &Session<'_>, _found: &mut Vec<Contradiction>) {}
