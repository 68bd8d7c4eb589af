//! RFC 7587 §7.1: who sends to one receiver does not send stereo where that receiver's `stereo` is 0, as it is by default (§6.1).

use crate::checks::media::{codecs, packets, payload};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, opus};

pub(super) const CHECK: Check = Check {
    id: "codec-opus-receiver-preferences-respected",
    layer: Layer::Media,
    subject: "packets of Opus",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let sections: Vec<_> = evidence.made_by(other).flat_map(|made| made.received().media()).collect();
    let codecs = codecs(evidence, peer);
    for (packet, rtp) in packets(evidence, peer) {
        let Some((Format::Opus, bytes)) = payload(codecs.of(packet), &rtp) else { continue };
        let Ok(read) = opus::view(bytes) else { continue };
        let place = Place::Frame(packet.frame);
        let payload_type = rtp.header.payload_type();
        let mut asked = sections.iter().filter(|section| section.rtpmap(payload_type).is_some()).peekable();
        if asked.peek().is_none() {
            tally.inconclusive("the receiver's description is not in the recording", [place]);
            continue;
        }
        // It may have been another before, or is another for another section.
        let wants = asked.any(|section| {
            section.fmtp(payload_type).is_some_and(|it| it.get("stereo").is_some_and(|it| it != "0"))
        });
        tally.judge(Fault("stereo"), wants || !read.is_stereo(), place, || {
            "Opus is sent in stereo to who does not ask for it".to_owned()
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtp};

    /// Sets the stereo bit of a packet.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        rtp::edit_payload_of(evidence, rtp::OPUS, |payload| payload[0] |= 4);
    });
}
