//! RFC 7714 §12: "Any implementation of AES-GCM SRTP MUST support both AEAD_AES_128_GCM and AEAD_AES_256_GCM".

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType, SrtpProfile};
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "srtp-gcm-profiles-come-in-pairs",
    layer: Layer::Dtls,
    subject: "lists of SRTP profiles",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("the peer offers no AES-GCM for SRTP");
    for handshake in evidence.handshakes(peer) {
        for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
            let Body::ClientHello(hello) = body else { continue };
            let Some(Content::UseSrtp(offer)) = hello.extension(ExtensionType::UseSrtp) else { continue };
            let has = |profile: SrtpProfile| offer.profiles.iter().any(|it| it == profile);
            let both = [SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm].map(has);
            if both == [false; 2] {
                continue;
            }
            tally.judge(Fault("one-alone"), both == [true; 2], Place::Frame(message.frame), || {
                "the client offers one of the two AES-GCM profiles alone".to_owned()
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Makes AEAD_AES_256_GCM the same as another.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::replace_profile(evidence, dtls::CLIENT_HELLO, 8, 1);
    });
}
