//! RFC 8866 §6.6 and §6.15, RFC 4585 §4.2: `a=rtpmap`, `a=fmtp` and `a=rtcp-fb` are of formats that the `m=` line lists.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Fmtp, RtcpFb, RtpMap, Section};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "sdp-attributes-of-listed-formats",
    layer: Layer::Sdp,
    subject: "media sections of RTP",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media().filter(|it| look::is_rtp(it) && !it.is_rejected()) {
            judge(made, &section, tally);
        }
    }
}

fn judge(made: &Description, section: &Section<'_>, tally: &mut Tally) {
    let Some(media) = look::media(section) else { return };
    let listed: BTreeSet<u8> = media.payload_types().collect();
    let maps = section.typed::<RtpMap>().filter_map(|it| Some((it.line, it.value.ok()?.payload_type)));
    let formats = section.typed::<Fmtp>().filter_map(|it| Some((it.line, it.value.ok()?.payload_type()?)));
    let feedback = section.typed::<RtcpFb>().filter_map(|it| Some((it.line, it.value.ok()?.payload_type?)));
    let named = maps.map(|it| ("rtpmap", it)).chain(formats.map(|it| ("fmtp", it)));
    let named = named.chain(feedback.map(|it| ("rtcp-fb", it)));
    let mut strays = named.filter(|(_, (_, payload_type))| !listed.contains(payload_type)).peekable();
    if strays.peek().is_none() {
        tally.pass(look::media_line(made, section));
    }
    for (name, (line, payload_type)) in strays {
        let place: Place = look::line(made, line);
        tally.fail(
            Fault("format-not-listed"),
            format!("a={name} is of payload type {payload_type}, which the m= line does not list"),
            [place],
        );
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Adds feedback for a payload type that is not there.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let offer = &mut evidence.descriptions[0].sdp;
        replace(offer, "a=rtpmap:111", "a=rtcp-fb:77 nack\r\na=rtpmap:111");
    });
}
