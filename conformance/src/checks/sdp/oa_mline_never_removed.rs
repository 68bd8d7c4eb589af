//! RFC 3264 §8: later offers have a place for every media section that was agreed on, and their answers then have it
//! too (§6).

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;

pub(super) const CHECK: Check = Check {
    id: "oa-mline-never-removed",
    layer: Layer::Sdp,
    subject: "later offers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if !look::is_one_connection(evidence, peer, tally) {
        return;
    }
    for later in look::later(evidence, peer) {
        if later.made.kind != SdpType::Offer {
            continue;
        }
        let (before, now) = (later.own().sdp.media().len(), later.made.sdp.media().len());
        tally.judge(Fault("fewer-sections"), now >= before, Place::Entry(later.made.entry), || {
            format!("an offer has {now} media sections after {before} were agreed on")
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace, sdp};
    use peerproof_captures::sdp::SessionDescription;

    /// Drops the last section of the second offer, and of its answer.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, sdp::renegotiate, |evidence| {
            for made in &mut evidence.descriptions[2..] {
                replace(&mut made.sdp, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0");
                let last = made.sdp.as_str().rfind("m=").unwrap();
                made.sdp = SessionDescription::parse(&made.sdp.as_str()[..last]);
            }
        });
}
