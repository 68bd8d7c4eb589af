//! How often a deviation shows: the rate that an entry allows, what was counted, and when a run is large enough to contradict the rate.
//!
//! A run contradicts a rate if what it counted would be too improbable for any rate between least and most: less than [`FALSE_ALARMS`], divided among
//! all the rates that the run tests (Bonferroni). The probabilities are those of the binomial distribution, which attempts follow that do not
//! influence each other.

use serde::{Deserialize, Serialize};

/// The highest probability with which a run fails by chance although all rates hold: one in a thousand runs.
pub const FALSE_ALARMS: f64 = 0.001;

/// The least and the most of the attempts that show a deviation, each between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "[f64; 2]")]
pub struct Rate {
    least: f64,
    most: f64,
}

impl TryFrom<[f64; 2]> for Rate {
    type Error = String;

    fn try_from([least, most]: [f64; 2]) -> Result<Self, String> {
        if 0.0 <= least && least <= most && most <= 1.0 && most > 0.0 {
            Ok(Self { least, most })
        } else {
            Err(format!("a rate is `[least, most]` of the attempts, between 0 and 1, not [{least}, {most}]"))
        }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to {}", self.least, self.most)
    }
}

/// In how many attempts a deviation showed, of those in which it could have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 2]", into = "[u64; 2]")]
pub struct Shown {
    /// The attempts that show it.
    pub shown: u64,
    /// All attempts that could.
    pub attempts: u64,
}

impl From<[u64; 2]> for Shown {
    fn from([shown, attempts]: [u64; 2]) -> Self {
        Self { shown: shown.min(attempts), attempts }
    }
}

impl From<Shown> for [u64; 2] {
    fn from(it: Shown) -> Self {
        [it.shown, it.attempts]
    }
}

impl std::ops::AddAssign for Shown {
    fn add_assign(&mut self, other: Self) {
        self.shown = self.shown.saturating_add(other.shown);
        self.attempts = self.attempts.saturating_add(other.attempts);
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.shown, self.attempts)
    }
}

/// In which direction a count contradicts a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// It shows less often than its least.
    TooRare,
    /// It shows more often than its most.
    TooOften,
}

impl Rate {
    /// The least part of the attempts that show it.
    pub(super) const fn least(&self) -> f64 {
        self.least
    }

    /// As it stands in a file of known deviations.
    #[must_use]
    pub fn written(&self) -> String {
        format!("[{}, {}]", self.least, self.most)
    }

    /// Whether it excludes no count: any part of the attempts may show it, none and all of them too.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.least <= 0.0 && self.most >= 1.0
    }

    /// Whether a count contradicts this rate; `tested` is the number of rates that are tested together.
    #[must_use]
    pub fn contradicted_by(&self, count: Shown, tested: usize) -> Option<Outside> {
        // Each of them may be contradicted at both ends.
        let limit = FALSE_ALARMS / (2 * tested.max(1)) as f64;
        if at_least(count, self.most) < limit {
            Some(Outside::TooOften)
        } else if at_most(count, self.least) < limit {
            Some(Outside::TooRare)
        } else {
            None
        }
    }
}

/// The probability that at least `shown` of the attempts show what shows with probability `p`.
#[must_use]
pub fn at_least(Shown { shown, attempts }: Shown, p: f64) -> f64 {
    match shown {
        0 => 1.0,
        _ => sum(shown..=attempts, attempts, p),
    }
}

/// The probability that at most `shown` of them do.
#[must_use]
pub fn at_most(Shown { shown, attempts }: Shown, p: f64) -> f64 {
    if shown >= attempts { 1.0 } else { sum(0..=shown, attempts, p) }
}

/// The upper bound of the probability with which an attempt shows it (Clopper and Pearson): were it higher, `shown` or fewer of the attempts would
/// have a probability of less than `alpha`.
#[must_use]
pub fn upper_bound(count: Shown, alpha: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // Each step halves what is between.
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if at_most(count, middle) > alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The smallest rate, in whole hundredths, that no one of these counts contradicts: the union of their intervals of Clopper and Pearson at
/// 99.9 %. None if there is no attempt.
#[must_use]
pub fn measured(counts: &[Shown]) -> Option<Rate> {
    let counts = || counts.iter().filter(|count| count.attempts > 0);
    let most = counts().map(|count| upper_bound(*count, FALSE_ALARMS / 2.0)).reduce(f64::max)?;
    let missed = |count: &Shown| Shown { shown: count.attempts - count.shown, ..*count };
    let least =
        counts().map(|count| 1.0 - upper_bound(missed(count), FALSE_ALARMS / 2.0)).reduce(f64::min)?;
    let (least, most) = ((least * 100.0).floor() / 100.0, (most * 100.0).ceil() / 100.0);
    Some(Rate { least: least.max(0.0), most: most.min(1.0) })
}

/// The sum of the binomial probabilities of these numbers of `n` attempts.
fn sum(of: std::ops::RangeInclusive<u64>, n: u64, p: f64) -> f64 {
    if p <= 0.0 {
        return if *of.start() == 0 { 1.0 } else { 0.0 };
    }
    if p >= 1.0 {
        return if *of.end() == n { 1.0 } else { 0.0 };
    }
    // As logarithms: the probability of none is too small for a number where there are thousands of attempts.
    let mut log = n as f64 * (1.0 - p).ln();
    let odds = (p / (1.0 - p)).ln();
    let mut sum = 0.0;
    for k in 0..=*of.end() {
        if k >= *of.start() {
            sum += log.exp();
        }
        log += ((n - k) as f64 / (k + 1) as f64).ln() + odds;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(shown: u64, attempts: u64) -> Shown {
        Shown { shown, attempts }
    }

    #[test]
    fn probabilities_are_those_of_the_binomial_distribution() {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(at_least(shown(2, 3), 0.5), 0.5) && near(at_most(shown(1, 3), 0.5), 0.5));
        assert!(near(at_least(shown(1, 2), 0.1), 0.19) && near(at_most(shown(0, 2), 0.1), 0.81));
        assert!(near(at_least(shown(0, 9), 0.0), 1.0) && near(at_least(shown(1, 9), 0.0), 0.0));
        assert!(near(at_most(shown(8, 9), 1.0), 0.0) && near(at_most(shown(9, 9), 1.0), 1.0));
        let many = shown(500, 10_000);
        assert!(near(at_least(many, 0.05) + at_most(shown(499, 10_000), 0.05), 1.0));
        // The rule of three: none in 100 leaves 3 % open at 95 %.
        assert!((upper_bound(shown(0, 100), 0.05) - 0.0295).abs() < 0.001);
    }

    #[test]
    fn a_measured_rate_is_the_union_of_the_intervals() {
        let of = |counts: &[Shown]| measured(counts).map(|rate| (rate.least, rate.most));
        // Clopper and Pearson at 99.9 %: 0.0005^(1/3) is 0.079, and 1 - 0.079 is 0.921.
        assert_eq!(of(&[shown(3, 3)]), Some((0.07, 1.0)));
        assert_eq!(of(&[shown(0, 3)]), Some((0.0, 0.93)));
        assert_eq!(of(&[shown(0, 3), shown(3, 3), shown(0, 0)]), Some((0.0, 1.0)));
        assert_eq!(of(&[shown(0, 0)]), None);
        for count in [shown(1, 30), shown(29, 30), shown(100, 250)] {
            let rate = measured(&[count]).unwrap();
            assert!(!rate.is_any() && rate.contradicted_by(count, 1).is_none(), "{rate}");
        }
        assert!(Rate::try_from([0.0, 1.0]).unwrap().is_any());
    }

    #[test]
    fn a_rate_is_contradicted_only_by_runs_that_are_large_enough() {
        let rate = Rate::try_from([0.2, 0.5]).unwrap();
        for within in [shown(0, 0), shown(0, 5), shown(5, 5), shown(30, 100), shown(55, 100), shown(15, 100)]
        {
            assert_eq!(rate.contradicted_by(within, 1), None, "{within}");
        }
        assert_eq!(rate.contradicted_by(shown(90, 100), 1), Some(Outside::TooOften));
        assert_eq!(rate.contradicted_by(shown(2, 100), 1), Some(Outside::TooRare));
        // The more rates a run tests, the more must one be off.
        assert_eq!(rate.contradicted_by(shown(68, 100), 1), Some(Outside::TooOften));
        assert_eq!(rate.contradicted_by(shown(68, 100), 1_000), None);
        let any = Rate::try_from([0.0, 1.0]).unwrap();
        assert_eq!(any.contradicted_by(shown(0, 1_000), 1), None);
        assert!(Rate::try_from([0.5, 0.2]).is_err() && Rate::try_from([0.0, 1.2]).is_err());
    }
}
