//! RFC 8827 §6.5: descriptions contain no keys (`a=crypto`, RFC 4568).

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sec-no-sdes-in-own-sdp",
    layer: Layer::Sdp,
    subject: "descriptions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        let sections = std::iter::once(made.sdp.session()).chain(made.sdp.media());
        let found = sections.flat_map(|section| section.named("crypto").collect::<Vec<_>>()).next();
        match found {
            None => tally.pass(Place::Entry(made.entry)),
            Some(it) => {
                tally.fail(
                    Fault("crypto"),
                    format!("the {} has a key in a=crypto", made.kind),
                    [look::line(made, it.line)],
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Puts a key into the audio section.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
        replace(&mut evidence.descriptions[0].sdp, "a=mid:0\r\n", &format!("a=mid:0\r\n{crypto}\r\n"));
    })
    .also_breaks(&["jsep-no-crypto-or-lite"]);
}
