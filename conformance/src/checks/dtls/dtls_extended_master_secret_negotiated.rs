//! RFC 7627 §5.2, §5.3: a client sends extended_master_secret, and a server that knows it echoes it.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::extension::{ExtensionType, Extensions};
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls-extended-master-secret-negotiated",
    layer: Layer::Dtls,
    subject: "hellos of DTLS 1.2",
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
    let Some([(client, Body::ClientHello(asks)), (server, Body::ServerHello(answers))]) = handshake.hellos()
    else {
        return;
    };
    if handshake.version != Some(Version::Dtls12) {
        tally.not_applicable("the handshake is not of DTLS 1.2");
        return;
    }
    let has = |extensions: Option<Extensions<'_>>| {
        extensions.is_some_and(|it| it.find(ExtensionType::ExtendedMasterSecret).is_some())
    };
    let (asked, answered) = (has(asks.extensions), has(answers.extensions));
    // Who does not know the extension owes nothing (§5.2): one handshake cannot show it.
    if client.sender == peer {
        let place = Place::Frame(client.frame);
        if asked {
            tally.pass(place);
        } else {
            tally.warn(Fault("not-offered"), "the ClientHello has no extended_master_secret", [place]);
        }
    } else if server.sender == peer && asked {
        let place = Place::Frame(server.frame);
        if answered {
            tally.pass(place);
        } else {
            tally.warn(
                Fault("not-echoed"),
                "the ServerHello does not echo the extended_master_secret of the client",
                [place],
            );
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    /// Takes the extension out of the ServerHello.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::remove_extension(evidence, dtls::SERVER_HELLO, 23);
    })
    .and(&[Mutation::new(Recording::Media, "the ClientHello has no", |evidence| {
        dtls::remove_extension(evidence, dtls::CLIENT_HELLO, 23);
    })
    .prepared(|evidence| dtls::remove_extension(evidence, dtls::SERVER_HELLO, 23))]);
}
