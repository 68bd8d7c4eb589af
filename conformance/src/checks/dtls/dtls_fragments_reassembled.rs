//! RFC 6347 §4.2.3: "When a DTLS implementation receives a handshake message fragment, it MUST buffer it until it has the entire handshake message. DTLS
//! implementations MUST be able to handle overlapping fragment ranges".

use super::{alerts, associations, client_hello, fragments};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::alert::{Description, Level};
use peerproof_captures::wire::dtls::handshake::HandshakeType;
use std::ops::Range;

pub(super) const CHECK: Check = Check {
    id: "dtls-fragments-reassembled",
    layer: Layer::Dtls,
    subject: "messages in fragments",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The alerts of who could not read what came.
const UNREAD: &[Description] =
    &[Description::DecodeError, Description::UnexpectedMessage, Description::IllegalParameter];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (handshake, frames) in associations(evidence, peer) {
        association(evidence, peer, (&handshake, &frames), tally);
    }
}

/// Judges what the peer did with the first message in fragments of a handshake, which takes these frames.
fn association(
    evidence: &Evidence,
    peer: Peer,
    (handshake, frames): (&Handshake, &Range<u64>),
    tally: &mut Tally,
) {
    let Some(other) = evidence.other(peer) else { return };
    let mut pieces = fragments(evidence, other).filter(|(packet, _)| frames.contains(&packet.frame));
    let Some((packet, cut)) = pieces.find(|(_, fragment)| !fragment.is_whole()) else {
        return;
    };
    let place = Place::Frame(packet.frame);
    if let Some((frame, _)) = handshake.finished(peer) {
        tally.pass(Place::Frame(frame));
        return;
    }
    // Who is a client too refuses the role, if the scenario gave both the same one.
    if cut.kind.value == HandshakeType::ClientHello && client_hello(handshake, peer).is_some() {
        tally.inconclusive("both sides began the handshake", [place]);
        return;
    }
    let refuses = |it: &super::Said<'_>| {
        let alert = it.alert();
        frames.contains(&it.packet.frame)
            && alert.is_some_and(|alert| {
                alert.level.value == Level::Fatal && UNREAD.contains(&alert.description.value)
            })
    };
    match alerts(evidence, peer, peer).find(refuses) {
        Some(said) => tally.fail(
            Fault("refused"),
            format!("a {} comes in fragments, and is refused by an alert", cut.kind.value),
            [Place::Frame(said.packet.frame), place],
        ),
        None => tally.inconclusive("the handshake does not end in the recording", [place]),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::{Evidence, Packet, Peer};

    /// Cuts the ClientHello in two.
    fn cut(evidence: &mut Evidence) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let at = packets.iter().position(|it| it.bytes[0] == 22 && it.bytes[13] == 1).unwrap();
        let hello = packets[at].clone();
        let body = hello.bytes.as_slice()[25..].to_vec();
        let half = body.len() / 2;
        let piece = |n: u8, from: usize, to: usize| {
            let header = &hello.bytes.as_slice()[..25];
            let mut bytes = [header, &body[from..to]].concat();
            bytes[10] += n;
            let length = (bytes.len() as u16 - 13).to_be_bytes();
            bytes[11..13].copy_from_slice(&length);
            bytes[19..22].copy_from_slice(&(from as u32).to_be_bytes()[1..]);
            bytes[22..25].copy_from_slice(&((to - from) as u32).to_be_bytes()[1..]);
            Packet { bytes: bytes.into(), ..hello.clone() }
        };
        packets.splice(at..=at, [piece(0, 0, half), piece(1, half, body.len())]);
    }

    /// The server refuses it by decode_error, and sends nothing else.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Media, cut, |evidence| {
        let client = evidence.first_handshake(Peer(0)).client().unwrap();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let is_server = |it: &Packet| it.sender != client && (20..64).contains(&it.bytes[0]);
        let first = packets.iter().find(|it| is_server(it)).unwrap().clone();
        let at = packets.iter().position(|it| it.frame == first.frame).unwrap();
        packets.retain(|it| !((20..64).contains(&it.bytes[0]) && it.frame > first.frame));
        packets.retain(|it| it.bytes[0] < 128);
        packets[at].bytes = vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 50].into();
    });
}
