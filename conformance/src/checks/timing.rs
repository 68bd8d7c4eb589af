//! Times that are off: a fault, or in doubt for what the clocks and the load of the machine leave open.

use super::{Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};

/// By how much a time is off, and the two moments between which that came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Off {
    by_us: u64,
    from_us: u64,
    to_us: u64,
    /// By how much the clocks of peers may have set the two moments apart.
    clocks_us: u64,
}

impl Off {
    /// How much too late something comes that has to come within `limit_us` of another moment; nothing if it is in time.
    pub(super) fn late(from_us: u64, limit_us: u64, at_us: u64) -> Option<Self> {
        let by_us = at_us.saturating_sub(from_us.saturating_add(limit_us));
        (by_us > 0).then_some(Self { by_us, from_us, to_us: at_us, clocks_us: 0 })
    }

    /// How much too soon something comes that must not come before `limit_us` have passed since another moment; nothing if they
    /// have. They may seem not to have if that other moment was delayed: so it may have been earlier.
    pub(super) fn soon(from_us: u64, limit_us: u64, at_us: u64) -> Option<Self> {
        let by_us = from_us.saturating_add(limit_us).saturating_sub(at_us);
        let from_us = from_us.saturating_sub(by_us);
        (by_us > 0).then_some(Self { by_us, from_us, to_us: at_us, clocks_us: 0 })
    }

    /// By how much the distance of two moments differs from the reported one, if by more than a tolerance. Either may have been
    /// noticed late, or recorded late.
    pub(super) fn between(differs_us: u64, tolerance_us: u64, from_us: u64, to_us: u64) -> Option<Self> {
        let by_us = differs_us.saturating_sub(tolerance_us);
        let (from_us, to_us) = (from_us.saturating_sub(by_us), to_us.saturating_add(by_us));
        (by_us > 0).then_some(Self { by_us, from_us, to_us, clocks_us: 0 })
    }

    /// How long before something else an event seems to have been that has to come after it; nothing if it does.
    pub(super) fn early(evidence: &Evidence, peer: Peer, event_us: u64, after_us: u64) -> Option<Self> {
        Some(Self::late(event_us, 0, after_us)?.by_clock_of(evidence, peer))
    }

    /// The same where one of the moments, and not the other, is an event of a peer: it is by the clock of that peer.
    pub(super) fn by_clock_of(self, evidence: &Evidence, peer: Peer) -> Self {
        Self { clocks_us: self.clocks_us.saturating_add(evidence.clock_error(peer)), ..self }
    }

    /// How much it is, in milliseconds.
    pub(super) const fn ms(&self) -> u64 {
        self.by_us / 1_000
    }

    /// Why it is nobody's fault for sure, if so.
    pub(super) fn doubt(&self, evidence: &Evidence) -> Option<&'static str> {
        let Self { by_us, from_us, to_us, clocks_us } = *self;
        let stalled_us = evidence.stalled(from_us, to_us);
        if by_us <= evidence.delayed(from_us, to_us) {
            Some("this machine may have delayed it for as long")
        } else if by_us <= stalled_us {
            Some("the clock of the capture may be ahead")
        } else if by_us <= stalled_us.saturating_add(clocks_us) {
            Some("the clocks are not known well enough")
        } else {
            None
        }
    }
}

impl Tally {
    /// The requirement is broken by a time that is off, unless that may be for the clocks or the load of this machine.
    #[cfg_attr(test, track_caller)]
    pub(super) fn off(
        &mut self,
        fault: Fault,
        evidence: &Evidence,
        off: Off,
        sentence: impl Into<String>,
        places: impl IntoIterator<Item = Place>,
    ) {
        match off.doubt(evidence) {
            Some(why) => self.inconclusive_time(format!("{}: {why}", sentence.into()), places),
            None => self.fail(fault, sentence, places),
        }
    }

    /// The same of what is only to be warned of.
    #[cfg_attr(test, track_caller)]
    pub(super) fn warn_off(
        &mut self,
        fault: Fault,
        evidence: &Evidence,
        off: Off,
        sentence: impl Into<String>,
        places: impl IntoIterator<Item = Place>,
    ) {
        match off.doubt(evidence) {
            Some(why) => self.inconclusive_time(format!("{}: {why}", sentence.into()), places),
            None => self.warn(fault, sentence, places),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::events;

    const ALICE: Peer = Peer(0);

    #[test]
    fn what_is_in_time_is_not_off() {
        assert_eq!(Off::late(10, 5, 15), None);
        assert_eq!(Off::late(10, 5, 3), None);
        assert_eq!(Off::soon(10, 5, 15), None);
        assert_eq!(Off::early(&Evidence::default(), ALICE, 10, 10), None);
        assert_eq!(Off::early(&Evidence::default(), ALICE, 10, 9), None);
        assert_eq!(Off::between(5, 5, 10, 20), None);
        assert_eq!(Off::late(u64::MAX, 5, u64::MAX), None);
    }

    #[test]
    fn a_stall_between_the_moments_leaves_open_what_is_off_by_no_more() {
        let mut evidence = events::evidence([]);
        let late = Off::late(1_000_000, 500_000, 1_700_000).unwrap();
        let soon = Off::soon(1_000_000, 500_000, 1_300_000).unwrap();
        let between = Off::between(500_000, 300_000, 1_000_000, 1_700_000).unwrap();
        assert!(late.doubt(&evidence).is_none() && soon.doubt(&evidence).is_none());
        assert!(between.doubt(&evidence).is_none());
        assert_eq!([late.ms(), soon.ms(), between.ms()], [200; 3]);
        evidence.stall(1_200_000, 1_299_999, 200_000);
        assert!(late.doubt(&evidence).is_some() && soon.doubt(&evidence).is_some());
        evidence.stall(1_200_000, 1_299_999, 199_999);
        assert!(late.doubt(&evidence).is_none() && soon.doubt(&evidence).is_none());
        // The first of two may have been delayed: then they are too near to each other.
        evidence.stall(850_000, 899_999, 200_000);
        assert!(late.doubt(&evidence).is_none() && soon.doubt(&evidence).is_some());
        evidence.stall(1_850_000, 1_899_999, 200_000);
        assert!(late.doubt(&evidence).is_none() && between.doubt(&evidence).is_some());
        evidence.forget_stalls();
        assert!(late.doubt(&evidence).is_some() && soon.doubt(&evidence).is_some());
    }

    #[test]
    fn the_clock_of_an_event_counts() {
        let mut evidence = events::evidence([]);
        let is_open = |evidence: &Evidence| {
            let early = Off::early(evidence, ALICE, 1_000_000, 1_111_000).unwrap();
            early.doubt(evidence).is_some()
        };
        assert!(!is_open(&evidence));
        evidence.blur_clock(ALICE, 111_000);
        assert!(is_open(&evidence));
        assert!(Off::late(1_000_000, 0, 1_111_000).unwrap().doubt(&evidence).is_none(), "no event of hers");
        evidence.blur_clock(ALICE, 100_000);
        assert!(!is_open(&evidence));
        evidence.stall(1_000_000, 1_000_000, 11_000);
        assert!(is_open(&evidence));
    }

    #[test]
    fn what_is_not_known_of_the_clock_of_the_capture_counts() {
        let mut evidence = events::evidence([]);
        let why =
            |evidence: &Evidence| Off::early(evidence, ALICE, 1_000_000, 1_060_000).unwrap().doubt(evidence);
        assert_eq!(why(&evidence), None);
        evidence.blur_capture(59_999);
        assert_eq!(why(&evidence), None);
        evidence.blur_capture(60_000);
        assert_eq!(why(&evidence), Some("the clock of the capture may be ahead"));
    }
}
