//! RFC 6347 §4.2.4: a flight that nothing answers is retransmitted until the handshake moves on, also when the peer repeats its own.

use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{DtlsState, PeerEvent};
use peerproof_captures::timeline::{RuleAction, What};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::record::{ContentType, Record};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "dtls-lost-flight-retransmitted",
    layer: Layer::Dtls,
    subject: "lost handshake messages",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long an endpoint may be silent after the first loss, in microseconds: the catalogue's choice.
const LONGEST_US: u64 = 10_000_000;

/// The same after further ones: the timer doubles up to a minute (§4.2.4.1).
const LONGEST_LATER_US: u64 = 60_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no handshake message in clear was lost");
    let Some(wire) = &evidence.wire else { return };
    let dropped = dropped(evidence);
    let sent: Vec<(&Packet, Vec<Part>)> = wire
        .sent(peer)
        .filter(|packet| packet.class() == Class::Dtls)
        .map(|packet| (packet, parts(packet)))
        .filter(|(_, parts)| !parts.is_empty())
        .collect();
    let end = wire.at(peer).map(|packet| packet.t_us).max().unwrap_or_default();
    let ended = ended(evidence, peer).unwrap_or(u64::MAX).min(end);
    for (at, (lost, parts)) in sent.iter().enumerate() {
        if !dropped.contains(&lost.frame) {
            continue;
        }
        // What came through before was not lost with a repetition of it.
        let arrived = |part: &Part| {
            let through = sent.iter().take(at).filter(|(packet, _)| !dropped.contains(&packet.frame));
            through.flat_map(|(_, parts)| parts).any(|it| it.holds(part))
        };
        let mut missing: Vec<Part> = parts.iter().filter(|part| !arrived(part)).copied().collect();
        if missing.is_empty() {
            continue;
        }
        let first = !sent.iter().take(at).any(|(_, parts)| parts.iter().any(|it| it.holds(&missing[0])));
        let longest = if first { LONGEST_US } else { LONGEST_LATER_US };
        let mut last = None;
        for (again, parts) in sent.iter().skip(at + 1) {
            let before = missing.len();
            missing.retain(|part| !parts.iter().any(|it| it.holds(part)));
            if missing.len() < before {
                last = Some(again.frame);
            }
        }
        let place = Place::Frame(lost.frame);
        match (last, missing.first()) {
            (Some(last), None) => tally.pass(Place::Frame(last)),
            (_, Some(Part { number, .. })) if is_complete(evidence, peer) => tally.fail(
                Fault("never-retransmitted"),
                format!("message {number} of the handshake was lost and never retransmitted"),
                [place],
            ),
            (_, Some(Part { number, .. })) => match Off::late(lost.t_us, longest, ended) {
                Some(off) => {
                    let off = off.by_clock_of(evidence, peer);
                    let text = format!(
                        "message {number} of the handshake was lost and not retransmitted within {} s",
                        longest / 1_000_000
                    );
                    tally.off(Fault("retransmitted-late"), evidence, off, text, [place]);
                }
                None => tally.inconclusive("the recording ends before a repetition was due", [place]),
            },
            _ => tally.inconclusive("the recording ends before a repetition was due", [place]),
        }
    }
}

/// A piece of a handshake message.
#[derive(Debug, Clone, Copy)]
struct Part {
    number: u16,
    begin: u32,
    end: u32,
}

impl Part {
    /// Whether the beginning of another piece is in it: what is retransmitted may be cut otherwise.
    const fn holds(&self, other: &Self) -> bool {
        self.number == other.number
            && self.begin <= other.begin
            && (other.begin < self.end || other.begin == self.begin)
    }
}

/// The pieces in clear that a datagram holds.
fn parts(packet: &Packet) -> Vec<Part> {
    let mut parts = Vec::new();
    for record in packet.records().map_while(Result::ok) {
        let Record::Plain(plain) = &record else { continue };
        if plain.kind.value != ContentType::Handshake || plain.epoch.value > 0 {
            continue;
        }
        for fragment in record.fragments().into_iter().flatten().map_while(Result::ok) {
            let (begin, length) = (fragment.fragment_offset.value, fragment.fragment_length.value);
            let number = fragment.message_seq.value;
            parts.push(Part { number, begin, end: begin.saturating_add(length) });
        }
    }
    parts
}

/// The frames that a rule of the scenario took out of the way.
fn dropped(evidence: &Evidence) -> BTreeSet<u64> {
    let of = |what: &What| match what {
        What::Faulted { action: RuleAction::Drop, frame, .. } => *frame,
        _ => None,
    };
    evidence.timeline.iter().filter_map(|entry| of(&entry.what)).collect()
}

/// When a peer was asked to end its connection, or ended by itself: from then on it owes nothing.
fn ended(evidence: &Evidence, peer: Peer) -> Option<u64> {
    let own = evidence.name(peer);
    let ends = |what: &What| match what {
        What::Command { peer, name, .. } => peer == own && name == "close",
        What::Event { peer, event, .. } => {
            let failed = |state| matches!(state, DtlsState::Failed | DtlsState::Closed);
            let ends = match event {
                PeerEvent::DtlsStateChange { state, .. } => failed(*state),
                event => matches!(event, PeerEvent::Lost { .. }),
            };
            peer == own && ends
        }
        _ => false,
    };
    evidence.timeline.iter().find(|entry| ends(&entry.what)).map(|entry| entry.t_us)
}

/// Whether both sides have sent their Finished, as far as that is to be seen.
fn is_complete(evidence: &Evidence, peer: Peer) -> bool {
    evidence.first_handshake(peer).encrypted.len() == 2
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::Peer;

    /// Deletes the flight that was retransmitted.
    pub(super) const CONTROL: Control = Control::new(Recording::Lost, |evidence| {
        let lost = super::dropped(evidence);
        let from = *lost.first().unwrap();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let before = packets.len();
        packets.retain(|it| it.sender != Peer(1) || it.frame <= from || super::parts(it).is_empty());
        assert_eq!(packets.len(), before - 1, "one flight is retransmitted, once");
    });
}
