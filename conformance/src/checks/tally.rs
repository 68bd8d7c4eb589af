//! What a check sees at one endpoint, added up to one finding.

use super::{Check, Fault, Finding, Place, Status};

/// Most places that a finding names.
const MOST_PLACES: usize = 8;

/// Adds up what a check sees. The worst decides: a failure, a warning, an inconclusive observation, a pass; without any of them the requirement is
/// not applicable.
#[derive(Debug, Default)]
pub struct Tally {
    passes: Seen,
    failures: Seen,
    warnings: Seen,
    doubts: Seen,
    absence: Option<&'static str>,
    /// Whether a time is in doubt for the clocks or the load of the machine.
    timing: bool,
    /// Each violation and warning, with the line that added it: what the controls of the checks go by.
    #[cfg(test)]
    pub(super) violations: Vec<Violation>,
}

/// A violation or warning, and the line of the check that added it.
#[cfg(test)]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Violation {
    pub(super) line: u32,
    pub(super) fault: Fault,
    pub(super) sentence: String,
}

#[cfg(test)]
impl Violation {
    #[track_caller]
    fn here(fault: Fault, sentence: &str) -> Self {
        Self { line: std::panic::Location::caller().line(), fault, sentence: sentence.to_owned() }
    }
}

#[derive(Debug, Default)]
struct Seen {
    count: usize,
    /// The kinds of fault, in the order in which they were seen.
    faults: Vec<Fault>,
    sentence: Option<String>,
    places: Vec<Place>,
}

impl Seen {
    fn add(
        &mut self,
        fault: Option<Fault>,
        sentence: Option<String>,
        places: impl IntoIterator<Item = Place>,
    ) {
        self.count += 1;
        // A check has a handful of them.
        self.faults.extend(fault.filter(|it| !self.faults.contains(it)));
        if self.sentence.is_none() {
            self.sentence = sentence;
        }
        let room = MOST_PLACES.saturating_sub(self.places.len());
        self.places.extend(places.into_iter().take(room));
    }
}

impl Tally {
    /// One more thing is as required.
    pub fn pass(&mut self, place: Place) {
        self.passes.add(None, None, [place]);
    }

    /// The requirement is violated: the kind of fault, and in a sentence what was expected and what was seen.
    #[cfg_attr(test, track_caller)]
    pub fn fail(
        &mut self,
        fault: Fault,
        sentence: impl Into<String>,
        places: impl IntoIterator<Item = Place>,
    ) {
        let sentence = sentence.into();
        #[cfg(test)]
        self.violations.push(Violation::here(fault, &sentence));
        self.failures.add(Some(fault), Some(sentence), places);
    }

    /// The requirement is half met, or something is remarkable.
    #[cfg_attr(test, track_caller)]
    pub fn warn(
        &mut self,
        fault: Fault,
        sentence: impl Into<String>,
        places: impl IntoIterator<Item = Place>,
    ) {
        let sentence = sentence.into();
        #[cfg(test)]
        self.violations.push(Violation::here(fault, &sentence));
        self.warnings.add(Some(fault), Some(sentence), places);
    }

    /// The evidence does not decide: what is missing.
    pub fn inconclusive(&mut self, sentence: impl Into<String>, places: impl IntoIterator<Item = Place>) {
        self.doubts.add(None, Some(sentence.into()), places);
    }

    /// A time may be off, or the clocks or the load of the machine make it seem so.
    pub(super) fn inconclusive_time(
        &mut self,
        sentence: impl Into<String>,
        places: impl IntoIterator<Item = Place>,
    ) {
        self.timing = true;
        self.inconclusive(sentence, places);
    }

    /// Why the requirement does not apply, if nothing else is seen.
    pub fn not_applicable(&mut self, sentence: &'static str) {
        self.absence = Some(sentence);
    }

    /// A thing is as required, or it is that fault.
    #[cfg_attr(test, track_caller)]
    pub fn judge(&mut self, fault: Fault, passes: bool, place: Place, sentence: impl FnOnce() -> String) {
        if passes {
            self.pass(place);
        } else {
            self.fail(fault, sentence(), [place]);
        }
    }

    pub(super) fn finish(self, check: &Check, endpoint: &str, absolute: bool) -> Finding {
        let failed = if absolute { Status::Fail } else { Status::Warn };
        let Self { passes, failures, warnings, doubts, absence, timing, .. } = self;
        let mut faults = failures.faults.clone();
        if failed == Status::Warn || failures.count == 0 {
            faults.extend(warnings.faults.iter().filter(|it| !failures.faults.contains(it)));
        }
        let ranked = [(failed, failures), (Status::Warn, warnings), (Status::Inconclusive, doubts)];
        let (result, sentence, places) = match ranked.into_iter().find(|(_, seen)| seen.count > 0) {
            Some((result, seen)) => {
                let mut sentence = seen.sentence.unwrap_or_default();
                if seen.count > 1 {
                    sentence += &format!(" (and {} more)", seen.count - 1);
                }
                (result, sentence, seen.places)
            }
            None if passes.count > 0 => {
                (Status::Pass, format!("{}: {} as required", check.subject, passes.count), passes.places)
            }
            None => {
                let why =
                    absence.map_or_else(|| format!("no {} in the recording", check.subject), str::to_owned);
                (Status::NotApplicable, why, Vec::new())
            }
        };
        Finding {
            requirement: check.id.to_owned(),
            endpoint: endpoint.to_owned(),
            result,
            faults: faults.iter().map(|fault| fault.0.to_owned()).collect(),
            sentence,
            evidence: places,
            timing: timing && result == Status::Inconclusive,
            waiver: None,
        }
    }
}
