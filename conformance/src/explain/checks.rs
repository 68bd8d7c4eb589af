//! Connectivity checks (RFC 8445 §7).

use super::session::Api;
use super::{Found, Kind, Layer, Missed, SECOND, Says, Severity, counted, side_of, time};
use crate::verdict::{NETWORK, Place};
use peerproof_captures::timeline::{Entry, What};
use peerproof_captures::trace::{Connection, Handshake, PairState, Side};

/// Requests without response after which checks count as unanswered, and for how long.
const UNANSWERED: (u64, u64) = (3, SECOND);

/// What the checks of a connection show.
pub(super) fn of_packets(connection: &Connection, found: &mut Found) {
    let best = connection.pairs.iter().map(|pair| pair.state).max();
    let Some(best) = best else { return };
    errors(connection, found);
    // A handshake that is complete went through both ways on a pair: what is missing of the checks is missing in the capture.
    let works = connection.handshake().is_some_and(Handshake::is_complete);
    if best < PairState::Succeeded && !works {
        unanswered(connection, found);
    }
}

/// Whether one side had the other's checks rejected, by code.
fn errors(connection: &Connection, found: &mut Found) {
    for side in Side::BOTH {
        let checks = || connection.pairs.iter().map(|pair| pair.checks.of(side));
        let count = |code: u16| checks().filter_map(|checks| checks.errors.get(&code)).sum::<u64>();
        let at = checks().filter_map(|checks| checks.first_error).min();
        let (name, other) = (side_of(connection, side), side_of(connection, side.other()));
        let works = connection.pairs.iter().any(|pair| pair.state >= PairState::Succeeded);
        let conflicts = count(487);
        if conflicts > 0 {
            let role = |side: Side| match connection.peers.of(side).first_role {
                Some(role) if role.controlling => "controlling",
                Some(_) => "controlled",
                None => "of unknown role",
            };
            found.add(Says {
                severity: if works { Severity::Notice } else { Severity::Broken },
                layer: Layer::Checks,
                kind: Kind::RoleConflict,
                side: Some(name.clone()),
                at,
                what: format!(
                    "{other} answered 487 (Role Conflict) to {} of {name}; {name} began as {}, {other} as {}",
                    counted(conflicts, "check"),
                    role(side),
                    role(side.other())
                ),
                why: match (connection.peers.a.first_role, connection.peers.b.first_role) {
                    (Some(a), Some(b)) if a.controlling != b.controlling => {
                        "the sides began with different roles: one of them changed its role in between, or the side that answers 487 \
                         compares roles or tiebreakers wrongly (RFC 8445 §7.3.1.1)"
                    }
                    _ => {
                        "both sides have chosen the same role: both made an offer, one is lite, or one did not take the role of its \
                         description"
                    }
                },
                next: "see whether the side that got 487 changed ICE-CONTROLLING to ICE-CONTROLLED or back in its next check \
                       (RFC 8445 §7.2.5.1), and whether both took their own description for the offer",
            });
        }
        let refused = count(401);
        let mismatch = checks().filter_map(|checks| checks.first_wrong_integrity).min();
        if !works && (refused > 0 || mismatch.is_some()) {
            let what = match (refused, mismatch) {
                (0, _) => format!(
                    "the MESSAGE-INTEGRITY of checks of {name} does not match the password in {other}'s description"
                ),
                _ => {
                    format!(
                        "{other} answered 401 (Unauthenticated) to {} of {name}",
                        counted(refused, "check")
                    )
                }
            };
            found.add(Says {
                severity: Severity::Broken,
                layer: Layer::Checks,
                kind: Kind::WrongPassword,
                side: Some(name),
                at: mismatch.or(at),
                what,
                why: "the check uses another ufrag or password than the receiver expects: an old description after an ICE \
                      restart, candidates of another connection, or a description changed on its way",
                next: "compare USERNAME in the deciding frame with a=ice-ufrag of both newest descriptions, then a=ice-pwd",
            });
        }
    }
}

fn unanswered(connection: &Connection, found: &mut Found) {
    for side in Side::BOTH {
        let elsewhere = connection.pairs.iter().find_map(|pair| {
            let (at, from) = pair.checks.of(side).first_elsewhere?;
            Some((at, from, *pair.addresses.of(side.other())))
        });
        if let Some((at, from, asked)) = elsewhere {
            let other = side_of(connection, side.other());
            found.add(Says {
                severity: Severity::Broken,
                layer: Layer::Checks,
                kind: Kind::AnsweredFromElsewhere,
                side: Some(other),
                at: Some(at),
                what: format!("checks to {asked} were answered from {from}, and no others"),
                why: "a response must come from the address that was asked (RFC 8445 §7.2.5.2.1), or it counts for nothing: the \
                      peer answers by another interface, or a NAT changes the source of answers",
                next: "look at the routing table of the side that answers (several interfaces, VPN), and whether its sockets are \
                       bound to the addresses of its candidates",
            });
            return;
        }
    }
    let sent = |side| {
        let checks = connection.pairs.iter().map(move |pair| pair.checks.of(side));
        checks.map(|checks| checks.sent + checks.retransmissions).sum::<u64>()
    };
    let failed: u64 =
        connection.pairs.iter().map(|pair| pair.checks.a.failed() + pair.checks.b.failed()).sum();
    let lasted = connection.last.since(connection.first);
    let (a, b) = (sent(Side::A), sent(Side::B));
    if failed > 0 || a + b < UNANSWERED.0 || lasted < UNANSWERED.1 {
        return;
    }
    let pairs = counted(connection.pairs.len() as u64, "pair");
    let last =
        connection.pairs.iter().flat_map(|pair| [pair.checks.a.last, pair.checks.b.last]).max().flatten();
    if let Some(delivery) = &connection.delivery
        && let Some((side, _)) = delivery.iter().find(|(_, delivery)| delivery.is_cut())
    {
        let (name, other) = (side_of(connection, side), side_of(connection, side.other()));
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Checks,
            kind: Kind::ChecksUnanswered,
            side: Some(NETWORK.to_owned()),
            at: last,
            what: format!(
                "{} sent {} and {} sent {b} on {pairs} within {}; none was answered, and of {} that left {name} none arrived at \
                 {other}",
                side_of(connection, Side::A),
                counted(a, "check"),
                side_of(connection, Side::B),
                time(lasted),
                counted(delivery.of(side).left, "packet"),
            ),
            why: "the network between the peers lost the packets",
            next: "look for what drops them between the two interfaces; in a recording of the lab `inspect --packets` says where each was lost",
        });
        return;
    }
    if a > 0 && b > 0 {
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Checks,
            kind: Kind::ChecksUnanswered,
            side: None,
            at: last,
            what: format!(
                "{} sent {} and {} sent {b} on {pairs} within {}; none was answered",
                side_of(connection, Side::A),
                counted(a, "check"),
                side_of(connection, Side::B),
                time(lasted)
            ),
            why: "both sides' checks pass the capture point, and no response does: they are lost after it, or each side \
                  drops them because ufrag or password are not what it expects",
            next: "capture at both peers; compare the passwords in the descriptions with those in use (give them with --sdp)",
        });
        return;
    }
    let side = if a > 0 { Side::A } else { Side::B };
    let (name, other) = (side_of(connection, side), side_of(connection, side.other()));
    found.add(Says {
        severity: Severity::Broken,
        layer: Layer::Checks,
        kind: Kind::ChecksFromOneSideOnly,
        side: Some(other.clone()),
        at: last,
        what: format!(
            "{name} sent {} on {pairs} within {}; none was answered, and {other} sent none",
            counted(a + b, "check"),
            time(lasted)
        ),
        why: "the packets do not reach the other side, or it has no candidates to check: a firewall, an address of another network, \
              or candidates that were never signalled",
        next: "see whether the other side got the description and the candidates, and whether the addresses checked can be reached \
               from here (private addresses of another network, .local names that do not resolve)",
    });
}

/// A full agent that has both descriptions, answers the checks of the other peer and sends none (RFC 8445 §6.1.4.2, §7.3.1.4), that other
/// peer, and the frame of its first check. Nothing where a rule acted or the network lost packets: its checks may be those.
fn sends_no_checks<'a>(api: &Api<'a>) -> Option<(&'a str, &'a str, u64)> {
    let is_disturbed = |entry: &Entry| matches!(entry.what, What::Faulted { .. } | What::Lost { .. });
    if api.timeline.iter().any(is_disturbed) {
        return None;
    }
    api.both().find_map(|(name, view, other, _)| {
        let is_lite = view.local.iter().any(|at| at.is.sdp.contains("\na=ice-lite"));
        let (own, others) = (api.sent(name, other)?, api.sent(other, name)?);
        let has_ended = view.closed.is_some() || view.lost.is_some();
        let idle =
            view.ice_connected().is_none() && !has_ended && !is_lite && own.checks == 0 && own.successes > 0;
        others.first_check.filter(|_| idle).map(|first| (name, other, first))
    })
}

/// ICE of both sides should have connected.
pub(super) fn of_api(api: &Api<'_>) -> Option<Missed> {
    if !api.negotiated() {
        return None;
    }
    let missing: Vec<_> = api.both().filter(|(_, view, _, _)| view.ice_connected().is_none()).collect();
    // The side that does not answer is the one at which it shows: known by the packets if they were seen.
    let (name, view, other, _) = *missing.first()?;
    let mut side = if missing.len() == 1 { name } else { other };
    let state = view.ice.last().or(view.ice_transport.last());
    let state_text = state.map_or_else(|| "never left new".to_owned(), |at| format!("is {}", at.is));
    let mut evidence: Vec<Place> = state.map(|at| Place::Entry(at.n)).into_iter().collect();
    let mut seen = format!("the iceConnectionState of {name} {state_text}");
    for (name, _, other, _) in api.both() {
        let (Some(asked), Some(answered)) = (api.sent(name, other), api.sent(other, name)) else { continue };
        // Who gets a 487 has to take the other role (RFC 8445 §7.2.5.1).
        let kept_role = asked.roles[0].is_some() && asked.roles[0] == asked.roles[1];
        if let Some(first) =
            answered.first_conflict.filter(|first| kept_role && asked.last_check > Some(*first))
        {
            side = name;
            let conflicts = counted(answered.conflicts, "Binding request");
            seen = format!(
                "{seen}; {other} answered 487 (Role Conflict) to {conflicts} of {name}, which kept its role"
            );
            evidence.push(Place::Frame(first));
            break;
        }
        if let (Some(first), 0) = (asked.first_check, answered.successes) {
            side = other;
            seen = format!("{seen}; {other} answered none of {name}'s {} Binding requests", asked.checks);
            evidence.push(Place::Frame(first));
            break;
        }
    }
    if evidence.iter().all(|place| matches!(place, Place::Entry(_)))
        && let Some((idle, checked, frame)) = sends_no_checks(api)
    {
        side = idle;
        seen = format!("{seen}; {idle} answers the Binding requests of {checked} and sends none");
        evidence.push(Place::Frame(frame));
    }
    let who = if missing.len() == 2 { format!("{name} and {other}") } else { name.to_owned() };
    Some(Missed {
        layer: Layer::Checks,
        kind: Kind::IceNotConnected,
        side: side.to_owned(),
        expected: format!("connectivity checks of {who} should succeed"),
        seen,
        evidence,
        why: "the checks or their responses are lost, or the sides have other credentials or candidates than they think",
        next: "look at the checks on each pair: whether they arrive, and whether they are answered by an error",
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::of_record;
    use super::*;
    use crate::checks::controls::Recording;
    use crate::evidence::{Packet, Peer};
    use peerproof_captures::event::PeerEvent;
    use peerproof_captures::timeline::RuleAction;

    /// Neither connects: the one that answers checks and sends none is named, whoever it is.
    #[test]
    fn who_sends_no_checks_is_named() {
        for idle in [0, 1] {
            let mut record = Recording::Data.record();
            let names: Vec<String> = record.file.peers.iter().map(|peer| peer.name.clone()).collect();
            let is_check = |it: &Packet| it.bytes.starts_with(&[0, 1]);
            let packets = &mut record.wire.as_mut().unwrap().packets;
            packets.retain(|it| it.sender != Peer(idle) || !is_check(it));
            record.timeline.retain(|entry| match &entry.what {
                What::Event { event, .. } => !matches!(
                    event,
                    PeerEvent::IceConnectionStateChange { .. }
                        | PeerEvent::IceTransportStateChange { .. }
                        | PeerEvent::ConnectionStateChange { .. }
                ),
                _ => true,
            });
            let missed =
                |timeline: &[Entry]| of_record(&record, timeline, record.wire.as_ref(), of_api).unwrap();
            let found = missed(&record.timeline);
            assert_eq!(found.side, names[idle], "{}", found.seen);
            assert!(found.seen.ends_with("and sends none"), "{}", found.seen);
            // What a rule drops may be its checks.
            let (peer, action) = (names[idle].clone(), RuleAction::Drop);
            let what = What::Faulted { peer, rule: None, action, frame: None };
            let dropped = Entry { what, ..record.timeline.last().unwrap().clone() };
            let disturbed = missed(&[&record.timeline[..], &[dropped]].concat());
            assert!(!disturbed.seen.contains("sends none"), "{}", disturbed.seen);
        }
    }
}
