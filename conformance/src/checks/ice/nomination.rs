//! Which pairs were nominated: by a check with USE-CANDIDATE that was answered with success (RFC 8445 §7.2.5.3.4, §8.1.1).

use super::has;
use super::roles::{History, Role, Says, Stated};
use crate::evidence::{Evidence, Packet, Peer};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::stun::AttributeType;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Two transport addresses, whichever sends.
pub(super) type Path = (SocketAddr, SocketAddr);

/// The path of a packet.
pub(super) fn path(packet: &Packet) -> Path {
    (packet.from.min(packet.to), packet.from.max(packet.to))
}

/// Whether a packet is what ICE makes a path for: DTLS, SRTP or SRTCP.
pub(super) fn is_data(packet: &Packet) -> bool {
    matches!(packet.class(), Class::Dtls | Class::Rtp | Class::Rtcp)
}

/// The username fragments of both agents, whichever asks.
pub(super) type Generation<'a> = (&'a str, &'a str);

/// The generation that a check is of.
pub(super) fn generation<'a>(check: &Stated<'a>) -> Option<Generation<'a>> {
    let (one, other) = check.ufrags()?;
    Some((one.min(other), one.max(other)))
}

/// A nomination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nominated<'a> {
    pub(super) by: Peer,
    pub(super) path: Path,
    pub(super) generation: Generation<'a>,
    /// The frame of the success response, and when it passed.
    pub(super) frame: u64,
    pub(super) t_us: u64,
}

/// The nominations that one peer saw, in order; those of one path and generation count once.
///
/// The agent that nominates has nominated when it gets the success response (RFC 8445 §7.2.5.3.4), the other one when its own check of the pair has
/// succeeded besides (§7.3.1.5). A lite agent makes none.
pub(super) fn nominated<'a>(evidence: &Evidence, history: &History<'a>) -> Vec<Nominated<'a>> {
    let mut all: Vec<Nominated<'a>> = Vec::new();
    let mut seen = BTreeSet::new();
    let own = succeeded(evidence, history);
    for (at, check) in history.stated.iter().enumerate() {
        if !nominates(check) {
            continue;
        }
        let Some(generation) = generation(check) else { continue };
        let Some(success) = success(evidence, history, at) else { continue };
        let (by, path) = (check.packet.sender, path(check.packet));
        let both = match own.get(&(path, generation)) {
            _ if by == history.peer || own.is_empty() => Some(success),
            Some(own) => Some(if own.1 > success.1 { *own } else { success }),
            None => None,
        };
        let Some((Packet { frame, .. }, t_us)) = both else { continue };
        if seen.insert((by, path, generation)) {
            all.push(Nominated { by, path, generation, frame: *frame, t_us });
        }
    }
    all.sort_by_key(|it| it.t_us);
    all
}

/// The success response to the check in a place, the first that came about: at the peer if the check is its own, else when it was sent.
fn success<'a>(evidence: &Evidence, history: &History<'a>, at: usize) -> Option<(&'a Packet, u64)> {
    let is_own = history.stated[at].packet.sender == history.peer;
    let successes = history.answers(at).filter(|(_, it)| it.says == Says::Agrees).map(|(_, it)| it.packet);
    let when = |packet: &Packet| if is_own { evidence.arrived_us(packet) } else { Some(packet.t_us) };
    successes.filter_map(|packet| Some((packet, when(packet)?))).min_by_key(|(_, t_us)| *t_us)
}

/// The first success response to a check of the peer's own that reached it, and when, by path and generation.
pub(super) fn succeeded<'a>(
    evidence: &Evidence,
    history: &History<'a>,
) -> BTreeMap<(Path, Generation<'a>), (&'a Packet, u64)> {
    let mut all: BTreeMap<_, (&Packet, u64)> = BTreeMap::new();
    for (at, check) in history.stated.iter().enumerate() {
        let is_own = matches!(check.says, Says::Claims(..)) && check.packet.sender == history.peer;
        let generation = generation(check).filter(|_| is_own);
        let Some(generation) = generation else { continue };
        let Some(first) = success(evidence, history, at) else { continue };
        let known = all.entry((path(check.packet), generation)).or_insert(first);
        if first.1 < known.1 {
            *known = first;
        }
    }
    all
}

/// Whether a message is a check that nominates its pair (§8.1.1).
pub(super) fn nominates(check: &Stated<'_>) -> bool {
    matches!(check.says, Says::Claims(Role::Controlling, _))
        && has(&check.message, AttributeType::UseCandidate)
}

/// The packets of DTLS, SRTP and SRTCP that a peer sent, in order, without those that a rule touched.
pub(super) fn data(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = &Packet> {
    let wire = evidence.wire.iter();
    wire.flat_map(move |wire| wire.sent(peer)).filter(|packet| is_data(packet))
}
