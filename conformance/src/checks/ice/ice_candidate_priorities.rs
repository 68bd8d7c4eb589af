//! RFC 8445 §5.1.2 and §5.1.2.1: the candidates of a data stream have different priorities; by the recommended formula
//! all of a type have the same type preference, 126 at most, no two types the same, and a peer-reflexive one a higher
//! one than a server-reflexive one.

use super::checks;
use super::stated::{self, Set};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Candidate, CandidateType};
use peerproof_captures::wire::stun::AttributeType;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "ice-candidate-priorities",
    layer: Layer::Gathering,
    subject: "candidates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Highest type preference (RFC 8445 §5.1.2.1).
const MOST: u64 = 126;

/// The type preferences by type, with where each was first seen: of UDP, and of TCP, by which they may be shifted (RFC 6544
/// §4.2).
type Preferences = [BTreeMap<CandidateType, BTreeMap<u64, Place>>; 2];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut streams: BTreeMap<(Set, String, String, u32), BTreeMap<u64, String>> = BTreeMap::new();
    let mut preferences = Preferences::default();
    let mut by_formula = true;
    for stated in stated::candidates(evidence, peer) {
        let Ok(candidate) = Candidate::parse(stated.text) else { continue };
        let Candidate { component, priority, address, port, kind, transport, .. } = &candidate;
        // Reported twice, in an event and in a description, it is still one.
        let tcp_type = candidate.tcp_type().map(|kind| format!(" {kind}")).unwrap_or_default();
        let itself = format!("{kind} {}{tcp_type} {address} {port}", transport.to_ascii_lowercase());
        let stream = streams.entry((stated.set, stated.ufrag, stated.mid.clone(), *component)).or_default();
        let first = stream.entry(*priority).or_insert_with(|| itself.clone());
        tally.judge(Fault("same-priority"), *first == itself, stated.place, || {
            // A candidate may come without the MID of its section.
            let of =
                if stated.mid.is_empty() { String::new() } else { format!(" of section {}", stated.mid) };
            format!("two candidates{of} have the priority {priority}: {first} and {itself}")
        });
        by_formula &= priority & 0xff == 256_u64.saturating_sub(u64::from(*component)) & 0xff;
        let of_transport = &mut preferences[usize::from(!candidate.is_udp())];
        let of_type = of_transport.entry(kind.clone()).or_default();
        of_type.entry(candidate.type_preference()).or_insert(stated.place);
    }
    if !by_formula {
        tally.inconclusive("the last byte of the priorities is not that of the recommended formula", []);
        return;
    }
    for of_transport in &preferences {
        judge_types(of_transport, tally);
    }
    judge_reflexive(evidence, peer, &preferences, tally);
}

fn judge_types(types: &BTreeMap<CandidateType, BTreeMap<u64, Place>>, tally: &mut Tally) {
    let mut owners: BTreeMap<u64, &CandidateType> = BTreeMap::new();
    for (kind, preferences) in types {
        // Those of relays may differ by how the relay is reached.
        let mut others = preferences.iter().filter(|_| *kind != CandidateType::Relay);
        if let (Some((one, place)), Some((other, there))) = (others.next(), others.next()) {
            let sentence = format!("{kind} candidates have the type preferences {one} and {other}");
            tally.fail(Fault("preferences-of-one-type-differ"), sentence, [*there, *place]);
        }
        for (preference, place) in preferences {
            let owner = owners.entry(*preference).or_insert(kind);
            if *preference > MOST {
                tally.fail(
                    Fault("preference-beyond-126"),
                    format!("a {kind} candidate has the type preference {preference}"),
                    [*place],
                );
            } else if *owner != kind {
                let sentence =
                    format!("{owner} and {kind} candidates have the same type preference {preference}");
                tally.fail(Fault("types-share-preference"), sentence, [*place]);
            }
        }
    }
}

/// What a peer-reflexive candidate would have is shown by the checks over UDP (RFC 8445 §7.1.1). That they show something
/// else than that is another requirement's.
fn judge_reflexive(evidence: &Evidence, peer: Peer, [udp, _]: &Preferences, tally: &mut Tally) {
    let Some(reflexive) = udp.get(&CandidateType::ServerReflexive) else { return };
    let Some((highest, _)) = reflexive.last_key_value() else { return };
    let known: BTreeSet<u64> = udp.values().flat_map(|of_type| of_type.keys().copied()).collect();
    for (packet, message) in checks(evidence, peer).filter(|(packet, _)| !packet.tcp) {
        let Some(priority) = message.number(AttributeType::Priority) else { continue };
        let preference = priority.value >> 24;
        if !known.contains(&preference) && preference < *highest {
            let sentence = format!(
                "a peer-reflexive candidate has the type preference {preference}, a server-reflexive one {highest}"
            );
            tally.fail(Fault("reflexive-below-server-reflexive"), sentence, [Place::Frame(packet.frame)]);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events, stun};
    use crate::evidence::Peer;

    /// Gives a candidate another type preference: the highest byte of its priority.
    fn with_preference(text: &str, preference: u32) -> String {
        let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        let priority: u32 = words[3].parse().unwrap();
        words[3] = (priority & 0x00ff_ffff | preference << 24).to_string();
        words.join(" ")
    }

    /// Gives every candidate of the answerer the priority of its first.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        events::edit_candidate(evidence, "bob", |text| {
            let mut words: Vec<&str> = text.split(' ').collect();
            words[3] = "2122194687";
            words.join(" ")
        });
    })
    .and(&[
        Mutation::new(
            Recording::Descriptions,
            "host candidates have the type preferences 100 and 126",
            |evidence| {
                events::edit_first_candidate(evidence, "bob", |text| with_preference(text, 100));
            },
        ),
        Mutation::new(Recording::Descriptions, "a host candidate has the type preference 127", |evidence| {
            events::edit_candidate(evidence, "bob", |text| with_preference(text, 127));
        }),
        Mutation::new(Recording::Descriptions, "have the same type preference 126", |evidence| {
            events::edit_first_candidate(evidence, "bob", |text| {
                text.replace("typ host", "typ srflx raddr 0.0.0.0 rport 9")
            });
        }),
        Mutation::new(Recording::Data, "a peer-reflexive candidate has the type preference 90", |evidence| {
            stun::edit_where(
                evidence,
                |it| it.bytes[..2] == [0, 1] && it.sender == Peer(1),
                |attributes| {
                    for (_, value) in attributes.iter_mut().filter(|(kind, _)| *kind == 0x0024) {
                        value[0] = 90;
                    }
                },
            );
        })
        .prepared(|evidence| {
            events::edit_first_candidate(evidence, "bob", |text| {
                with_preference(&text.replace("typ host", "typ srflx raddr 0.0.0.0 rport 9"), 100)
            });
        }),
    ]);
}
