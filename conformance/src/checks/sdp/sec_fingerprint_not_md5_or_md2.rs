//! RFC 8122 §5: no fingerprint is of MD5 or MD2.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sec-fingerprint-not-md5-or-md2",
    layer: Layer::Sdp,
    subject: "fingerprints",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in std::iter::once(made.sdp.session()).chain(made.sdp.media()) {
            for attribute in section.named("fingerprint") {
                let hash = attribute.value.and_then(|value| value.split(' ').next()).unwrap_or_default();
                let place: Place = look::line(made, attribute.line);
                let weak = ["md5", "md2"].iter().any(|it| hash.eq_ignore_ascii_case(it));
                tally.judge(Fault("weak-hash"), !weak, place, || format!("a fingerprint is of {hash}"));
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sdp};

    /// Gives one section a fingerprint of MD5 more.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let weak = "a=fingerprint:md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n";
        sdp::edit_section(&mut evidence.descriptions[0].sdp, 0, |section| format!("{section}{weak}"));
    })
    .also_breaks(&["jsep-same-fingerprints"]);
}
