//! RFC 8832 §6: the DTLS client opens channels on even streams, the server on odd ones.

use super::data;
use crate::checks::dtls::of_all;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dcep::{self, Message};
use peerproof_captures::wire::sctp::PayloadProtocol;

pub(super) const CHECK: Check = Check {
    id: "dcep-stream-id-parity",
    layer: Layer::DataChannel,
    subject: "OPENs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let client = of_all(evidence, peer, Handshake::client);
    for piece in data(evidence, peer) {
        let open = piece.protocol == Some(PayloadProtocol::Dcep)
            && matches!(dcep::view(piece.data), Ok(Message::Open(_)));
        if piece.packet.sender != peer || !open {
            continue;
        }
        let (place, stream) = (Place::Frame(piece.packet.frame), piece.stream);
        match client {
            None => tally.inconclusive(
                "the ClientHello is not in the recording, or a later association has other roles",
                [place],
            ),
            Some(client) => {
                tally.judge(Fault("parity"), (stream % 2 == 0) == (client == peer), place, || {
                    let role = if client == peer { "client" } else { "server" };
                    format!("the DTLS {role} opened a channel on stream {stream}")
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};

    /// Moves the channel to the next stream, in both directions.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_data(evidence, |_, chunk| chunk[9] += 1);
    })
    .also_breaks(&["dc-remote-channel-announced-correctly"]);
}
