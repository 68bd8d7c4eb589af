//! RFC 8827 §6.5: a client sends no application data before it has the server's Finished.

use super::{associations, has_application_data, records};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::Version;
use std::ops::Range;

pub(super) const CHECK: Check = Check {
    id: "dtls-no-false-start",
    layer: Layer::Dtls,
    subject: "beginnings of application data",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if records(evidence, peer).next().is_none() {
        return;
    }
    for (n, (handshake, frames)) in associations(evidence, peer).into_iter().enumerate() {
        if handshake.client() != Some(peer) {
            continue;
        }
        if handshake.version == Some(Version::Dtls12) {
            association(evidence, peer, (n == 0, &handshake, &frames), tally);
        } else {
            tally.not_applicable("the handshake is not of DTLS 1.2");
        }
    }
}

/// Judges the first application data of an association in these frames: whether it is the first one, its handshake, and the frames.
fn association(
    evidence: &Evidence,
    peer: Peer,
    (is_first, handshake, frames): (bool, &Handshake, &Range<u64>),
    tally: &mut Tally,
) {
    let (Some(wire), Some(other)) = (&evidence.wire, evidence.other(peer)) else { return };
    let finished = handshake.finished(other).map(|(frame, _)| frame);
    let mut delivered = false;
    let own = wire.at(peer).filter(|packet| frames.contains(&packet.frame));
    for packet in own.filter(|packet| packet.class() == Class::Dtls) {
        delivered |= Some(packet.frame) == finished;
        if packet.sender != peer || !has_application_data(packet) {
            continue;
        }
        let place = Place::Frame(packet.frame);
        match finished {
            Some(_) if delivered => tally.pass(place),
            _ if !is_first => tally.inconclusive(
                "the data before a later handshake was done may be that of the association before",
                [place],
            ),
            Some(frame) if !evidence.whole => tally.inconclusive(
                "the server's first Finished may be missing in the capture",
                [place, Place::Frame(frame)],
            ),
            Some(frame) if wire.is_tapped(peer) => tally.fail(
                Fault("data-before-finished"),
                "the client sent application data before the server's Finished had come",
                [place, Place::Frame(frame)],
            ),
            Some(_) => tally.inconclusive("the first packets at the client are not recorded", [place]),
            None => tally.inconclusive("the server's Finished is not in the recording", [place]),
        }
        return;
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::{Evidence, Peer};

    /// As if it had been recorded at the client: no recording of DTLS 1.2 is from there.
    fn at_the_client(evidence: &mut Evidence) {
        let client = evidence.first_handshake(Peer(0)).client().unwrap();
        for packet in &mut evidence.wire.as_mut().unwrap().packets {
            packet.tap = client;
        }
    }

    /// Moves the client's first application data before the server's Finished.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Data, at_the_client, |evidence| {
        let handshake = evidence.first_handshake(Peer(0));
        let client = handshake.client().unwrap();
        let finished = handshake.finished(evidence.other(client).unwrap()).unwrap().0;
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let from =
            packets.iter().position(|it| it.sender == client && super::super::has_application_data(it));
        let packet = packets.remove(from.unwrap());
        let to = packets.iter().position(|it| it.frame == finished).unwrap();
        packets.insert(to, packet);
    });
}
