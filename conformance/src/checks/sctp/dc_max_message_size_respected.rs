//! RFC 8841 §6.1: a message is not larger than the `a=max-message-size` of the other side allows; without one it is 65,536 bytes, and 0 is
//! no limit.

use super::pieces::{first_sent, messages};
use crate::checks::sdp::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::MaxMessageSize;

pub(super) const CHECK: Check = Check {
    id: "dc-max-message-size-respected",
    layer: Layer::DataChannel,
    subject: "messages",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// What may be sent to who does not say (RFC 8841 §6.1), in bytes.
const DEFAULT: u64 = 65_536;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let sections = evidence.made_by(other).flat_map(|made| made.received().media());
    let data = sections.filter(|section| look::media(section).is_some_and(|media| media.is_sctp()));
    let limits = data.map(|section| match section.first::<MaxMessageSize>() {
        Some(MaxMessageSize(0)) => u64::MAX,
        Some(MaxMessageSize(most)) => most,
        None => DEFAULT,
    });
    // It may have been another before.
    let Some(most) = limits.max() else { return };
    for message in messages(&first_sent(evidence, peer)) {
        let size = message.bytes().len() as u64;
        let place = Place::Frame(message.first.packet.frame);
        tally.judge(Fault("too-large"), size <= most, place, || {
            format!("a message of {size} bytes is sent to who takes {most}")
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Takes messages of five bytes.
    pub(super) const CONTROL: Control = Control::new(Recording::Negotiated, |evidence| {
        for made in &mut evidence.descriptions {
            replace(&mut made.sdp, "a=max-message-size:262144", "a=max-message-size:5");
        }
    });
}
