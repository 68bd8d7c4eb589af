//! RFC 8445 §6.1.1, §9: an ICE restart leaves the roles as they are, whoever makes the new offer.

use super::roles::{History, Role, Says};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "ice-roles-kept-on-restart",
    layer: Layer::Checks,
    subject: "first checks after a restart",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no check of the peer was seen before and after a restart");
    let history = History::new(evidence, peer);
    let mut seen = BTreeSet::new();
    let mut last: Option<(usize, Role)> = None;
    for (at, stated) in history.stated.iter().enumerate().filter(|(_, stated)| stated.packet.sender == peer) {
        let (Says::Claims(role, _), Some((_, own))) = (stated.says, stated.ufrags()) else { continue };
        let is_first = seen.insert(own);
        let Some((before, was)) = last.replace((at, role)).filter(|_| is_first) else { continue };
        // A conflict in between changes roles, in whatever session.
        if history.claims(was, before..at) || history.conflicts(0..at) {
            continue;
        }
        let places = [Place::Frame(stated.packet.frame), Place::Frame(history.stated[before].packet.frame)];
        if role == was {
            tally.pass(places[0]);
        } else if !evidence.whole {
            tally.inconclusive("what changed the role may be missing in the capture", places);
        } else {
            tally.fail(
                Fault("role-changed"),
                format!("the agent is {} after the restart, and was {} before", role.name(), was.name()),
                places,
            );
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, stun};

    /// Swaps the roles that both claim after the restart.
    pub(super) const CONTROL: Control = Control::new(Recording::Restart, stun::swap_roles_after_restart)
        .also_breaks(&["ice-nominates-valid-pair"]);
}
