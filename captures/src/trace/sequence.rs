//! Which of the newest sequence numbers have been seen.

/// Numbers remembered behind the highest.
const WINDOW: u64 = 1_024;
const WORDS: usize = (WINDOW / 64) as usize;

/// What a number is to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Higher than all before.
    Ahead,
    /// Lower than the highest, and not seen before.
    Late,
    /// Seen before.
    Again,
    /// So far behind that it cannot be decided.
    Old,
}

/// A sliding window over extended sequence numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Window {
    lowest: u64,
    highest: u64,
    begun: bool,
    seen: Vec<u64>,
}

impl Window {
    /// The number `raw` of `bits` bits as the extended one nearest to the highest so far.
    pub(super) fn extend(&self, raw: u32, bits: u32) -> u64 {
        let cycle = 1_u64 << bits;
        if !self.begun {
            // A cycle ahead, so that numbers before the first have their place.
            return cycle + u64::from(raw);
        }
        let base = self.highest & !(cycle - 1);
        let same = base + u64::from(raw);
        let half = cycle / 2;
        if same + half < self.highest {
            same + cycle
        } else if same > self.highest + half {
            same.saturating_sub(cycle)
        } else {
            same
        }
    }

    /// Takes in an extended number.
    pub(super) fn push(&mut self, number: u64) -> Step {
        if !self.begun {
            *self = Self { lowest: number, highest: number, begun: true, seen: vec![0; WORDS] };
            self.mark(number);
            return Step::Ahead;
        }
        if number > self.highest {
            let skipped = number - self.highest;
            if skipped >= WINDOW {
                self.seen.fill(0);
            } else {
                for passed in self.highest + 1..number {
                    self.clear(passed);
                }
            }
            self.highest = number;
            self.mark(number);
            return Step::Ahead;
        }
        if self.highest - number >= WINDOW {
            return Step::Old;
        }
        self.lowest = self.lowest.min(number);
        if self.mark(number) { Step::Again } else { Step::Late }
    }

    /// How far a number of 16 bits is ahead of the highest one, modulo 2^16; none at the beginning.
    pub(super) const fn distance(&self, raw: u16) -> Option<u16> {
        if self.begun { Some(raw.wrapping_sub(self.highest as u16)) } else { None }
    }

    /// How many numbers lie between the lowest and the highest, both counted.
    pub(super) const fn span(&self) -> u64 {
        if self.begun { self.highest - self.lowest + 1 } else { 0 }
    }

    fn word(&mut self, number: u64) -> (Option<&mut u64>, u64) {
        let bit = number % WINDOW;
        (self.seen.get_mut((bit / 64) as usize), 1 << (bit % 64))
    }

    fn clear(&mut self, number: u64) {
        if let (Some(word), mask) = self.word(number) {
            *word &= !mask;
        }
    }

    /// Marks it; whether it was marked.
    fn mark(&mut self, number: u64) -> bool {
        let (Some(word), mask) = self.word(number) else { return false };
        let was = *word & mask != 0;
        *word |= mask;
        was
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(numbers: &[u32]) -> Vec<Step> {
        let mut window = Window::default();
        numbers
            .iter()
            .map(|number| {
                let extended = window.extend(*number, 16);
                window.push(extended)
            })
            .collect()
    }

    #[test]
    fn late_and_repeated_numbers_are_told_apart_across_the_wrap() {
        use Step::{Again, Ahead, Late};
        assert_eq!(
            steps(&[65_534, 0, 65_535, 65_535, 1, 0, 3]),
            [Ahead, Ahead, Late, Again, Ahead, Again, Ahead]
        );
    }

    #[test]
    fn a_number_that_was_jumped_over_a_window_ago_is_not_mistaken_for_a_repeated_one() {
        assert_eq!(
            steps(&[0, 1023, 1025, 1024, 1]),
            [Step::Ahead, Step::Ahead, Step::Ahead, Step::Late, Step::Old]
        );
    }

    #[test]
    fn the_span_counts_what_came_before_the_first() {
        let mut window = Window::default();
        for raw in [10, 8, 12] {
            window.push(window.extend(raw, 16));
        }
        assert_eq!(window.span(), 5);
    }
}
