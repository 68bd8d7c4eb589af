//! RFC 8842 §5.5, RFC 5763 §5: who took `active` is the DTLS client, and only it sends a ClientHello.

use crate::checks::transports::{Indices, Transports};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Handshake, Peer};
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
    let handshake = evidence.first_handshake(peer);
    let hello =
        handshake.messages.iter().find(|it| it.sender == peer && it.kind() == HandshakeType::ClientHello);
    let others = evidence.other(peer).and_then(|other| client_by_setup(evidence, other));
    match (hello, client_by_setup(evidence, peer)) {
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
        // The answer was changed on the way: the other side may have begun, and one handshake is enough.
        (None, Some((client, entry)))
            if client == peer
                && !handshake.messages.is_empty()
                && others.is_some_and(|(others, _)| others != client) =>
        {
            tally.inconclusive("the answer gives each peer another role", [Place::Entry(entry)]);
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
    for handshake in evidence.handshakes(peer).iter().skip(1).filter(|it| it.client() == Some(peer)) {
        later(evidence, peer, handshake, tally);
    }
}

/// Judges the ClientHello of a later association. The answer by which the association is a new one is among all (RFC 8842 §5.5); which it is
/// nobody says.
fn later(evidence: &Evidence, peer: Peer, handshake: &Handshake, tally: &mut Tally) {
    let Some(hello) = handshake.messages.first() else { return };
    let place = Place::Frame(hello.frame);
    let exchanges = evidence.exchanges();
    let among = Transports::of(evidence).of_all(evidence);
    let before = exchanges.iter().filter(|it| it.answer.t_us <= hello.t_us);
    let seen_by_each = |exchange: &Exchange<'_>| {
        evidence.each_peer().flat_map(|by| clients_of(exchange, by, among.as_ref())).collect()
    };
    let answers: Vec<Vec<Peer>> = exchanges.iter().map(seen_by_each).collect();
    if before.flat_map(|exchange| clients_of(exchange, peer, among.as_ref())).any(|client| client == peer) {
        tally.pass(place);
    } else if evidence.whole
        && !answers.is_empty()
        && answers.iter().all(|clients| !clients.is_empty() && !clients.contains(&peer))
    {
        tally.fail(
            Fault("later-client-hello-of-server"),
            "the peer sent a later ClientHello, although by a=setup of each answer the other one is the client",
            [Some(place), exchanges.last().map(|it| Place::Entry(it.answer.entry))].into_iter().flatten(),
        );
    } else {
        tally.inconclusive("no answer before a later ClientHello of the peer makes it the client", [place]);
    }
}

/// Who is the client of each section by an exchange, as a peer has it.
fn clients_of(exchange: &Exchange<'_>, peer: Peer, among: Option<&Indices>) -> Vec<Peer> {
    let Exchange { offer, answer } = *exchange;
    let setups = setups(exchange, peer, among);
    let client = |setup| match setup {
        "active" => Some(answer.by),
        "passive" => Some(offer.by),
        _ => None,
    };
    setups.filter_map(client).collect()
}

/// What the answer says of each section of the transport, as a peer has it.
fn setups<'a>(exchange: &Exchange<'a>, peer: Peer, among: Option<&Indices>) -> impl Iterator<Item = &'a str> {
    let answer = exchange.answer;
    let sdp = if answer.by == peer { &answer.sdp } else { answer.received() };
    let indices = (0..sdp.media().len()).filter(move |index| among.is_none_or(|among| among.contains(index)));
    indices.filter_map(|index| sdp.effective_value(index, "setup"))
}

/// Who is the client by the first answer as a peer has it, and the entry of that answer.
fn client_by_setup(evidence: &Evidence, peer: Peer) -> Option<(Peer, u64)> {
    client_of(evidence.exchanges().first()?, peer, Transports::of(evidence).of_all(evidence).as_ref())
}

/// The same by an exchange.
fn client_of(exchange: &Exchange<'_>, peer: Peer, among: Option<&Indices>) -> Option<(Peer, u64)> {
    let Exchange { offer, answer } = *exchange;
    let client = match setups(exchange, peer, among).next()? {
        "active" => answer.by,
        "passive" => offer.by,
        _ => return None,
    };
    Some((client, answer.entry))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace_all};
    use crate::evidence::{Evidence, Packet, Peer};

    /// The random of the ClientHello of a later association.
    const LATER: [u8; 32] = [7; 32];

    /// The client begins another association, of which nothing else is recorded.
    fn begin_again(evidence: &mut Evidence) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let hello = packets.iter().find(|it| it.bytes[0] == 22 && it.bytes[13] == 1).unwrap();
        let last = packets.iter().max_by_key(|it| it.frame).unwrap();
        let mut later = Packet { frame: last.frame + 1, t_us: last.t_us + 1, ..hello.clone() };
        later.bytes.to_mut()[27..59].copy_from_slice(&LATER);
        packets.push(later);
    }

    /// Swaps the role in the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        replace_all(&mut evidence.descriptions[1].sdp, "a=setup:active", "a=setup:passive");
    })
    .and(&[Mutation::new(Recording::Media, "a later ClientHello", |evidence| {
        let packet = evidence.wire.as_mut().unwrap().packets.last_mut().unwrap();
        packet.sender = Peer(1 - packet.sender.0);
    })
    .prepared(begin_again)
    // It is sent from the other one's address.
    .also_breaks(&["ice-data-only-on-selected-pair"])]);
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, replace_all};

    /// How alice, who made the offer and waits, and bob stand if his answer is `made` and hers `received`.
    fn results(made: &str, received: &str) -> [Status; 2] {
        let mut evidence = Recording::Media.evidence();
        let answer = &mut evidence.descriptions[1];
        let mut delivered = answer.sdp.clone();
        replace_all(&mut answer.sdp, "a=setup:active", made);
        replace_all(&mut delivered, "a=setup:active", received);
        answer.delivered = Some(delivered);
        let found = CHECK.run(&evidence);
        ["alice", "bob"].map(|name| found.iter().find(|it| it.endpoint == name).unwrap().result)
    }

    #[test]
    fn each_peer_follows_the_answer_as_it_has_it() {
        let (active, passive) = ("a=setup:active", "a=setup:passive");
        assert_eq!(results(active, active), [Status::NotApplicable, Status::Pass]);
        assert_eq!(results(passive, active), [Status::NotApplicable, Status::Fail]);
        assert_eq!(results(active, passive), [Status::Inconclusive, Status::Pass], "bob began before alice");
        assert_eq!(results(passive, passive), [Status::Fail, Status::Fail]);
    }
}
