//! Gathering of candidates: STUN and TURN servers, and what a peer got from them.

use super::session::Api;
use super::{Found, Kind, Layer, Missed, SECOND, Says, Severity, counted, time};
use crate::verdict::{NETWORK, Place};
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::timeline::What;
use peerproof_captures::trace::{Allocation, PairState, Trace, TurnError};

/// Requests without response after which a server counts as silent, and for how long.
const SILENT: (u64, u64) = (3, SECOND);
/// Responses 438 in a row that are a loop: one is the ordinary end of a nonce.
const STALE_LOOP: u64 = 3;

/// What the packets to and from the servers show.
pub(super) fn of_packets(trace: &Trace, found: &mut Found) {
    for gathering in &trace.gatherings {
        let lasted = gathering.last.since(gathering.first);
        if gathering.answered.is_none()
            && gathering.error.is_none()
            && gathering.requests >= SILENT.0
            && lasted >= SILENT.1
        {
            found.add(Says {
                severity: Severity::Degraded,
                layer: Layer::Gathering,
                kind: Kind::StunServerSilent,
                side: None,
                at: Some(gathering.last),
                what: format!(
                    "{} sent {} Binding requests to {} in {}; none was answered",
                    gathering.client,
                    gathering.requests,
                    gathering.server,
                    time(lasted)
                ),
                why: "the server is down, its address or port is wrong, or a firewall drops UDP on the way",
                next: "ask the server from another network; without server-reflexive candidates peers behind NATs may not \
                       reach each other",
            });
        }
    }
    for allocation in &trace.allocations {
        let from = found.all.len();
        allocations(allocation, found);
        // What the call did not need broke nothing.
        let (severity, without) = match standing(trace, allocation) {
            Standing::Needed => continue,
            Standing::Connected => (Severity::Notice, "a connection of this client works all the same"),
            Standing::OtherRelay => (Severity::Degraded, "another relay of this client does its work"),
        };
        for one in found.all.get_mut(from..).unwrap_or_default() {
            one.severity = one.severity.max(severity);
            one.what += &format!("; {without}");
        }
    }
}

/// How the session stands to an allocation.
enum Standing {
    /// Nothing shows that it went without it.
    Needed,
    /// A pair of the client was nominated.
    Connected,
    /// Another allocation was granted, and a permission or channel in it.
    OtherRelay,
}

fn standing(trace: &Trace, allocation: &Allocation) -> Standing {
    let machine = allocation.client.ip();
    let works = trace.connections.iter().any(|connection| {
        let mut nominated = connection.pairs.iter().filter(|pair| pair.state == PairState::Nominated);
        nominated.any(|pair| [pair.addresses.a, pair.addresses.b].iter().any(|it| it.ip() == machine))
    });
    let other = trace.allocations.iter().any(|other| {
        other.server != allocation.server
            && other.client.ip() == machine
            && other.bound.iter().any(|bound| bound.granted.is_some())
    });
    match (works, other) {
        (true, _) => Standing::Connected,
        (false, true) => Standing::OtherRelay,
        (false, false) => Standing::Needed,
    }
}

fn allocations(allocation: &Allocation, found: &mut Found) {
    let Allocation { client, server, .. } = allocation;
    let rejected: Vec<&TurnError> =
        allocation.errors.iter().filter(|error| error.code == 401 && error.authenticated).collect();
    if let (Some(first), None) = (rejected.first(), allocation.granted) {
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Gathering,
            kind: Kind::TurnWrongCredentials,
            side: None,
            at: Some(first.at),
            what: format!(
                "{server} answered 401 to {} of {client} that carried credentials, {} times",
                first.method,
                rejected.len()
            ),
            why: "username or password are not those that the server expects, or time-limited credentials have expired",
            next: "compare the credentials in the application's ICE servers with the server's; with time-limited ones compare the \
                   clocks too",
        });
    }
    if allocation.longest_stale_nonce_run >= STALE_LOOP {
        let at = allocation.errors.iter().filter(|error| error.code == 438).map(|error| error.at).next_back();
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Gathering,
            kind: Kind::TurnStaleNonceLoop,
            side: None,
            at,
            what: format!(
                "{server} answered 438 (Stale Nonce) to {client} {} times in a row",
                allocation.longest_stale_nonce_run
            ),
            why: "the client keeps using the old nonce, or its requests reach different servers behind one address, each with \
                  nonces of its own",
            next: "see whether the NONCE of the next request is that of the response; if so look at the load balancer before the \
                   server",
        });
    }
    let first = |code| allocation.errors.iter().find(|error| error.code == code);
    if let Some(error) = first(403) {
        let peer = error.peer.map_or_else(String::new, |peer| format!(" for {peer}"));
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Gathering,
            kind: Kind::TurnForbidden,
            side: None,
            at: Some(error.at),
            what: format!("{server} answered 403 (Forbidden) to {} of {client}{peer}", error.method),
            why: "the server's rules do not allow relaying to that peer's address: private and loopback ranges are denied by default",
            next: "look at the server's lists of allowed and denied peer addresses",
        });
    }
    for (code, kind, why, next) in [
        (
            486,
            Kind::TurnQuota,
            "the user holds as many allocations as the server allows",
            "look for allocations that were not released (Refresh with lifetime zero), and at the server's quota per user",
        ),
        (
            508,
            Kind::TurnCapacity,
            "the server has no relay port or bandwidth left",
            "look at the server's port range and its total quota",
        ),
    ] {
        if let Some(error) = first(code) {
            found.add(Says {
                severity: Severity::Broken,
                layer: Layer::Gathering,
                kind,
                side: None,
                at: Some(error.at),
                what: format!("{server} answered {code} ({}) to {} of {client}", error.reason, error.method),
                why,
                next,
            });
        }
    }
    if allocation.granted.is_none() && allocation.errors.is_empty() && allocation.unanswered > 0 {
        found.add(Says {
            severity: Severity::Degraded,
            layer: Layer::Gathering,
            kind: Kind::TurnServerSilent,
            side: None,
            at: Some(allocation.requested),
            what: match allocation.allocates {
                0 => format!(
                    "{server} did not answer {} of {client} for an allocation that was made before the capture, if ever",
                    counted(allocation.unanswered, "request")
                ),
                _ => format!("{server} did not answer the Allocate request of {client}"),
            },
            why: "the server is down, its address or port is wrong, or a firewall drops the way to it",
            next: "ask the server from another network, and by TCP or TLS on port 443 where UDP is blocked",
        });
    }
}

/// A peer without candidates, or peers of whose candidates none arrived at the other.
pub(super) fn of_api(api: &Api<'_>) -> Option<Missed> {
    if !api.negotiated() || api.peers().any(|(_, view)| view.ice_connected().is_some()) {
        return None;
    }
    if let Some(missed) = rejected(api) {
        return Some(missed);
    }
    for (name, view) in api.peers() {
        if view.own_candidates().is_empty() {
            let last = view.candidate_errors.last();
            let seen = match last {
                Some(at) => format!("it gathered none and reported error {} of {}", at.is.0, at.is.1),
                None => "it gathered none".to_owned(),
            };
            let n = last.map(|at| at.n).or(view.gathering.last().map(|at| at.n));
            return Some(Missed {
                layer: Layer::Gathering,
                kind: Kind::NoCandidates,
                side: name.to_owned(),
                expected: format!("{name} should gather candidates"),
                seen,
                evidence: n.map(Place::Entry).into_iter().collect(),
                why: "its only servers do not answer and host candidates are not allowed (iceTransportPolicy relay), or it sees no \
                      network interface",
                next: "look at icecandidateerror and at the requests to its STUN and TURN servers",
            });
        }
    }
    withheld(api)
}

/// The last answer rejects every section (RFC 3264 §6): there is no transport to gather candidates for.
fn rejected(api: &Api<'_>) -> Option<Missed> {
    let last = api.peers().filter_map(|(name, view)| Some((name, view.local.last()?)));
    let (name, answer) = last.into_iter().find(|(_, at)| at.is.kind == SdpType::Answer)?;
    let sdp = SessionDescription::parse(answer.is.sdp.as_str());
    let is_accepted = sdp.media().any(|section| !section.is_rejected());
    (!is_accepted && sdp.media().next().is_some()).then(|| Missed {
        layer: Layer::Sdp,
        kind: Kind::NoCandidates,
        side: name.to_owned(),
        expected: format!("{name}'s answer should accept a section of the offer"),
        seen: "it rejects all of them".to_owned(),
        evidence: vec![Place::Entry(answer.n)],
        why: "the two have no codec or protocol in common, or the offer was rewritten so that they have none",
        next: "compare the sections of the offer, as it arrived, with what the answerer supports",
    })
}

/// All candidates of both sides were withheld on their way: signalling, not gathering.
fn withheld(api: &Api<'_>) -> Option<Missed> {
    let [(a, _), (b, _)] = api.peers;
    let (Some(_), Some(n)) = (all_withheld_from(api, a), all_withheld_from(api, b)) else { return None };
    Some(Missed {
        layer: Layer::Signalling,
        kind: Kind::CandidatesWithheld,
        side: NETWORK.to_owned(),
        expected: format!("the candidates of {a} should reach {b} and those of {b} {a}"),
        seen: "every one was withheld on the way".to_owned(),
        evidence: vec![Place::Entry(n)],
        why: "the signalling carries descriptions only, and these were made before candidates were gathered",
        next: "see whether each candidate event is carried to addIceCandidate of the other side",
    })
}

/// The entry of the last candidate that was withheld from a peer, if it got none at all.
fn all_withheld_from(api: &Api<'_>, name: &str) -> Option<u64> {
    let mut withheld = None;
    for entry in api.timeline {
        match &entry.what {
            What::CarriedCandidate { to, sent: Some(_), delivered, .. } if to == name => {
                if delivered.is_some() {
                    return None;
                }
                withheld = Some(entry.n);
            }
            // One that a step hands over.
            What::Command { peer, name: command, args, .. }
                if peer == name
                    && command == "addIceCandidate"
                    && args.get("candidate").is_some_and(|it| !it.is_null()) =>
            {
                return None;
            }
            What::Carried { to, sent, delivered, .. } if to == name => {
                let got = delivered.as_ref().unwrap_or(sent);
                if got.sdp.contains("a=candidate:") {
                    return None;
                }
            }
            _ => {}
        }
    }
    withheld
}
