//! RFC 8445 §7.2.5.1: an agent that takes the other role because of a 487 takes another tiebreaker, too.

use super::ice_487_switches_role::{After, after_conflicts};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "ice-487-changes-tiebreaker",
    layer: Layer::Checks,
    subject: "checks of another role after a 487",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no role was changed by a 487");
    after_conflicts(evidence, peer, |place, after| match after {
        None => {
            tally.inconclusive("no further check of the pair shows the tiebreaker after the 487", [place]);
        }
        Some(After { role, now, .. }) if now.0 == role.0 => {}
        Some(After { check, role, now }) if now.1 == role.1 => tally.fail(
            Fault("same-tiebreaker"),
            format!("the role is {} after the 487, but the tiebreaker is still the same", now.0.name()),
            [Place::Frame(check.packet.frame), place],
        ),
        Some(After { check, .. }) => tally.pass(Place::Frame(check.packet.frame)),
    });
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, stun};
    use crate::evidence::{Evidence, Peer};

    const CONTROLLED: u16 = 0x8029;
    const ALICE: Peer = Peer(0);

    /// Restores the old tiebreaker. That the checks after the 487 have another had to be brought about: neither Chrome nor Firefox
    /// nor the `webrtc` crate changes it.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Conflict, flip, flip);

    fn flip(evidence: &mut Evidence) {
        let came = stun::conflict_reached(evidence, ALICE);
        stun::edit_checks_after(evidence, ALICE, came, |attributes| {
            attributes.iter_mut().find(|(kind, _)| *kind == CONTROLLED).unwrap().1[0] ^= 0xff;
        });
    }
}
