//! RFC 8422 §5.1.2: "If the Supported Point Formats Extension is indeed sent, it MUST contain the value 0 (uncompressed)"; §5.2 says so of the
//! server's.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType, PointFormat};
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls-ec-point-formats",
    layer: Layer::Dtls,
    subject: "lists of point formats",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
            let extensions = match body {
                Body::ClientHello(hello) => hello.extensions,
                Body::ServerHello(hello) => hello.extensions,
                _ => None,
            };
            let content = extensions.and_then(|all| all.content(ExtensionType::EcPointFormats));
            let Some(Content::PointFormats(formats)) = content else { continue };
            let has = formats.iter().any(|format| format == PointFormat::Uncompressed);
            tally.judge(Fault("no-uncompressed"), has, Place::Frame(message.frame), || {
                format!("the point formats of a {} are without uncompressed", message.kind())
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Makes uncompressed another format in the ClientHello.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
            let at = dtls::extension(body, 11).unwrap();
            body[at + 5] = 1;
            true
        });
    });
}
