//! RFC 9147 §5: in DTLS 1.3 nobody sends ChangeCipherSpec, and the server does not echo `legacy_session_id`.

use super::{OF_SEVERAL_VERSIONS, Share, records, with_version};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::Body;
use peerproof_captures::wire::dtls::record::{ContentType, Record};

pub(super) const CHECK: Check = Check {
    id: "dtls13-no-change-cipher-spec",
    layer: Layer::Dtls,
    subject: "records of DTLS 1.3",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    match with_version(evidence, peer, &[Version::Dtls13]) {
        Share::None => return tally.not_applicable("DTLS 1.3 was not negotiated"),
        Share::Some => return tally.inconclusive(OF_SEVERAL_VERSIONS, []),
        Share::All => {}
    }
    for (packet, record) in records(evidence, peer) {
        let changes =
            matches!(record, Ok(Record::Plain(plain)) if plain.kind.value == ContentType::ChangeCipherSpec);
        if !changes {
            tally.pass(Place::Frame(packet.frame));
        } else if !evidence.is_faulted(packet.frame) {
            tally.fail(
                Fault("change-cipher-spec"),
                "a record is of type ChangeCipherSpec",
                [Place::Frame(packet.frame)],
            );
        }
    }
    let handshakes = evidence.handshakes(peer);
    let bodies = handshakes.iter().flat_map(Handshake::bodies);
    for (message, body) in bodies.filter(|(message, _)| message.sender == peer) {
        let Body::ServerHello(hello) = body else { continue };
        let length = hello.session_id.value.len();
        tally.judge(Fault("session-id-echoed"), length == 0, Place::Frame(message.frame), || {
            format!("the server echoes a legacy_session_id of {length} bytes")
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    /// Sends ChangeCipherSpec behind the ServerHello.
    pub(super) const CONTROL: Control = Control::new(Recording::Conflict, |evidence| {
        dtls::append_record(evidence, dtls::SERVER_HELLO, &[20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1]);
    })
    .and(&[Mutation::new(Recording::Conflict, "echoes a legacy_session_id of 1 bytes", |evidence| {
        dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
            body[34] = 1;
            body.insert(35, 7);
            true
        });
    })]);
}
