//! RFC 8445 §7.3: "the initiating agent will receive a Binding request prior to receiving the candidates from its peer. If this happens, the agent
//! MUST immediately generate a response".

use super::asked;
use super::roles::History;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "ice-early-check-answered",
    layer: Layer::Checks,
    subject: "checks that came before the description of the other side",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Within which a response comes that comes immediately, in microseconds: the catalogue's choice.
const WITHIN_US: u64 = 500_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let Some(described) = evidence.made_by(other).next() else { return };
    let known_us = evidence.applied(peer, described).from_us;
    let history = History::new(evidence, peer);
    for asked in asked::checks(evidence, &history).iter().filter(|it| it.t_us < known_us) {
        let place = Place::Frame(asked.frame);
        match asked.answered {
            Some((frame, t_us)) => match Off::late(asked.t_us, WITHIN_US, t_us) {
                None => tally.pass(Place::Frame(frame)),
                Some(off) => {
                    let late = off.ms() + WITHIN_US / 1_000;
                    let text = format!("a check before the description is answered only after {late} ms");
                    tally.off(Fault("answered-late"), evidence, off, text, [place, Place::Frame(frame)]);
                }
            },
            None => match asked.there_us.and_then(|t_us| Off::late(asked.t_us, WITHIN_US, t_us)) {
                Some(off) if evidence.sees_all_sent_by(peer) => {
                    let text = "a check before the description is not answered, although a later one is";
                    tally.off(Fault("not-answered"), evidence, off, text, [place]);
                }
                _ => tally.inconclusive("no check of the pair is answered in the recording", [place]),
            },
        }
    }
}

#[cfg(test)]
mod control {
    use super::super::asked::edits;
    use crate::checks::controls::{Control, Mutation, Recording};
    use crate::evidence::{Evidence, Peer};
    use peerproof_captures::timeline::What;

    const ALICE: Peer = Peer(0);

    /// Has Alice apply the answer after everything else.
    fn know_late(evidence: &mut Evidence) {
        let end = evidence.wire.as_ref().unwrap().packets.iter().map(|it| it.t_us).max().unwrap();
        for entry in &mut evidence.timeline {
            let applies = match &entry.what {
                What::Command { peer, name, .. } => peer == "alice" && name == "setRemoteDescription",
                _ => false,
            };
            if applies {
                entry.t_us = end + 1_000;
            }
        }
    }

    /// Deletes a response.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Restart, know_late, |evidence| {
        edits::silence(evidence, Some(ALICE), None);
    })
    .also_breaks(&["ice-nominated-pair-answered"])
    .and(&[Mutation::new(Recording::Restart, "is answered only after", |evidence| {
        edits::answer_late(evidence, ALICE);
    })
    .prepared(know_late)]);
}
