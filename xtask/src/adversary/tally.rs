//! What came of the attempts, by kind.

use peerproof_conformance::verdict::{Outcome, Verdict};
use std::collections::BTreeMap;
use std::fmt;

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Result {
    /// The liar is named; of a mutant, the verdict is another one than that of the original.
    Seen,
    /// It fails, and not the liar is named, or nobody.
    Misnamed,
    /// It decides nothing: `inconclusive`, `harness-error`, `unsupported`.
    Undecided,
    /// The recording cannot be read.
    Refused,
    /// The verdict is that of the original, and so is the recording: nothing was told.
    Traceless,
    /// The verdict is that of the original, for a reason that is known.
    Known,
    /// The verdict is that of the original, although the recording is another one.
    Green,
}

const ALL: [(Result, &str); 7] = [
    (Result::Seen, "seen"),
    (Result::Misnamed, "misnamed"),
    (Result::Undecided, "undecided"),
    (Result::Refused, "refused"),
    (Result::Traceless, "traceless"),
    (Result::Known, "known"),
    (Result::Green, "GREEN"),
];

impl Result {
    /// What a verdict says; `liar` must be named, if somebody is.
    pub(super) fn of(verdict: &Verdict, original: &Verdict, liar: Option<&str>) -> Self {
        let key = |of: &Verdict| (of.outcome, of.layer, of.side.clone());
        match verdict.outcome {
            _ if key(verdict) == key(original) => Self::Green,
            Outcome::Fail if liar.is_some() && verdict.side.as_deref() != liar => Self::Misnamed,
            Outcome::Fail => Self::Seen,
            Outcome::Pass => Self::Green,
            Outcome::Unsupported | Outcome::Inconclusive | Outcome::HarnessError => Self::Undecided,
        }
    }

    pub(super) fn is_green(self) -> bool {
        matches!(self, Self::Green | Self::Misnamed)
    }
}

impl fmt::Display for Result {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(ALL.iter().find(|(result, _)| result == self).map_or("", |(_, name)| name))
    }
}

/// How often each came of each kind.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<String, BTreeMap<Result, u64>>);

impl Tally {
    pub(super) fn count(&mut self, kind: &str, result: Result) {
        *self.0.entry(kind.to_owned()).or_default().entry(result).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, of: &BTreeMap<Result, u64>| {
            write!(f, "{name:<44}")?;
            for (result, _) in ALL {
                write!(f, " {:>9}", of.get(&result).copied().unwrap_or(0))?;
            }
            writeln!(f)
        };
        write!(f, "{:<44}", "kind")?;
        for (_, name) in ALL {
            write!(f, " {name:>9}")?;
        }
        writeln!(f)?;
        let mut whole: BTreeMap<Result, u64> = BTreeMap::new();
        for (kind, of) in &self.0 {
            row(f, kind, of)?;
            for (result, count) in of {
                *whole.entry(*result).or_default() += count;
            }
        }
        row(f, "all", &whole)
    }
}
