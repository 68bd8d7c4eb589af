//! RFC 7874 §3: Opus, PCMU, PCMA and telephone-event are offered, unless the application wants other codecs.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Codec;

pub(super) const CHECK: Check = Check {
    id: "codec-mandatory-audio-offered",
    layer: Layer::Sdp,
    subject: "offered audio sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if evidence.calls(peer).iter().any(|call| call.name == "setCodecPreferences") {
        tally.not_applicable("the application preferred codecs");
        return;
    }
    let mandatory = [("opus", 48000, 2), ("pcmu", 8000, 1), ("pcma", 8000, 1)];
    for offer in look::initial_offers(evidence, peer) {
        for section in offer.sdp.media() {
            if look::media(&section).is_none_or(|media| media.media != "audio") || section.is_rejected() {
                continue;
            }
            let codecs: Vec<Codec> = look::codecs(&section).into_iter().map(|(_, codec)| codec).collect();
            let is = |codec: &Codec, (name, clock, channels): (&str, u32, u32)| {
                codec.is(name) && codec.clock_rate == clock && codec.channels == channels
            };
            let missing = mandatory.iter().filter(|it| !codecs.iter().any(|codec| is(codec, **it)));
            let mut missing: Vec<&str> = missing.map(|(name, ..)| *name).collect();
            if !codecs.iter().any(|codec| codec.is("telephone-event")) {
                missing.push("telephone-event");
            }
            let place: Place = look::media_line(offer, &section);
            tally.judge(Fault("codec-missing"), missing.is_empty(), place, || {
                format!("audio is offered without {}", missing.join(", "))
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Offers no PCMA, and takes none.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        for made in &mut evidence.descriptions {
            replace(&mut made.sdp, " 9 0 8 13 ", " 9 0 13 ");
            replace(&mut made.sdp, "a=rtpmap:8 PCMA/8000\r\n", "");
        }
    });
}
