//! Which packets arrived, in a recording of both peers.

use super::InspectError;
use super::events::Recording;
use super::source::Given;
use crate::terminal::clean;
use peerproof_captures::file::{Direction, Item};
use peerproof_captures::observe::{Follow, Observation, Observer, Opened, Path, Sink};
use peerproof_captures::trace::{Sides, Taps, UnderWay};
use peerproof_reports::session::Arrival;
use std::collections::BTreeMap;

/// Most packets that are followed.
const MOST: usize = 1 << 20;

/// Which packets that left one tap arrived at the other.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    taps: Taps,
    under_way: UnderWay<u64>,
    /// The frame of a packet as it arrived, by that as it left; `None` if it did not.
    arrived: BTreeMap<u64, Option<u64>>,
    /// The other way about.
    left: BTreeMap<u64, u64>,
    /// Whether anything was seen at the tap of either side: at one that is not recorded nothing arrives.
    seen: Sides<bool>,
    /// Where and why packets were lost, by the frame as each left, where a recording of the lab says so.
    lost: BTreeMap<u64, String>,
}

impl Arrivals {
    /// Reads the capture for it, if it can be read again.
    pub(super) fn read(given: &Given) -> Result<Self, InspectError> {
        let mut arrivals = Self::default();
        if !given.is_kept() {
            return Ok(arrivals);
        }
        if let Some(recording) = Recording::read(given) {
            arrivals.lost = recording.losses().map(|(frame, lost)| (frame, clean(&lost))).collect();
        }
        let (mut reader, mut observer) = (given.reader()?, Observer::new());
        while let Some(item) = reader.next_item() {
            match item {
                Item::Interface(index) => {
                    let name = reader.interfaces().get(index).and_then(|it| it.name.clone());
                    let name = name.unwrap_or_default();
                    observer.interface(index, &name);
                    arrivals.taps.interface(index, &name);
                }
                Item::Frame(_) if !arrivals.taps.are_of_two_peers() => break,
                Item::Frame(frame) => {
                    observer.frame(&frame, &mut arrivals);
                }
                _ => {}
            }
        }
        Ok(arrivals)
    }

    /// Whether a packet left one peer and did not arrive at the other.
    pub(super) fn is_lost(&self, frame: u64) -> bool {
        self.seen.a && self.seen.b && self.arrived.get(&frame).is_some_and(Option::is_none)
    }

    /// What became of the packet of a frame.
    pub(super) fn of(&self, frame: u64) -> Option<Arrival> {
        let arrived = self.arrived.get(&frame).and_then(|arrived| match arrived {
            Some(arrived) => Some(Arrival::Arrived(*arrived)),
            None if self.is_lost(frame) => {
                let how = self.lost.get(&frame).cloned();
                Some(Arrival::Lost(how.unwrap_or_else(|| "did not arrive".to_owned())))
            }
            None => None,
        });
        arrived.or_else(|| self.left.get(&frame).copied().map(Arrival::Left))
    }
}

impl Sink for Arrivals {
    fn datagram(&mut self, seen: &Observation<'_>) -> Follow {
        let (Some(tap), Some(direction)) = (self.taps.side(seen.interface), seen.direction) else {
            return Follow::No;
        };
        *self.seen.of_mut(tap) = true;
        // What a peer and its server say to each other does not go to the other peer, nor does multicast.
        if seen.is_plaintext() || seen.path == Path::Server || seen.outer.ends.to.ip().is_multicast() {
            return Follow::No;
        }
        let bytes = seen.inner.bytes;
        if direction == Direction::Outbound && self.arrived.len() < MOST {
            self.under_way.left(tap, bytes, seen.frame);
            self.arrived.insert(seen.frame, None);
        } else if direction == Direction::Inbound
            && let Some(left) = self.under_way.arrived(tap, bytes)
        {
            self.arrived.insert(left, Some(seen.frame));
            self.left.insert(seen.frame, left);
        }
        Follow::No
    }

    fn opened(&mut self, _: &Opened<'_>) {}
}
