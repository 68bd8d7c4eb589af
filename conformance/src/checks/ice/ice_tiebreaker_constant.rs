//! RFC 8445 §16.1: an agent has one tiebreaker in all checks of a session; a 487 gives it another (§7.2.5.1).

use super::roles::{History, Says};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "ice-tiebreaker-constant",
    layer: Layer::Checks,
    subject: "tiebreakers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let history = History::new(evidence, peer);
    // By the peer's username fragment: where its last check was, and what it said.
    let mut last: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for (at, stated) in history.stated.iter().enumerate().filter(|(_, stated)| stated.packet.sender == peer) {
        let (Says::Claims(_, now), Some((_, own))) = (stated.says, stated.ufrags()) else { continue };
        // One that comes again says what was true before.
        if !history.is_first(at) {
            continue;
        }
        let place = Place::Frame(stated.packet.frame);
        match last.insert(own, (at, now)) {
            Some((_, was)) if was != now && !history.conflicts(0..at) && !evidence.whole => {
                tally.inconclusive("a 487 may be missing in the capture", [place]);
            }
            Some((before, was)) if was != now && !history.conflicts(0..at) => tally.fail(
                Fault("tiebreaker-changed"),
                format!("the tiebreaker is {now:#018x}, and was {was:#018x} before, without a 487"),
                [place, Place::Frame(history.stated[before].packet.frame)],
            ),
            _ => tally.pass(place),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, stun};

    /// Changes the tiebreaker in one check, and signs it again.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        stun::edit_first_check(evidence, |attributes| {
            let (_, value) = attributes.iter_mut().find(|(kind, _)| [0x8029, 0x802a].contains(kind)).unwrap();
            value[0] ^= 1;
        });
    });
}
