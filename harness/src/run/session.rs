//! A run: many cases side by side, each attempt shown, stopped cleanly when the user wants.

use super::admission::{Admission, Jobs};
use super::case::{self, Played, Setting};
use super::plan::Case;
use super::simulated;
use crate::machine::Watch;
use crate::scenario::model::Clock;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use peerproof_conformance::case::Standing;
use peerproof_conformance::verdict::Outcome;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How cases are played.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// How many cases at once.
    pub jobs: Jobs,
    /// Repeat each case N times; every attempt is shown.
    pub repeat: u32,
    /// By which clock.
    pub time: Time,
}

/// The clock of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Time {
    /// Virtual time for the cases that need no real network and no real clock, and whose scenario does not ask for one; the machine's
    /// clock for the others.
    #[default]
    AsFits,
    /// The machine's.
    Real,
    /// One that stands still while there is work and jumps otherwise, see [`simulated`].
    Virtual,
}

impl Time {
    /// Whether a case is played in virtual time.
    #[must_use]
    pub fn is_virtual_for(self, case: &Case) -> bool {
        match self {
            Self::Real => false,
            Self::Virtual => true,
            Self::AsFits => case.scenario().clock == Clock::Any && simulated::unfit(case).is_none(),
        }
    }
}

/// Plays one case by the clock that fits it. `attempt` counts from one.
///
/// # Errors
/// As of [`case::play`] and [`simulated::play`].
pub async fn play(setting: Arc<Setting>, case: Case, attempt: u32, time: Time) -> io::Result<Played> {
    if time.is_virtual_for(&case) {
        simulated::play(setting, case, attempt).await
    } else {
        Box::pin(case::play(&setting, &case, attempt)).await
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// The played cases in the order of the plan, attempts one after the other.
    pub played: Vec<Played>,
    /// Cases that could not even be written, with the reason.
    pub broken: Vec<(String, String)>,
    /// Cases that were not played because the run was stopped.
    pub left: usize,
    /// How long it took.
    pub took: Duration,
}

impl Run {
    /// How many cases came out so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.played.iter().filter(|played| played.verdict.outcome == outcome).count()
    }

    /// The exit code: 0 all as expected, 1 a verdict failed, 3 harness error, 4 nothing ran.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let unexpected = || self.played.iter().filter(|played| !played.standing.is_good());
        if !self.broken.is_empty()
            || unexpected().any(|played| played.verdict.outcome == Outcome::HarnessError)
        {
            3
        } else if unexpected().next().is_some() {
            1
        } else if self.played.iter().all(|played| played.verdict.outcome == Outcome::Unsupported) {
            4
        } else {
            0
        }
    }

    /// Whether a case stands so.
    #[must_use]
    pub fn any(&self, standing: Standing) -> bool {
        self.played.iter().any(|played| played.standing == standing)
    }
}

/// What happens in a run, for whoever shows it.
pub trait Progress {
    /// The user should know this of the run.
    fn remark(&mut self, text: &str);
    /// A case begins.
    fn began(&mut self, case: &Case);
    /// A case has ended.
    fn ended(&mut self, played: &Played);
}

/// Nobody looks.
impl Progress for () {
    fn remark(&mut self, _: &str) {}
    fn began(&mut self, _: &Case) {}
    fn ended(&mut self, _: &Played) {}
}

/// The order in which cases begin, each with its place in the plan. Some families keep browsers busy, others wait for deadlines that
/// must pass, controls most of all: spread evenly among one another, those work while these wait. In a family those that may take
/// longest come first, so that the run does not wait for one of them at its end.
#[must_use]
pub fn order(cases: &[Case]) -> Vec<(usize, &Case)> {
    let family = |case: &Case| case.name.split('/').next().unwrap_or_default().to_owned();
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases {
        *sizes.entry(family(case)).or_default() += 1;
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut longest_first: Vec<(usize, &Case)> = cases.iter().enumerate().collect();
    longest_first.sort_by_key(|(_, case)| Reverse(case.scenario().timeout.0));
    let mut placed: Vec<(usize, (usize, &Case))> = longest_first
        .into_iter()
        .map(|(n, case)| {
            let family = family(case);
            let of = sizes.get(&family).copied().unwrap_or(1).max(1);
            let seen = seen.entry(family).or_default();
            let place = *seen * cases.len() / of;
            *seen += 1;
            (place, (n, case))
        })
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, case)| case).collect()
}

/// Plays the cases.
///
/// # Errors
/// The machine cannot be watched.
pub async fn run(
    setting: Arc<Setting>,
    cases: &[Case],
    options: RunOptions,
    progress: &mut (dyn Progress + Send),
) -> io::Result<Run> {
    let began = Instant::now();
    // One monitor for all cases, also if they are played one by one.
    let _watch = if options.time == Time::Virtual { None } else { Some(Watch::begin()?) };
    let admission = Admission::new(options.jobs)?;
    if let Some(remark) = admission.remark() {
        progress.remark(remark);
    }
    let todo = order(cases)
        .into_iter()
        .flat_map(|(n, case)| (1..=options.repeat.max(1)).map(move |attempt| (n, attempt, case)));
    let mut todo = todo.peekable();
    let mut running = FuturesUnordered::new();
    let mut played: Vec<((usize, u32), Played)> = Vec::new();
    let mut broken = Vec::new();
    let stopped = || *setting.stop.borrow();
    loop {
        let ended = tokio::select! {
            biased;
            Some(ended) = running.next(), if !running.is_empty() => ended,
            place = admission.place(), if !stopped() && todo.peek().is_some() => {
                // It may have been stopped meanwhile.
                let next = if stopped() { None } else { todo.next() };
                let Some((n, attempt, case)) = next else { continue };
                progress.began(case);
                let setting = Arc::clone(&setting);
                running.push(async move {
                    // A task of its own, so that a panic costs this case only.
                    let owned = case.clone();
                    let task = tokio::spawn(async move {
                        let _place = place;
                        play(setting, owned, attempt, options.time).await
                    });
                    ((n, attempt), case, task.await)
                });
                continue;
            }
            else => break,
        };
        match ended {
            (place, _, Ok(Ok(one))) => {
                progress.ended(&one);
                played.push((place, one));
            }
            (_, case, Ok(Err(error))) => broken.push((case.name.clone(), error.to_string())),
            (_, case, Err(error)) => broken.push((case.name.clone(), error.to_string())),
        }
    }
    let left = todo.count();
    played.sort_by_key(|(place, _)| *place);
    let played = played.into_iter().map(|(_, played)| played).collect();
    Ok(Run { played, broken, left, took: began.elapsed() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::implementation::Roster;
    use crate::run::{Filter, plan};
    use crate::scenario::Suite;

    #[test]
    fn families_are_spread_among_one_another_and_no_case_is_left_out() {
        let scenarios = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        let cases = plan(&Suite::load(&scenarios).unwrap(), &Roster::default(), &Filter::default());
        let order = order(&cases);
        let tail = &order[order.len() - order.len() / 4..];
        for family in ["controls", "network", "dtls", "media"] {
            let of = |part: &[(usize, &Case)]| {
                part.iter().filter(|(_, case)| case.name.split('/').next() == Some(family)).count()
            };
            assert!(of(tail) * 5 > of(&order) && of(tail) * 3 < of(&order), "{family}");
        }
        let mut places: Vec<usize> = order.iter().map(|(n, _)| *n).collect();
        places.sort_unstable();
        assert!(places.into_iter().eq(0..cases.len()));
    }
}
