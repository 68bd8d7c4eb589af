//! RFC 8445 §7.1.2: only the controlling agent sends USE-CANDIDATE.

use super::{checks, has};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::AttributeType;

pub(super) const CHECK: Check = Check {
    id: "ice-controlled-no-use-candidate",
    layer: Layer::Nomination,
    subject: "connectivity checks of a controlled agent",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, message) in checks(evidence, peer) {
        if has(&message, AttributeType::IceControlled) {
            let nominates = has(&message, AttributeType::UseCandidate);
            tally.judge(Fault("controlled-nominates"), !nominates, Place::Frame(packet.frame), || {
                "a connectivity check has both ICE-CONTROLLED and USE-CANDIDATE".to_owned()
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, stun};

    /// Nominates with a check of the controlled agent.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        stun::edit_check(
            evidence,
            |attributes| attributes.iter().any(|(kind, _)| *kind == 0x8029),
            |attributes| {
                attributes.insert(0, (0x0025, Vec::new()));
            },
        );
    });
}
