//! What goes to a TURN server over TLS, which cannot be read.

use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::Candidate;
use peerproof_captures::timeline::{Entry, What};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// The relayed addresses of the peers that have servers over TLS: what comes from there left them inside it.
pub(super) fn relayed(timeline: &[Entry]) -> BTreeSet<SocketAddr> {
    let uses_tls = |entry: &Entry| match &entry.what {
        What::Command { peer, name, args, .. }
            if matches!(name.as_str(), "createPeerConnection" | "setConfiguration") =>
        {
            args.to_string().contains("turns:").then(|| peer.clone())
        }
        _ => None,
    };
    let peers: BTreeSet<String> = timeline.iter().filter_map(uses_tls).collect();
    let mut relayed = BTreeSet::new();
    for entry in timeline {
        let lines: Vec<&str> = match &entry.what {
            What::Event { peer, event: PeerEvent::IceCandidate { candidate: Some(it) }, .. }
                if peers.contains(peer) =>
            {
                vec![it.candidate.as_str()]
            }
            What::Carried { from, sent, .. } if peers.contains(from) => {
                sent.sdp.lines().filter_map(|line| line.trim_end().strip_prefix("a=")).collect()
            }
            _ => continue,
        };
        let relays = lines.into_iter().filter(|line| line.contains(" typ relay"));
        let read = relays.filter_map(|line| Candidate::parse(line).ok());
        relayed.extend(read.filter_map(|it| Some(SocketAddr::new(it.address.ip()?, it.port))));
    }
    relayed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::Recording;
    use crate::evidence::Peer;
    use serde_json::json;

    #[test]
    fn what_a_server_relays_for_a_peer_over_tls_may_have_left_unseen() {
        let flaws = |url: &str| {
            let mut evidence = Recording::Call.evidence();
            let case = Recording::Call.record().file;
            let wire = evidence.wire.as_mut().unwrap();
            let arrived =
                wire.packets.iter_mut().find(|it| it.tap == Peer(1) && it.sender == Peer(0)).unwrap();
            arrived.bytes[8] ^= 0xff;
            let from = arrived.from;
            for entry in &mut evidence.timeline {
                match &mut entry.what {
                    What::Command { peer, name, args, .. }
                        if peer == "alice" && name == "createPeerConnection" =>
                    {
                        *args = json!({"configuration": {"iceServers": [{"urls": [url]}]}});
                    }
                    What::Carried { from: by, sent, .. } if by == "alice" => {
                        let (ip, port) = (from.ip(), from.port());
                        sent.sdp += &format!("a=candidate:1 1 udp 1 {ip} {port} typ relay\r\n");
                    }
                    _ => {}
                }
            }
            let all = evidence.examined(&case).flaws;
            all.iter().any(|it| it.seen.contains("the capture has none that left"))
        };
        assert_eq!(["turn:relay", "turns:relay"].map(flaws), [true, false]);
    }
}
