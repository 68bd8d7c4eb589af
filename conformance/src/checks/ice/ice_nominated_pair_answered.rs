//! RFC 8445 §8.1.2: "Once a candidate pair for a component of a data stream has been nominated, an agent MUST continue to respond to any Binding request it
//! might still receive for the nominated pair".

use super::asked;
use super::nomination;
use super::roles::History;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "ice-nominated-pair-answered",
    layer: Layer::Nomination,
    subject: "checks of a nominated pair",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long the other side waits for a response at least, in microseconds (RFC 8445 §14.3).
const RTO_US: u64 = 500_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let history = History::new(evidence, peer);
    let nominated = nomination::nominated(evidence, &history);
    for asked in asked::checks(evidence, &history) {
        let is_nominated = |it: &nomination::Nominated<'_>| {
            (it.path, it.generation) == (asked.path, asked.generation) && it.t_us <= asked.t_us
        };
        if !nominated.iter().any(is_nominated) {
            continue;
        }
        let place = Place::Frame(asked.frame);
        match (asked.answered, asked.there_us.and_then(|t_us| Off::late(asked.t_us, RTO_US, t_us))) {
            (Some((frame, _)), _) => tally.pass(Place::Frame(frame)),
            (None, Some(off)) if evidence.sees_all_sent_by(peer) => {
                let text = "a check of a nominated pair is not answered, although a later one is";
                tally.off(Fault("passed-over"), evidence, off, text, [place]);
            }
            (None, _) => {
                tally.inconclusive("a check of a nominated pair is not answered, nor any later one", [place]);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use super::super::asked::edits;
    use crate::checks::controls::{Control, Recording};

    /// Deletes a response after the nomination that a later one follows, at the tap of who sends it.
    pub(super) const CONTROL: Control =
        Control::new(Recording::Restart, |evidence| edits::silence(evidence, None, Some(true)));
}
