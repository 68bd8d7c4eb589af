//! draft-ietf-mmusic-mdns-ice-candidates §3.1.2: a peer that hides its addresses behind multicast DNS names reveals them nowhere: not in
//! candidates, not in descriptions, not in statistics.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::{Candidate, CandidateType};
use peerproof_captures::timeline::What;
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(super) const CHECK: Check = Check {
    id: "mdns-no-address-leak",
    layer: Layer::Gathering,
    subject: "texts of a peer that hides its addresses",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("the peer does not hide its addresses");
    let texts = texts(evidence, peer);
    let is_hidden = |text: &str| text.contains(".local ") && text.contains(" typ host");
    if !texts.iter().any(|(_, text)| is_hidden(text)) {
        return;
    }
    let mut own: BTreeSet<IpAddr> = evidence
        .wire
        .iter()
        .flat_map(|wire| &wire.packets)
        .filter(|packet| packet.tap == peer && packet.sender == peer && packet.via.is_none())
        .map(|packet| packet.from.ip())
        .collect();
    let are_known = !own.is_empty();
    // A public address is not to be hidden: it is a candidate still, a server-reflexive one.
    let public = public(evidence, peer, &texts);
    own.retain(|address| !public.contains(address));
    for (place, text) in &texts {
        let disclosed = own.iter().find(|address| holds(text, &address.to_string()));
        if disclosed.is_some_and(may_be_temporary) {
            tally.inconclusive(
                "an IPv6 address is disclosed, which may be a temporary one (RFC 4941)",
                [*place],
            );
        } else if let Some(address) = disclosed {
            tally.fail(
                Fault("address-disclosed"),
                format!("{address} is disclosed although it is hidden behind a name"),
                [*place],
            );
        } else if text.lines().any(|line| line.starts_with("c=") && line.contains(".local")) {
            tally.fail(
                Fault("name-in-connection-line"),
                "a connection line has a name of multicast DNS",
                [*place],
            );
        } else if !are_known {
            tally.inconclusive("the peer's own addresses are not known", [*place]);
        } else {
            tally.pass(*place);
        }
    }
}

/// The addresses of a peer's server-reflexive candidates that a server reported to it. Where no response of a server is recorded, the
/// candidates alone count.
fn public(evidence: &Evidence, peer: Peer, texts: &[(Place, String)]) -> BTreeSet<IpAddr> {
    let lines = texts.iter().flat_map(|(_, text)| text.lines());
    let candidates = lines.filter_map(|line| Candidate::parse(line.strip_prefix("a=").unwrap_or(line)).ok());
    let reflexive = candidates.filter(|it| it.kind == CandidateType::ServerReflexive);
    let stated = evidence.wire.as_ref().and_then(|wire| wire.stated.get(&peer));
    let is_told = |address: &IpAddr| {
        stated.is_none_or(|stated| {
            stated.mapped.is_empty() || stated.mapped.iter().any(|(_, mapped)| mapped.ip() == *address)
        })
    };
    reflexive.filter_map(|it| it.address.ip()).filter(is_told).collect()
}

/// What a peer let its application see: descriptions, candidates, errors, statistics.
fn texts(evidence: &Evidence, peer: Peer) -> Vec<(Place, String)> {
    let name = evidence.name(peer);
    let described = evidence.made_by(peer).map(|made| (made.entry, made.sdp.as_str().to_owned()));
    let stated = evidence.timeline.iter().filter_map(|entry| {
        let text = match &entry.what {
            What::Event { peer, event: PeerEvent::IceCandidate { candidate: Some(stated) }, .. }
                if peer == name =>
            {
                stated.candidate.clone()
            }
            What::Event { peer, event: PeerEvent::IceCandidateError { url, .. }, .. } if peer == name => {
                url.clone()
            }
            What::Stats { peer, report } if peer == name => own_candidates(report),
            _ => return None,
        };
        Some((entry.n, text))
    });
    described.chain(stated).map(|(entry, text)| (Place::Entry(entry), text)).collect()
}

/// The statistics of a peer's own candidates: those of the other side have the addresses that the other side reported.
fn own_candidates(report: &serde_json::Value) -> String {
    let all = report.as_object().into_iter().flatten().map(|(_, dictionary)| dictionary);
    let own = all.filter(|it| it.get("type").and_then(serde_json::Value::as_str) == Some("local-candidate"));
    own.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Whether it may be a temporary address, which an agent "MAY choose to not conceal" (§3.1.2.3): one of IPv6 that is not link-local.
fn may_be_temporary(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.segments()[0] & 0xffc0 != 0xfe80)
}

/// Whether a text holds an address, and not as a part of a longer one.
fn holds(text: &str, address: &str) -> bool {
    let beside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_hexdigit() || matches!(c, '.' | ':'));
    text.match_indices(address).any(|(at, found)| {
        let (before, after) =
            (text.get(..at).unwrap_or_default(), text.get(at + found.len()..).unwrap_or_default());
        !beside(before.chars().next_back()) && !beside(after.chars().next())
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording};
    use crate::evidence::Evidence;
    use peerproof_captures::sdp::SessionDescription;
    use peerproof_captures::timeline::What;

    const ADDRESS: &str = "203.0.113.100";
    const NAME: &str = "3d3a9bd7-33a9-4d8c-8e3a-61c2a1c9d5f0.local";

    /// Reports the address in the statistics. That it is hidden everywhere had to be brought about.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Conflict, hide, |evidence| {
        let reports = evidence.timeline.iter_mut().filter_map(|entry| match &mut entry.what {
            What::Stats { report, .. } => report.as_object_mut(),
            _ => None,
        });
        let mut own = reports.flatten().map(|(_, it)| it).filter(|it| it["type"] == "local-candidate");
        own.next().unwrap()["address"] = ADDRESS.into();
    })
    .and(&[Mutation::new(Recording::Conflict, "a connection line has a name", |evidence| {
        for made in &mut evidence.descriptions {
            let name = format!("IN IP4 {NAME}");
            made.sdp = SessionDescription::parse(made.sdp.as_str().replacen(
                "c=IN IP4 0.0.0.0",
                &format!("c={name}"),
                1,
            ));
        }
    })
    .prepared(hide)]);

    fn hide(evidence: &mut Evidence) {
        let text = serde_json::to_string(&evidence.timeline).unwrap();
        let connection = format!("IN IP4 {ADDRESS}");
        let text = text.replace(&connection, "IN IP4 0.0.0.0").replace(ADDRESS, NAME);
        let timeline = serde_json::from_str(&text).unwrap();
        *evidence = Evidence::new(evidence.peers.clone(), timeline, evidence.wire.take());
    }
}

#[cfg(test)]
mod tests {
    use super::{holds, may_be_temporary};

    #[test]
    fn an_address_of_ipv6_may_be_temporary_unless_it_is_link_local() {
        let may_be = |text: &str| may_be_temporary(&text.parse().unwrap());
        assert!(may_be("2001:db8::1") && may_be("fd00::1"));
        assert!(!may_be("fe80::1") && !may_be("febf::1") && !may_be("192.0.2.1"));
    }

    #[test]
    fn a_part_of_a_longer_address_is_another_one() {
        assert!(holds("1 udp 5 192.0.2.1 9 typ host", "192.0.2.1"));
        assert!(holds("{\"address\":\"192.0.2.1\"}", "192.0.2.1"));
        assert!(!holds("192.0.2.10", "192.0.2.1") && !holds("1192.0.2.1", "192.0.2.1"));
        assert!(holds("fe80::1 ", "fe80::1") && !holds("fe80::12", "fe80::1"));
    }
}
