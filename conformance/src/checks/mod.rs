//! One check for each requirement of the catalogue that is decided by looking: evidence in, findings out.
//!
//! A check is one file in the folder of its layer: the rule of the catalogue as a function that is called once for each
//! endpoint, and (for the tests) its control, the catalogue's mutation of a passing recording that must turn exactly this
//! check red. To add one, write a file that is named after the requirement and name it in its folder's `checks!`: the tests demand
//! the rest.

/// The checks of a folder, in the order in which they are run: one line declares a file's module and registers its check.
macro_rules! checks {
    ($($name:ident,)*) => {
        $(mod $name;)*

        pub(super) const CHECKS: &[super::Check] = &[$($name::CHECK),*];

        /// The files, in the same order.
        #[cfg(test)]
        pub(super) const SOURCES: &[&str] = &[$(include_str!(concat!(stringify!($name), ".rs"))),*];
    };
}

mod api;
mod codec;
mod dtls;
pub mod fault;
mod governs;
mod ice;
pub(crate) mod media;
mod negotiated_state;
pub(crate) mod rtcp;
mod rtp;
pub(crate) mod sctp;
pub(in crate::checks) mod sdp;
mod stun;
mod tally;
mod timing;
pub(crate) mod transports;
mod turn;

#[cfg(test)]
pub(crate) mod controls;

pub use crate::finding::{Finding, Status};
pub use crate::verdict::Place;
pub use codec::unrecognised;
pub use fault::Fault;
pub use tally::Tally;

use crate::catalogue::{Catalogue, Requirement};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

/// A check.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The requirement that it decides.
    pub id: &'static str,
    /// The layer of a session at which a breach shows.
    pub layer: Layer,
    /// What it looks at, in the plural: `answers`, `Binding requests`.
    pub subject: &'static str,
    /// The rule, for one endpoint.
    pub evaluate: fn(&Evidence, Peer, &mut Tally),
    /// What must turn it red.
    #[cfg(test)]
    pub(crate) control: controls::Control,
}

/// Why a requirement on the W3C API does not apply to an implementation that has another one.
const TRANSLATED: &str =
    "the peer does not claim `w3c-api`: its states and events are produced by an adapter";

const LAYERS: &[&[Check]] = &[
    sdp::CHECKS,
    turn::CHECKS,
    stun::CHECKS,
    ice::CHECKS,
    dtls::CHECKS,
    rtp::CHECKS,
    codec::CHECKS,
    rtcp::CHECKS,
    sctp::CHECKS,
    api::CHECKS,
];

/// The files of all checks, in their order.
#[cfg(test)]
fn sources() -> impl Iterator<Item = &'static str> {
    let layers = [
        sdp::SOURCES,
        turn::SOURCES,
        stun::SOURCES,
        ice::SOURCES,
        dtls::SOURCES,
        rtp::SOURCES,
        codec::SOURCES,
        rtcp::SOURCES,
        sctp::SOURCES,
        api::SOURCES,
    ];
    layers.into_iter().flatten().copied()
}

/// All checks, layer by layer.
pub fn all() -> impl Iterator<Item = &'static Check> {
    LAYERS.iter().copied().flatten()
}

/// The check of a requirement: its own, or one of a requirement that says the same.
#[must_use]
pub fn of(id: &str) -> Option<&'static Check> {
    let by_id = |id: &str| all().find(|check| check.id == id);
    by_id(id).or_else(|| Catalogue::get().same_as(id).iter().find_map(|other| by_id(other)))
}

/// Judges evidence by all checks: one finding for each check and endpoint, in the order of the checks.
#[must_use]
pub fn run(evidence: &Evidence) -> Vec<Finding> {
    all().flat_map(|check| check.run(evidence)).collect()
}

/// The findings of [`run`] without those that say that a requirement does not apply. `known` are findings with the known
/// deviations that cover them: they cover these too.
#[must_use]
pub fn applicable(evidence: &Evidence, known: &[Finding]) -> Vec<Finding> {
    let mut findings = run(evidence);
    findings.retain(|finding| finding.result != Status::NotApplicable);
    for finding in &mut findings {
        let same = |it: &&Finding| it.requirement == finding.requirement && it.endpoint == finding.endpoint;
        finding.waiver = known.iter().find(same).and_then(|it| it.waiver.clone());
    }
    findings
}

/// Every requirement of the catalogue, one line each: its id, and the check that decides it or `-`.
#[must_use]
pub fn coverage() -> String {
    let mut text = String::new();
    for Requirement { id, .. } in Catalogue::get().requirements() {
        let check = match of(id) {
            Some(check) if check.id == id => "check",
            Some(check) => check.id,
            None => "-",
        };
        text += &format!("{id} {check}\n");
    }
    text
}

/// A finding on a recording that is not whole: it accuses nobody.
fn undecided(finding: Finding) -> Finding {
    if !matches!(finding.result, Status::Fail | Status::Warn) {
        return finding;
    }
    let sentence = format!("the recording is incomplete; it shows: {}", finding.sentence);
    Finding { result: Status::Inconclusive, faults: Vec::new(), sentence, ..finding }
}

impl Check {
    /// Judges evidence by this check, endpoint by endpoint.
    #[must_use]
    pub fn run(&self, evidence: &Evidence) -> Vec<Finding> {
        let requirement = Catalogue::get().requirement(self.id);
        let absolute = requirement.is_none_or(|it| it.level.is_absolute());
        let excluded = requirement.and_then(|it| governs::excluded(evidence.recognised, it));
        let of_the_api = requirement.is_some_and(Requirement::judges_the_api);
        evidence
            .each_peer()
            .map(|peer| {
                let mut tally = Tally::default();
                if let Some(why) = excluded {
                    tally.not_applicable(why);
                } else if of_the_api && evidence.is_translated(peer) {
                    tally.not_applicable(TRANSLATED);
                } else {
                    (self.evaluate)(evidence, peer, &mut tally);
                }
                let finding = tally.finish(self, evidence.name(peer), absolute);
                if evidence.flaws.is_empty() { finding } else { undecided(finding) }
            })
            .collect()
    }

    /// Each violation and warning of this check, with its endpoint.
    #[cfg(test)]
    fn violations(&self, evidence: &Evidence) -> Vec<(Peer, tally::Violation)> {
        let mut all = Vec::new();
        for peer in evidence.each_peer() {
            let mut tally = Tally::default();
            (self.evaluate)(evidence, peer, &mut tally);
            all.extend(tally.violations.into_iter().map(|it| (peer, it)));
        }
        all
    }
}
