//! What shows a statement: cases that can be run, or the results of those that were.

use super::{CoverageArgs, FailedCase, PartState, ShownBy, ShownControl, ShownPart, ShownStatement};
use crate::run::Case;
use crate::scenario::model::Role;
use crate::scenario::statements::{Implementation, Part, Statement};
use crate::scenario::{ControlFile, Suite};
use peerproof_conformance::case::CaseFile;
use peerproof_conformance::catalogue::Catalogue;
use peerproof_conformance::checks::{Finding, Status};
use peerproof_conformance::verdict::Outcome;
use std::collections::BTreeMap;

/// The cases of a run by their names; several attempts of each.
pub struct Results(BTreeMap<String, Vec<CaseFile>>);

impl Results {
    /// Of these cases.
    #[must_use]
    pub fn of(cases: Vec<CaseFile>) -> Self {
        let mut all: BTreeMap<String, Vec<CaseFile>> = BTreeMap::new();
        for case in cases {
            all.entry(case.name.clone()).or_default().push(case);
        }
        Self(all)
    }

    fn attempts(&self, name: &str) -> &[CaseFile] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The cases of a scenario or control.
    fn of_scenario<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a CaseFile> {
        let of = move |case: &&CaseFile| case.name.rsplit_once('/').is_some_and(|(of, _)| of == name);
        self.0.values().flatten().filter(of)
    }
}

/// A statement of a suite, all of whose cases are given.
pub(super) fn statement(
    suite: &Suite,
    cases: &[Case],
    id: &str,
    statement: &Statement,
    args: &CoverageArgs,
    run: Option<&Results>,
) -> ShownStatement {
    let parts: Vec<ShownPart> = statement.shown.iter().map(|it| part(suite, cases, it, args, run)).collect();
    let whole = parts.iter().all(|part| {
        let fine = |by: &ShownBy| matches!(by.state, PartState::Shown | PartState::Excepted);
        // A run need not have the controls: tests run them.
        let red = |control: &ShownControl| control.held.is_none_or(|[_, not]| not == 0);
        // The stack is listed too, but does not have to be the subject everywhere.
        part.by.iter().filter(|by| by.peer != Implementation::Stack).all(fine)
            && !part.controls.is_empty()
            && part.controls.iter().all(red)
    });
    ShownStatement { id: id.to_owned(), says: statement.says.clone(), whole, parts }
}

fn part(suite: &Suite, cases: &[Case], part: &Part, args: &CoverageArgs, run: Option<&Results>) -> ShownPart {
    let scenarios: Vec<String> = part.scenarios(suite).map(|file| file.name.clone()).collect();
    let meant: Vec<&Case> = cases.iter().filter(|case| scenarios.contains(&case.file.name)).collect();
    let mut by = Vec::new();
    for peer in [Implementation::Chrome, Implementation::Firefox, Implementation::Stack] {
        for role in [Role::Offerer, Role::Answerer] {
            let asked = args.peer.is_empty() || args.peer.iter().any(|it| Implementation::from(*it) == peer);
            if asked && args.role.is_none_or(|it| Role::from(it) == role) {
                by.push(shown_by(&meant, part, peer, role, run));
            }
        }
    }
    let mutations = part.requirements.iter().map(|id| mutation(id));
    let controls = part.controls(suite).map(|it| control(it, run)).chain(mutations).collect();
    ShownPart { what: part.what.clone(), scenarios, requirements: part.requirements.clone(), by, controls }
}

fn shown_by(
    cases: &[&Case],
    part: &Part,
    peer: Implementation,
    role: Role,
    run: Option<&Results>,
) -> ShownBy {
    // The stack shows it with any other peer; a browser with the stack, unless the stack cannot.
    let alone =
        peer == Implementation::Stack || part.lacks.iter().any(|it| it.peer == Some(Implementation::Stack));
    let (mut names, mut with, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for case in cases {
        let own = case.file.scenario.peers.iter().find(|(_, spec)| spec.role == role);
        let Some((own, _)) = own else { continue };
        let other = case.pair.iter().find(|(name, _)| *name != own).map_or("", |(_, it)| it.name());
        let plays = case.pair.get(own).is_some_and(|it| it.name() == peer.as_str());
        if !plays
            || !part.shown_at(&case.file.name, role)
            || !(alone || other == Implementation::Stack.as_str())
        {
            continue;
        }
        let attempts = run.map(|run| run.attempts(&case.name));
        let short =
            attempts.map(|all| all.iter().map(|case| (case, shortfall(case, part, own))).collect::<Vec<_>>());
        if short.as_ref().is_none_or(|all| all.iter().any(|(_, short)| short.is_none())) {
            names.push(case.name.clone());
            if !with.iter().any(|it| it == other) {
                with.push(other.to_owned());
            }
        } else if let Some((played, Some(short))) = short.into_iter().flatten().last()
            && let Some(verdict) = &played.verdict
        {
            let Shortfall { requirement, known } = short;
            failed.push(FailedCase { case: case.name.clone(), verdict: verdict.outcome, requirement, known });
        }
    }
    let why = part.lack(peer, role).map(str::to_owned);
    let state = match (names.is_empty(), &why) {
        (false, None) => PartState::Shown,
        (true, Some(_)) => PartState::Excepted,
        (true, None) => PartState::Missing,
        (false, Some(_)) => PartState::Stale,
    };
    ShownBy { peer, role, state, with, cases: names, failed, why }
}

/// Why a case that was run does not show a part at a peer; nothing if it does.
fn shortfall(case: &CaseFile, part: &Part, own: &str) -> Option<Shortfall> {
    if part.requirements.is_empty() {
        let outcome = case.verdict.as_ref().map(|verdict| verdict.outcome);
        let known = case.waiver.is_some();
        return (outcome != Some(Outcome::Pass)).then_some(Shortfall { requirement: None, known });
    }
    part.requirements.iter().find_map(|id| {
        let about = case.findings.iter().filter(|it| it.requirement == *id);
        let (own, other): (Vec<&Finding>, Vec<&Finding>) = about.partition(|it| it.endpoint == own);
        // A requirement of one side of a handshake is decided at that side alone.
        let decide = if own.is_empty() { other } else { own };
        let short: Vec<&Finding> = decide.iter().copied().filter(|it| it.result != Status::Pass).collect();
        let known = !short.is_empty() && short.iter().all(|it| it.waiver.is_some());
        (decide.is_empty() || !short.is_empty()).then(|| Shortfall { requirement: Some(id.clone()), known })
    })
}

/// Why a case does not show a part.
struct Shortfall {
    /// The requirement that did not pass.
    requirement: Option<String>,
    /// Whether a known deviation covers that.
    known: bool,
}

fn control(control: &ControlFile, run: Option<&Results>) -> ShownControl {
    let expect = &control.control.expect;
    let held = run.and_then(|run| {
        // By what was expected when it was run.
        let is = |case: &CaseFile| Some(case.expect.verdict.as_ref()?.matches(case.verdict.as_ref()?));
        let all: Vec<bool> = run.of_scenario(&control.file.name).filter_map(is).collect();
        let red = all.iter().filter(|held| **held).count();
        (!all.is_empty()).then_some([red, all.len() - red])
    });
    ShownControl {
        name: control.file.name.clone(),
        breaks: control.control.title.clone(),
        verdict: expect.verdict,
        layer: expect.layer,
        side: expect.side.clone(),
        held,
    }
}

/// The mutation of a recording that must turn the check of a requirement red.
fn mutation(id: &str) -> ShownControl {
    let breaks = Catalogue::get().requirements().find(|it| it.id == id).map(|it| it.mutation.clone());
    ShownControl {
        name: id.to_owned(),
        breaks: breaks.unwrap_or_default(),
        verdict: Outcome::Fail,
        layer: None,
        side: None,
        held: None,
    }
}
