//! RFC 3264 §6: no RTP is sent for a section that the answer rejected.

use crate::checks::negotiated_state::{State, agreed, silent};
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "oa-rejected-section-no-media",
    layer: Layer::Media,
    subject: "RTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let agreed = agreed(evidence, peer);
    let concerns = |state: &State| state.is_rejected;
    if !agreed.iter().any(|it| it.sections.values().any(concerns)) {
        tally.not_applicable("no section was rejected");
        return;
    }
    silent(
        Fault("sent-for-rejected-section"),
        evidence,
        peer,
        &agreed,
        concerns,
        "which the answer rejected",
        tally,
    );
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtp};
    use crate::evidence::{Evidence, Peer};
    use peerproof_captures::sdp::SessionDescription;

    fn reject(evidence: &mut Evidence, kind: &str) {
        let sdp = &mut evidence.descriptions[1].sdp;
        assert!(sdp.as_str().contains(kind));
        *sdp = SessionDescription::parse(sdp.as_str().replacen(kind, &kind.replace('9', "0"), 1));
    }

    /// As if the audio had been rejected, and Chrome had sent nothing: nobody receives its payload types once its sections are
    /// rejected.
    fn prepare(evidence: &mut Evidence) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.iter_mut().for_each(|packet| packet.t_us += 1_000_000);
        packets.retain(|it| {
            let kept = it.sender == Peer(1) && rtp::is(it) && rtp::payload_type(it) == rtp::VP8;
            kept || !rtp::is(it)
        });
        reject(evidence, "m=audio 9 ");
    }

    /// Rejects the video.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Video, prepare, |evidence| {
        reject(evidence, "m=video 9 ");
    });
}
