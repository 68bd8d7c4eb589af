//! What checks of DTLS and of data channels spare.

use super::{Spared, events, spared};
use crate::checks::controls::{Mutation, Recording};
use crate::checks::of;
use crate::evidence::{Evidence, Kind, Packet, Peer};
use peerproof_captures::event::PeerEvent;

pub(super) const DATA: &[Spared] = &[
    spared(
        "srtcp-index-increments",
        "another DTLS association has keys of its own, whose index begins anew",
        Recording::Video,
        |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            packets.iter_mut().for_each(|packet| packet.frame *= 1_000);
            let is_rtcp = |it: &Packet| it.clear.iter().any(|clear| clear.kind == Kind::Rtcp);
            let own = |it: &&Packet| it.sender == Peer(1) && it.tap == Peer(1) && is_rtcp(it);
            let second = packets.iter().filter(own).nth(1).unwrap().frame;
            let at = packets.iter().position(|it| it.frame == second).unwrap();
            for packet in packets[at..].iter_mut().filter(|it| own(&&**it)) {
                let word = packet.bytes.last_chunk_mut::<14>().unwrap().split_at_mut(4).0;
                word[3] += 100;
            }
            let is_hello = |it: &&Packet| it.bytes[0] == 22 && it.bytes[13] == 1;
            let mut again: Vec<Packet> = packets.iter().filter(is_hello).cloned().collect();
            for (packet, n) in again.iter_mut().zip(1..) {
                packet.frame = second - 1_000 + n;
                packet.bytes.to_mut()[27..59].fill(7);
            }
            packets.splice(at..at, again);
        },
    ),
    spared(
        "dtls-fragments-reassembled",
        "who has sent a ClientHello itself refuses that of the other side, in fragments or not",
        Recording::Media,
        |evidence| {
            let control = of("dtls-fragments-reassembled").unwrap().control;
            let Mutation { prepare, mutate, .. } = *control.mutations().next().unwrap();
            let packets = &evidence.wire.as_ref().unwrap().packets;
            let hello = packets.iter().find(|it| it.bytes[0] == 22 && it.bytes[13] == 1).unwrap().clone();
            prepare.unwrap()(evidence);
            mutate(evidence);
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let at =
                packets.iter().position(|it| it.sender != hello.sender && (20..64).contains(&it.bytes[0]));
            let sender = Peer(1 - hello.sender.0);
            let mut own: Packet = hello.clone();
            (own.sender, own.from, own.to) = (sender, hello.to, hello.from);
            own.frame += 100_000;
            packets.insert(at.unwrap(), own);
        },
    ),
    spared(
        "dc-close-resets-both-directions",
        "what is closed is the second channel of its label, on a stream of its own (webrtc-pc §6.2)",
        Recording::Closed,
        |evidence| {
            for name in ["alice", "bob"] {
                let open = events::find(evidence, name, |it| matches!(it, PeerEvent::ChannelOpen { .. }));
                let first = evidence.timeline[open].clone();
                evidence.timeline.insert(open, first);
                if let PeerEvent::ChannelOpen { channel } = events::event(evidence, open) {
                    channel.id = Some(9);
                }
            }
            go_on(evidence);
        },
    ),
];

/// As if the recording had gone on for longer than any deadline.
fn go_on(evidence: &mut Evidence) {
    let mut last = evidence.timeline.last().unwrap().clone();
    last.n += 1;
    last.t_us += 60 * super::SECOND;
    evidence.timeline.push(last);
}
