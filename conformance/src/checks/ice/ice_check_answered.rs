//! RFC 8445 §7.3: "An ICE agent (lite or full) MUST be prepared to receive Binding requests on the base of each candidate it included in its most
//! recent candidate exchange", and answers each that is authentic; RFC 8489 §6.3.1.

use super::asked;
use super::nomination;
use super::roles::History;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "ice-check-answered",
    layer: Layer::Checks,
    subject: "checks of the other side",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long the other side waits for a response at least, in microseconds (RFC 8445 §14.3).
const RTO_US: u64 = 500_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let described = evidence.made_by(other).next();
    let known_us = described.map_or(0, |made| evidence.applied(peer, made).from_us);
    let history = History::new(evidence, peer);
    let nominated = nomination::nominated(evidence, &history);
    for asked in asked::checks(evidence, &history) {
        // Those of a nominated pair are judged by `ice-nominated-pair-answered`.
        let is_nominated = |it: &nomination::Nominated<'_>| {
            (it.path, it.generation) == (asked.path, asked.generation) && it.t_us <= asked.t_us
        };
        // Those before the description of the other side by `ice-early-check-answered`.
        if asked.t_us < known_us || nominated.iter().any(is_nominated) {
            continue;
        }
        let place = Place::Frame(asked.frame);
        match (asked.answered, asked.there_us.and_then(|t_us| Off::late(asked.t_us, RTO_US, t_us))) {
            (Some((frame, _)), _) => tally.pass(Place::Frame(frame)),
            // What a candidate that was given up gets is not answered (§8.3.1).
            (None, Some(off)) if evidence.sees_all_sent_by(peer) => {
                if asked.nominates_early {
                    let text = "a check that nominates its pair is not answered, although a later one is";
                    tally.off(Fault("nomination-passed-over"), evidence, off, text, [place]);
                } else {
                    let text = "a check is not answered, although a later one of the same pair is";
                    tally.off(Fault("passed-over"), evidence, off, text, [place]);
                }
            }
            (None, _) => {
                tally.inconclusive("a check is not answered, nor any later one of its pair", [place]);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use super::super::asked::edits;
    use crate::checks::controls::{Control, Mutation, Recording};

    /// Deletes a response that a later one follows, at the tap of who sends it.
    pub(super) const CONTROL: Control =
        Control::new(Recording::Restart, edits::silence_plain).and(&[Mutation::new(
            Recording::Restart,
            "a check that nominates its pair",
            edits::silence_nomination,
        )]);
}
