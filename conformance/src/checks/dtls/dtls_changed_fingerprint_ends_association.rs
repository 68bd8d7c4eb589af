//! RFC 9429 §5.11: "If the remote DTLS fingerprint has been changed […], tear down the DTLS connection"; RFC 8842 §3.1.

use super::has_application_data;
use crate::checks::negotiated_state::GRACE_US;
use crate::checks::sdp::look;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Exchange, Handshake, Packet, Peer, digest};
use crate::verdict::Layer;
use peerproof_captures::event::{DtlsState, PeerEvent, SdpType};
use peerproof_captures::sdp::Fingerprint;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::handshake::Body;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "dtls-changed-fingerprint-ends-association",
    layer: Layer::Dtls,
    subject: "exchanges that change fingerprints",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable(
        "no later exchange changed the fingerprints so that the certificate of the other side has none of them",
    );
    let Some(other) = evidence.other(peer) else { return };
    // A session of several transports has several associations.
    let is_bundled = |made: &Description| made.sdp.as_str().contains("a=group:BUNDLE");
    if look::has_several_connections(evidence, peer) || !evidence.descriptions.iter().all(is_bundled) {
        return;
    }
    let exchanges = evidence.exchanges();
    let agreed: Vec<_> = exchanges.iter().filter(|it| it.answer.kind == SdpType::Answer).collect();
    for pair in agreed.windows(2) {
        let &[before, after] = pair else { continue };
        let now = of(after, other).fingerprints();
        if !now.is_empty() && now != of(before, other).fingerprints() {
            of_exchange(evidence, peer, other, after, &now, tally);
        }
    }
}

/// Judges what a peer does after an exchange by which the other side has these fingerprints.
fn of_exchange(
    evidence: &Evidence,
    peer: Peer,
    other: Peer,
    exchange: &Exchange<'_>,
    now: &BTreeSet<Fingerprint>,
    tally: &mut Tally,
) {
    let Some(wire) = &evidence.wire else { return };
    let handshakes = evidence.handshakes(peer);
    let begins = |it: &Handshake| it.messages.first().map(|first| (first.t_us, Place::Frame(first.frame)));
    let offered_us = exchange.offer.t_us;
    let current = handshakes.iter().rfind(|it| begins(it).is_some_and(|(t_us, _)| t_us < offered_us));
    let Some(current) = current else { return };
    let description = Place::Entry(of(exchange, other).entry);
    let leaf =
        current.bodies().filter(|(message, _)| message.sender == other).find_map(|(_, body)| match body {
            Body::Certificate(all) => Some(all.entries().next()?.data.value),
            _ => None,
        });
    let Some(leaf) = leaf else {
        tally.inconclusive("the certificate of the other side is not known", [description]);
        return;
    };
    if now.iter().any(|it| digest(&it.hash, leaf).as_deref() == Some(&it.bytes[..])) {
        return;
    }
    let anew = handshakes.iter().filter_map(begins).find(|(t_us, _)| *t_us >= offered_us);
    if let Some((_, place)) = anew {
        tally.pass(place);
        return;
    }
    let applied = evidence.applied(peer, exchange.answer);
    let is_kept =
        |packet: &&Packet| has_application_data(packet) || matches!(packet.class(), Class::Rtp | Class::Rtcp);
    let last = wire.sent(peer).filter(is_kept).last();
    if let Some((packet, off)) =
        last.and_then(|packet| Some((packet, Off::late(applied.by_us, GRACE_US, packet.t_us)?)))
    {
        let text =
            "media or data is sent on the association whose certificate has none of the new fingerprints";
        tally.off(
            Fault("association-kept"),
            evidence,
            off,
            text.to_owned(),
            [Place::Frame(packet.frame), description],
        );
        return;
    }
    let ends = |event: &PeerEvent| {
        matches!(event, PeerEvent::DtlsStateChange { state: DtlsState::Failed | DtlsState::Closed, .. })
    };
    let events = evidence.events(peer);
    let ended = events.iter().find(|it| it.t_us >= applied.from_us && ends(it.event));
    let alert = super::alerts(evidence, peer, peer).find(|it| it.packet.t_us >= applied.from_us);
    let alert = alert.map(|it| Place::Frame(it.packet.frame));
    match ended.map(|it| Place::Entry(it.entry)).or(alert) {
        Some(place) => tally.pass(place),
        None => tally.inconclusive("nothing shows what became of the association", [description]),
    }
}

/// The description that a peer made in an exchange.
fn of<'a>(exchange: &Exchange<'a>, by: Peer) -> &'a Description {
    if exchange.offer.by == by { exchange.offer } else { exchange.answer }
}

#[cfg(test)]
mod control {
    use super::GRACE_US;
    use crate::checks::controls::sdp::{change_fingerprints, renegotiate};
    use crate::checks::controls::{Control, Recording, dtls};
    use crate::evidence::{Clear, Evidence, Peer};

    const ANSWERER: Peer = Peer(1);

    /// As if there were a second exchange at the end, in which the first digits of the offerer's fingerprints are changed on the way, and the
    /// answerer sent an alert.
    fn change(evidence: &mut Evidence) {
        renegotiate(evidence);
        let end_us = evidence.wire.as_ref().unwrap().packets.iter().map(|it| it.t_us).max().unwrap();
        evidence.descriptions[2..].iter_mut().for_each(|made| made.t_us = end_us + 1);
        change_fingerprints(&mut evidence.descriptions[2]);
        dtls::say(evidence, ANSWERER, 21, &[2, 42], GRACE_US);
    }

    /// It sends data, too.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Data, change, |evidence| {
        let packets = &evidence.wire.as_ref().unwrap().packets;
        let own = packets.iter().filter(|it| it.sender == ANSWERER);
        let data = own.flat_map(|it| &it.clear).rfind(|it| Clear::is_application_data(it)).unwrap();
        let bytes = data.bytes.as_slice().to_vec();
        dtls::say(evidence, ANSWERER, 23, &bytes, GRACE_US);
    });
}
