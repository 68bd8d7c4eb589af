//! RFC 8445 §6.1.1: of two full agents the one that made the offer begins as the controlling one, the other as the controlled one.

use super::roles::{History, Role, Says};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "ice-initial-role",
    layer: Layer::Checks,
    subject: "first checks",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(first) = evidence.exchanges().into_iter().next() else { return };
    if evidence.descriptions.iter().any(Description::is_lite) {
        tally.not_applicable("an agent is lite");
        return;
    }
    // Who made an offer too, and rolled it back or not, may believe anything.
    if evidence.offers(first.answer.by).any(|offer| offer.entry < first.answer.entry) {
        tally.not_applicable("both peers made an offer");
        return;
    }
    let history = History::new(evidence, peer);
    let own = history.stated.iter().enumerate().find_map(|(at, stated)| match stated.says {
        Says::Claims(role, _) if stated.packet.sender == peer => Some((at, stated, role)),
        _ => None,
    });
    let Some((at, stated, role)) = own else { return };
    let expected = if first.offer.by == peer { Role::Controlling } else { Role::Controlled };
    let place = Place::Frame(stated.packet.frame);
    if history.claims(expected, 0..at) || history.conflicts(0..at) {
        tally.not_applicable("the other peer claimed the same role before");
    } else if !evidence.whole {
        tally.inconclusive("there may have been checks before the capture", [place]);
    } else {
        let side = if first.offer.by == peer { "offerer" } else { "answerer" };
        tally.judge(Fault("other-role"), role == expected, place, || {
            format!("the {side} begins as the {} agent, not as the {} one", role.name(), expected.name())
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, stun};

    /// Swaps the roles that both claim from the first check on.
    pub(super) const CONTROL: Control =
        Control::new(Recording::Restart, stun::swap_roles).also_breaks(&["ice-nominates-valid-pair"]);
}
