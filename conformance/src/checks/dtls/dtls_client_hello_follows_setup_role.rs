//! RFC 8842 §5.5, RFC 5763 §5: who took `active` is the DTLS client, and only it sends a ClientHello.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::handshake::HandshakeType;

pub(super) const CHECK: Check = Check {
    id: "dtls-client-hello-follows-setup-role",
    layer: Layer::Dtls,
    subject: "ClientHellos",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let handshake = evidence.handshake(peer);
    let hello =
        handshake.messages.iter().find(|it| it.sender == peer && it.kind() == HandshakeType::ClientHello);
    match (hello, client_by_setup(evidence)) {
        (Some(hello), Some((client, entry))) => {
            let places = [Place::Frame(hello.frame), Place::Entry(entry)];
            if client == peer {
                tally.pass(places[0]);
            } else {
                tally.fail(
                    Fault("client-hello-of-server"),
                    "the peer sent a ClientHello, although by a=setup the other one is the client",
                    places,
                );
            }
        }
        (Some(hello), None) => {
            tally.inconclusive("no answer with a=setup is in the recording", [Place::Frame(hello.frame)]);
        }
        (None, Some((client, entry)))
            if client == peer && !handshake.messages.is_empty() && !evidence.whole =>
        {
            tally.inconclusive("the ClientHello is not in the capture", [Place::Entry(entry)]);
        }
        (None, Some((client, entry))) if client == peer && !handshake.messages.is_empty() => {
            tally.fail(
                Fault("no-client-hello-of-client"),
                "by a=setup the peer is the client, but it sent no ClientHello",
                [Place::Entry(entry)],
            );
        }
        (None, _) => tally.not_applicable("the peer sent no ClientHello, and did not have to"),
    }
}

/// Who is the client by the first answer, and the entry of that answer.
fn client_by_setup(evidence: &Evidence) -> Option<(Peer, u64)> {
    let Exchange { offer, answer } = *evidence.exchanges().first()?;
    let setup = (0..answer.sdp.media().len()).find_map(|index| answer.sdp.effective_value(index, "setup"))?;
    let client = match setup {
        "active" => answer.by,
        "passive" => offer.by,
        _ => return None,
    };
    Some((client, answer.entry))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace_all};

    /// Swaps the role in the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        replace_all(&mut evidence.descriptions[1].sdp, "a=setup:active", "a=setup:passive");
    });
}
