//! RFC 3264 §6.1, RFC 9429 §5.11: once an answer is applied, who may not send on a section sends no RTP for it.

use crate::checks::negotiated_state::{State, agreed, silent};
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "oa-direction-respected-on-wire",
    layer: Layer::Media,
    subject: "RTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let agreed = agreed(evidence, peer);
    let concerns = |state: &State| !state.sends && !state.is_rejected;
    if !agreed.iter().any(|it| it.sections.values().any(|state| state.is_directed)) {
        tally.not_applicable("all sections send and receive");
        return;
    }
    silent(
        Fault("sent-against-direction"),
        evidence,
        peer,
        &agreed,
        concerns,
        "on which the peer may not send",
        tally,
    );
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Has the side that only receives only send.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        // As if all had happened a second after the descriptions: that is what their sender has to stop.
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.iter_mut().for_each(|packet| packet.t_us += 1_000_000);
        evidence.timeline.iter_mut().for_each(|entry| entry.t_us += 1_000_000);
        replace(&mut evidence.descriptions[1].sdp, "a=recvonly", "a=sendonly");
    })
    .also_breaks(&["jsep-msid-in-sending-sections"]);
}
