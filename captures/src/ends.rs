//! Two places of a capture that somebody took of both ends of a connection: which interface is at which end, and which way a packet goes there.
//!
//! Recordings say it themselves, by the names of their interfaces and by directions ([`tap`](crate::tap)). In other captures it follows
//! from the connection ([`Trace::both_ends`](crate::trace::Trace::both_ends)); who reads the capture once more with that finds out what left one
//! end and what of it arrived at the other.

use crate::file::Direction;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// One end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The interface there.
    pub interface: usize,
    /// The addresses of the peer there, as that interface shows them.
    pub own: BTreeSet<IpAddr>,
    /// From when to when packets were captured there, in nanoseconds by the clock of the *other* interface.
    pub captured: RangeInclusive<u64>,
}

/// Both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BothEnds(pub [End; 2]);

impl BothEnds {
    /// The end at an interface: 0 or 1.
    pub fn at(&self, interface: Option<usize>) -> Option<usize> {
        self.0.iter().position(|end| Some(end.interface) == interface)
    }

    /// Which way a packet goes at an interface. Nothing if it is at none of the ends, or is not the peer's there.
    pub fn direction(&self, interface: Option<usize>, from: IpAddr, to: IpAddr) -> Option<Direction> {
        let own = &self.0.get(self.at(interface)?)?.own;
        match (own.contains(&from), own.contains(&to)) {
            (true, false) => Some(Direction::Outbound),
            (false, true) => Some(Direction::Inbound),
            _ => None,
        }
    }

    /// Whether packets were captured at the other end when one left this one.
    pub fn is_captured_beyond(&self, interface: Option<usize>, time_ns: u64) -> bool {
        let beyond = self.at(interface).and_then(|end| self.0.get(1 - end.min(1)));
        beyond.is_some_and(|end| end.captured.contains(&time_ns))
    }
}
