//! Selected pairs against the candidates and the packets.

use super::super::observed::{Tap, against};
use super::super::{Contradiction, Session};
use super::Gathered;
use crate::case_file::{CasePeer, Runs};
use crate::evidence::Packet;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{ConnectionState, PeerEvent};
use peerproof_captures::sdp::{Candidate, CandidateAddress, CandidateType, Malformed};
use peerproof_captures::timeline::{Entry, What};
use peerproof_captures::wire::demux::Class as First;
use peerproof_captures::wire::stun;
use std::net::SocketAddr;

const LOCAL: (&str, Layer) = ("event/selectedcandidatepairchange.local", Layer::Nomination);
const REMOTE: (&str, Layer) = ("event/selectedcandidatepairchange.remote", Layer::Nomination);

/// How long after its first data a peer may take to report the pair, in microseconds: some read it from their statistics.
const PATIENCE_US: u64 = 500_000;
/// How long after that the report is too late, in microseconds.
const LATE_US: u64 = 2_000_000;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    gathered: &Gathered<'_>,
    found: &mut Vec<Contradiction>,
) {
    let mut before: Option<(&Entry, &str, &str)> = None;
    for (entry, event) in session.events(&peer.name) {
        let PeerEvent::SelectedCandidatePairChange { local, remote } = event else { continue };
        if let Some((earlier, ..)) = before.filter(|it| (it.1, it.2) == (local.as_str(), remote.as_str())) {
            let claimed = format!("{} reports that another pair is in use", peer.name);
            let evidence = [Place::Entry(entry.n), Place::Entry(earlier.n)];
            let seen = "it is the one that it had reported before";
            found.push(against(&peer.name, LOCAL, entry.t_us, claimed, seen, evidence));
        }
        let is_first = before.is_none();
        before = Some((entry, local.as_str(), remote.as_str()));
        if is_first {
            early(session, peer, entry, found);
            late(session, peer, entry, found);
        }
        let (local, remote) = match (read(local), read(remote)) {
            (Ok(local), Ok(remote)) => (local, remote),
            (read, _) => {
                let (claim, text) = if read.is_err() { (LOCAL, local) } else { (REMOTE, remote) };
                if !peer.is_translated() {
                    let claimed = format!("{} reports that its pair has {text:?}", peer.name);
                    let seen = "that is no candidate";
                    found.push(against(
                        &peer.name,
                        claim,
                        entry.t_us,
                        claimed,
                        seen,
                        [Place::Entry(entry.n)],
                    ));
                }
                continue;
            }
        };
        known(session, peer, gathered, entry, (&local, &remote), found);
        of_one_family(peer, entry, (&local, &remote), found);
        if let Some(tap) = session.tap(&peer.name) {
            used(peer, tap, entry, (&local, &remote), found);
        }
    }
    if before.is_none() && session.reports_all(peer) && !peer.never_reports("selectedcandidatepairchange", "")
    {
        missing(session, peer, found);
    }
}

/// A candidate of a pair. The webrtc crate writes an empty related address into what a check brought up.
fn read(text: &str) -> Result<Candidate, Malformed> {
    Candidate::parse(text).or_else(|_| Candidate::parse(&text.replace(" raddr  rport 0", "")))
}

fn address(candidate: &Candidate) -> Option<SocketAddr> {
    Some(SocketAddr::new(candidate.address.ip()?, candidate.port))
}

fn is_name(candidate: &Candidate) -> bool {
    !matches!(candidate.address, CandidateAddress::Ip(..))
}

/// A pair is in use once a check of it has succeeded (RFC 8445 §7.2.5.3), or for an agent that sends none, once one has arrived.
fn early(session: &Session<'_>, peer: &CasePeer, entry: &Entry, found: &mut Vec<Contradiction>) {
    let claimed = format!("{} reports which pair is in use", peer.name);
    let Some(tap) = session.tap(&peer.name).filter(|_| !peer.is_translated()) else { return };
    let class = |packet: &Packet| {
        let is_stun = packet.class() == First::Stun;
        is_stun.then(|| stun::view(&packet.bytes).ok()).flatten().map(|it| it.kind.value.class())
    };
    let is_lite = !tap.sent().any(|packet| class(packet) == Some(stun::Class::Request));
    let needed = if is_lite { stun::Class::Request } else { stun::Class::Success };
    let Some(first) = tap.received().filter(|it| class(it) == Some(needed)).min_by_key(|it| it.t_us) else {
        return;
    };
    // The clock of the peer may be wrong. By the harness's own next entry the event had come.
    let is_own =
        |what: &What| matches!(what, What::Command { .. } | What::StepBegan { .. } | What::StepEnded { .. });
    let later = session.record.timeline.iter().filter(|it| it.n > entry.n && is_own(&it.what));
    let Some(come_us) = later.map(|it| it.t_us).min() else { return };
    if come_us.saturating_add(session.stalled(come_us, first.t_us)) < first.t_us {
        let what = if is_lite { "check" } else { "success response to a check" };
        let seen = format!("the first {what} arrives only in frame {}", first.frame);
        let evidence = [Place::Entry(entry.n), Place::Frame(first.frame)];
        found.push(against(&peer.name, LOCAL, entry.t_us, claimed, seen, evidence));
    }
}

/// Both candidates of a pair were signalled, unless checks brought them up (RFC 8445 §7.3.1.3).
fn known(
    session: &Session<'_>,
    peer: &CasePeer,
    gathered: &Gathered<'_>,
    entry: &Entry,
    (local, remote): (&Candidate, &Candidate),
    found: &mut Vec<Contradiction>,
) {
    let same = |one: &Candidate, other: &Candidate| {
        one.port == other.port
            && one.kind == other.kind
            && (one.address == other.address || is_name(one) || is_name(other))
    };
    let theirs = stated(session, &peer.name);
    let own: Vec<&Candidate> = gathered.all().map(|it| &it.candidate).collect();
    let theirs: Vec<&Candidate> = theirs.iter().collect();
    let both: Vec<&Candidate> = own.iter().chain(&theirs).copied().collect();
    let sides = [(LOCAL, local, own), (REMOTE, remote, theirs)];
    for (claim, candidate, all) in sides {
        if all.is_empty() {
            continue;
        }
        let text = format!("{} {} {}", candidate.kind, candidate.address, candidate.port);
        let claimed = format!("{} reports that its pair has {text}", peer.name);
        let mut differs = |seen: String| {
            let evidence = [Place::Entry(entry.n)];
            found.push(against(&peer.name, claim, entry.t_us, claimed.clone(), seen, evidence));
        };
        match candidate.kind {
            CandidateType::Host | CandidateType::ServerReflexive | CandidateType::Relay => {
                let alike: Vec<&Candidate> = all.into_iter().filter(|it| same(it, candidate)).collect();
                if alike.is_empty() {
                    differs("nobody ever signalled that candidate".to_owned());
                } else if let Some(part) = differing(candidate, &alike).filter(|_| !peer.is_translated()) {
                    differs(format!("it was signalled with another {part}"));
                }
            }
            // Its foundation and its priority are the agent's and the check's.
            CandidateType::PeerReflexive => {
                let of = |it: &&Candidate| {
                    it.component == candidate.component && is_over(it, &candidate.transport)
                };
                if !both.iter().any(of) && !peer.is_translated() {
                    differs("no candidate has that component and that transport".to_owned());
                }
            }
            CandidateType::Unknown(_) => differs("there is no such type of candidate".to_owned()),
        }
    }
}

fn is_over(candidate: &Candidate, transport: &str) -> bool {
    candidate.transport.eq_ignore_ascii_case(transport)
}

/// What of a candidate is of none of those that were signalled with its address, port and type.
fn differing(candidate: &Candidate, alike: &[&Candidate]) -> Option<&'static str> {
    let has = |same: &dyn Fn(&Candidate) -> bool| alike.iter().any(|it| same(it));
    if !has(&|it| is_over(it, &candidate.transport)) {
        Some("transport")
    } else if !has(&|it| it.component == candidate.component) {
        Some("component")
    } else if !has(&|it| it.foundation == candidate.foundation) {
        Some("foundation")
    } else if !has(&|it| it.priority == candidate.priority) {
        Some("priority")
    } else {
        None
    }
}

/// An agent pairs candidates of one address family only (RFC 8445 §6.1.2.2).
fn of_one_family(
    peer: &CasePeer,
    entry: &Entry,
    (local, remote): (&Candidate, &Candidate),
    found: &mut Vec<Contradiction>,
) {
    let (Some(from), Some(to)) = (address(local), address(remote)) else { return };
    if from.is_ipv4() != to.is_ipv4() {
        let claimed = format!("{} reports that the pair of {from} and {to} is in use", peer.name);
        let seen = "the two addresses are of different families";
        found.push(against(&peer.name, LOCAL, entry.t_us, claimed, seen, [Place::Entry(entry.n)]));
    }
}

/// The other side's candidates that a peer was given, by commands and descriptions, or by the other side where nobody carries them.
pub(in crate::claims) fn stated(session: &Session<'_>, name: &str) -> Vec<Candidate> {
    let asked = session.asked(name).into_iter().filter(|it| it.name == "addIceCandidate");
    let added = asked.filter_map(|it| it.args.get("candidate")?.get("candidate")?.as_str());
    let mut all: Vec<Candidate> = added.filter_map(|text| Candidate::parse(text).ok()).collect();
    for at in session.views.get(name).into_iter().flat_map(|view| &view.remote) {
        let lines = at.is.sdp.lines().filter_map(|line| line.trim_end().strip_prefix("a="));
        all.extend(
            lines.filter(|line| line.starts_with("candidate:")).filter_map(|it| Candidate::parse(it).ok()),
        );
    }
    if let Some(other) = session.record.other(name) {
        all.extend(Gathered::of(session, other).all().map(|it| it.candidate.clone()));
    }
    all
}

/// Something goes from the local candidate to the remote one.
fn used(
    peer: &CasePeer,
    tap: Tap<'_>,
    entry: &Entry,
    (local, remote): (&Candidate, &Candidate),
    found: &mut Vec<Contradiction>,
) {
    if !local.is_udp() || !remote.is_udp() || is_name(remote) {
        return;
    }
    let Some(remote) = address(remote) else { return };
    let to_remote = |packet: &&Packet| packet.to == remote;
    let from_local = |packet: &&Packet| match local.kind {
        CandidateType::Relay => packet.via.is_some() && address(local) == Some(packet.from),
        CandidateType::Host => {
            packet.via.is_none()
                && packet.from.port() == local.port
                && (is_name(local) || local.address.ip() == Some(packet.from.ip()))
        }
        // Its packets come from its base, which only the related address shows (RFC 8445 §5.1.1.1).
        _ => {
            packet.via.is_none()
                && local.related_port.is_none_or(|port| port == 0 || port == packet.from.port())
        }
    };
    let claimed = format!(
        "{} reports that the pair of {} {} and {remote} is in use",
        peer.name, local.address, local.port
    );
    let mut to = tap.sent().filter(to_remote).peekable();
    if to.peek().is_none() {
        let seen = format!("it never sends anything to {remote}");
        found.push(against(&peer.name, REMOTE, entry.t_us, claimed, seen, [Place::Entry(entry.n)]));
    } else if !peer.is_translated() && !to.any(|packet| from_local(&packet)) {
        let seen = "nothing goes from there to there";
        found.push(against(&peer.name, LOCAL, entry.t_us, claimed, seen, [Place::Entry(entry.n)]));
    }
}

/// When a peer had reported that it is connected and that data came over it: the two entries.
fn in_use<'a>(session: &Session<'a>, name: &str) -> Option<[&'a Entry; 2]> {
    let connected = PeerEvent::ConnectionStateChange { state: ConnectionState::Connected };
    let (at, _) = session.events(name).find(|(_, event)| **event == connected)?;
    let data = |event: &PeerEvent| {
        matches!(
            event,
            PeerEvent::ChannelMessage { .. } | PeerEvent::MediaSeen { .. } | PeerEvent::ChannelOpen { .. }
        )
    };
    let (first, _) = session.events(name).find(|(_, event)| data(event))?;
    Some([at, first])
}

/// The first pair is reported about when data goes over it.
fn late(session: &Session<'_>, peer: &CasePeer, entry: &Entry, found: &mut Vec<Contradiction>) {
    let Some([at, first]) = in_use(session, &peer.name).filter(|_| session.reports_all(peer)) else { return };
    let since_us = first.t_us.max(at.t_us);
    let error = session.clock_error(&peer.name);
    let limit = LATE_US.saturating_add(error).saturating_add(session.stalled(since_us, entry.t_us));
    if entry.t_us > since_us.saturating_add(limit) {
        let claimed = format!("{} reports which pair is in use", peer.name);
        let ms = entry.t_us.saturating_sub(since_us) / 1_000;
        let seen = format!("it was connected and had data {ms} ms before");
        let evidence = [Place::Entry(entry.n), Place::Entry(at.n), Place::Entry(first.n)];
        found.push(against(&peer.name, LOCAL, entry.t_us, claimed, seen, evidence));
    }
}

/// Data came, so there is a pair, and it was never reported.
fn missing(session: &Session<'_>, peer: &CasePeer, found: &mut Vec<Contradiction>) {
    if session.record.file.ends.contains(&peer.name) {
        return;
    }
    let Some([at, first]) = in_use(session, &peer.name) else { return };
    let since_us = first.t_us.max(at.t_us);
    // A browser that answers with its statistics has them, and with them the pair.
    let answered = session.asked(&peer.name).into_iter().any(|it| {
        it.name == "getStats"
            && session.closed_us(&peer.name).is_none_or(|closed| it.entry.t_us < closed)
            && it.result().is_some()
            && it.entry.n > at.n
            && it.answered().is_some_and(|it| it.n > at.n)
    });
    let is_late = session.had_time(&peer.name, since_us, PATIENCE_US);
    if is_late || (answered && peer.runs == Runs::Driven) {
        let claimed = format!("{} reports that it is connected and receives data", peer.name);
        let seen = "it never reports which pair is in use";
        let evidence = [Place::Entry(at.n), Place::Entry(first.n)];
        found.push(against(&peer.name, LOCAL, at.t_us, claimed, seen, evidence));
    }
}
