//! States and events that follow from the commands: `signalingState` from the descriptions that were set, `negotiationneeded` from what
//! changes the session, `closed` from `close` (webrtc-pc §4.3.1, §4.7.3, §4.4.3).

use super::super::observed::against;
use super::super::session::Asked;
use super::super::{Contradiction, Session};
use super::machines::{Machine, Reports, hides_some};
use crate::case_file::{CasePeer, Runs};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{PeerEvent, SdpType};
use peerproof_captures::sdp::{Direction, SessionDescription};
use serde_json::Value;

/// What makes another negotiation necessary.
pub(super) const CHANGES: [&str; 10] = [
    "createDataChannel",
    "addTrack",
    "addTransceiver",
    "removeTrack",
    "setDirection",
    "stopTransceiver",
    "setCodecPreferences",
    "restartIce",
    // Other servers make an ICE restart necessary (RFC 9429 §4.1.18).
    "setConfiguration",
    "replaceTrack",
];
const NEGOTIATION: (&str, Layer) = ("event/negotiationneeded", Layer::Signalling);
/// How much later than the state `complete` the end of candidates may be, in microseconds: a choice of ours. They come one just behind the other.
const LATE_END_US: u64 = 100_000;
/// What does so where nothing was negotiated before.
const FIRST: [&str; 3] = ["createDataChannel", "addTrack", "addTransceiver"];

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    reports: &Reports,
    found: &mut Vec<Contradiction>,
) {
    let asked = session.asked(&peer.name);
    negotiation(session, peer, &asked, found);
    // The reference stack does not report it.
    if peer.runs == Runs::Driven
        && session.reports_all(peer)
        && !peer.never_reports("negotiationneeded", "")
        && !hides_some(peer, Machine::Signaling)
    {
        restarted(session, peer, &asked, reports, found);
    }
    // A library that is translated may close by itself what its API has no way to close.
    if !peer.is_translated() {
        closed(session, peer, reports, found);
    }
    if !hides_some(peer, Machine::Gathering) && !peer.never_reports("icecandidate", "") {
        gathered(session, peer, reports, found);
        if session.reports_all(peer) {
            gathers(session, peer, &asked, reports, found);
        }
    }
    if session.reports_all(peer) && !hides_some(peer, Machine::Sctp) {
        before_channels(session, peer, reports, found);
    }
    if !hides_some(peer, Machine::Signaling) {
        signaling(peer, &asked, reports, found);
    }
    if !hides_some(peer, Machine::Gathering) {
        never_gathered(peer, &asked, reports, found);
    }
}

/// Whether a peer was asked to set a description between two entries.
pub(super) fn was_described(session: &Session<'_>, peer: &CasePeer, from: u64, to: u64) -> bool {
    let mut asked = session.asked(&peer.name).into_iter();
    asked.any(|it| (from..to).contains(&it.entry.n) && it.name.ends_with("Description"))
}

/// The type of the description that a call sets.
pub(super) fn kind(asked: &Asked<'_>) -> Option<SdpType> {
    let read = |value: Option<&Value>| -> Option<SdpType> { serde_json::from_value(value?.clone()).ok() };
    let of = |description: Option<&Value>| read(description?.get("type"));
    of(asked.args.get("description"))
        .or_else(|| read(asked.args.get("asType")))
        .or_else(|| of(asked.result()))
}

/// Setting a description fires the event of its change of state before the operation is done (webrtc-pc §4.4.1.5).
fn signaling(peer: &CasePeer, asked: &[Asked<'_>], reports: &Reports, found: &mut Vec<Contradiction>) {
    for call in asked {
        let is_local = match call.name {
            "setLocalDescription" => true,
            "setRemoteDescription" => false,
            _ => continue,
        };
        let (Some(_), Some(answer), Some(kind)) = (call.result(), call.answered(), kind(call)) else {
            continue;
        };
        // Two operations that overlap may be done in either order.
        let overlaps = |other: &Asked<'_>| {
            other.entry.n != call.entry.n
                && ["setLocalDescription", "setRemoteDescription", "close"].contains(&other.name)
                && other.entry.n < answer.n
                && other.answered().is_none_or(|end| end.n > call.entry.n)
        };
        if asked.iter().any(overlaps) {
            continue;
        }
        let due = match (kind, is_local) {
            (SdpType::Offer, true) => "have-local-offer",
            (SdpType::Offer, false) => "have-remote-offer",
            (SdpType::Pranswer, true) => "have-local-pranswer",
            (SdpType::Pranswer, false) => "have-remote-pranswer",
            (SdpType::Answer | SdpType::Rollback, _) => "stable",
        };
        // The event may have been recorded behind the answer, but not behind that of the next operation.
        let descriptions =
            asked.iter().filter(|it| ["setLocalDescription", "setRemoteDescription"].contains(&it.name));
        let next =
            descriptions.filter(|it| it.entry.n > answer.n).filter_map(Asked::answered).map(|it| it.n).min();
        let until = next.unwrap_or(u64::MAX);
        // A busy implementation reports it later still, but before any other state.
        let next_state = reports.of_machine(Machine::Signaling).find(|it| it.n > answer.n);
        let was_due = reports.was_within(Machine::Signaling, &[due], answer.n, until)
            || next_state.is_some_and(|it| it.state == due);
        // It was heard since, so its event would have come.
        if !was_due && reports.all.iter().any(|it| it.n > answer.n) {
            let state = reports.before(Machine::Signaling, answer.n);
            let claimed = format!("{} answers that {} of the {kind} was done", peer.name, call.name);
            let seen = format!("it does not report that signalingState became {due}: it was {state}");
            let evidence = [Place::Entry(answer.n), Place::Entry(call.entry.n)];
            found.push(against(&peer.name, Machine::Signaling.claim(), answer.t_us, claimed, seen, evidence));
            return;
        }
    }
}

/// Gathering ends with the state `complete` and with the candidate `null`, one just behind the other (webrtc-pc §4.8.2).
fn gathered(session: &Session<'_>, peer: &CasePeer, reports: &Reports, found: &mut Vec<Contradiction>) {
    const NULL: (&str, Layer) = ("event/icecandidate", Layer::Gathering);
    let null = |event: &PeerEvent| matches!(event, PeerEvent::IceCandidate { candidate: None });
    let last = session.events(&peer.name).filter(|(_, event)| null(event)).last().map(|(entry, _)| entry);
    let complete = reports.first(Machine::Gathering, &["complete"]);
    match (complete, last) {
        (None, Some(entry)) => {
            let claimed = format!("{} reports the end of its candidates", peer.name);
            let seen = "it never reports that iceGatheringState became complete";
            let evidence = [Place::Entry(entry.n)];
            found.push(against(&peer.name, Machine::Gathering.claim(), entry.t_us, claimed, seen, evidence));
        }
        (Some(complete), None)
            if session.had_time(&peer.name, complete.t_us, LATE_END_US)
                || session.answered_later(&peer.name, complete.t_us.saturating_add(LATE_END_US)) =>
        {
            let claimed = format!("{} reports that iceGatheringState became complete", peer.name);
            let seen = "it never reports the end of its candidates";
            found.push(against(&peer.name, NULL, complete.t_us, claimed, seen, [complete.place()]));
        }
        _ => {}
    }
}

/// A local description is what gathering begins with (webrtc-pc §4.4.1.5), so a peer that is connected has gathered.
fn never_gathered(peer: &CasePeer, asked: &[Asked<'_>], reports: &Reports, found: &mut Vec<Contradiction>) {
    if reports.of_machine(Machine::Gathering).next().is_some() {
        return;
    }
    let set = asked.iter().find(|it| it.name == "setLocalDescription" && it.result().is_some());
    let connected = reports.first(Machine::Connection, &["connected"]);
    let (Some(answer), Some(connected)) = (set.and_then(Asked::answered), connected) else { return };
    let claimed = format!("{} answers that setLocalDescription was done, and is connected", peer.name);
    let seen = "it never reports that iceGatheringState became gathering";
    let evidence = [Place::Entry(answer.n), connected.place()];
    found.push(against(&peer.name, Machine::Gathering.claim(), answer.t_us, claimed, seen, evidence));
}

/// Gathering begins with a local description, and before its first candidate (webrtc-pc §4.4.1.5, §4.8.2).
fn gathers(
    session: &Session<'_>,
    peer: &CasePeer,
    asked: &[Asked<'_>],
    reports: &Reports,
    found: &mut Vec<Contradiction>,
) {
    let claim = Machine::Gathering.claim();
    let begun: Vec<_> = reports.of_machine(Machine::Gathering).filter(|it| it.state == "gathering").collect();
    let candidate = |event: &PeerEvent| matches!(event, PeerEvent::IceCandidate { candidate: Some(stated) } if !stated.candidate.is_empty());
    let first = session.events(&peer.name).find(|(_, event)| candidate(event)).map(|(entry, _)| entry);
    // A browser may fire the two in either order.
    if let (Some(begin), Some(first)) = (begun.first(), first)
        && first.n < begin.n
        && peer.runs != Runs::Driven
    {
        let claimed = format!("{} reports that iceGatheringState became gathering", peer.name);
        let seen = "it had reported a candidate before";
        let evidence = [begin.place(), Place::Entry(first.n)];
        found.push(against(&peer.name, claim, begin.t_us, claimed, seen, evidence));
        return;
    }
    if asked.iter().any(|it| it.name == "join") {
        return;
    }
    // A description, its rollback or a new configuration makes it begin again, also one that was not yet answered when it had ended.
    let begins = |it: &Asked<'_>| it.name.ends_with("Description") || it.name == "setConfiguration";
    let ended: Vec<u64> =
        reports.of_machine(Machine::Gathering).filter(|it| it.state == "complete").map(|it| it.n).collect();
    for begin in &begun {
        let Some(end) = ended.iter().rfind(|n| **n < begin.n).copied() else { continue };
        // A browser may report the end of what came before only when the next description is already set.
        let before = begun.iter().rfind(|it| it.n < end).map_or(0, |it| it.n);
        let is_late = |it: &Asked<'_>| {
            peer.runs == Runs::Driven && it.name == "setLocalDescription" && it.entry.n > before
        };
        let is_asked = asked.iter().any(|it| {
            begins(it)
                && it.entry.n < begin.n
                && (it.answered().is_none_or(|answer| answer.n > end) || is_late(it))
        });
        // A peer in the harness's own process misses none: it begins once for each local description or configuration at most.
        let set = asked.iter().filter(|it| it.name == "setLocalDescription" || it.name == "setConfiguration");
        let set = set.filter(|it| it.entry.n < begin.n).count();
        let so_far = begun.iter().filter(|it| it.n <= begin.n).count();
        let is_one_more = peer.runs != Runs::Driven && so_far > set;
        if !is_asked || is_one_more {
            let claimed = format!("{} reports that iceGatheringState became gathering again", peer.name);
            let seen = "no command makes it begin again";
            let evidence = [begin.place(), Place::Entry(end)];
            found.push(against(&peer.name, claim, begin.t_us, claimed, seen, evidence));
            return;
        }
    }
}

/// The association is connected before the first channel is reported (webrtc-pc §6.1.1).
fn before_channels(
    session: &Session<'_>,
    peer: &CasePeer,
    reports: &Reports,
    found: &mut Vec<Contradiction>,
) {
    // Data may arrive before a COOKIE-ACK that was lost, and a browser may fire the two in either order.
    if session.network_changes() || peer.runs == Runs::Driven {
        return;
    }
    let Some(connected) = reports.first(Machine::Sctp, &["connected"]) else { return };
    let of_channel = |event: &PeerEvent| match event {
        PeerEvent::DataChannel { channel } | PeerEvent::ChannelOpen { channel } => {
            Some(channel.label.clone())
        }
        _ => None,
    };
    let first = session.events(&peer.name).find_map(|(entry, event)| Some((entry, of_channel(event)?)));
    if let Some((entry, label)) = first.filter(|(entry, _)| entry.n < connected.n) {
        let claimed = format!("{} reports that the SCTP transport became connected", peer.name);
        let seen = format!("it had reported the channel {label:?} before");
        let evidence = [connected.place(), Place::Entry(entry.n)];
        let claim = Machine::Sctp.claim();
        found.push(against(&peer.name, claim, connected.t_us, claimed, seen, evidence));
    }
}

/// Only `close` closes a connection.
fn closed(session: &Session<'_>, peer: &CasePeer, reports: &Reports, found: &mut Vec<Contradiction>) {
    for report in reports.all.iter().filter(|it| it.state == "closed" && !it.machine.is_of_transport()) {
        // What failed may be taken down.
        let failed = reports.all.iter().any(|it| it.n < report.n && it.state == "failed");
        if !failed && !session.did(&peer.name, "close", report.n) {
            let claimed = format!("{} reports that {} became closed", peer.name, report.machine);
            let seen = "nobody closed the connection";
            found.push(against(
                &peer.name,
                report.machine.claim(),
                report.t_us,
                claimed,
                seen,
                [report.place()],
            ));
            return;
        }
    }
}

fn negotiation(session: &Session<'_>, peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    const CLAIM: (&str, Layer) = NEGOTIATION;
    if peer.is_translated() || peer.never_reports("negotiationneeded", "") {
        return;
    }
    let reported: Vec<_> = session
        .events(&peer.name)
        .filter(|(_, event)| matches!(event, PeerEvent::NegotiationNeeded))
        .map(|(entry, _)| entry)
        .collect();
    // A rollback makes necessary again what was to be negotiated.
    let is_change = |it: &&Asked<'_>| {
        CHANGES.contains(&it.name) || kind(it).is_some_and(|kind| kind == SdpType::Rollback)
    };
    let negotiates_alone = asked.iter().any(|it| it.name == "join");
    let rolls_back = |at: usize, it: &Asked<'_>| rolls_back(asked.get(..at).unwrap_or_default(), it);
    let restricts = |at: usize, it: &Asked<'_>| restricts(asked.get(..at).unwrap_or_default(), it);
    let leaves = |at: usize, it: &Asked<'_>| leaves(asked.get(..at).unwrap_or_default(), it);
    let changes = asked
        .iter()
        .enumerate()
        .filter(|(at, it)| is_change(it) || rolls_back(*at, it) || restricts(*at, it) || leaves(*at, it));
    let changes: Vec<&Asked<'_>> = changes.map(|(_, it)| it).collect();
    if !negotiates_alone {
        for (n, entry) in reported.iter().enumerate() {
            let before = changes.iter().filter(|it| it.entry.n < entry.n).count();
            if before <= n {
                let claimed = format!("{} reports negotiationneeded {} times", peer.name, n + 1);
                let seen = format!("it was given {before} commands that make a negotiation necessary");
                let evidence = [Place::Entry(entry.n)];
                found.push(against(&peer.name, CLAIM, entry.t_us, claimed, seen, evidence));
                return;
            }
        }
    }
    // Before the first description, the first channel or track makes one necessary for sure.
    let set = asked.iter().find(|it| matches!(it.name, "setLocalDescription" | "setRemoteDescription"));
    let Some(set) = set.filter(|it| it.name == "setLocalDescription") else { return };
    let first = asked.iter().find(|it| FIRST.contains(&it.name) && it.result().is_some());
    let Some(first) = first.filter(|it| it.answered().is_some_and(|answer| answer.n < set.entry.n)) else {
        return;
    };
    let is_silent = reported.is_empty() && session.reports_all(peer);
    if is_silent && let Some(answer) = set.answered().filter(|_| set.result().is_some()) {
        let claimed = format!("{} has a first {} to negotiate", peer.name, what(first.name));
        let seen = "it never reports negotiationneeded";
        let evidence = [Place::Entry(first.entry.n), Place::Entry(answer.n)];
        found.push(against(&peer.name, CLAIM, first.entry.t_us, claimed, seen, evidence));
    }
}

/// Whether a call sets a later offer of the other side that does not both send and receive, after these calls. Firefox then wants to negotiate its
/// own direction anew, although the intersection of both directions is what was agreed (webrtc-pc §4.7.3).
fn restricts(before: &[Asked<'_>], call: &Asked<'_>) -> bool {
    let is_later = before.iter().any(|it| it.name.ends_with("Description") && it.result().is_some());
    if !is_later || call.name != "setRemoteDescription" || kind(call) != Some(SdpType::Offer) {
        return false;
    }
    let sdp = call.args.get("description").and_then(|it| it.get("sdp")?.as_str()).unwrap_or_default();
    SessionDescription::parse(sdp).media().any(|section| section.direction() != Direction::SendRecv)
}

/// Whether a call sets an answer although the peer has not offered what it was given before: what the other side's offer had no place for is
/// still to be negotiated, and the event is fired again (webrtc-pc §4.4.1.5, the last step of setting a description).
fn leaves(before: &[Asked<'_>], call: &Asked<'_>) -> bool {
    let is_set =
        call.name.starts_with("set") && call.name.ends_with("Description") && call.result().is_some();
    let given = before.iter().rposition(|it| CHANGES.contains(&it.name) && it.result().is_some());
    let is_offer = |it: &Asked<'_>| it.name == "setLocalDescription" && kind(it) == Some(SdpType::Offer);
    is_set
        && kind(call) == Some(SdpType::Answer)
        && given.is_some()
        && given > before.iter().rposition(is_offer)
}

/// Whether a call sets the other side's offer while the peer's own is pending, after these calls: that rolls the own one back, so that what it
/// was to negotiate may become necessary again (webrtc-pc §4.4.1.5, §4.7.3).
fn rolls_back(before: &[Asked<'_>], call: &Asked<'_>) -> bool {
    let set = |it: &&Asked<'_>| it.name.ends_with("Description") && it.result().is_some();
    let is_offer = |it: &Asked<'_>, name: &str| it.name == name && kind(it) == Some(SdpType::Offer);
    let newest = before.iter().rev().find(set);
    is_offer(call, "setRemoteDescription") && newest.is_some_and(|own| is_offer(own, "setLocalDescription"))
}

/// An ICE restart that is asked for in `stable` makes a negotiation necessary before the next offer (webrtc-pc §4.4.2, §4.7.3).
fn restarted(
    session: &Session<'_>,
    peer: &CasePeer,
    asked: &[Asked<'_>],
    reports: &Reports,
    found: &mut Vec<Contradiction>,
) {
    let is_set = |it: &&Asked<'_>| matches!(it.name, "setLocalDescription" | "setRemoteDescription");
    let is_needed = |event: &PeerEvent| matches!(event, PeerEvent::NegotiationNeeded);
    for (at, call) in asked.iter().enumerate().filter(|(_, it)| it.name == "restartIce") {
        let n = call.entry.n;
        let (before, after) = (asked.iter().take(at), asked.iter().skip(at + 1));
        let (Some(_), Some(last)) = (call.result(), before.rev().find(is_set)) else { continue };
        let next = after.clone().find(|it| is_set(it) || it.name == "close");
        let Some(next) = next.filter(|it| it.name == "setLocalDescription" && it.result().is_some()) else {
            continue;
        };
        let Some(end) = next.answered().filter(|_| reports.before(Machine::Signaling, n) == "stable") else {
            continue;
        };
        // The event fires once the chain of operations is empty (webrtc-pc §4.7.3). A candidate that was being added may be followed by others,
        // and these by the offer.
        let restarted = call.answered().map_or(u64::MAX, |answered| answered.n);
        let is_chained = |other: &Asked<'_>| {
            other.name == "addIceCandidate"
                && other.entry.n < restarted
                && other.answered().is_none_or(|answered| answered.n > n)
        };
        if asked.iter().any(is_chained) {
            continue;
        }
        let mut between =
            session.events(&peer.name).filter(|(entry, _)| (last.entry.n..end.n).contains(&entry.n));
        if !between.any(|(_, event)| is_needed(event)) {
            let claimed = format!("{} answers that restartIce was done", peer.name);
            let seen = "it does not report negotiationneeded before the next offer";
            let evidence = [Place::Entry(n), Place::Entry(end.n)];
            found.push(against(&peer.name, NEGOTIATION, call.entry.t_us, claimed, seen, evidence));
            return;
        }
    }
}

fn what(command: &str) -> &'static str {
    match command {
        "createDataChannel" => "data channel",
        "addTrack" => "track",
        _ => "transceiver",
    }
}
