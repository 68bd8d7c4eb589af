//! RFC 8827 §6.5: `SRTP_AES128_CM_HMAC_SHA1_80` is always among the offered profiles.

use super::{client_hello, use_srtp};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::extension::SrtpProfile;

pub(super) const CHECK: Check = Check {
    id: "dtls-client-offers-srtp-aes128-cm-sha1-80",
    layer: Layer::Dtls,
    subject: "offers of use_srtp",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        of_one(peer, &handshake, tally);
    }
}

fn of_one(peer: Peer, handshake: &Handshake, tally: &mut Tally) {
    let Some((message, hello)) = client_hello(handshake, peer) else { return };
    let Some(offered) = use_srtp(hello.extensions) else { return };
    let mandatory = offered.profiles.iter().any(|profile| profile == SrtpProfile::Aes128CmSha1_80);
    tally.judge(Fault("profile-missing"), mandatory, Place::Frame(message.frame), || {
        format!("{} is not offered, only {}", SrtpProfile::Aes128CmSha1_80, offered.profiles)
    });
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Puts another profile in the place of the mandatory one, once the server has not chosen that.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Media,
        |evidence| dtls::replace_profile(evidence, dtls::SERVER_HELLO, 1, 7),
        |evidence| dtls::replace_profile(evidence, dtls::CLIENT_HELLO, 1, 2),
    );
}
