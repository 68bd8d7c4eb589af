//! RFC 6464 §3: the level of the audio is one byte.

use crate::checks::media::{extensions, headers};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtp::ExtensionKind;

pub(super) const CHECK: Check = Check {
    id: "hdrext-audio-level-format",
    layer: Layer::Media,
    subject: "audio levels",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let extensions = extensions(evidence, peer);
    for (packet, header) in headers(evidence, peer) {
        let levels =
            header.elements().filter(|it| extensions.of(packet).get(it.id) == ExtensionKind::AudioLevel);
        for level in levels {
            let length = level.value.value.len();
            tally.judge(Fault("other-length"), length == 1, Place::Frame(packet.frame), || {
                format!("the level of the audio has {length} bytes")
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace_all, rtp};
    use crate::evidence::{Evidence, Packet, Peer};

    /// No recording has it: what Firefox sends as the MID is taken for the level.
    fn map(evidence: &mut Evidence) {
        for made in &mut evidence.descriptions {
            let level = "a=extmap:3 urn:ietf:params:rtp-hdrext:ssrc-audio-level";
            replace_all(&mut made.sdp, "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid", level);
        }
    }

    /// Gives its identifier to an extension of three bytes.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Call, map, |evidence| {
        let three = |bytes: &[u8]| {
            let header = peerproof_captures::wire::rtp::view(bytes).ok()?.header;
            Some(header.elements().find(|it| it.value.value.len() == 3)?.header.start as usize)
        };
        let is =
            |it: &&mut Packet| rtp::is(it) && it.sender == Peer(0) && three(&it.clear[0].bytes).is_some();
        let bytes = rtp::packets(evidence).find(is).unwrap().clear[0].bytes.to_mut();
        let at = three(bytes).unwrap();
        bytes[at] = 0x32;
    });
}
