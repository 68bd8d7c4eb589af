//! draft-ietf-mmusic-mdns-ice-candidates §3.1.1: a concealed host candidate has a UUID of version 4 under `.local` as
//! its name, another one for each address.

use super::stated;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Candidate, CandidateAddress, CandidateType};
use std::collections::BTreeMap;
use std::net::IpAddr;

pub(super) const CHECK: Check = Check {
    id: "mdns-name-format",
    layer: Layer::Gathering,
    subject: "names of mDNS",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let addresses = addresses(evidence, peer);
    let mut concealed: BTreeMap<(String, String), IpAddr> = BTreeMap::new();
    for stated in stated::candidates(evidence, peer) {
        let Ok(candidate) = Candidate::parse(stated.text) else { continue };
        let (CandidateType::Host, CandidateAddress::Mdns(name)) = (&candidate.kind, &candidate.address)
        else {
            continue;
        };
        if !is_random(name) {
            tally.fail(
                Fault("not-a-uuid"),
                format!("{name} is not a version 4 UUID under .local"),
                [stated.place],
            );
            continue;
        }
        tally.pass(stated.place);
        let address = addresses.get(&candidate.port).filter(|_| candidate.is_udp());
        let Some(Some(address)) = address else { continue };
        let first = *concealed.entry((stated.ufrag, name.clone())).or_insert(*address);
        if first != *address {
            tally.fail(
                Fault("name-of-two-addresses"),
                format!("{name} conceals both {first} and {address}"),
                [stated.place],
            );
        }
    }
}

/// The address that a peer uses with each port, as seen at its own tap; none if there are several.
fn addresses(evidence: &Evidence, peer: Peer) -> BTreeMap<u16, Option<IpAddr>> {
    let mut found: BTreeMap<u16, Option<IpAddr>> = BTreeMap::new();
    for wire in evidence.wire.iter().filter(|wire| wire.is_tapped(peer)) {
        for packet in wire.sent(peer).filter(|packet| !packet.tcp) {
            let address = found.entry(packet.from.port()).or_insert(Some(packet.from.ip()));
            if *address != Some(packet.from.ip()) {
                *address = None;
            }
        }
    }
    found
}

/// `xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx.local` (RFC 9562 §5.4).
fn is_random(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let Some(uuid) = name.strip_suffix(".local").filter(|uuid| uuid.len() == 36) else { return false };
    uuid.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        14 => byte == b'4',
        19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
        _ => byte.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use crate::evidence::Evidence;

    /// As if the answerer concealed its addresses.
    fn conceal(evidence: &mut Evidence) {
        events::edit_candidate(evidence, "bob", |text| {
            let mut words: Vec<&str> = text.split(' ').collect();
            words[4] = NAMES[0];
            words.join(" ")
        });
    }

    /// Makes them UUIDs of version 1.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, conceal, |evidence| {
        events::edit_candidate(evidence, "bob", |text| text.replace("-4bcf-", "-1bcf-"));
    })
    .and(&[Mutation::new(Recording::Data, "conceals both", |evidence| {
        events::edit_candidate(evidence, "alice", |text| text.replace(NAMES[1], NAMES[0]));
    })
    .also_breaks(&["ice-candidate-foundations"])
    .prepared(|evidence| {
        events::edit_candidate(evidence, "alice", |text| {
            text.replace("192.0.2.2", NAMES[0]).replace("fd00::2", NAMES[1])
        });
    })]);

    const NAMES: [&str; 2] =
        ["1f4712db-ea17-4bcf-a596-105139dfd8bf.local", "2f4712db-ea17-4bcf-a596-105139dfd8bf.local"];
}

#[cfg(test)]
mod tests {
    use super::is_random;

    #[test]
    fn only_a_random_uuid_is_a_name() {
        assert!(is_random("1f4712db-ea17-4bcf-a596-105139dfd8bf.local"));
        for other in [
            "1f4712db-ea17-1bcf-a596-105139dfd8bf.local",
            "1f4712db-ea17-4bcf-c596-105139dfd8bf.local",
            "1f4712dbea174bcfa596105139dfd8bf.local",
            "1f4712db-ea17-4bcf-a596-105139dfd8bf",
            "host.local",
        ] {
            assert!(!is_random(other), "{other}");
        }
    }
}
