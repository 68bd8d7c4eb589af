//! Edits of the ways that packets take.

use super::{ALICE, Spared, spared};
use crate::checks::controls::Recording;
use crate::evidence::Via;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::{Candidate, CandidateType};
use peerproof_captures::timeline::{Entry, What};
use peerproof_captures::wire::demux::Class;
use std::net::SocketAddr;

/// The address of the first host candidate that a peer reports.
fn event_host(timeline: &[Entry], peer: &str) -> SocketAddr {
    let host = timeline.iter().find_map(|entry| match &entry.what {
        What::Event { peer: by, event: PeerEvent::IceCandidate { candidate: Some(stated) }, .. }
            if by == peer =>
        {
            Candidate::parse(&stated.candidate)
                .ok()
                .filter(|it| it.kind == CandidateType::Host && it.is_udp())
        }
        _ => None,
    });
    let host = host.unwrap();
    SocketAddr::new(host.address.ip().unwrap(), host.port)
}

pub(super) const PATHS: &[Spared] = &[
    spared(
        "ice-check-has-priority",
        "a relayed check has the priority of its relayed candidate, also where the allocation was not seen (RFC 8445 §7.1.1)",
        Recording::Relay,
        |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let mut edited = 0;
            for packet in packets.iter_mut().filter(|it| it.sender == it.tap && it.class() == Class::Stun) {
                let Some(via) = packet.via else { continue };
                let host = event_host(&evidence.timeline, &evidence.peers[packet.sender.0]);
                packet.via = Some(Via { is_known: false, ..via });
                packet.from = host;
                edited += 1;
            }
            assert!(edited > 0);
        },
    ),
    spared(
        "bundle-single-transport-on-wire",
        "all of it may move to another pair (RFC 8445 §8.1.1)",
        Recording::Call,
        |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let half = packets.len() / 2;
            packets.iter_mut().skip(half).filter(|it| it.sender == ALICE).for_each(|it| it.to.set_port(9));
        },
    ),
    spared(
        "bundle-single-transport-on-wire",
        "RTCP that is sent before and after a move, but not between it and the next RTP, has not stayed behind",
        Recording::Call,
        |evidence| {
            // RTP, RTCP, the move, RTP, RTCP.
            let mut wanted = vec![(Class::Rtcp, 9), (Class::Rtp, 9), (Class::Rtcp, 0), (Class::Rtp, 0)];
            evidence.wire.as_mut().unwrap().packets.retain_mut(|it| {
                let class = it.class();
                if (it.sender, it.tap) != (ALICE, ALICE) || ![Class::Rtp, Class::Rtcp].contains(&class) {
                    return true;
                }
                let Some((_, port)) = wanted.pop_if(|(next, _)| *next == class) else { return false };
                if port > 0 {
                    it.to.set_port(port);
                }
                true
            });
            assert!(wanted.is_empty());
        },
    ),
];
