//! The connectivity checks that reach a peer, and what becomes of them.

use super::nomination::{self, Generation, Path, generation, path};
use super::roles::{History, Says};
use crate::evidence::{Evidence, Peer};
use std::collections::{BTreeMap, BTreeSet};

/// A check of the other side's that reached a peer: authentic, and untouched by rules.
pub(super) struct Asked<'a> {
    pub(super) frame: u64,
    pub(super) t_us: u64,
    pub(super) path: Path,
    pub(super) generation: Generation<'a>,
    /// Whether it has USE-CANDIDATE, and no check of the peer's own of that pair has succeeded before.
    pub(super) nominates_early: bool,
    /// The frame and the time of the response.
    pub(super) answered: Option<(u64, u64)>,
    /// When a later check of the same pair and session was answered: then the peer was there.
    pub(super) there_us: Option<u64>,
}

/// Each of them once, in order: what is retransmitted counts as the first of it. None unless the peer's own tap was recorded.
pub(super) fn checks<'a>(evidence: &'a Evidence, history: &History<'a>) -> Vec<Asked<'a>> {
    let peer: Peer = history.peer;
    if !evidence.wire.as_ref().is_some_and(|wire| wire.is_tapped(peer)) {
        return Vec::new();
    }
    let passwords = evidence.credentials(peer);
    let own = nomination::succeeded(evidence, history);
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    for (at, stated) in history.stated.iter().enumerate() {
        let is_check = matches!(stated.says, Says::Claims(..)) && stated.packet.sender != peer;
        let Some(generation) = generation(stated).filter(|_| is_check) else { continue };
        let authentic = || {
            passwords.iter().any(|it| stated.message.integrity_matches(it.password.as_bytes()) == Some(true))
        };
        if evidence.is_faulted(stated.packet.frame) || !seen.insert(stated.transaction()) || !authentic() {
            continue;
        }
        let pair = (path(stated.packet), generation);
        let has_succeeded = own.get(&pair).is_some_and(|(_, t_us)| *t_us <= stated.packet.t_us);
        let answered = history.answers(at).next().map(|(_, it)| (it.packet.frame, it.packet.t_us));
        all.push(Asked {
            frame: stated.packet.frame,
            t_us: stated.packet.t_us,
            path: path(stated.packet),
            generation,
            nominates_early: nomination::nominates(stated) && !has_succeeded,
            answered,
            there_us: None,
        });
    }
    let mut later: BTreeMap<(Path, Generation<'_>), u64> = BTreeMap::new();
    for asked in all.iter_mut().rev() {
        let key = (asked.path, asked.generation);
        asked.there_us = later.get(&key).copied();
        if let Some((_, t_us)) = asked.answered {
            later.insert(key, t_us);
        }
    }
    all
}

/// Edits for the controls.
#[cfg(test)]
pub(super) mod edits {
    use super::super::nomination;
    use super::super::roles::History;
    use crate::checks::controls::stun;
    use crate::evidence::{Evidence, Peer};

    const USE_CANDIDATE: u16 = 0x0025;

    /// A check whose response a later one of the same pair follows by more than 600 ms: its frame, that of the response, and whether it
    /// nominates a pair of which no check of the peer's own has succeeded. Of whose pair: `nominated` before, or not.
    fn asked(evidence: &Evidence, of: Option<Peer>, nominated: Option<bool>) -> (u64, u64, bool) {
        let peers = evidence.each_peer().filter(|peer| of.is_none_or(|it| it == *peer));
        let found = peers.filter_map(|peer| {
            let history = History::new(evidence, peer);
            let all = nomination::nominated(evidence, &history);
            let asked = super::checks(evidence, &history).into_iter();
            let mut asked = asked.filter(|it| {
                let is = all.iter().any(|nomination| {
                    (nomination.path, nomination.generation) == (it.path, it.generation)
                        && nomination.t_us <= it.t_us
                });
                let later = it.there_us.is_some_and(|t_us| t_us > it.t_us + 600_000);
                later && nominated.is_none_or(|wanted| wanted == is)
            });
            asked.find_map(|it| Some((it.frame, it.answered?.0, it.nominates_early)))
        });
        found.into_iter().next().expect("no such response")
    }

    fn delete(evidence: &mut Evidence, frame: u64) {
        evidence.wire.as_mut().unwrap().packets.retain(|it| it.frame != frame);
    }

    /// Deletes such a response, as seen where it is sent.
    pub(in super::super) fn silence(evidence: &mut Evidence, of: Option<Peer>, nominated: Option<bool>) {
        let (_, response, _) = asked(evidence, of, nominated);
        delete(evidence, response);
    }

    /// The same of a pair that is not nominated, to a check that does not nominate it.
    pub(in super::super) fn silence_plain(evidence: &mut Evidence) {
        let (check, response, nominates) = asked(evidence, None, Some(false));
        if nominates {
            let is_other = |(kind, _): &(u16, Vec<u8>)| *kind != USE_CANDIDATE;
            stun::edit_where(evidence, |it| it.frame == check, |attributes| attributes.retain(is_other));
        }
        delete(evidence, response);
    }

    /// The same, to one that does.
    pub(in super::super) fn silence_nomination(evidence: &mut Evidence) {
        let (_, response, nominates) = asked(evidence, None, Some(false));
        assert!(nominates);
        delete(evidence, response);
    }

    /// Postpones it by two seconds.
    pub(in super::super) fn answer_late(evidence: &mut Evidence, of: Peer) {
        let (_, frame, _) = asked(evidence, Some(of), None);
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.iter_mut().filter(|it| it.frame == frame).for_each(|it| it.t_us += 2_000_000);
        packets.sort_by_key(|it| it.t_us);
    }
}
