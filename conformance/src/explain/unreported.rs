//! A peer that learned its address behind a NAT from a server, and signals no candidate of it.

use super::session::Api;
use super::{Kind, Layer, Missed};
use crate::api::view::{candidate_address, candidate_type};
use crate::evidence::Peer;
use crate::verdict::Place;
use peerproof_captures::wire::stun::{AttributeType, Class, Method};
use std::net::{IpAddr, SocketAddr};

/// A server reported to the peer from where its packets come, which is the address of a server-reflexive candidate (RFC 8445 §5.1.1.2), and the
/// peer signalled only host candidates. Packets to these have no route from another network, which is not the network's fault.
pub(super) fn unreported(api: &Api<'_>, name: &str) -> Option<Missed> {
    let view = api.view(name)?;
    let signalled = view.own_candidates();
    let is_alone = signalled.iter().all(|at| candidate_type(&at.is) == Some("host"));
    let (learned, server, frame) = learned(api, name)?;
    let is_known =
        |at: &str| candidate_address(at).and_then(|it| it.parse::<IpAddr>().ok()) == Some(learned.ip());
    if signalled.is_empty() || !is_alone || signalled.iter().any(|at| is_known(&at.is)) {
        return None;
    }
    Some(Missed {
        layer: Layer::Gathering,
        kind: Kind::CandidateUnreported,
        side: name.to_owned(),
        expected: format!("{name} should signal a server-reflexive candidate"),
        seen: format!(
            "the STUN server {server} reported {learned} as its address, and it signalled only host candidates"
        ),
        evidence: vec![Place::Frame(frame)],
        why: "checks to a host candidate have no route from another network",
        next: "look at how it reads that response, and whether the candidate is reported",
    })
}

/// The first address that a server reported to a peer in a Binding response, the server, and the frame.
fn learned(api: &Api<'_>, name: &str) -> Option<(SocketAddr, SocketAddr, u64)> {
    let peer = api.peers().position(|(peer, _)| peer == name).map(Peer)?;
    let mut answers = api.wire()?.with_servers(peer).filter_map(|(seen, message)| {
        let kind = message.kind.value;
        let is_answer = !seen.sent && kind.method() == Method::Binding && kind.class() == Class::Success;
        let address = message.address(AttributeType::XorMappedAddress).filter(|_| is_answer)?;
        Some((address.value, seen.server, seen.frame))
    });
    answers.next()
}

#[cfg(test)]
mod tests {
    use super::super::testing::of_record;
    use super::*;
    use crate::checks::controls::Recording;
    use crate::evidence::ServerMessage;
    use peerproof_captures::timeline::Entry;
    use serde_json::json;

    #[test]
    fn who_learned_its_address_and_signals_only_host_candidates_is_named() {
        let side = |mapped: &str, signalled: &str| {
            let mut record = Recording::Conflict.record();
            let name = record.file.peers[0].name.clone();
            // XOR-MAPPED-ADDRESS without its XOR would be MAPPED-ADDRESS: the cookie is applied here.
            let address: SocketAddr = mapped.parse().unwrap();
            let SocketAddr::V4(v4) = address else { unreachable!() };
            let cookie = 0x2112_a442_u32;
            let mut bytes = vec![1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42];
            bytes.extend([7; 12]);
            bytes.extend([0, 0x20, 0, 8, 0, 1]);
            bytes.extend((v4.port() ^ 0x2112).to_be_bytes());
            bytes.extend((u32::from(*v4.ip()) ^ cookie).to_be_bytes());
            record.wire.as_mut().unwrap().servers.push(ServerMessage {
                frame: 1,
                t_us: 1,
                peer: Peer(0),
                sent: false,
                client: "192.168.1.2:5000".parse().unwrap(),
                server: "203.0.113.200:3478".parse().unwrap(),
                bytes: bytes.into(),
            });
            for (n, entry) in (0..).zip(&mut record.timeline) {
                entry.n = n;
            }
            let candidate = json!({"candidate": signalled, "sdpMid": "0"});
            let event = json!({"event": "icecandidate", "data": {"candidate": candidate}});
            let n = record.timeline.len();
            let what = json!({"event": {"peer": name, "seq": 900, "event": event}});
            let entry = json!({"n": n, "t_us": 1, "what": what});
            record.timeline.push(serde_json::from_value::<Entry>(entry).unwrap());
            of_record(&record, &record.timeline, record.wire.as_ref(), |api| {
                unreported(api, &name).map(|missed| (missed.side == name, missed.layer))
            })
        };
        let host = "candidate:1 1 udp 9 192.168.1.2 5000 typ host";
        let srflx = "candidate:2 1 udp 8 203.0.113.2 7000 typ srflx raddr 192.168.1.2 rport 5000";
        assert_eq!(side("203.0.113.2:7000", host), Some((true, Layer::Gathering)));
        assert_eq!(side("203.0.113.2:7000", srflx), None);
        assert_eq!(side("192.168.1.2:5000", host), None, "no NAT is between");
    }
}
