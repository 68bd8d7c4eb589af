//! Which end of a connection each of two interfaces is at, where the capture does not say it.
//!
//! The agent that sends a request waits longer for the response than anybody on the way sees it take. So the interface at which the
//! transactions of an agent take longer is the nearer to it, whatever addresses a NAT shows there and whatever the clocks of the two
//! captures are. The middles of the same transaction at both interfaces show how much the clocks differ.

use super::Trace;
use super::at::{Side, Sides};
use super::connection::Connection;
use super::ice::Transaction;
use crate::ends::{BothEnds, End};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A connection at two interfaces, as its own transactions show it.
struct Compared {
    /// By how many nanoseconds the transactions of each side take longer at the first interface.
    longer: Sides<i128>,
    /// By how many nanoseconds the clock of the first is ahead, one value for each transaction.
    ahead: Vec<i128>,
    /// How many nanoseconds the longest took.
    longest: i128,
    /// Whether the sides have changed names at the second.
    is_swapped: bool,
}

impl Trace {
    /// Both ends of the connections that were seen at two interfaces of which the capture does not say whose they are. Nothing if there are none, or
    /// if they do not agree on the interfaces.
    pub fn both_ends(&self) -> Option<BothEnds> {
        let mut ends: Option<[(usize, BTreeSet<IpAddr>); 2]> = None;
        let (mut ahead, mut longest): (Vec<i128>, i128) = (Vec::new(), 0);
        for connection in &self.connections {
            let Some(other) = connection.also_seen_as.and_then(|index| self.connections.get(index)) else {
                continue;
            };
            let (Some(here), Some(there)) = (connection.interface, other.interface) else { return None };
            let compared = compare(connection, other);
            // At the first interface is the side whose transactions take longer there than those of the other side do.
            let side = match compared.longer.a - compared.longer.b {
                0 => continue,
                1.. => Side::A,
                _ => Side::B,
            };
            let at_other = if compared.is_swapped { side } else { side.other() };
            let of = |connection: &Connection, interface: usize, side: Side| -> BTreeSet<IpAddr> {
                let flows = connection.flows.iter().filter_map(|index| self.flows.get(*index));
                let direct = flows.filter(|flow| flow.via.is_none() && flow.interface == Some(interface));
                direct.map(|flow| flow.address(side).ip()).collect()
            };
            let (mut one, mut two) =
                ((here, of(connection, here, side)), (there, of(other, there, at_other)));
            let theirs = [of(connection, here, side.other()), of(other, there, at_other.other())];
            if !one.1.is_disjoint(&theirs[0]) || !two.1.is_disjoint(&theirs[1]) {
                return None;
            }
            let sign = if here < there { 1 } else { -1 };
            longest = longest.max(compared.longest);
            ahead.extend(compared.ahead.into_iter().map(|ahead| sign * ahead));
            if there < here {
                std::mem::swap(&mut one, &mut two);
            }
            match &mut ends {
                None => ends = Some([one, two]),
                Some([first, second]) if (first.0, second.0) == (one.0, two.0) => {
                    first.1.extend(one.1);
                    second.1.extend(two.1);
                }
                Some(_) => return None,
            }
        }
        let [one, two] = ends?;
        ahead.sort_unstable();
        let ahead = *ahead.get(ahead.len() / 2)?;
        let end = |(interface, own): (usize, BTreeSet<IpAddr>), shift: i128| {
            Some(End { captured: self.captured(interface, shift, longest)?, interface, own })
        };
        Some(BothEnds([end(one, -ahead)?, end(two, ahead)?]))
    }

    /// From when to when what left the other end could be captured at an interface, give or take the longest way. The clock is one that is so much
    /// ahead.
    fn captured(&self, interface: usize, ahead: i128, longest: i128) -> Option<RangeInclusive<u64>> {
        let flows = self.flows.iter().filter(|flow| flow.interface == Some(interface));
        let traffic = || flows.clone().flat_map(|flow| [&flow.forth, &flow.back]);
        let first = traffic().filter_map(|it| it.first).map(|at| at.ns).min()?;
        let last = traffic().filter_map(|it| it.last).map(|at| at.ns).max()?;
        let moved = |ns: u64, by: i128| u64::try_from(i128::from(ns) + by).unwrap_or_default();
        Some(moved(first, ahead - longest)..=moved(last, ahead + longest))
    }
}

fn compare(one: &Connection, other: &Connection) -> Compared {
    let ufrag = |it: &Connection, side| it.peers.of(side).ufrag.clone();
    let is_swapped = ufrag(one, Side::A) != ufrag(other, Side::A);
    let all = |it| Connection::transactions(it);
    let there: BTreeMap<&str, &Transaction> = all(other).map(|it| (it.id.as_str(), it)).collect();
    let mut compared = Compared { longer: Sides::default(), ahead: Vec::new(), longest: 0, is_swapped };
    for here in all(one) {
        let ends = |it: &Transaction| Some((i128::from(it.request.ns), i128::from(it.response?.ns)));
        let theirs = there.get(here.id.as_str()).and_then(|there| ends(there));
        let (Some(own), Some(theirs)) = (ends(here), theirs) else { continue };
        *compared.longer.of_mut(here.from) += (own.1 - own.0) - (theirs.1 - theirs.0);
        compared.longest = compared.longest.max(own.1 - own.0).max(theirs.1 - theirs.0);
        compared.ahead.push(i128::midpoint(own.0, own.1) - i128::midpoint(theirs.0, theirs.1));
    }
    compared
}

impl Connection {
    fn transactions(&self) -> impl Iterator<Item = &Transaction> {
        self.pairs.iter().flat_map(|pair| &pair.transactions)
    }
}
