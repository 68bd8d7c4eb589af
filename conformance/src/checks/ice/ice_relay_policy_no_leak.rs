//! RFC 9429 §3.5.3: with `iceTransportPolicy` `relay` a peer reports relayed candidates alone, hides its own address in them, and
//! sends the other peer nothing directly.

use super::stated::candidates;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Call, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Candidate, CandidateAddress, CandidateType};
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(super) const CHECK: Check = Check {
    id: "ice-relay-policy-no-leak",
    layer: Layer::Gathering,
    subject: "candidates and packets under the relay policy",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("the peer is not bound to relays");
    let calls = evidence.calls(peer);
    let mut policies = calls.iter().filter_map(policy);
    if policies.next().is_none_or(|first| first != "relay") || policies.any(|later| later != "relay") {
        return;
    }
    let stated: Vec<(Place, Candidate)> = candidates(evidence, peer)
        .into_iter()
        .filter_map(|it| Some((it.place, Candidate::parse(it.text).ok()?)))
        .collect();
    let relayed: BTreeSet<IpAddr> = stated
        .iter()
        .filter(|(_, candidate)| candidate.kind == CandidateType::Relay)
        .filter_map(|(_, candidate)| candidate.address.ip())
        .collect();
    for (place, candidate) in &stated {
        let place = *place;
        let related = candidate.related_address.as_ref().and_then(CandidateAddress::ip);
        if candidate.kind != CandidateType::Relay {
            tally.fail(
                Fault("candidate-of-other-type"),
                format!("a candidate of type {} is signalled", candidate.kind),
                [place],
            );
        } else if let Some(address) =
            related.filter(|address| !address.is_unspecified() && !relayed.contains(address))
        {
            tally.fail(
                Fault("related-address-disclosed"),
                format!("the related address of a relayed candidate is {address}"),
                [place],
            );
        } else {
            tally.pass(place);
        }
    }
    let Some(wire) = &evidence.wire else { return };
    let directly = |packet: &&crate::evidence::Packet| {
        packet.tap == peer && packet.sender == peer && packet.via.is_none()
    };
    for packet in wire.packets.iter().filter(directly) {
        let text = format!("a packet goes directly from {} to {}", packet.from, packet.to);
        tally.fail(Fault("packet-sent-directly"), text, [Place::Frame(packet.frame)]);
    }
}

/// The policy that a call sets; nothing if it sets none.
fn policy<'a>(call: &Call<'a>) -> Option<&'a str> {
    let sets = ["createPeerConnection", "setConfiguration"].contains(&call.name);
    let configuration = call.args.get("configuration").filter(|_| sets)?;
    Some(configuration.get("iceTransportPolicy").and_then(serde_json::Value::as_str).unwrap_or("all"))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording};
    use crate::evidence::Evidence;
    use peerproof_captures::event::PeerEvent;
    use peerproof_captures::timeline::What;
    use serde_json::json;

    /// Reports the address of an interface in a relayed candidate. That the peers are bound to relays had to be brought about:
    /// what else they reported and sent is taken away.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Relay, bind, |evidence| {
        let stated = evidence.timeline.iter_mut().find_map(|entry| match &mut entry.what {
            What::Event { event: PeerEvent::IceCandidate { candidate: Some(stated) }, .. } => Some(stated),
            _ => None,
        });
        relate(&mut stated.unwrap().candidate, "192.168.7.7");
    })
    .and(&[
        Mutation::new(Recording::Relay, "a candidate of type srflx is signalled", |evidence| {
            let stated = evidence.timeline.iter_mut().find_map(|entry| match &mut entry.what {
                What::Event { event: PeerEvent::IceCandidate { candidate: Some(stated) }, .. } => {
                    Some(stated)
                }
                _ => None,
            });
            let stated = stated.unwrap();
            stated.candidate = stated.candidate.replace(" typ relay", " typ srflx");
        })
        .prepared(bind),
        Mutation::new(Recording::Relay, "a packet goes directly from", |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            packets.iter_mut().find(|it| it.tap == it.sender && it.bytes[0] < 2).unwrap().via = None;
        })
        .prepared(bind),
    ]);

    fn bind(evidence: &mut Evidence) {
        evidence.timeline.retain(|entry| match &entry.what {
            What::Event { event: PeerEvent::IceCandidate { candidate: Some(stated) }, .. } => {
                stated.candidate.contains(" typ relay")
            }
            _ => true,
        });
        for entry in &mut evidence.timeline {
            match &mut entry.what {
                What::Command { name, args, .. } if name == "createPeerConnection" => {
                    args["configuration"]["iceTransportPolicy"] = json!("relay");
                }
                What::Event { event: PeerEvent::IceCandidate { candidate: Some(stated) }, .. } => {
                    relate(&mut stated.candidate, "0.0.0.0");
                }
                _ => {}
            }
        }
        evidence.wire.as_mut().unwrap().packets.retain(|packet| packet.via.is_some());
    }

    fn relate(candidate: &mut String, address: &str) {
        let words: Vec<&str> = candidate.split(' ').collect();
        let at = words.iter().position(|word| *word == "raddr").unwrap();
        let mut words = words;
        words[at + 1] = address;
        *candidate = words.join(" ");
    }
}
