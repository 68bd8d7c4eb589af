//! RFC 8445 §5.1.1.1: "Addresses from a loopback interface MUST NOT be included in the candidate addresses. Deprecated IPv4-compatible IPv6 addresses and
//! IPv6 site-local unicast addresses MUST NOT be included"; IPv4-mapped ones SHOULD NOT.

use super::stated;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Candidate, CandidateType};
use std::net::{IpAddr, Ipv6Addr};

pub(super) const CHECK: Check = Check {
    id: "ice-candidate-address-allowed",
    layer: Layer::Gathering,
    subject: "host candidates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for stated in stated::candidates(evidence, peer) {
        let Ok(candidate) = Candidate::parse(stated.text) else { continue };
        let Some(ip) = candidate.address.ip().filter(|_| candidate.kind == CandidateType::Host) else {
            continue;
        };
        let mapped = matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
        if let Some(what) = forbidden(ip) {
            let text = format!("the host candidate {ip} is {what}");
            tally.fail(Fault("forbidden-address"), text, [stated.place]);
        } else if mapped {
            let text = format!("the host candidate {ip} is an IPv4 address mapped to IPv6");
            tally.warn(Fault("mapped-address"), text, [stated.place]);
        } else {
            tally.pass(stated.place);
        }
    }
}

/// What an address is that must not be a candidate.
fn forbidden(ip: IpAddr) -> Option<&'static str> {
    if ip.is_loopback() {
        return Some("loopback");
    }
    let IpAddr::V6(ip) = ip else { return None };
    let segments = ip.segments();
    if segments[0] & 0xffc0 == 0xfec0 {
        return Some("site-local");
    }
    (segments[..6] == [0; 6] && ip != Ipv6Addr::UNSPECIFIED).then_some("IPv4-compatible")
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use crate::evidence::Evidence;
    use peerproof_captures::event::PeerEvent;

    /// Has Alice report a host candidate with another address.
    fn report(evidence: &mut Evidence, address: &str) {
        let at = events::find(
            evidence,
            "alice",
            |event| matches!(event, PeerEvent::IceCandidate { candidate: Some(it) } if it.candidate.contains("typ host")),
        );
        let PeerEvent::IceCandidate { candidate: Some(mut stated) } = events::event(evidence, at).clone()
        else {
            unreachable!()
        };
        let mut words: Vec<String> = stated.candidate.split(' ').map(str::to_owned).collect();
        words[4] = address.to_owned();
        // It has a base and a priority of its own.
        words[0] += "9";
        words[3] = "2122000001".to_owned();
        stated.candidate = words.join(" ");
        events::insert_after(evidence, at, PeerEvent::IceCandidate { candidate: Some(stated) });
    }

    /// Adds a candidate of the loopback interface.
    pub(super) const CONTROL: Control =
        Control::new(Recording::Conflict, |evidence| report(evidence, "127.0.0.1")).and(&[Mutation::new(
            Recording::Conflict,
            "mapped to IPv6",
            |evidence| {
                report(evidence, "::ffff:192.168.1.9");
            },
        )]);
}
