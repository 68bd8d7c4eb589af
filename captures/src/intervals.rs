//! Sets of integers kept as intervals: bytes of a message that have arrived, numbers that have been seen.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included};
use std::ops::Range;

/// A set of integers as half-open intervals that neither overlap nor touch.
///
/// Memory grows with the number of intervals, not with the integers in them; [`IntervalSet::with_limit`] bounds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntervalSet<T> {
    /// End of each interval (exclusive) by its start.
    ends: BTreeMap<T, T>,
    limit: usize,
}

/// What [`IntervalSet::insert`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// Something of the range was not in the set before; all of it is now.
    New,
    /// All of the range was in the set already, or the range is empty.
    Present,
    /// The set is at its limit and the range touches none of its intervals: nothing was added.
    Full,
}

impl<T> Default for IntervalSet<T> {
    fn default() -> Self {
        Self::with_limit(usize::MAX)
    }
}

impl<T> IntervalSet<T> {
    /// An empty set of at most `limit` intervals.
    pub const fn with_limit(limit: usize) -> Self {
        Self { ends: BTreeMap::new(), limit }
    }

    /// Number of intervals.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the set holds no integer.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether the set has as many intervals as it may have.
    pub fn is_full(&self) -> bool {
        self.ends.len() >= self.limit
    }
}

impl<T: Copy + Ord> IntervalSet<T> {
    /// Adds a range and joins it with the intervals that it overlaps or touches.
    pub fn insert(&mut self, range: Range<T>) -> Inserted {
        if self.covers(&range) {
            return Inserted::Present;
        }
        let Range { mut start, mut end } = range;
        let before = self.ends.range(..=start).next_back().map(|(start, end)| (*start, *end));
        let mut joined = false;
        if let Some((first, last)) = before
            && last >= start
        {
            (start, end, joined) = (first, end.max(last), true);
        }
        while let Some((next, last)) = self.next_within(start, end) {
            self.ends.remove(&next);
            (end, joined) = (end.max(last), true);
        }
        if !joined && self.is_full() {
            return Inserted::Full;
        }
        self.ends.insert(start, end);
        Inserted::New
    }

    /// The first interval that begins behind `start` and not behind `end`.
    fn next_within(&self, start: T, end: T) -> Option<(T, T)> {
        let mut within = self.ends.range((Excluded(start), Included(end)));
        within.next().map(|(start, end)| (*start, *end))
    }

    /// Whether `value` is in the set.
    pub fn contains(&self, value: T) -> bool {
        self.ends.range(..=value).next_back().is_some_and(|(_, end)| value < *end)
    }

    /// Whether all of `range` is in the set; true for an empty range.
    pub fn covers(&self, range: &Range<T>) -> bool {
        let holds = |end: &T| range.end <= *end;
        range.is_empty() || self.ends.range(..=range.start).next_back().is_some_and(|(_, end)| holds(end))
    }

    /// The intervals in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Range<T>> + '_ {
        self.ends.iter().map(|(start, end)| *start..*end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::Random;
    use std::collections::BTreeSet;

    fn intervals(set: &IntervalSet<i64>) -> Vec<(i64, i64)> {
        set.iter().map(|interval| (interval.start, interval.end)).collect()
    }

    #[test]
    fn ranges_that_overlap_or_touch_are_joined() {
        let mut set = IntervalSet::default();
        assert_eq!(set.insert(10..12), Inserted::New);
        assert_eq!(set.insert(14..16), Inserted::New);
        assert_eq!(intervals(&set), [(10, 12), (14, 16)]);
        assert_eq!(set.insert(12..14), Inserted::New);
        assert_eq!(intervals(&set), [(10, 16)]);
        assert_eq!(set.insert(11..15), Inserted::Present);
        assert_eq!(set.insert(-3..-3), Inserted::Present);
        assert_eq!(set.insert(0..99), Inserted::New);
        assert_eq!(intervals(&set), [(0, 99)]);
    }

    #[test]
    fn the_ends_of_intervals_are_exclusive() {
        let mut set = IntervalSet::default();
        set.insert(4_u8..u8::MAX);
        assert!(set.contains(4) && set.contains(u8::MAX - 1));
        assert!(!set.contains(3) && !set.contains(u8::MAX));
        assert!(set.covers(&(4..u8::MAX)) && set.covers(&(0..0)));
        assert!(!set.covers(&(3..5)));
    }

    #[test]
    fn a_full_set_takes_only_what_touches_its_intervals() {
        let mut set = IntervalSet::with_limit(2);
        set.insert(0..1);
        set.insert(10..11);
        assert!(set.is_full());
        assert_eq!(set.insert(5..6), Inserted::Full);
        assert_eq!(intervals(&set), [(0, 1), (10, 11)]);
        assert_eq!(set.insert(1..2), Inserted::New);
        assert_eq!(set.insert(2..10), Inserted::New);
        assert_eq!(set.insert(20..21), Inserted::New);
        assert_eq!(intervals(&set), [(0, 11), (20, 21)]);
    }

    /// Against a set of single integers.
    #[test]
    fn random_ranges_give_what_a_set_of_integers_gives() {
        let mut random = Random::new(11);
        for _ in 0..300 {
            let (mut set, mut integers) = (IntervalSet::default(), BTreeSet::new());
            for _ in 0..random.below(40) {
                let start = random.below(60) as i64;
                let range = start..start + random.below(8) as i64;
                let known = range.clone().all(|n| integers.contains(&n));
                assert_eq!(set.covers(&range), known);
                let expected = if known { Inserted::Present } else { Inserted::New };
                assert_eq!(set.insert(range.clone()), expected);
                integers.extend(range);
            }
            assert!((0..70).all(|n| set.contains(n) == integers.contains(&n)));
            assert_eq!(set.iter().flatten().collect::<Vec<_>>(), integers.into_iter().collect::<Vec<_>>());
            assert!(set.iter().zip(set.iter().skip(1)).all(|(one, next)| one.end < next.start));
            assert_eq!(set.is_empty(), set.iter().next().is_none());
        }
    }
}
