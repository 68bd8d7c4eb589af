//! RFC 8445 §9: after a restart checks bear the new username fragments; those of before serve only to keep the pair that is in use,
//! until another is nominated.

use super::nomination::{Path, generation, nominated, path};
use super::roles::{History, Says};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "ice-restart-checks-use-new-credentials",
    layer: Layer::Checks,
    subject: "checks after a restart",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// What is on its way out when both descriptions are applied, or a pair is nominated, may still carry the old ones, in microseconds: a
/// choice of ours. The call gives its result before the agent's own thread has taken them over.
const GRACE_US: u64 = 500_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no restart in the recording");
    let sessions = Sessions::of(evidence, peer);
    if sessions.since_us.len() < 2 {
        return;
    }
    let history = History::new(evidence, peer);
    let nominated = nominated(evidence, &history);
    // The first session in which each pair was nominated, and by when each session had a nomination.
    let mut used: BTreeMap<Path, usize> = BTreeMap::new();
    let mut first: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for it in &nominated {
        let Some(session) = sessions.of_pair(it.generation) else { continue };
        let since = used.entry(it.path).or_insert(session);
        *since = session.min(*since);
        first.entry(session).or_insert((it.t_us, it.frame));
    }
    for stated in history.stated.iter().filter(|stated| stated.packet.sender == peer) {
        let (Says::Claims(..), Some(pair)) = (stated.says, generation(stated)) else { continue };
        let Some(own) = sessions.of_pair(pair) else { continue };
        let t_us = stated.packet.t_us;
        let Some((now, since_us)) = sessions.at(t_us.saturating_sub(GRACE_US)) else { continue };
        let place = Place::Frame(stated.packet.frame);
        if own >= now {
            if own > 0 {
                tally.pass(place);
            }
            continue;
        }
        let late = |since_us: u64| Off::late(since_us, GRACE_US, t_us);
        let replaced = first.range(now..).find_map(|(_, (since_us, frame))| Some((late(*since_us)?, *frame)));
        if used.get(&path(stated.packet)).is_none_or(|session| *session >= now) {
            let Some(off) = late(since_us) else { continue };
            let text = format!(
                "a check from {} to {}, which is not in use, has the username fragments of before the restart",
                stated.packet.from, stated.packet.to
            );
            tally.off(Fault("other-pair-checked"), evidence, off, text, [place]);
        } else if let Some((off, frame)) = replaced {
            let text =
                "a check has the username fragments of before the restart when a new pair is nominated";
            tally.off(
                Fault("old-credentials-at-nomination"),
                evidence,
                off,
                text,
                [place, Place::Frame(frame)],
            );
        }
    }
}

/// The sessions, distinguished by their username fragments: a restart begins another one.
struct Sessions {
    of: BTreeMap<String, usize>,
    /// When the peer had applied both descriptions of each.
    since_us: Vec<u64>,
}

impl Sessions {
    fn of(evidence: &Evidence, peer: Peer) -> Self {
        let (mut of, mut since_us): (BTreeMap<String, usize>, Vec<u64>) = (BTreeMap::new(), Vec::new());
        for exchange in evidence.exchanges() {
            let both = [exchange.offer, exchange.answer].map(|it| it.credentials());
            let fresh: Vec<String> = both
                .into_iter()
                .flatten()
                .map(|it| it.ufrag)
                .filter(|ufrag| !of.contains_key(ufrag))
                .collect();
            if fresh.is_empty() {
                continue;
            }
            of.extend(fresh.into_iter().map(|ufrag| (ufrag, since_us.len())));
            since_us.push(evidence.applied(peer, exchange.answer).by_us);
        }
        Self { of, since_us }
    }

    fn of_pair(&self, (one, other): (&str, &str)) -> Option<usize> {
        Some(*self.of.get(one)?.max(self.of.get(other)?))
    }

    /// Which is the last that has begun at a moment, and when it had; the first has always.
    fn at(&self, t_us: u64) -> Option<(usize, u64)> {
        let now = self.since_us.partition_point(|since| *since <= t_us).saturating_sub(1);
        Some((now, *self.since_us.get(now)?))
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, stun};

    /// Has the last check of the new session bear the username fragments of before, signed with the password of before.
    pub(super) const CONTROL: Control = Control::new(Recording::Restart, stun::check_as_before_restart);
}
