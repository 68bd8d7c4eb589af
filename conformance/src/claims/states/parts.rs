//! States that follow from others: `connectionState` from those of ICE and DTLS, DTLS from ICE, SCTP from DTLS, and an open channel from
//! SCTP (webrtc-pc §4.3.3, §5.5, §6.1).

use super::super::channels::has_ended;
use super::super::observed::{PATIENCE_US, against};
use super::super::{Contradiction, Session};
use super::machines::{Machine, Reported, Reports, hides_some};
use crate::api::rejects_all;
use crate::case_file::{CasePeer, Runs};
use crate::verdict::Place;
use peerproof_captures::event::{PeerEvent, SdpType};
use std::collections::BTreeSet;

pub(super) const ICE_UP: &[&str] = &["connected", "completed"];
const ICE_DOWN: &[&str] = &["disconnected", "failed"];
const UP: &[&str] = &["connected"];
/// How long the events of one change may be apart, in microseconds: they come within a few milliseconds.
pub(super) const SAME_CHANGE_US: u64 = 30_000;

/// Looks for states without those that they follow from, and for those without what follows from them.
pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    reports: &Reports,
    is_several: bool,
    found: &mut Vec<Contradiction>,
) {
    follows(session, peer, reports, found);
    failed_alone(session, peer, reports, is_several, found);
    if !is_several {
        one_transport(session, peer, reports, found);
    }
    if session.reports_all(peer) {
        missing(session, peer, reports, is_several, found);
        open_channels(session, peer, reports, found);
    }
}

/// `connectionState` reported as what none of its parts is.
fn follows(session: &Session<'_>, peer: &CasePeer, reports: &Reports, found: &mut Vec<Contradiction>) {
    let reports_all = session.reports_all(peer);
    let hidden = |machine| hides_some(peer, machine);
    if [Machine::Ice, Machine::IceTransport, Machine::Dtls].into_iter().any(hidden) {
        return;
    }
    for report in reports.of_machine(Machine::Connection) {
        // Which of the events of one change comes first is not the same everywhere.
        let (from, to) = (reports.since(report), reports.until(report));
        let was = |machine, states: &[&str]| reports.was_within(machine, states, from, to);
        let is_first = from == 0;
        let (held, parts) = match report.state {
            "disconnected" => (was(Machine::Ice, ICE_DOWN), "no ICE transport was disconnected"),
            "failed" => (
                was(Machine::Ice, ICE_DOWN)
                    || was(Machine::IceTransport, ICE_DOWN)
                    || was(Machine::Dtls, &["failed"]),
                "neither ICE nor DTLS had failed",
            ),
            "connected" => (was(Machine::Ice, ICE_UP), "no ICE transport was connected"),
            "connecting" if !is_first && reports_all => (
                was(Machine::Ice, &["checking", "new"])
                    || was(Machine::Dtls, &["connecting", "new", "closed"]),
                "no transport was connecting",
            ),
            "new" if reports_all => (was(Machine::Ice, &["new", "closed"]), "no ICE transport was new"),
            _ => continue,
        };
        if !held {
            found.push(contradiction(peer, report, parts.to_owned(), &[]));
        }
    }
    let went_down =
        |it: &&Reported| ICE_DOWN.contains(&it.state) && ICE_UP.contains(&reports.before(Machine::Ice, it.n));
    for report in reports.of_machine(Machine::Ice).filter(went_down) {
        let (from, to) = (reports.since(report), reports.until(report));
        let reported = reports.of_machine(Machine::Connection).next().is_some();
        if reported && !reports.was_within(Machine::Connection, ICE_DOWN, from, to) {
            let state = reports.before(Machine::Connection, to);
            found.push(contradiction(peer, report, format!("connectionState stayed {state}"), &[]));
        }
    }
}

fn contradiction(peer: &CasePeer, report: &Reported, seen: String, more: &[Place]) -> Contradiction {
    let claimed = format!("{} reports that {} became {}", peer.name, report.machine, report.state);
    let evidence = std::iter::once(report.place()).chain(more.iter().copied());
    against(&peer.name, report.machine.claim(), report.t_us, claimed, seen, evidence)
}

/// States that were never reported though others follow from them.
fn missing(
    session: &Session<'_>,
    peer: &CasePeer,
    reports: &Reports,
    is_several: bool,
    found: &mut Vec<Contradiction>,
) {
    // One that never comes up keeps what sums them up where it is.
    let has_more = is_several && may_have_more_transports(session, peer, reports);
    // The recording may end between the events of one change.
    let passed = |since_us: u64| session.had_time(&peer.name, since_us, SAME_CHANGE_US);
    let needs = [
        (Machine::Dtls, UP, Machine::Ice, ICE_UP, true),
        (Machine::Dtls, UP, Machine::IceTransport, ICE_UP, true),
        (Machine::Sctp, UP, Machine::Dtls, UP, true),
        (Machine::Connection, UP, Machine::Dtls, UP, false),
        (Machine::Connection, UP, Machine::Ice, ICE_UP, true),
    ];
    for (machine, states, of, needed, is_before) in needs {
        let Some(report) = reports.first(machine, states) else { continue };
        if peer.never_reports(of.event(), needed.first().copied().unwrap_or_default()) || hides_some(peer, of)
        {
            continue;
        }
        let earlier = reports.first(of, needed);
        let is_missing = match earlier {
            // Of several transports, one may be ahead of what sums them up.
            Some(earlier) => is_before && !is_several && earlier.n > report.n && earlier.t_us > report.t_us,
            None if of == Machine::Ice && machine != Machine::Connection && has_more => false,
            None => is_before || passed(report.t_us),
        };
        if is_missing {
            let claimed = format!("{} reports that {machine} became {}", peer.name, report.state);
            let seen = match earlier {
                Some(_) => format!("{of} became {} only later", needed.join(" or ")),
                None => format!("it never reports that {of} became {}", needed.join(" or ")),
            };
            // A report that is repeated when its condition holds was false the first time.
            let again = |earlier: &Reported| {
                reports.of_machine(machine).any(|it| it.n > earlier.n && states.contains(&it.state))
            };
            let claim = if earlier.is_some_and(again) { machine.claim() } else { of.claim() };
            found.push(against(&peer.name, claim, report.t_us, claimed, seen, [report.place()]));
        }
    }
    listened_too_late(peer, reports, found);
    if let (Some(ice), Some(dtls), None) = (
        reports.first(Machine::Ice, ICE_UP),
        reports.first(Machine::Dtls, UP),
        reports.first(Machine::Connection, UP),
    ) && !hides_some(peer, Machine::Connection)
        && reports.before(Machine::Ice, u64::MAX) == ice.state
        && reports.before(Machine::Dtls, u64::MAX) == "connected"
        && passed(ice.t_us.max(dtls.t_us))
        && !has_more
    {
        let state = reports.before(Machine::Connection, u64::MAX);
        let claimed = format!("{} reports that its ICE and DTLS transports are connected", peer.name);
        let seen = format!("it never reports that connectionState became connected: it is {state}");
        let t_us = ice.t_us.max(dtls.t_us);
        let evidence = [dtls.place(), ice.place()];
        found.push(against(&peer.name, Machine::Connection.claim(), t_us, claimed, seen, evidence));
    }
}

/// Whether a peer may have another transport than the one of the bundle to the end: of an offer that was not answered, or without BUNDLE.
fn may_have_more_transports(session: &Session<'_>, peer: &CasePeer, reports: &Reports) -> bool {
    let Some(view) = session.views.get(&peer.name) else { return true };
    let is_bundled = [view.local.last(), view.remote.last()]
        .iter()
        .all(|it| it.is_some_and(|it| it.is.sdp.contains("a=group:BUNDLE ")));
    !is_bundled || reports.before(Machine::Signaling, u64::MAX) != "stable"
}

/// Whoever listens to one transport of a pair early enough to hear that ICE is checking hears that DTLS is connecting.
fn listened_too_late(peer: &CasePeer, reports: &Reports, found: &mut Vec<Contradiction>) {
    let first = |machine| reports.of_machine(machine).next();
    if let (Some(ice), Some(dtls)) = (first(Machine::IceTransport), first(Machine::Dtls))
        && (ice.state, dtls.state) == ("checking", "connected")
        && !peer.is_translated()
        && !hides_some(peer, Machine::Dtls)
    {
        let seen = "it never reports that it was connecting".to_owned();
        found.push(contradiction(peer, dtls, seen, &[ice.place()]));
    }
}

/// A channel is open only in an association, of which the peer reports that it is connected.
fn open_channels(session: &Session<'_>, peer: &CasePeer, reports: &Reports, found: &mut Vec<Contradiction>) {
    if hides_some(peer, Machine::Sctp) || reports.first(Machine::Sctp, UP).is_some() {
        return;
    }
    let open = session.events(&peer.name).find(|(_, event)| matches!(event, PeerEvent::ChannelOpen { .. }));
    let Some((entry, PeerEvent::ChannelOpen { channel })) = open else { return };
    // Chrome reports nothing more of an SCTP transport once the DTLS transport below it was closed. If BUNDLE gives up that one before the
    // association is up, the association comes up on the other.
    if peer.runs == Runs::Driven && reports.before(Machine::Sctp, entry.t_us) == "closed" {
        return;
    }
    // The first data may arrive before a COOKIE-ACK that was lost.
    if session.network_changes() && !session.had_time(&peer.name, entry.t_us, PATIENCE_US) {
        return;
    }
    let claimed = format!("{} reports that the channel {:?} is open", peer.name, channel.label);
    let seen = "it never reports that the SCTP transport became connected";
    let evidence = [Place::Entry(entry.n)];
    found.push(against(&peer.name, Machine::Sctp.claim(), entry.t_us, claimed, seen, evidence));
}

/// The only ICE transport and what sums it up go through the same states. A peer in the harness's process may have listened late.
fn one_transport(session: &Session<'_>, peer: &CasePeer, reports: &Reports, found: &mut Vec<Contradiction>) {
    let hidden = [Machine::Ice, Machine::IceTransport].into_iter().any(|machine| hides_some(peer, machine));
    if hidden || !session.reports_all(peer) {
        return;
    }
    let connection: Vec<&Reported> = reports.of_machine(Machine::Ice).collect();
    let transport: Vec<&Reported> = reports.of_machine(Machine::IceTransport).collect();
    // One that a rollback takes away is closed.
    let transport: Vec<&Reported> = transport
        .into_iter()
        .enumerate()
        .filter(|(n, it)| *n > 0 || it.state != "closed")
        .map(|(_, it)| it)
        .collect();
    if transport.is_empty() {
        return;
    }
    let most = if peer.runs == Runs::Driven { 0 } else { connection.len().saturating_sub(transport.len()) };
    let from = |missed: usize| connection.get(missed..).unwrap_or_default();
    let differing =
        |missed: usize| from(missed).iter().zip(&transport).find(|(one, other)| one.state != other.state);
    // Its surplus reports may be at the beginning, or at the end if the recording ends between two events.
    let missed = (0..=most).rev().find(|missed| differing(*missed).is_none()).unwrap_or(most);
    let (followed, differs) = (from(missed), differing(missed));
    if let Some((one, other)) = differs {
        let (early, late) = if one.n < other.n { (one, other) } else { (other, one) };
        let claim = late.machine.claim();
        let claimed = format!("{} reports that {} became {}", peer.name, late.machine, late.state);
        let seen = format!("with one transport, {} became {}", early.machine, early.state);
        let evidence = [late.place(), early.place()];
        found.push(against(&peer.name, claim, late.t_us, claimed, seen, evidence));
        return;
    }
    let more = if followed.len() > transport.len() {
        followed.get(transport.len())
    } else {
        transport.get(followed.len())
    };
    // A browser fires both in one task, so both have come once it answers what it was asked later.
    let is_over = |it: &&&Reported| {
        session.had_time(&peer.name, it.t_us, SAME_CHANGE_US)
            || (peer.runs == Runs::Driven && session.answered_since(&peer.name, it.n))
    };
    // Without any transport the state is new, whatever became of the one that was discarded (webrtc-pc §4.3.4, §4.4.1.5).
    let is_left = |it: &&Reported| {
        it.machine == Machine::Ice
            && it.state == "new"
            && rejects_all(&session.record.timeline, &peer.name, it.n)
    };
    if let Some(more) = more.filter(is_over).filter(|more| !is_left(more)) {
        let other = if more.machine == Machine::Ice { Machine::IceTransport } else { Machine::Ice };
        let seen = format!("it is the only transport, and {other} did not");
        found.push(contradiction(peer, more, seen, &[]));
    }
}

/// DTLS that failed takes the connection with it, and what is closed was closed by somebody.
fn failed_alone(
    session: &Session<'_>,
    peer: &CasePeer,
    reports: &Reports,
    is_several: bool,
    found: &mut Vec<Contradiction>,
) {
    if !session.reports_all(peer) || hides_some(peer, Machine::Connection) {
        return;
    }
    for report in reports.all.iter().filter(|it| matches!(it.machine, Machine::Dtls | Machine::Sctp)) {
        let is_failed = report.machine == Machine::Dtls && report.state == "failed";
        let was_up = reports.before(report.machine, report.n) == "connected";
        let follows = ["failed", "closed", "disconnected"];
        if is_failed
            && !reports.was_within(Machine::Connection, &follows, report.n, u64::MAX)
            && session.had_time(&peer.name, report.t_us, SAME_CHANGE_US)
        {
            let state = reports.before(Machine::Connection, u64::MAX);
            found.push(contradiction(peer, report, format!("connectionState stayed {state}"), &[]));
        } else if report.state == "closed"
            && was_up
            && !is_several
            // What comes last may be how the case ends: the packet that ends it need not be recorded any more.
            && session.had_time(&peer.name, report.t_us, SAME_CHANGE_US)
            && !is_caused(session, peer, reports, report)
        {
            let seen = "nobody closed it, and nothing on the wire ends it".to_owned();
            found.push(contradiction(peer, report, seen, &[]));
        }
    }
}

/// Whether a transport that closed had a reason to.
fn is_caused(session: &Session<'_>, peer: &CasePeer, reports: &Reports, report: &Reported) -> bool {
    let Some(entry) = session.record.timeline.iter().find(|entry| entry.n == report.n) else { return true };
    let until_us = report.t_us.saturating_add(SAME_CHANGE_US);
    let below = reports.all.iter().any(|it| {
        it.n != report.n
            && it.t_us <= until_us
            && it.machine != report.machine
            && ["failed", "closed", "disconnected"].contains(&it.state)
    });
    let rolled_back =
        session.asked(&peer.name).into_iter().any(|it| super::commands::kind(&it) == Some(SdpType::Rollback));
    below || rolled_back || renews(session, &peer.name) || has_ended(session, &peer.name, entry)
}

/// Whether the other side received other fingerprints than before: it ends the association then (RFC 9429 §5.11).
fn renews(session: &Session<'_>, name: &str) -> bool {
    let view = session.record.other(name).and_then(|other| session.views.get(other));
    let of = |sdp: &str| -> BTreeSet<String> {
        let lines = sdp.lines().filter(|line| line.starts_with("a=fingerprint:"));
        lines.map(|line| line.trim_end().to_ascii_lowercase()).collect()
    };
    let sets: Vec<_> = view.into_iter().flat_map(|view| &view.remote).map(|at| of(&at.is.sdp)).collect();
    sets.windows(2).any(|pair| matches!(pair, [before, after] if before != after))
}
