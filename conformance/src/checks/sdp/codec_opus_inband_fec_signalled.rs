//! RFC 8854 §4.2: who can use the FEC within Opus says so by `useinbandfec=1` where it receives.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Fmtp, RtpMap};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "codec-opus-inband-fec-signalled",
    layer: Layer::Sdp,
    subject: "receiving sections with Opus",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media() {
            if section.is_rejected() || !section.direction().receives() {
                continue;
            }
            let fmtps = section.every::<Fmtp>().filter(|fmtp| fmtp.get("useinbandfec") == Some("1"));
            let with: BTreeSet<u8> = fmtps.filter_map(|fmtp| fmtp.payload_type()).collect();
            for map in section.typed::<RtpMap>() {
                let place: Place = look::line(made, map.line);
                let Some(map) = map.value.ok().filter(|map| map.is("opus")) else { continue };
                tally.judge(Fault("no-useinbandfec"), with.contains(&map.payload_type), place, || {
                    format!("Opus is received as {} without useinbandfec=1", map.payload_type)
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Takes it out of the offer.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "minptime=10;useinbandfec=1", "minptime=10");
    });
}
