//! Checks, nomination, consent.

use super::{Found, Kind, Layer, SECOND, Says, Severity, side_of, time};
use peerproof_captures::trace::{Connection, PairState, Side, Trace};

/// Requests without response after which checks count as unanswered, and for how long.
const UNANSWERED: (u64, u64) = (3, SECOND);
/// How long after success a nomination is waited for.
const NOMINATION: u64 = 3 * SECOND;
/// Consent runs out after 30 s (RFC 7675 §5.1); half of it without response is a pair that no longer works.
const CONSENT: u64 = 15 * SECOND;
/// How long after its last response a side must be heard to count as still there.
const STILL_HEARD: u64 = 5 * SECOND;
/// Unanswered requests in that time.
const CONSENT_REQUESTS: u64 = 3;

pub(super) fn diagnose(trace: &Trace, connection: &Connection, found: &mut Found) {
    let best = connection.pairs.iter().map(|pair| pair.state).max();
    let Some(best) = best else { return };
    errors(connection, found);
    if best < PairState::Succeeded {
        unanswered(connection, found);
    } else if best == PairState::Succeeded {
        nomination(trace, connection, found);
    }
    consent(connection, found);
}

/// Whether one side had the other's checks rejected, told by code.
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
                    "{other} answered 487 (Role Conflict) to {conflicts} checks of {name}; {name} began as {}, {other} as {}",
                    role(side),
                    role(side.other())
                ),
                why: "both sides believe to have the same role: both made an offer, one is lite, or one did not take the role of \
                      its description",
                next: "look whether the side that got 487 changed ICE-CONTROLLING to ICE-CONTROLLED or back in its next check \
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
                _ => format!("{other} answered 401 (Unauthenticated) to {refused} checks of {name}"),
            };
            found.add(Says {
                severity: Severity::Broken,
                layer: Layer::Checks,
                kind: Kind::WrongPassword,
                side: Some(name),
                at: mismatch.or(at),
                what,
                why: "the check is made with another ufrag or password than the receiver has: an old description after an ICE \
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
    let pairs = connection.pairs.len();
    let last =
        connection.pairs.iter().flat_map(|pair| [pair.checks.a.last, pair.checks.b.last]).max().flatten();
    if a > 0 && b > 0 {
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Checks,
            kind: Kind::ChecksUnanswered,
            side: None,
            at: last,
            what: format!(
                "{} sent {a} checks and {} sent {b} on {pairs} pairs within {}; none was answered",
                side_of(connection, Side::A),
                side_of(connection, Side::B),
                time(lasted)
            ),
            why: "both sides' checks pass the place of the capture, and no response does: they are lost after it, or each side \
                  drops them since ufrag or password are not what it expects",
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
            "{name} sent {} checks on {pairs} pairs within {}; none was answered, and {other} sent none",
            a + b,
            time(lasted)
        ),
        why: "the packets do not reach the other side, or it has no candidates to check: a firewall, an address of another network, \
              or candidates that were never signalled",
        next: "look whether the other side got the description and the candidates, and whether the addresses checked can be reached \
               from here (private addresses of another network, .local names that do not resolve)",
    });
}

fn nomination(trace: &Trace, connection: &Connection, found: &mut Found) {
    let success =
        connection.pairs.iter().flat_map(|pair| [pair.checks.a.first_success, pair.checks.b.first_success]);
    let Some(success) = success.flatten().min() else { return };
    let end = trace.last.unwrap_or(connection.last);
    if end.since(success) < NOMINATION {
        return;
    }
    let controlling = Side::BOTH
        .into_iter()
        .find(|side| connection.peers.of(*side).role.is_some_and(|role| role.controlling));
    let side = controlling.map(|side| side_of(connection, side));
    let proposed = connection.pairs.iter().filter_map(|pair| pair.use_candidate).min();
    match proposed {
        Some(at) => found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Nomination,
            kind: Kind::NominationUnanswered,
            side,
            at: Some(at),
            what: "checks with USE-CANDIDATE were sent, none of them was answered by success".to_owned(),
            why: "the pair worked before and no longer does, or the controlled side refuses the nomination",
            next: "look at what answers the deciding frame, and whether the pair's path changed in between",
        }),
        None => found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Nomination,
            kind: Kind::NoNomination,
            side,
            at: Some(success),
            what: format!(
                "a pair has worked since frame {}, yet in {} no check bore USE-CANDIDATE",
                success.frame,
                time(end.since(success))
            ),
            why: "no side nominates: both take themselves for controlled, or the controlling side waits for candidates or an end of \
                  candidates that does not come",
            next: "look for ICE-CONTROLLING in the checks of either side, and whether the controlling side was told the end of \
                   candidates",
        }),
    }
}

fn consent(connection: &Connection, found: &mut Found) {
    let Some(pair) = connection.selected().filter(|pair| pair.state == PairState::Nominated) else { return };
    for side in Side::BOTH {
        let checks = pair.checks.of(side);
        let (Some(last), Some(success)) = (checks.last, checks.last_success) else { continue };
        let silence = last.since(success);
        if checks.unanswered_run < CONSENT_REQUESTS || silence < CONSENT {
            continue;
        }
        let (name, other) = (side_of(connection, side), side_of(connection, side.other()));
        // A check of the other side's may have crossed the last response.
        let still = pair.checks.of(side.other()).last.is_some_and(|last| last.since(success) > STILL_HEARD);
        let heard = if still { "is still heard" } else { "is not heard any more" };
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Nomination,
            kind: Kind::ConsentLost,
            side: Some(other.clone()),
            at: Some(success),
            what: format!(
                "{other} last answered {name} in frame {}; {} checks in the {} after it stayed without response, and {other} {heard}",
                success.frame,
                checks.unanswered_run,
                time(silence)
            ),
            why: "the path broke, or the other side is gone (closed, crashed, asleep, changed its network): without responses consent \
                  to send ends after 30 s (RFC 7675 §5.1)",
            next: "look whether anything of the other side came after the deciding frame: if so one direction is blocked (a NAT \
                   binding ran out), if not the peer or its network is gone",
        });
        return;
    }
}
