//! RFC 8841 §9.3: both sides begin the association as soon as they can, and it is one that carries all data.

use super::chunks;
use crate::checks::dtls::associations;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::Body;
use std::collections::BTreeSet;
use std::ops::Range;

pub(super) const CHECK: Check = Check {
    id: "sctp-both-sides-initiate",
    layer: Layer::Sctp,
    subject: "beginnings of associations",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How soon after the handshake the other side's INIT must come for a peer not to send its own, in microseconds: that long it may take
/// from one to the other.
const SOON_US: u64 = 50_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut handshakes = associations(evidence, peer);
    if handshakes.is_empty() {
        handshakes.push((Handshake::default(), 0..u64::MAX));
    }
    let mut known = BTreeSet::new();
    for (n, (handshake, frames)) in handshakes.iter().enumerate() {
        one_of_each(evidence, peer, (frames, &mut known), tally);
        beginning(evidence, peer, (n == 0, handshake, frames), tally);
    }
}

/// Judges that the data of a DTLS association goes by one association of SCTP. Those of the DTLS associations before it are `known`, and
/// may still carry data.
fn one_of_each(
    evidence: &Evidence,
    peer: Peer,
    (frames, known): (&Range<u64>, &mut BTreeSet<u32>),
    tally: &mut Tally,
) {
    let mut tags: BTreeSet<u32> = BTreeSet::new();
    let all = super::packets(evidence, peer).filter(|(packet, _)| frames.contains(&packet.frame));
    for (packet, sctp) in all.filter(|(packet, _)| packet.sender == peer) {
        let data = |body: Option<Body<'_>>| matches!(body, Some(Body::Data(_) | Body::IData(_)));
        let tag = sctp.verification_tag.value;
        let is_new =
            !known.contains(&tag) && sctp.chunks.iter().any(|chunk| data(chunk.body)) && tags.insert(tag);
        if is_new && tags.len() > 1 {
            tally.fail(
                Fault("two-associations"),
                "data goes by two associations",
                [Place::Frame(packet.frame)],
            );
        }
    }
    known.append(&mut tags);
}

/// Judges the beginning of the association of SCTP in a DTLS association: whether it is the first, its handshake, and the frames.
fn beginning(
    evidence: &Evidence,
    peer: Peer,
    (is_first, handshake, frames): (bool, &Handshake, &Range<u64>),
    tally: &mut Tally,
) {
    let mut first = None;
    let (mut own, mut other) = (None, None);
    for (packet, body) in chunks(evidence, peer).filter(|(packet, _)| frames.contains(&packet.frame)) {
        first.get_or_insert(packet);
        match body {
            Body::Init(_) if packet.sender == peer => drop(own.get_or_insert(packet)),
            Body::Init(_) => drop(other.get_or_insert(packet)),
            _ => {}
        }
    }
    // What comes after a later handshake may be of the association before it.
    let Some(first) = first.filter(|_| is_first || own.or(other).is_some()) else { return };
    if let Some(init) = own {
        tally.pass(Place::Frame(init.frame));
        return;
    }
    // Both sent it in their descriptions (draft-hancke-tsvwg-snap): then none is sent.
    let signals = |made: &Description| made.sdp.media().any(|section| section.has("sctp-init"));
    if evidence.each_peer().all(|peer| evidence.made_by(peer).any(signals)) {
        tally.not_applicable("INIT chunks were exchanged in descriptions, by a=sctp-init");
        return;
    }
    let complete = evidence.sees_all_sent_by(peer);
    let ready_us = ready_us(handshake, evidence, peer);
    let late = ready_us.zip(other).map(|(ready, init)| (ready, init, Off::late(ready, SOON_US, init.t_us)));
    match (ready_us, late) {
        (_, Some((_, init, None))) => tally.pass(Place::Frame(init.frame)),
        (_, Some((ready, init, Some(off)))) if complete => {
            let ms = init.t_us.saturating_sub(ready) / 1_000;
            let text =
                format!("the peer sent no INIT, although the other's arrived {ms} ms after the handshake");
            tally.off(Fault("no-init"), evidence, off, text, [Place::Frame(init.frame)]);
        }
        (Some(_), None) if complete => {
            tally.fail(
                Fault("neither-init"),
                "there is an association, but neither peer sent an INIT",
                [Place::Frame(first.frame)],
            );
        }
        _ => tally.inconclusive(
            "the beginning of the association is not recorded at the peer",
            [Place::Frame(first.frame)],
        ),
    }
}

/// When a peer had sent its Finished and got the other's.
fn ready_us(handshake: &Handshake, evidence: &Evidence, peer: Peer) -> Option<u64> {
    let [own, other] = [handshake.finished(peer)?, handshake.finished(evidence.other(peer)?)?];
    Some(own.1.max(other.1))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};
    use crate::evidence::Peer;

    /// Takes away every INIT.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.retain(|it| !it.clear.iter().any(|it| it.is_application_data() && it.bytes[12] == 1));
    })
    .and(&[Mutation::new(Recording::Data, "data goes by two associations", |evidence| {
        sctp::edit_last_of(evidence, Peer(0), sctp::DATA, |packet| packet[4] ^= 1);
    })
    .also_breaks(&["sctp-init-tag-rules"])]);
}
