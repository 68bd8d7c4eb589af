//! RFC 8839 §4.4.1.1.1 and §4.4.2.1: `a=ice-lite` changes only with an ICE restart.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "ice-lite-kept-without-restart",
    layer: Layer::Sdp,
    subject: "later descriptions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if !look::is_one_connection(evidence, peer, tally) {
        return;
    }
    for later in look::later(evidence, peer) {
        let (before, now) = (later.own(), later.made);
        // A new username fragment in every section is a restart.
        let keeps = !ufrags(before).is_disjoint(&ufrags(now));
        let place = Place::Entry(now.entry);
        tally.judge(
            Fault("changed-without-restart"),
            !keeps || before.is_lite() == now.is_lite(),
            place,
            || {
                let (was, is) = if now.is_lite() { ("full", "lite") } else { ("lite", "full") };
                format!("the {} makes the {was} agent a {is} one, and ICE is not restarted", now.kind)
            },
        );
    }
}

fn ufrags(made: &Description) -> BTreeSet<String> {
    made.credentials().into_iter().map(|it| it.ufrag).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace, sdp};

    /// Makes Bob a lite agent in a renegotiation that changes nothing else.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, sdp::renegotiate, |evidence| {
            let last = &mut evidence.descriptions.last_mut().unwrap().sdp;
            replace(last, "t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n");
        })
        .also_breaks(&["jsep-no-crypto-or-lite"]);
}
