//! The DTLS handshake.

use super::session::Api;
use super::{Found, Kind, Layer, Missed, SECOND, Says, Severity, side_of, time};
use crate::api::{At, PeerView};
use crate::verdict::Place;
use peerproof_captures::event::{ConnectionState, DtlsState};
use peerproof_captures::trace::{Connection, Handshake, Nature, Side};

/// How long after nomination a ClientHello is waited for.
const CLIENT_HELLO: u64 = 3 * SECOND;
/// Retransmissions that show that the other side does not hear or answer.
const RETRANSMISSIONS: u64 = 3;

/// What the handshake of a connection shows.
pub(super) fn of_packets(connection: &Connection, found: &mut Found) {
    no_client_hello(connection, found);
    if !same_role(connection, found)
        && let Some(handshake) = connection.handshake()
    {
        let certificate = certificates(connection, handshake, found);
        let alerted = alerts(connection, handshake, certificate, found);
        if !handshake.is_complete() && !alerted {
            unfinished(connection, handshake, found);
        }
    }
}

fn no_client_hello(connection: &Connection, found: &mut Found) {
    // What is another protocol behind ICE has no ClientHello to wait for.
    if !matches!(connection.recognised.nature, Nature::WebRtc | Nature::Dtls | Nature::DtlsSrtp) {
        return;
    }
    let Some(nominated) = connection.nominated() else { return };
    let waited = connection.last.since(nominated);
    let silent = connection.handshakes.is_empty()
        && connection.records_without_handshake == 0
        && connection.streams.is_empty()
        && connection.associations.is_empty();
    let setup = |side: Side| connection.peers.of(side).described_setup.as_deref();
    let active = Side::BOTH.into_iter().find(|side| setup(*side) == Some("active"));
    let is_described = Side::BOTH.into_iter().all(|side| setup(side).is_some());
    if silent && waited >= CLIENT_HELLO {
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Dtls,
            kind: Kind::NoClientHello,
            side: active.map(|side| side_of(connection, side)),
            at: Some(nominated),
            what: format!("a pair was nominated in frame {}, yet in {} no side sent a ClientHello", nominated.frame, time(waited)),
            why: match active {
                Some(_) => {
                    "a=setup of the descriptions makes that side the client, and it does not begin: it has not applied the description, \
                     or its DTLS does not start"
                }
                None if is_described => "no description says a=setup:active, so each side waits for the other to begin",
                None => {
                    "each side waits for the other to begin: both chose a=setup:passive, or the side that should be the client has not \
                     applied the answer"
                }
            },
            next: "look at a=setup of offer and answer: actpass must be answered by active or passive, and the active side begins",
        });
    }
}

/// Both sides as clients. Whether that is so.
fn same_role(connection: &Connection, found: &mut Found) -> bool {
    let hello_of =
        |side| connection.handshakes.iter().find(|handshake: &&Handshake| handshake.client == side);
    let (Some(a), Some(b)) = (hello_of(Side::A), hello_of(Side::B)) else { return false };
    if [a, b].iter().any(|handshake| handshake.server_hello.is_some() || handshake.is_complete()) {
        return false;
    }
    let later = a.client_hello.max(b.client_hello);
    found.add(Says {
        severity: Severity::Broken,
        layer: Layer::Dtls,
        kind: Kind::SameDtlsRole,
        side: None,
        at: Some(later),
        what: format!(
            "both sides sent a ClientHello, {} in frame {} and {} in frame {}, and none a ServerHello",
            side_of(connection, a.client),
            a.client_hello.frame,
            side_of(connection, b.client),
            b.client_hello.frame
        ),
        why: "both sides chose the client role: an answer said a=setup:active to an offer that said active, or a description \
              was changed on its way",
        next: "look at a=setup of offer and answer as each side received them; an offer says actpass (RFC 8842 §5.2)",
    });
    true
}

/// Whether a certificate differs from the description's fingerprint.
fn certificates(connection: &Connection, handshake: &Handshake, found: &mut Found) -> bool {
    // The first certificate of a side is its own.
    let first = |side| handshake.certificates.iter().find(|certificate| certificate.from == side);
    let wrong =
        Side::BOTH.into_iter().filter_map(first).find(|found| found.matches_description == Some(false));
    let Some(certificate) = wrong else { return false };
    found.add(Says {
        severity: Severity::Broken,
        layer: Layer::Dtls,
        kind: Kind::FingerprintMismatch,
        side: Some(side_of(connection, certificate.from)),
        at: Some(certificate.at),
        what: format!(
            "{}'s certificate has SHA-256 {}, which does not match a=fingerprint of its description",
            side_of(connection, certificate.from),
            certificate.sha256
        ),
        why: "the description belongs to another connection or was changed on its way, or something between the peers terminates DTLS",
        next: "compare a=fingerprint as it was sent with what was delivered; look for a proxy or SFU between the peers",
    });
    true
}

fn alerts(connection: &Connection, handshake: &Handshake, certificate: bool, found: &mut Found) -> bool {
    let Some(alert) = handshake.alerts.iter().find(|alert| alert.is_fatal()) else {
        return !handshake.is_complete() && handshake.alerts.iter().any(|alert| alert.level.is_none());
    };
    let name = side_of(connection, alert.from);
    let description = alert.description.clone().unwrap_or_default();
    let unread =
        handshake.hello_is_fragmented && handshake.server_hello.is_none() && alert.from != handshake.client;
    let (why, next) = match alert.code {
        // Most stacks that cannot put a ClientHello together say so by one of these.
        Some(10 | 40 | 47 | 50 | 80) if unread => (
            "that side cannot read a ClientHello in fragments, though it has to put them together (RFC 6347 §4.2.3): the key shares of \
             post-quantum groups make it longer than a datagram. Or the sides have no cipher suite, group or signature scheme in common",
            "have the client offer no post-quantum group: if its ClientHello fits one datagram then and is answered, that was it; else \
             compare the suites, supported_groups and signature_algorithms with what the other side supports",
        ),
        Some(42 | 46 | 48) if is_as_described(handshake, alert.from.other()) => (
            "that side refuses the other's certificate, which is the one of the description given here: it got another description, or \
             does not support the kind of key or signature",
            "compare the description as that side received it with the one given here, and look at its log",
        ),
        Some(42 | 46 | 48) => (
            "the other side's certificate does not match a=fingerprint of its description",
            "compare a=fingerprint, as received by the side that sent the alert, with the SHA-256 of the other side's certificate \
             (shown above if it was readable; give the descriptions with --sdp)",
        ),
        Some(40 | 71) if handshake.server_hello.is_some() => (
            "the sides agreed on a version and a cipher suite, so that side failed at a later message: a certificate, a signature, or \
             parameters that it does not accept",
            "look at the message before the alert with --frame, and at that side's log",
        ),
        Some(70) if handshake.server_hello.is_some() => (
            "that side does not accept the version that the server chose",
            "compare the versions in the ClientHello with the one in the ServerHello",
        ),
        Some(40 | 71) => (
            "the sides have no cipher suite, group or signature scheme in common",
            "compare the suites, supported_groups and signature_algorithms of the ClientHello with what the other side supports: an RSA \
             certificate against ECDSA suites is the usual cause",
        ),
        Some(70) => (
            "the sides have no version of DTLS in common",
            "compare the ClientHello's versions with what the other side accepts: DTLS 1.0 is refused by today's browsers",
        ),
        Some(20 | 51) => (
            "a record or a signature did not verify: the sides computed different keys or transcripts",
            "look for a stack that hashes messages of a retransmission twice or leaves out the cookie exchange, and for changed packets",
        ),
        Some(50 | 47 | 10) => (
            "the side that sent the alert could not make sense of a message",
            "look at the message before the alert with --frame: its fragments, lengths and order",
        ),
        Some(80) => {
            ("the side that sent the alert failed for a reason of its own", "look at that side's log")
        }
        _ => ("the side that sent the alert ended the handshake", "look at that side's log for the reason"),
    };
    if !certificate || !matches!(alert.code, Some(42 | 46 | 48)) {
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Dtls,
            kind: Kind::FatalAlert,
            side: Some(name.clone()),
            at: Some(alert.at),
            what: format!(
                "{name} sent the fatal alert {description} ({}){}",
                alert.code.unwrap_or_default(),
                if unread { " in answer to a ClientHello in several fragments" } else { "" }
            ),
            why,
            next,
        });
    }
    true
}

/// Whether a side's certificate is the one that its description announces.
fn is_as_described(handshake: &Handshake, side: Side) -> bool {
    let own = handshake.certificates.iter().find(|certificate| certificate.from == side);
    own.is_some_and(|certificate| certificate.matches_description == Some(true))
}

fn unfinished(connection: &Connection, handshake: &Handshake, found: &mut Found) {
    let (client, server) = (handshake.client, handshake.client.other());
    let lasted = handshake.last.since(handshake.client_hello);
    let Some(last) = handshake.flights.last() else { return };
    if handshake.server_hello.is_none() && handshake.flights.iter().all(|flight| flight.from == client) {
        if handshake.retransmissions >= RETRANSMISSIONS {
            found.add(Says {
                severity: Severity::Broken,
                layer: Layer::Dtls,
                kind: Kind::ClientHelloUnanswered,
                side: Some(side_of(connection, server)),
                at: Some(handshake.client_hello),
                what: format!(
                    "{} sent its ClientHello {} times within {}; {} answered none",
                    side_of(connection, client),
                    handshake.retransmissions + 1,
                    time(lasted),
                    side_of(connection, server)
                ),
                why: "the ClientHello does not reach the other side (too large a datagram, a filter for DTLS), or that side does not \
                      expect it: it has not applied the answer, or has closed its transport",
                next: "look at the size of the ClientHello (post-quantum key shares make it longer than one datagram), and at the other \
                       side's state at that time",
            });
        }
        return;
    }
    // Of flights, not of messages: those of a server are several.
    let of_all: u64 = handshake.flights.iter().map(|flight| flight.retransmissions).sum();
    if last.retransmissions >= RETRANSMISSIONS || of_all >= 2 * RETRANSMISSIONS {
        let from = last.from;
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Dtls,
            kind: Kind::HandshakeTimeout,
            side: Some(side_of(connection, from.other())),
            at: Some(last.first),
            what: format!(
                "the handshake stopped at the flight of {} ({}), sent {} times within {} without an answer",
                side_of(connection, from),
                last.messages.join(", "),
                last.retransmissions + 1,
                time(last.last.since(last.first))
            ),
            why: "the flight is lost each time, or the other side cannot process it: large flights are dropped as a whole where IP \
                  fragments are dropped, and a stack that lost a fragment may wait forever",
            next: "see whether the flight's datagrams are longer than the path's MTU, and whether the other side retransmits its \
                   own last flight",
        });
    }
}

/// DTLS of both sides should have connected.
pub(super) fn of_api(api: &Api<'_>) -> Option<Missed> {
    if !api.peers().all(|(_, view)| view.ice_connected().is_some()) {
        return None;
    }
    let up = |view: &PeerView| {
        view.dtls.iter().any(|at| at.is == DtlsState::Connected)
            || view.connection.iter().any(|at| at.is == ConnectionState::Connected)
    };
    let failed = |view: &PeerView| view.dtls.iter().find(|at| at.is == DtlsState::Failed).map(|at| at.n);
    let broken: Vec<_> = api.both().filter(|(_, view, _, _)| !up(view) || failed(view).is_some()).collect();
    // Who refuses is the one at which it shows: the sender of the first fatal alert, else who failed first.
    let first = broken.iter().filter_map(|(name, view, ..)| Some((failed(view)?, *name))).min();
    let (mut side, view, ..) = *broken.first()?;
    let mut evidence: Vec<Place> = Vec::new();
    if let Some((n, name)) = first {
        (side, evidence) = (name, vec![Place::Entry(n)]);
    }
    let mut seen = match (first, view.dtls.last()) {
        (Some((_, name)), _) => {
            let reason = api.view(name).and_then(|view| view.dtls_reason.as_ref());
            let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            format!("it failed at {name}{reason}")
        }
        (None, Some(at)) => format!("the DTLS state of {side} stayed {}", at.is),
        (None, None) => format!("it never began at {side}"),
    };
    for (name, _, other, _) in api.both() {
        if let Some((frame, description)) = api.sent(name, other).and_then(|sent| sent.fatal_alert) {
            if let Some(description) = description {
                seen = format!("{seen}; {name} sent fatal alert {description}");
            }
            side = name;
            evidence.push(Place::Frame(frame));
            break;
        }
    }
    // The packets know better than a peer that reports nothing of it.
    let far = api.both().find(|(name, ..)| *name == side).map(|(_, _, other, _)| other);
    let protected = far.and_then(|far| api.first_protected(side, far));
    if let (None, None, Some(frame)) = (first, view.dtls.last(), protected) {
        return Some(Missed {
            layer: Layer::Dtls,
            kind: Kind::DtlsNotConnected,
            side: side.to_owned(),
            expected: format!("{side} should report that it is connected"),
            seen: "it sent protected packets, and reports neither a DTLS state nor connectionState connected"
                .to_owned(),
            evidence: vec![Place::Frame(frame)],
            why: "the handshake is complete on the wire: the peer, or its adapter, does not report it",
            next: "report connectionState; if the implementation never does, list the event in `unreported`",
        });
    }
    let [(a, _), (b, _)] = api.peers;
    // It may also fail when it has long been complete.
    let was_up = |name: &str, n: u64| {
        let before = |at: &At<DtlsState>| at.n < n && at.is == DtlsState::Connected;
        api.view(name).is_some_and(|view| view.dtls.iter().any(before))
    };
    if let Some((_, name)) = first.filter(|(n, name)| was_up(name, *n)) {
        return Some(Missed {
            layer: Layer::Dtls,
            kind: Kind::DtlsNotConnected,
            side: side.to_owned(),
            expected: format!("the DTLS transport of {name} should stay connected"),
            seen,
            evidence,
            why: "a side ended the association, or its implementation gave the transport up",
            next: "look at what was done right before it failed, and for alerts on the wire",
        });
    }
    Some(Missed {
        layer: Layer::Dtls,
        kind: Kind::DtlsNotConnected,
        side: side.to_owned(),
        expected: format!("the DTLS handshake between {a} and {b} should complete"),
        seen,
        evidence,
        why: "a side refused the handshake, or its flights are lost",
        next: "look at the flights and alerts of the handshake, and compare a=fingerprint and a=setup of both descriptions",
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::of_record;
    use super::*;
    use crate::checks::controls::Recording;
    use crate::evidence::Wire;
    use peerproof_captures::event::PeerEvent;
    use peerproof_captures::timeline::What;

    /// A peer that reports neither states of DTLS nor that it is connected.
    #[test]
    fn a_handshake_that_packets_show_began() {
        let mut record = Recording::Data.record();
        let names: Vec<String> = record.file.peers.iter().map(|peer| peer.name.clone()).collect();
        record.timeline.retain(|entry| match &entry.what {
            What::Event { peer, event, .. } => {
                *peer != names[1]
                    || !matches!(
                        event,
                        PeerEvent::DtlsStateChange { .. } | PeerEvent::ConnectionStateChange { .. }
                    )
            }
            _ => true,
        });
        let missed = |wire: Option<&Wire>| of_record(&record, &record.timeline, wire, of_api).unwrap();
        let (seen, unseen) = (missed(record.wire.as_ref()), missed(None));
        assert_eq!([&seen.side, &unseen.side], [&names[1]; 2]);
        assert!(seen.seen.contains("it sent protected packets"), "{}", seen.seen);
        assert!(unseen.seen.contains("it never began"), "{}", unseen.seen);
    }
}
