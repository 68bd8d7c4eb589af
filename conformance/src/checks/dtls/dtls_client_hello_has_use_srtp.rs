//! RFC 9143 §11: the ClientHello of a client that supports DTLS-SRTP has `use_srtp` even if only data is negotiated, so that media can join
//! the transport later.

use super::{client_hello, use_srtp};
use crate::checks::sdp::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Section;

pub(super) const CHECK: Check = Check {
    id: "dtls-client-hello-has-use-srtp",
    layer: Layer::Dtls,
    subject: "ClientHellos",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        of_one(evidence, peer, &handshake, tally);
    }
}

fn of_one(evidence: &Evidence, peer: Peer, handshake: &Handshake, tally: &mut Tally) {
    let Some((message, hello)) = client_hello(handshake, peer) else { return };
    let place = Place::Frame(message.frame);
    let bundled = evidence.descriptions.iter().any(|made| made.sdp.groups().iter().any(|it| it.is_bundle()));
    match use_srtp(hello.extensions) {
        Some(offered) if !offered.profiles.is_empty() => tally.pass(place),
        Some(_) => tally.fail(Fault("no-profile"), "use_srtp of the ClientHello names no profile", [place]),
        // "If the DTLS client supports DTLS-SRTP": one that describes media does; of one that never did it is not known.
        None if bundled && !describes_media(evidence, peer) => {
            tally.inconclusive(
                "the ClientHello has no use_srtp, and nothing says that the client supports DTLS-SRTP",
                [place],
            );
        }
        None if bundled => {
            tally.fail(
                Fault("no-use-srtp"),
                "the ClientHello has no use_srtp: no media can join the bundled transport",
                [place],
            );
        }
        None => {
            tally.inconclusive(
                "the ClientHello has no use_srtp, and no description says what is bundled",
                [place],
            );
        }
    }
}

/// Whether a peer offers media, or takes what is offered.
fn describes_media(evidence: &Evidence, peer: Peer) -> bool {
    let is_media = |section: Section<'_>| look::is_rtp(&section) && !section.is_rejected();
    evidence.made_by(peer).any(|made| made.sdp.media().any(is_media))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    const USE_SRTP: u16 = 14;

    /// Takes `use_srtp` out of the ClientHello. The server has no answer to it, so that nothing else is wrong then.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Media,
        |evidence| dtls::remove_extension(evidence, dtls::SERVER_HELLO, USE_SRTP),
        |evidence| dtls::remove_extension(evidence, dtls::CLIENT_HELLO, USE_SRTP),
    )
    .and(&[Mutation::new(Recording::Media, "names no profile", |evidence| {
        dtls::remove_extension(evidence, dtls::CLIENT_HELLO, USE_SRTP);
        dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
            dtls::append_extension(body, &[0, 14, 0, 3, 0, 0, 0]);
            true
        });
    })
    .prepared(|evidence| dtls::remove_extension(evidence, dtls::SERVER_HELLO, USE_SRTP))
    .also_breaks(&["dtls-client-offers-srtp-aes128-cm-sha1-80"])]);
}
