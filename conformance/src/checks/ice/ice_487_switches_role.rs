//! RFC 8445 §7.2.5.1: an agent whose check is answered 487 takes the other role, and checks the pair again.

use super::roles::{History, Role, Says, Stated};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "ice-487-switches-role",
    layer: Layer::Checks,
    subject: "checks after a 487",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long a check of the old role may be on its way out when the 487 comes in: between the tap and the agent lie queues.
const CROSSING_US: u64 = 100_000;

/// The most checks of a pair that may be under way at once: more are no agent's.
const MOST_CROSSING: usize = 100;

/// Within which the next check must come to decide anything.
const LONGEST_US: u64 = 10_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no check was answered 487");
    after_conflicts(evidence, peer, |place, after| match after {
        None => tally.inconclusive("no further check of the pair shows the role after the 487", [place]),
        Some(After { check, role, now, .. }) if now.0 == role.0 => tally.fail(
            Fault("same-role"),
            format!("the role is still {} after the 487", now.0.name()),
            [Place::Frame(check.packet.frame), place],
        ),
        Some(After { check, .. }) => tally.pass(Place::Frame(check.packet.frame)),
    });
}

/// What a 487 brought about: the next check of the pair, and the role and the tiebreaker of the one that it answers and of this.
pub(super) struct After<'a> {
    pub(super) check: Stated<'a>,
    pub(super) role: (Role, u64),
    pub(super) now: (Role, u64),
}

/// Reports each authentic 487 that a peer got for a check of its own, and what came after it, if anything.
pub(super) fn after_conflicts(
    evidence: &Evidence,
    peer: Peer,
    mut report: impl FnMut(Place, Option<After<'_>>),
) {
    let history = History::new(evidence, peer);
    let passwords = evidence.other(peer).map(|other| evidence.credentials(other)).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for (at, answer) in history.stated.iter().enumerate() {
        if answer.packet.sender == peer || answer.says != Says::Conflict {
            continue;
        }
        let asked = history.own_request(answer.transaction()).filter(|it| answer.answers(it));
        let Some((request, Says::Claims(role, tiebreaker))) = asked.map(|it| (it, it.says)) else { continue };
        let signed = |key: &[u8]| answer.message.integrity_matches(key) == Some(true);
        let authentic = passwords.is_empty() || passwords.iter().any(|it| signed(it.password.as_bytes()));
        if !authentic || evidence.is_faulted(answer.packet.frame) || !seen.insert(answer.transaction()) {
            continue;
        }
        let after = next(evidence, &history, at, request, role);
        let after = after.map(|(check, now)| After { check: *check, role: (role, tiebreaker), now });
        report(Place::Frame(answer.packet.frame), after);
    }
}

/// The check of the pair that shows what a 487 brought about, with its role and tiebreaker. None comes after something that may
/// have changed the new role in turn.
fn next<'a>(
    evidence: &Evidence,
    history: &'a History<'a>,
    at: usize,
    request: &'a Stated<'a>,
    role: Role,
) -> Option<(&'a Stated<'a>, (Role, u64))> {
    let came = history.stated.get(at)?.packet.t_us;
    for n in history.of_pair(request, at + 1).iter().take(MOST_CROSSING) {
        let it = history.stated.get(*n)?;
        let after = it.packet.t_us.saturating_sub(came);
        let Says::Claims(now, tiebreaker) = it.says else { continue };
        if after > LONGEST_US || history.claims(role.opposite(), at..*n) {
            return None;
        }
        // One of the old role shows nothing if it may have been under way.
        let late = Off::late(came, CROSSING_US, it.packet.t_us);
        if now != role || late.is_some_and(|off| off.doubt(evidence).is_none()) {
            return Some((it, (now, tiebreaker)));
        }
    }
    None
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, stun};
    use crate::evidence::Peer;

    const CONTROLLED: u16 = 0x8029;
    const CONTROLLING: u16 = 0x802a;
    const USE_CANDIDATE: u16 = 0x0025;
    const ALICE: Peer = Peer(0);

    /// Restores the old role in the checks after the 487.
    pub(super) const CONTROL: Control = Control::new(Recording::Conflict, |evidence| {
        let came = stun::conflict_reached(evidence, ALICE);
        stun::edit_checks_after(evidence, ALICE, came, |attributes| {
            attributes.iter_mut().find(|(kind, _)| *kind == CONTROLLED).unwrap().0 = CONTROLLING;
            attributes.push((USE_CANDIDATE, Vec::new()));
        });
    });
}
