//! Candidates and pairs: what was gathered was reported once, can be reached there, and what is used is what was gathered.

mod described;
mod errors;
mod gathered;
mod lost;
mod pairs;
#[cfg(test)]
mod tests;

pub(super) use gathered::EVENT;
pub(super) use pairs::stated;

use super::{Claim, Contradiction, Session};
use crate::verdict::Layer;
use peerproof_captures::event::{IceGatheringState, PeerEvent, SdpType};
use peerproof_captures::sdp::{Candidate, CandidateAddress};
use serde_json::Value;
use std::net::SocketAddr;

pub(super) const CLAIMS: &[Claim] = &[
    Claim::checked(
        "event/icecandidate",
        Layer::Gathering,
        "the sockets from which the peer sends checks, its descriptions, and the candidates before: each is reported once",
    ),
    Claim::checked(
        "event/icecandidate.candidate.candidate",
        Layer::Gathering,
        "the peer's sockets, and the addresses that STUN and TURN servers reported to it (ice-candidate-grammar, ice-candidate-priorities, \
         ice-candidate-related-address)",
    ),
    Claim::checked(
        "event/icecandidate.candidate.sdpMid",
        Layer::Gathering,
        "the sections of its descriptions (candidate-event-contents)",
    ),
    Claim::checked(
        "event/icecandidate.candidate.sdpMLineIndex",
        Layer::Gathering,
        "the sections of its descriptions (candidate-event-contents)",
    ),
    Claim::checked(
        "event/icecandidate.candidate.usernameFragment",
        Layer::Gathering,
        "the ufrags of its descriptions (candidate-event-contents)",
    ),
    Claim::checked(
        "event/icecandidateerror.url",
        Layer::Gathering,
        "the servers of the configuration that the peer was given",
    ),
    Claim::checked(
        "event/icecandidateerror.errorCode",
        Layer::Gathering,
        "the error responses of the servers on the wire",
    ),
    Claim::unchecked(
        "event/icecandidateerror.errorText",
        Layer::Gathering,
        "the API does not say that it is the server's reason phrase, and implementations write their own",
    ),
    Claim::checked(
        "event/selectedcandidatepairchange.local",
        Layer::Nomination,
        "the candidates that were gathered, all of each; the checks and the data before it, and the socket from which packets go to the remote one",
    ),
    Claim::checked(
        "event/selectedcandidatepairchange.remote",
        Layer::Nomination,
        "the candidates of the other side, all of each, and the address to which packets go",
    ),
];

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    for (peer, _) in session.peers() {
        if !session.has_one_connection(&peer.name) {
            continue;
        }
        let gathered = Gathered::of(session, &peer.name);
        gathered::check(session, peer, &gathered, found);
        described::check(session, peer, &gathered, found);
        lost::check(session, peer, &gathered, found);
        pairs::check(session, peer, &gathered, found);
        errors::check(session, peer, found);
    }
}

/// A candidate that a peer reported.
struct Reported<'a> {
    n: u64,
    t_us: u64,
    text: &'a str,
    candidate: Candidate,
}

impl Reported<'_> {
    /// Its address, if it is one and not a name.
    fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.candidate.address.ip()?, self.candidate.port))
    }
}

/// The candidates that a peer reported by events, and those of its descriptions.
struct Gathered<'a> {
    events: Vec<Reported<'a>>,
    descriptions: Vec<Reported<'a>>,
    /// The entry with which gathering ended for the last time, if it did.
    ended: Option<u64>,
    /// Whether gathering began again after that.
    goes_on: bool,
}

impl<'a> Gathered<'a> {
    fn of(session: &Session<'a>, name: &str) -> Self {
        let mut gathered = Self { events: Vec::new(), descriptions: Vec::new(), ended: None, goes_on: false };
        for (entry, event) in session.events(name) {
            match event {
                PeerEvent::IceCandidate { candidate: None }
                | PeerEvent::IceGatheringStateChange { state: IceGatheringState::Complete } => {
                    gathered.ended = Some(entry.n);
                    gathered.goes_on = false;
                }
                PeerEvent::IceGatheringStateChange { .. } => gathered.goes_on = true,
                PeerEvent::IceCandidate { candidate: Some(stated) } => {
                    gathered.events.extend(reported(entry.n, entry.t_us, &stated.candidate));
                }
                _ => {}
            }
        }
        let Some(view) = session.views.get(name) else { return gathered };
        for at in view.local.iter().filter(|at| at.is.kind != SdpType::Rollback) {
            gathered.descriptions.extend(in_description(at.n, at.t_us, &at.is.sdp));
        }
        for asked in session.asked(name).iter().filter(|it| it.name == "getState") {
            let sdp = asked.result().and_then(|it| it.get("localDescription")?.get("sdp")?.as_str());
            let (Some(sdp), Some(answer)) = (sdp, asked.answered()) else { continue };
            gathered.descriptions.extend(in_description(answer.n, answer.t_us, sdp));
        }
        gathered
    }

    fn all(&self) -> impl Iterator<Item = &Reported<'a>> {
        self.events.iter().chain(&self.descriptions)
    }

    /// Whether a socket is the base of one of its candidates, as far as the addresses are not hidden.
    fn has_socket(&self, from: SocketAddr) -> bool {
        let hidden = self.hides_addresses();
        self.all().any(|Reported { candidate, .. }| {
            let own = candidate.port == from.port() && (hidden || candidate.address.ip() == Some(from.ip()));
            own || candidate.related_port == Some(from.port())
        })
    }

    /// Whether some of its addresses are hidden behind names (draft-ietf-mmusic-mdns-ice-candidates).
    fn hides_addresses(&self) -> bool {
        self.all().any(|it| !matches!(it.candidate.address, CandidateAddress::Ip(..)))
    }
}

/// The candidates that a peer reported by events and in its descriptions.
pub(in crate::claims) fn own(session: &Session<'_>, name: &str) -> Vec<Candidate> {
    Gathered::of(session, name).all().map(|it| it.candidate.clone()).collect()
}

fn reported(n: u64, t_us: u64, text: &str) -> Option<Reported<'_>> {
    let candidate = Candidate::parse(text).ok()?;
    Some(Reported { n, t_us, text, candidate })
}

/// The candidates in a description.
fn in_description(n: u64, t_us: u64, sdp: &str) -> impl Iterator<Item = Reported<'_>> {
    let lines = sdp.lines().filter_map(|line| line.trim_end().strip_prefix("a="));
    let candidates = lines.filter(|line| line.starts_with("candidate:"));
    candidates.filter_map(move |text| reported(n, t_us, text))
}

/// The configurations that a peer was given, in order.
fn configurations<'a>(session: &Session<'a>, name: &str) -> Vec<&'a Value> {
    let given = session.asked(name).into_iter();
    let given = given.filter(|it| matches!(it.name, "createPeerConnection" | "setConfiguration"));
    given.filter_map(|it| it.args.get("configuration")).collect()
}

/// The URLs of its servers.
fn urls<'a>(session: &Session<'a>, name: &str) -> Vec<&'a str> {
    let mut urls = Vec::new();
    for configuration in configurations(session, name) {
        let servers = configuration.get("iceServers").and_then(Value::as_array);
        for server in servers.into_iter().flatten() {
            match server.get("urls") {
                Some(Value::String(url)) => urls.push(url.as_str()),
                Some(Value::Array(several)) => urls.extend(several.iter().filter_map(Value::as_str)),
                _ => {}
            }
        }
    }
    urls
}
