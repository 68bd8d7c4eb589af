//! RFC 9146 §3, RFC 9147 §4: protected records have the connection ID that their receiver asked for, and none where none was negotiated.

use super::associations::of_all;
use super::records;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::extension::{ExtensionType, Extensions};
use peerproof_captures::wire::dtls::handshake::Body;
use peerproof_captures::wire::dtls::record::{ContentType, Record, lacks_cid_length};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "dtls-cid-record-format",
    layer: Layer::Dtls,
    subject: "protected records",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let owed = of_all(evidence, peer, |handshake| owes_cid(handshake, peer));
    let mut begun: BTreeSet<u64> = BTreeSet::new();
    for (packet, record) in records(evidence, peer).filter(|(packet, _)| !evidence.is_faulted(packet.frame)) {
        let is_first = begun.insert(packet.frame);
        let has_cid = match record {
            Ok(Record::Plain(plain)) if plain.epoch.value == 0 => continue,
            Ok(Record::Plain(plain)) => plain.kind.value == ContentType::Tls12Cid,
            // Of several records in a datagram the later ones may leave it out.
            Ok(Record::Unified(unified)) => unified.cid.is_some() || (!is_first && owed == Some(true)),
            Err(stop) if lacks_cid_length(&stop) => true,
            Err(_) => continue,
        };
        let place = Place::Frame(packet.frame);
        match (owed, has_cid) {
            (None, _) => tally.inconclusive(
                "the hellos are not in the recording, or not all associations negotiated the same",
                [place],
            ),
            (Some(false), true) => tally.fail(
                Fault("not-negotiated"),
                "a record has a connection ID, and none was negotiated for its direction",
                [place],
            ),
            (Some(true), false) => tally.fail(
                Fault("missing"),
                "a protected record lacks the connection ID that was negotiated",
                [place],
            ),
            _ => tally.pass(place),
        }
    }
}

/// Whether what a peer protects has a connection ID: both hellos have the extension, and that of the other side is not empty.
fn owes_cid(handshake: &Handshake, peer: Peer) -> Option<bool> {
    let [(client, Body::ClientHello(asked)), (_, Body::ServerHello(answered))] = handshake.hellos()? else {
        return None;
    };
    let both = cid_length(asked.extensions).zip(cid_length(answered.extensions));
    Some(both.is_some_and(|(of_client, of_server)| {
        let others = if client.sender == peer { of_server } else { of_client };
        others > 0
    }))
}

/// The length of the connection ID in `connection_id`, which stands behind a byte with that length. It had another number in drafts.
fn cid_length(extensions: Option<Extensions<'_>>) -> Option<usize> {
    let mut all = extensions?.iter();
    let found = all.find(|it| {
        matches!(it.kind.value, ExtensionType::ConnectionId | ExtensionType::ConnectionIdDeprecated)
    })?;
    Some(found.data.value.len().saturating_sub(1))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    /// Gives the application data of both sides the type of records with connection IDs.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        dtls::edit_records(evidence, |_, record| dtls::is_record(record, 23, 1), |record| record[0] = 25);
    })
    .and(&[Mutation::new(Recording::Media, "lacks the connection ID", |evidence| {
        for hello in [dtls::CLIENT_HELLO, dtls::SERVER_HELLO] {
            dtls::edit_messages(evidence, hello, |body| {
                dtls::append_extension(body, &[0, 54, 0, 3, 2, 1, 2]);
                true
            });
        }
    })]);
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, dtls};
    use crate::evidence::Peer;

    /// What is found of each peer, if both hellos name connection IDs of these lengths.
    fn results(of_client: u8, of_server: u8) -> [Status; 2] {
        let mut evidence = Recording::Media.evidence();
        for (hello, length) in [(dtls::CLIENT_HELLO, of_client), (dtls::SERVER_HELLO, of_server)] {
            dtls::edit_messages(&mut evidence, hello, |body| {
                let mut extension = vec![0, 54, 0, length + 1, length];
                extension.resize(5 + usize::from(length), 7);
                dtls::append_extension(body, &extension);
                true
            });
        }
        let findings = CHECK.run(&evidence);
        let client = evidence.first_handshake(Peer(0)).client().unwrap();
        let of = |peer: Peer| findings.iter().find(|it| it.endpoint == evidence.name(peer)).unwrap().result;
        [of(client), of(evidence.other(client).unwrap())]
    }

    #[test]
    fn each_side_sends_what_the_other_asked_for() {
        assert_eq!(results(0, 0), [Status::Pass; 2]);
        assert_eq!(results(2, 0), [Status::Pass, Status::Fail]);
        assert_eq!(results(0, 2), [Status::Fail, Status::Pass]);
    }
}
