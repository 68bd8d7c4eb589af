//! RFC 8445 §6.1.1: "One agent full, one lite: The full agent MUST take the controlling role, and the lite agent MUST take the controlled role."

use super::Lite;
use super::roles::{History, Role, Says};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "ice-lite-peer-full-controls",
    layer: Layer::Checks,
    subject: "checks towards a lite agent",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no full agent meets a lite one");
    let Some(other) = evidence.other(peer) else { return };
    let theirs = Lite::of(evidence.made_by(other).map(received_lite));
    if evidence.made_by(peer).any(Description::is_lite) || theirs == Lite::Never {
        return;
    }
    if theirs == Lite::Sometimes {
        tally.inconclusive("not all descriptions of the other agent are of a lite one", []);
        return;
    }
    let history = History::new(evidence, peer);
    for stated in history.stated.iter().filter(|it| it.packet.sender == peer) {
        let Says::Claims(role, _) = stated.says else { continue };
        tally.judge(
            Fault("controlled"),
            role == Role::Controlling,
            Place::Frame(stated.packet.frame),
            || format!("a full agent claims to be {} towards a lite one", role.name()),
        );
    }
}

/// Whether a description is of a lite agent for who got it.
fn received_lite(made: &Description) -> bool {
    made.received().session().has("ice-lite")
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, stun};
    use crate::evidence::{Evidence, Packet, Peer};
    use peerproof_captures::sdp::SessionDescription;

    /// As if the controlled agent were lite: without checks of its own, and their answers.
    fn lite(evidence: &mut Evidence) {
        let bob = Peer(1);
        for made in evidence.descriptions.iter_mut().filter(|it| it.by == bob) {
            let text = made.sdp.as_str().replacen("\r\nt=0 0\r\n", "\r\nt=0 0\r\na=ice-lite\r\n", 1);
            made.sdp = SessionDescription::parse(text);
        }
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let goes = |it: &Packet| match it.bytes[0] {
            0 => it.sender == bob,
            1 => it.sender != bob,
            _ => false,
        };
        packets.retain(|it| !goes(it));
    }

    /// Has the full agent be controlled.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Data, lite, |evidence| {
        stun::edit_first_check(evidence, stun::swap_role);
    })
    .also_breaks(&["ice-check-role-attribute"]);
}
