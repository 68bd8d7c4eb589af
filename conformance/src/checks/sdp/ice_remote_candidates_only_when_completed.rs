//! RFC 8839 §4.4.2, §5.2: `a=remote-candidates` stands in an offer of a controlling agent whose checks have completed; so neither in a first
//! offer nor in an answer.

use super::look;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "ice-remote-candidates-only-when-completed",
    layer: Layer::Sdp,
    subject: "sections with a=remote-candidates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let first: BTreeSet<u64> =
        look::first_offers(evidence, peer).into_iter().map(|offer| offer.entry).collect();
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media() {
            let Some(line) = section.named("remote-candidates").next() else { continue };
            let place = look::line(made, line.line);
            if made.kind != SdpType::Offer {
                let sentence =
                    format!("the {} has a=remote-candidates, which only an offer may have", made.kind);
                tally.fail(Fault("in-answer"), sentence, [place]);
            } else {
                tally.judge(Fault("before-completion"), !first.contains(&made.entry), place, || {
                    "an offer before any answer has a=remote-candidates: no checks can have completed".into()
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, sdp};
    use crate::evidence::Evidence;
    use peerproof_captures::sdp::SessionDescription;

    const LINE: &str = "a=mid:0\r\na=remote-candidates:1 192.0.2.3 9\r\n";

    fn add(sdp: &mut SessionDescription) {
        replace(sdp, "a=mid:0\r\n", LINE);
    }

    /// As if alice, whose checks have completed, offered again.
    fn completed(evidence: &mut Evidence) {
        sdp::renegotiate(evidence);
        add(&mut evidence.descriptions[2].sdp);
    }

    /// Says so in her first offer.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, completed, |evidence| {
        add(&mut evidence.descriptions[0].sdp);
    })
    .and(&[Mutation::new(Recording::Descriptions, "which only an offer may have", |evidence| {
        add(&mut evidence.descriptions[1].sdp);
    })
    .prepared(completed)]);
}
