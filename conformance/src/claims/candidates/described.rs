//! Candidates of events against the descriptions of the peer, which contain the same ones.

use super::super::observed::{against, has_own_ufrag};
use super::super::session::{Asked, ufrags};
use super::super::{Contradiction, Session};
use super::gathered::{EVENT, TEXT, places};
use super::{Gathered, Reported};
use crate::case_file::CasePeer;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::{CandidateType, SessionDescription};
use peerproof_captures::timeline::Entry;
use std::collections::BTreeSet;
use std::net::SocketAddr;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    gathered: &Gathered<'_>,
    found: &mut Vec<Contradiction>,
) {
    if peer.never_reports("icecandidate", "") {
        return;
    }
    sections(session, peer, found);
    related(session, peer, gathered, found);
    described(peer, gathered, session.reports_all(peer), found);
    if session.reports_all(peer) {
        none(session, peer, found);
        after_the_end(session, peer, found);
    }
}

/// What a description of the peer contains was surfaced by an event (webrtc-pc §4.4.1.6), once gathering has ended. An adapter may write the
/// values of one otherwise than its library does.
fn described(
    peer: &CasePeer,
    gathered: &Gathered<'_>,
    has_same_values: bool,
    found: &mut Vec<Contradiction>,
) {
    if gathered.ended.is_none() || gathered.goes_on {
        return;
    }
    let same = |one: &Reported<'_>, other: &Reported<'_>| {
        let (one, other) = (&one.candidate, &other.candidate);
        one.transport.eq_ignore_ascii_case(&other.transport)
            && (one.address.as_str(), one.port, &one.kind)
                == (other.address.as_str(), other.port, &other.kind)
    };
    // With a=rtcp-mux only the first component is used, and that alone is reported by all (RFC 8445 §4).
    // A peer-reflexive one is learned by checks and not gathered.
    let is_gathered =
        |it: &&Reported<'_>| it.candidate.component == 1 && it.candidate.kind != CandidateType::PeerReflexive;
    for described in gathered.descriptions.iter().filter(is_gathered) {
        let mut events = gathered.events.iter().filter(|event| same(event, described)).peekable();
        let claimed = format!("the description of {} contains {}", peer.name, described.text);
        let Some(event) = events.peek() else {
            let seen = "it never reports that candidate";
            found.push(against(&peer.name, EVENT, described.t_us, claimed, seen, places(described, None)));
            return;
        };
        let event_n = event.n;
        let (own, values) = (values(described), events.map(values).collect::<Vec<_>>());
        let differs = has_same_values && values.iter().all(|it| *it != own);
        let other = differs.then(|| values.first()).flatten();
        if let Some(other) = other {
            let claimed = format!("{claimed}, with {own}");
            let seen = format!("it reports that candidate with {other}");
            let evidence = [Place::Entry(described.n), Place::Entry(event_n)];
            found.push(against(&peer.name, TEXT, described.t_us, claimed, seen, evidence));
            return;
        }
    }
}

/// What a candidate says besides where it is.
fn values(it: &Reported<'_>) -> String {
    let Reported { candidate, .. } = it;
    format!(
        "foundation {}, component {} and priority {}",
        candidate.foundation, candidate.component, candidate.priority
    )
}

/// A candidate belongs to a section and to the credentials of a description of the peer. That it names both is for the requirement
/// `candidate-event-contents`.
fn sections(session: &Session<'_>, peer: &CasePeer, found: &mut Vec<Contradiction>) {
    let Some(view) = session.views.get(&peer.name).filter(|view| !view.local.is_empty()) else { return };
    let mut mids: BTreeSet<String> = BTreeSet::new();
    let known = session.own_ufrags(&peer.name);
    let mut most = 0;
    for at in &view.local {
        let sdp = SessionDescription::parse(at.is.sdp.as_str());
        most = most.max(sdp.media().count());
        mids.extend(sdp.media().filter_map(|section| section.mid()));
    }
    for (entry, event) in session.events(&peer.name) {
        let PeerEvent::IceCandidate { candidate: Some(stated) } = event else { continue };
        let given = |text: &Option<String>| text.clone().filter(|it| !it.is_empty());
        let (mid, ufrag) = (given(&stated.sdp_mid), given(&stated.username_fragment));
        let index = stated.sdp_m_line_index.map(usize::from);
        let stray = if let Some(mid) = mid.filter(|it| !mids.is_empty() && !mids.contains(it)) {
            Some(("sdpMid", format!("sdpMid {mid}")))
        } else if let Some(ufrag) = ufrag.filter(|it| !known.is_empty() && !known.contains(it)) {
            Some(("usernameFragment", format!("usernameFragment {ufrag}")))
        } else {
            let index = index.filter(|it| *it >= most);
            index.map(|index| ("sdpMLineIndex", format!("sdpMLineIndex {index}")))
        };
        let ufrag = stated.username_fragment.as_deref().unwrap_or_default();
        if let Some(("usernameFragment", says)) = &stray
            && let Some(frame) = uses(session, peer, ufrag)
        {
            let claimed =
                format!("the descriptions of {} have other username fragments than {says}", peer.name);
            let seen = "it sends checks with that one";
            let claim = ("description/ice-ufrag", Layer::Checks);
            let evidence = [Place::Entry(entry.n), Place::Frame(frame)];
            found.push(against(&peer.name, claim, entry.t_us, claimed, seen, evidence));
            return;
        }
        if let Some((field, says)) = stray {
            let claim = match field {
                "sdpMid" => "event/icecandidate.candidate.sdpMid",
                "usernameFragment" => "event/icecandidate.candidate.usernameFragment",
                _ => "event/icecandidate.candidate.sdpMLineIndex",
            };
            let claimed = format!("{} reports a candidate with {says}", peer.name);
            let seen = "no description of its own has that";
            let claim = (claim, Layer::Gathering);
            found.push(against(&peer.name, claim, entry.t_us, claimed, seen, [Place::Entry(entry.n)]));
            return;
        }
    }
}

/// The first check that a peer sends with a username fragment of its own.
fn uses(session: &Session<'_>, peer: &CasePeer, ufrag: &str) -> Option<u64> {
    let tap = session.tap(&peer.name)?;
    let mut checks = tap
        .wire
        .stun(tap.peer)
        .filter(|(packet, message)| packet.sender == tap.peer && has_own_ufrag(message, ufrag));
    checks.next().map(|(packet, _)| packet.frame)
}

/// The related address of a server-reflexive candidate is its base (RFC 8839 §5.1): a host candidate, or the socket that asked the server.
fn related(session: &Session<'_>, peer: &CasePeer, gathered: &Gathered<'_>, found: &mut Vec<Contradiction>) {
    const RELATED: (&str, Layer) = ("candidate/raddr", Layer::Gathering);
    if gathered.hides_addresses() || session.is_relay_only(&peer.name) || peer.is_translated() {
        return;
    }
    let mut bases: BTreeSet<SocketAddr> = BTreeSet::new();
    let hosts = gathered.all().filter(|it| it.candidate.kind == CandidateType::Host);
    bases.extend(hosts.filter_map(Reported::address));
    let Some(tap) = session.tap(&peer.name).filter(|_| !bases.is_empty()) else { return };
    let asking = tap.wire.servers.iter().filter(|it| it.peer == tap.peer && it.sent);
    bases.extend(asking.map(|it| it.client));
    for it in gathered.all().filter(|it| it.candidate.kind == CandidateType::ServerReflexive) {
        let (Some(address), Some(port)) = (&it.candidate.related_address, it.candidate.related_port) else {
            continue;
        };
        // Hidden, it is 0.0.0.0 or `::`, with the port 0 or 9 (RFC 9429 §3.5.3).
        let Some(ip) = address.ip().filter(|ip| !ip.is_unspecified()) else { continue };
        let base = SocketAddr::new(ip, port);
        if it.candidate.is_udp() && !bases.contains(&base) {
            let claimed = format!("{} reports {} with the base {base}", peer.name, it.text);
            let seen = "it has no such socket";
            found.push(against(&peer.name, RELATED, it.t_us, claimed, seen, places(it, None)));
            return;
        }
    }
}

/// The local description of a peer that has gathered contains its candidates (webrtc-pc §4.4.1.6).
fn none(session: &Session<'_>, peer: &CasePeer, found: &mut Vec<Contradiction>) {
    const CLAIM: (&str, Layer) = ("description/candidate", Layer::Gathering);
    for asked in session.asked(&peer.name).iter().filter(|it| it.name == "getState") {
        let sdp = asked.result().and_then(|it| it.get("localDescription")?.get("sdp")?.as_str());
        let (Some(sdp), Some(answer)) = (sdp.filter(|sdp| !sdp.is_empty()), asked.answered()) else {
            continue;
        };
        if sdp.contains("a=candidate:") {
            continue;
        }
        let ufrags = ufrags(sdp);
        let of_it = |(entry, event): &(&Entry, &PeerEvent)| {
            let PeerEvent::IceCandidate { candidate: Some(stated) } = event else { return false };
            let is_of_it = stated.username_fragment.as_ref().is_some_and(|it| ufrags.contains(it));
            entry.n < asked.entry.n && is_of_it && !stated.candidate.is_empty()
        };
        if let Some((entry, _)) = session.events(&peer.name).find(of_it) {
            let claimed = format!("the description of {} has no candidates", peer.name);
            let seen = "it had reported a candidate with the same username fragment before";
            let evidence = [Place::Entry(answer.n), Place::Entry(entry.n)];
            found.push(against(&peer.name, CLAIM, answer.t_us, claimed, seen, evidence));
            return;
        }
    }
}

/// After `a=end-of-candidates` no more candidates of the section come (RFC 8840 §4.1.3).
fn after_the_end(session: &Session<'_>, peer: &CasePeer, found: &mut Vec<Contradiction>) {
    const CLAIM: (&str, Layer) = ("description/end-of-candidates", Layer::Signalling);
    let all = session.asked(&peer.name);
    for asked in &all {
        let is_made = ["createOffer", "createAnswer"].contains(&asked.name);
        let sdp = asked.result().filter(|_| is_made).and_then(|it| it.get("sdp")?.as_str());
        let (Some(sdp), Some(answer)) = (sdp, asked.answered()) else { continue };
        if !sdp.contains("a=end-of-candidates") {
            continue;
        }
        let sdp = SessionDescription::parse(sdp);
        let ended = sdp.media().enumerate().filter(|(_, section)| section.has("end-of-candidates"));
        let ended: BTreeSet<(Option<String>, String)> = ended
            .filter_map(|(index, section)| {
                Some((section.mid(), sdp.effective_value(index, "ice-ufrag")?.to_owned()))
            })
            .collect();
        // A candidate that was gathered before may be recorded after the answer, but not after the next setLocalDescription.
        let sets = |it: &&Asked<'_>| it.name == "setLocalDescription" && it.result().is_some();
        let Some(set) = all.iter().filter(sets).find(|it| it.entry.n > answer.n) else { continue };
        let later = session.events(&peer.name).find(|(entry, event)| match event {
            PeerEvent::IceCandidate { candidate: Some(stated) } => {
                let ufrag = stated.username_fragment.clone().unwrap_or_default();
                entry.n > set.entry.n
                    && !stated.candidate.is_empty()
                    && ended.contains(&(stated.sdp_mid.clone(), ufrag))
            }
            _ => false,
        });
        if let Some((entry, _)) = later {
            let claimed = format!("the description of {} says that no candidates follow", peer.name);
            let seen = "it reports another one afterwards";
            let evidence = [Place::Entry(answer.n), Place::Entry(entry.n)];
            found.push(against(&peer.name, CLAIM, answer.t_us, claimed, seen, evidence));
            return;
        }
    }
}
