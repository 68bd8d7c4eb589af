//! How much media peers send just now, for steps that wait until it is more or less.

use indexmap::IndexMap;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most packets that are remembered of each peer: a minute of a call at 8 Mbit/s.
const MOST: usize = 65_536;

/// Packets of media that peers sent lately.
#[derive(Debug, Default)]
pub(super) struct Rates {
    sent: IndexMap<String, VecDeque<(Instant, usize)>>,
}

impl Rates {
    /// A packet of this number of bytes left.
    pub(super) fn note(&mut self, from: &str, at: Instant, bytes: usize) {
        if !self.sent.contains_key(from) {
            self.sent.insert(from.to_owned(), VecDeque::new());
        }
        let Some(sent) = self.sent.get_mut(from) else { return };
        if sent.len() >= MOST {
            sent.pop_front();
        }
        sent.push_back((at, bytes));
    }

    /// What a peer sent in the time before `now`, in kilobits per second.
    pub(super) fn kbit(&self, from: &str, now: Instant, over: Duration) -> u64 {
        let Some(all) = self.sent.get(from) else { return 0 };
        // Of what was before the packets that are remembered nothing is known: the average is one over these.
        let known =
            all.front().filter(|_| all.len() >= MOST).map(|(at, _)| now.saturating_duration_since(*at));
        let over = known.map_or(over, |known| over.min(known));
        let within = all.iter().rev().take_while(|(at, _)| now.saturating_duration_since(*at) <= over);
        let bits = within.map(|(_, bytes)| *bytes as u64 * 8).sum::<u64>();
        let millis = u64::try_from(over.as_millis()).unwrap_or(u64::MAX);
        bits.checked_div(millis).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_one_peers_over_the_time_asked_for() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut rates = Rates::default();
        for n in 0..20 {
            rates.note("alice", at(n * 100), 125);
        }
        rates.note("bob", at(1900), 1250);
        let over = Duration::from_secs(1);
        assert_eq!(rates.kbit("alice", at(1950), over), 10);
        assert_eq!(rates.kbit("alice", at(2450), over), 5);
        assert_eq!(rates.kbit("alice", at(9000), over), 0);
        assert_eq!((rates.kbit("bob", at(1950), over), rates.kbit("carol", at(1950), over)), (10, 0));
    }
}
