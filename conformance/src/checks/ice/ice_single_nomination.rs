//! RFC 8445 §8.1.1: after a pair was nominated, no other pair of that component is nominated in the same session.

use super::nomination::nominated;
use super::roles::History;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "ice-single-nomination",
    layer: Layer::Nomination,
    subject: "nominations",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("the peer nominated no pair");
    let history = History::new(evidence, peer);
    let mut first = BTreeMap::new();
    for it in nominated(&history).into_iter().filter(|it| it.by == peer) {
        let place = Place::Frame(it.frame);
        match first.get(&it.generation) {
            None => {
                first.insert(it.generation, it.frame);
                tally.pass(place);
            }
            Some(before) => tally.fail(
                Fault("second-nomination"),
                format!("the pair of {} and {} is nominated after another", it.path.0, it.path.1),
                [place, Place::Frame(*before)],
            ),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, stun};

    /// Adds USE-CANDIDATE to an answered check of a second pair.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, stun::nominate_another);
}
