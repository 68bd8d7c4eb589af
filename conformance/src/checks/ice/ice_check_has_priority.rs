//! RFC 8445 §7.1.1: a connectivity check carries PRIORITY, computed like that of the candidate that it is sent from but with
//! the type preference of a peer-reflexive one.

use super::checks;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::{Candidate, CandidateType};
use peerproof_captures::wire::stun::AttributeType;

pub(super) const CHECK: Check = Check {
    id: "ice-check-has-priority",
    layer: Layer::Checks,
    subject: "connectivity checks",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let hosts = host_candidates(evidence, peer);
    // "An ICE agent SHOULD compute this priority using the formula" (§5.1.2): who has another one is not held to its parts.
    let by_formula = hosts.iter().all(|host| host.component != 1 || host.priority & 0xff == 0xff);
    // Whoever prefers UDP may do so by the type preference of TCP candidates (RFC 6544 §4.2).
    let mut preferences = [None; 2];
    for (packet, message) in checks(evidence, peer) {
        let place = Place::Frame(packet.frame);
        let Some(priority) = message.number(AttributeType::Priority) else {
            tally.fail(Fault("no-priority"), "a connectivity check has no PRIORITY", [place]);
            continue;
        };
        // What a server relays comes from a relayed candidate, whose address the recording need not show.
        let at_source = |host: &&Candidate| {
            packet.via.is_none()
                && host.address.ip() == Some(packet.from.ip())
                && host.port == packet.from.port()
        };
        let (high, low) = (priority.value >> 24, priority.value & 0x00ff_ffff);
        // A socket may be a candidate of several generations, each with a priority of its own.
        let mut signalled = hosts.iter().filter(at_source).map(|host| host.priority & 0x00ff_ffff).peekable();
        let is_none = signalled.peek().is_some() && signalled.all(|signalled| signalled != low);
        let first = *preferences[usize::from(packet.tcp)].get_or_insert(high);
        if !by_formula && (is_none || first != high) {
            tally.inconclusive(
                "the priorities of the candidates are not those of the recommended formula",
                [place],
            );
        } else if is_none {
            tally.fail(
                Fault("other-priority"),
                format!(
                    "PRIORITY {} is not that of the candidate that the check is sent from",
                    priority.value
                ),
                [place],
            );
        } else if first != high {
            tally.fail(
                Fault("other-type-preference"),
                format!("PRIORITY has the type preference {high}, in another check {first}"),
                [place],
            );
        } else {
            tally.pass(place);
        }
    }
}

/// The host candidates that a peer reported.
fn host_candidates(evidence: &Evidence, peer: Peer) -> Vec<Candidate> {
    let stated = evidence.events(peer).into_iter().filter_map(|happened| match happened.event {
        PeerEvent::IceCandidate { candidate: Some(stated) } => Candidate::parse(&stated.candidate).ok(),
        _ => None,
    });
    let described = evidence.made_by(peer).flat_map(|description| {
        description.sdp.media().flat_map(|section| section.candidates()).collect::<Vec<_>>()
    });
    stated.chain(described).filter(|candidate| candidate.kind == CandidateType::Host).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};

    /// Takes PRIORITY out of one check and signs it again.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        stun::edit_first_check(evidence, |attributes| attributes.retain(|(kind, _)| *kind != 0x0024));
    })
    .and(&[
        Mutation::new(
            Recording::Data,
            "is not that of the candidate that the check is sent from",
            |evidence| {
                stun::edit_first_check(evidence, |attributes| {
                    attributes
                        .iter_mut()
                        .filter(|(kind, _)| *kind == 0x0024)
                        .for_each(|(_, value)| value[3] ^= 1);
                });
            },
        ),
        Mutation::new(Recording::Data, "in another check", |evidence| {
            stun::edit_first_check(evidence, |attributes| {
                attributes
                    .iter_mut()
                    .filter(|(kind, _)| *kind == 0x0024)
                    .for_each(|(_, value)| value[0] -= 1);
            });
        }),
    ]);
}
