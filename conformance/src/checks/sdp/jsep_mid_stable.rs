//! RFC 9429 §5.2.2: in a later offer a section that goes on has the MID that it had, from whichever side
//! the description before came. What an answer echoes is another requirement.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;

pub(super) const CHECK: Check = Check {
    id: "jsep-mid-stable",
    layer: Layer::Sdp,
    subject: "media sections that go on",
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
        let own = later.own().sdp.media();
        let others = later.others().received().media();
        for ((own, other), now) in own.zip(others).zip(later.made.sdp.media()) {
            let Some(was) = own.mid() else { continue };
            if look::has_port_zero(&own) && !own.has("bundle-only") || look::has_port_zero(&other) {
                // The place may have been given to another one.
                continue;
            }
            let place: Place = look::attribute(later.made, &now, "mid");
            tally.judge(Fault("mid-changed"), now.mid().as_ref() == Some(&was), place, || {
                format!(
                    "the section with the tag {was} is offered as {}",
                    now.mid().as_deref().unwrap_or("none")
                )
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace, sdp};

    /// Renames a section in the second offer, in the groups too, and the answer follows.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, sdp::renegotiate, |evidence| {
            for made in &mut evidence.descriptions[2..] {
                replace(&mut made.sdp, "a=group:BUNDLE 0 1", "a=group:BUNDLE 7 1");
                replace(&mut made.sdp, "a=mid:0", "a=mid:7");
            }
        });
}
