//! Nomination (RFC 8445 §8) and the consent to send on the nominated pair (RFC 7675).

use super::session::Api;
use super::{Found, Kind, Layer, Missed, SECOND, Says, Severity, side_of, time};
use crate::api::{At, PeerView};
use crate::verdict::Place;
use peerproof_captures::event::{ConnectionState, DtlsState, IceState};
use peerproof_captures::trace::{At as Moment, Connection, PairState, Side, Trace};

/// How long after success a nomination is waited for.
const NOMINATION: u64 = 3 * SECOND;
/// Consent runs out after 30 s (RFC 7675 §5.1); half of it without response is a pair that no longer works.
const CONSENT: u64 = 15 * SECOND;
/// How long after its last response a side must be heard to count as still there.
const STILL_HEARD: u64 = 5 * SECOND;
/// With as much time between the last packets of a connection and of a capture, the capture was merged, or holds different calls.
const APART: u64 = 600 * SECOND;
/// Unanswered requests in that time.
const CONSENT_REQUESTS: u64 = 3;

/// What the checks of a connection show once a pair has worked.
pub(super) fn of_packets(trace: &Trace, connection: &Connection, found: &mut Found) {
    let best = connection.pairs.iter().map(|pair| pair.state).max();
    if best == Some(PairState::Succeeded) {
        nomination(trace, connection, found);
    }
    consent(connection, found);
}

fn nomination(trace: &Trace, connection: &Connection, found: &mut Found) {
    let success =
        connection.pairs.iter().flat_map(|pair| [pair.checks.a.first_success, pair.checks.b.first_success]);
    let Some(success) = success.flatten().min() else { return };
    if is_in_use(connection, success) {
        return;
    }
    let end = trace.last.filter(|last| last.since(connection.last) < APART).unwrap_or(connection.last);
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
                "a pair has worked since frame {}, yet in {} no check carried USE-CANDIDATE",
                success.frame,
                time(end.since(success))
            ),
            why: no_nomination(connection),
            next: if controlling.is_some() {
                "see whether the controlling side got an end-of-candidates indication, and which pairs it still waits for"
            } else {
                "look for ICE-CONTROLLING in the checks of either side, and whether the controlling side got an end-of-candidates \
                 indication"
            },
        }),
    }
}

/// Whether more than checks went over the connection: DTLS before any check succeeds here, a handshake that completes, protected packets. A
/// nomination that is not in the capture then came before it, or the capture lost it.
fn is_in_use(connection: &Connection, success: Moment) -> bool {
    let mut handshakes = connection.handshakes.iter();
    connection.records_without_handshake > 0
        || !connection.streams.is_empty()
        || handshakes.any(|it| it.complete.is_some() || it.client_hello < success)
}

/// Why nobody nominates, by the roles that the sides claim in their checks.
fn no_nomination(connection: &Connection) -> &'static str {
    let controls = |side: Side| connection.peers.of(side).role.map(|role| role.controlling);
    match (controls(Side::A), controls(Side::B)) {
        (Some(false), Some(false)) => "no side nominates, since both consider themselves controlled",
        (Some(true), Some(true)) => {
            "both sides consider themselves controlling: the conflict of their roles (RFC 8445 §7.3.1.1) was not resolved"
        }
        (Some(true), _) | (_, Some(true)) => {
            "the controlling side does not nominate: it waits for candidates or an end-of-candidates indication that does not come, or \
             its own check on that pair did not succeed"
        }
        _ => {
            "no side nominates: both consider themselves controlled, or the controlling side waits for candidates or an \
             end-of-candidates indication that does not come"
        }
    }
}

/// Whether a side said that it ends: then nobody waits for its answers.
fn said_goodbye(connection: &Connection, side: Side) -> bool {
    let mut alerts = connection.handshakes.iter().flat_map(|handshake| &handshake.alerts);
    let mut aborts = connection.associations.iter().filter_map(|association| association.abort.as_ref());
    alerts.any(|alert| alert.from == side && alert.is_closing())
        || aborts.any(|abort| abort.from == side && abort.is_by_user)
}

fn consent(connection: &Connection, found: &mut Found) {
    let Some(pair) = connection.selected().filter(|pair| pair.state == PairState::Nominated) else { return };
    for side in Side::BOTH {
        let checks = pair.checks.of(side);
        let (Some(last), Some(success)) = (checks.last, checks.last_success) else { continue };
        let silence = last.since(success);
        if checks.unanswered_run < CONSENT_REQUESTS
            || silence < CONSENT
            || said_goodbye(connection, side.other())
        {
            continue;
        }
        let (name, other) = (side_of(connection, side), side_of(connection, side.other()));
        // A check of the other side's may have crossed the last response.
        let after = |at: &Moment| at.since(success) > STILL_HEARD;
        let still = pair.checks.of(side.other()).last.filter(after);
        let media = last_media(connection, side.other()).filter(after);
        let heard = match (media, still) {
            (Some(at), _) => {
                let until = time(at.since(connection.first));
                format!("is alive: its last RTP packet came {until} after the connection began")
            }
            (None, Some(_)) => "is still heard".to_owned(),
            (None, None) => "is no longer heard".to_owned(),
        };
        let (why, next) = if media.or(still).is_some() {
            (
                "an agent has to answer each authentic check (RFC 8445 §7.3), and without answers consent to send ends after 30 s \
                 (RFC 7675 §5.1): that side sends but does not answer, or the checks no longer reach it (if the capture was taken \
                 elsewhere)",
                "if the capture was taken at that side, look at why its ICE agent is silent: it may have dropped the pair or the \
                 credentials; if not, capture there",
            )
        } else {
            (
                "the path broke, or the other side is gone (closed, crashed, asleep, changed its network): without responses consent \
                 to send ends after 30 s (RFC 7675 §5.1)",
                "see whether anything of the other side came after the deciding frame: if so one direction is blocked (a NAT \
                 binding expired), if not the peer or its network is gone",
            )
        };
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Nomination,
            kind: Kind::ConsentLost,
            side: Some(other.clone()),
            at: Some(success),
            what: format!(
                "{other} last answered {name} in frame {}; {} checks in the {} after it got no response, and {other} {heard}",
                success.frame,
                checks.unanswered_run,
                time(silence)
            ),
            why,
            next,
        });
        return;
    }
}

/// When the last media of a side came.
fn last_media(connection: &Connection, side: Side) -> Option<Moment> {
    connection.streams.values().filter(|stream| stream.from == side).map(|stream| stream.last).max()
}

/// Whether a peer's connection failed or was closed before that entry of the timeline, and not for its path: its ICE still worked. What
/// stops answering then is that peer.
fn ended_first(view: &PeerView, before: u64) -> bool {
    let works = view.ice.last().is_some_and(|at| matches!(at.is, IceState::Connected | IceState::Completed));
    let ended = |at: &At<ConnectionState>| {
        at.n < before && matches!(at.is, ConnectionState::Failed | ConnectionState::Closed)
    };
    works && view.connection.iter().any(ended)
}

/// Whether a peer reports its connection as closed before that entry of the timeline.
fn closed_by_itself(view: &PeerView, before: u64) -> bool {
    view.connection.iter().any(|at| at.n < before && at.is == ConnectionState::Closed)
}

/// The connection came up and went away: consent was lost.
pub(super) fn of_api(api: &Api<'_>) -> Option<Missed> {
    for (name, view, other, far) in api.both() {
        let Some(connected) = view.ice_connected() else { continue };
        let gone = view
            .ice
            .iter()
            .rev()
            .take_while(|at| !matches!(at.is, IceState::Connected | IceState::Completed))
            .find(|at| at.n > connected.n && matches!(at.is, IceState::Disconnected | IceState::Failed));
        let Some(gone) = gone else { continue };
        if view.dtls.iter().any(|at| at.is == DtlsState::Failed) || view.closed.is_some() {
            continue; // It ended for another reason.
        }
        if ended_first(far, gone.n) {
            continue; // Its own layer says why.
        }
        let (side, reason) = match &far.lost {
            Some(lost) => (other, format!(" after {other} was gone ({})", lost.is)),
            None if far.closed.is_some() => continue,
            // Only `close()` closes a connection (webrtc-pc §4.3.3).
            None if closed_by_itself(far, gone.n) => (other, format!(" after {other} had closed by itself")),
            None => (name, String::new()),
        };
        return Some(Missed {
            layer: Layer::Nomination,
            kind: Kind::ConnectionLost,
            side: side.to_owned(),
            expected: format!("the path between {name} and {other} should stay alive"),
            seen: format!("{name}'s iceConnectionState became {}{reason}", gone.is),
            evidence: vec![Place::Entry(gone.n)],
            why: "responses to its checks no longer came: the path broke, or the other side is gone",
            next: "look at the last checks of either side that were answered, and what the network did then",
        });
    }
    None
}
