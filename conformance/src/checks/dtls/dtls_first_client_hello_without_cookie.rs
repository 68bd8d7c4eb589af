//! RFC 6347 §4.2.1: "When sending the first ClientHello, the client does not have a cookie yet; in this case, the Cookie field is left empty (zero
//! length)"; RFC 9147 §5.3: "A DTLS 1.3-only client MUST set the legacy_cookie field to zero length".

use super::fragments;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls-first-client-hello-without-cookie",
    layer: Layer::Dtls,
    subject: "first ClientHellos",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, fragment) in fragments(evidence, peer) {
        if fragment.message_seq.value != 0 || !fragment.is_whole() || evidence.is_faulted(packet.frame) {
            continue;
        }
        let Ok(Body::ClientHello(hello)) = fragment.body(Version::Dtls12) else { continue };
        let length = hello.cookie.value.len();
        tally.judge(Fault("cookie"), length == 0, Place::Frame(packet.frame), || {
            format!("the first ClientHello has a cookie of {length} bytes")
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Puts a cookie into the ClientHello.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
            let at = 35 + usize::from(body[34]);
            body[at] = 4;
            body.splice(at + 1..at + 1, [1, 2, 3, 4]);
            true
        });
    });
}
