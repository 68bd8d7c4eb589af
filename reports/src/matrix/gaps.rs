//! What was not played, and why.

use super::{Came, Matrix, Play};
use crate::case::CaseReport;
use peerproof_conformance::case::Role;

/// Why cases were not run.
#[derive(Debug, Clone, PartialEq)]
pub struct Lack<'a> {
    /// The reason, without the name that the scenario gives the peer and without ports.
    pub reason: String,
    /// The implementation that cannot; nobody in particular if absent.
    pub by: Option<usize>,
    /// The cases.
    pub plays: Vec<Play<'a>>,
}

/// The families in which a pair played nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unplayed<'a> {
    /// Who would have made the offer.
    pub offerer: usize,
    /// Who would have answered.
    pub answerer: usize,
    /// Families of which the runs hold no case of this pair.
    pub absent: Vec<&'a str>,
    /// Families whose cases are all unsupported, with their number.
    pub unsupported: Vec<(&'a str, usize)>,
}

impl<'a> Matrix<'a> {
    /// Why cases were not run, the most frequent reason first.
    #[must_use]
    pub fn lacks(&self) -> Vec<Lack<'a>> {
        let mut lacks: Vec<Lack<'a>> = Vec::new();
        for play in self.plays.iter().filter(|play| play.came == Came::Unsupported) {
            let (reason, role) = reason(play.case);
            let by = role.map(|role| if role == Role::Offerer { play.offerer } else { play.answerer });
            match lacks.iter_mut().find(|lack| lack.by == by && lack.reason == reason) {
                Some(lack) => lack.plays.push(*play),
                None => lacks.push(Lack { reason, by, plays: vec![*play] }),
            }
        }
        lacks.sort_by(|a, b| (b.plays.len(), a.by, &a.reason).cmp(&(a.plays.len(), b.by, &b.reason)));
        lacks
    }

    /// The pairs without a run case in some families: in which there is no case at all, and in which all are unsupported.
    #[must_use]
    pub fn unplayed(&self) -> Vec<Unplayed<'a>> {
        let mut all = Vec::new();
        for (offerer, answerer) in self.pairs() {
            let mut unplayed = Unplayed { offerer, answerer, absent: Vec::new(), unsupported: Vec::new() };
            for family in &self.families {
                let cell = self.cell(offerer, answerer, Some(family));
                if cell.is_empty() {
                    unplayed.absent.push(family);
                } else if cell.played() == 0 {
                    unplayed.unsupported.push((family, cell.unsupported));
                }
            }
            if !unplayed.absent.is_empty() || !unplayed.unsupported.is_empty() {
                all.push(unplayed);
            }
        }
        all
    }
}

/// Why a case is unsupported, in words that are the same for all cases of the kind, and the role of the peer that cannot.
fn reason(case: &CaseReport) -> (String, Option<Role>) {
    // A run of an earlier version has the sentence alone.
    let (side, reason) = match &case.missing {
        Some(missing) => (missing.peer.as_deref(), missing.reason.as_str()),
        None => (case.verdict.side.as_deref(), case.verdict.sentence.as_str()),
    };
    let peer = side.and_then(|side| case.peers.iter().find(|peer| peer.name == side));
    let words: Vec<String> = reason.split(' ').map(without_address).collect();
    (words.join(" "), peer.map(|peer| peer.role))
}

/// The URL of a server without its address, which differs from case to case.
fn without_address(word: &str) -> String {
    let scheme = ["stun", "stuns", "turn", "turns"]
        .into_iter()
        .find(|scheme| word.strip_prefix(scheme).is_some_and(|rest| rest.starts_with(':')));
    let Some(scheme) = scheme else { return word.to_owned() };
    let query = word.split_once('?').map_or(String::new(), |(_, query)| format!("?{query}"));
    format!("{scheme}:…{query}")
}
