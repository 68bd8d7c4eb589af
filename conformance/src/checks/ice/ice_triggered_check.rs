//! RFC 8445 §7.3.1.4: a full agent that gets an authentic check on a pair that has not succeeded yet checks that pair itself.

use super::nomination::{self, Generation, Nominated, Path};
use super::roles::{History, Says};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "ice-triggered-check",
    layer: Layer::Checks,
    subject: "pairs that were checked from the other side",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long a check in return may take, in microseconds: the catalogue's choice. It waits for its turn among those of all pairs.
const WITHIN_US: u64 = 2_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no received check requires a triggered check");
    let (Some(wire), Some(other)) = (&evidence.wire, evidence.other(peer)) else { return };
    if !wire.is_tapped(peer) || evidence.made_by(peer).any(Description::is_lite) {
        return;
    }
    let history = History::new(evidence, peer);
    let last_us = wire.at(peer).last().map_or(0, |packet| packet.t_us);
    let ends = ends_of_checks(&nomination::nominated(evidence, &history), peer);
    let known = known_since(evidence, peer, other);
    // The peer's own checks of each pair and session, and those that were answered with success, in order.
    let (mut own, mut succeeded) = (BTreeMap::<_, Vec<u64>>::new(), BTreeMap::new());
    for (at, stated) in history.stated.iter().enumerate() {
        let (Says::Claims(..), Some(session)) = (stated.says, nomination::generation(stated)) else {
            continue;
        };
        if stated.packet.sender == peer {
            let key = (stated.packet.from, stated.packet.to, session);
            own.entry(key).or_default().push(stated.packet.t_us);
            if let Some((_, success)) = history.answers(at).find(|(_, it)| it.says == Says::Agrees) {
                succeeded.entry(key).or_insert(success.packet.t_us);
            }
        }
    }
    let mut asked = BTreeSet::new();
    for (at, stated) in history.stated.iter().enumerate().filter(|(_, stated)| stated.packet.sender != peer) {
        let (Says::Claims(..), Some(session)) = (stated.says, nomination::generation(stated)) else {
            continue;
        };
        let key = (stated.packet.to, stated.packet.from, session);
        let Some((_, success)) = history.answers(at).find(|(_, it)| it.says == Says::Agrees) else {
            continue;
        };
        let Some(known) = stated.ufrags().and_then(|(_, theirs)| known.get(theirs)) else { continue };
        let since = success.packet.t_us.max(*known);
        // That the other peer nominates this very pair does not excuse from checking it (RFC 8445 §7.3.1.5).
        let path = nomination::path(stated.packet);
        let completed = ends.get(&session).into_iter().flatten();
        let completed =
            completed.filter(|(of, _)| of.is_none_or(|of| of != path)).map(|(_, t_us)| *t_us).min();
        let done = |moment: Option<u64>| moment.is_some_and(|moment| moment <= since);
        if done(succeeded.get(&key).copied()) || done(completed) || !asked.insert(key) {
            continue;
        }
        let place = Place::Frame(success.packet.frame);
        // A check that was under way when the other came in serves as well.
        let earliest = stated.packet.t_us.saturating_sub(WITHIN_US);
        let checks = own.get(&key).map(Vec::as_slice).unwrap_or_default();
        let next = checks.get(checks.partition_point(|t_us| *t_us < earliest));
        let (here, there) = (key.0, key.1);
        let late = |until: u64| Off::late(since, WITHIN_US, until);
        let ended = completed.map_or(last_us, |moment| moment.min(last_us));
        match (next.map(|t_us| late(*t_us)), late(ended)) {
            (Some(None), _) => tally.pass(place),
            (_, None) => tally.inconclusive("checks ended before one in return was due", [place]),
            // The RFC has no deadline.
            (Some(Some(off)), _) => {
                let text = format!(
                    "a check from {there} is answered, and one goes back only {} ms later",
                    off.ms() + WITHIN_US / 1_000
                );
                tally.warn_off(Fault("check-late"), evidence, off, text, [place]);
            }
            (None, Some(off)) => {
                let text = format!("a check from {there} is answered, and none goes back from {here}");
                tally.off(Fault("no-check-back"), evidence, off, text, [place]);
            }
        }
    }
}

/// What ends the checks of a session: the first nomination of the peer's own, whatever the pair, and the first two of different pairs
/// by the other one.
type Ends = Vec<(Option<Path>, u64)>;

fn ends_of_checks<'a>(nominated: &[Nominated<'a>], peer: Peer) -> BTreeMap<Generation<'a>, Ends> {
    let mut ends: BTreeMap<Generation<'a>, Ends> = BTreeMap::new();
    for it in nominated {
        let known = ends.entry(it.generation).or_default();
        let path = (it.by != peer).then_some(it.path);
        let enough =
            known.len() >= 3 || path.is_some() && known.iter().flat_map(|(path, _)| path).count() >= 2;
        if !enough && !known.iter().any(|(of, _)| *of == path) {
            known.push((path, it.t_us));
        }
    }
    ends
}

/// Since when a peer knows the username fragments of the other one.
fn known_since(evidence: &Evidence, peer: Peer, other: Peer) -> BTreeMap<String, u64> {
    let mut known = BTreeMap::new();
    for description in evidence.made_by(other) {
        let applied = evidence.applied(peer, description).by_us;
        for credentials in description.credentials() {
            known.entry(credentials.ufrag).or_insert(applied);
        }
    }
    known
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording};
    use crate::evidence::Peer;

    /// Takes out the checks that Bob sent on the pair that the first check came in on, as seen at his tap.
    pub(super) const CONTROL: Control = Control::new(Recording::Restart, |evidence| {
        const BOB: Peer = Peer(1);
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let is_check = |packet: &crate::evidence::Packet| packet.bytes[..2] == [0, 1] && packet.tap == BOB;
        let came = packets.iter().find(|packet| is_check(packet) && packet.sender != BOB).unwrap().clone();
        let before = packets.len();
        packets.retain(|it| !(is_check(it) && it.sender == BOB && it.shares_path(&came)));
        assert!(packets.len() < before);
    })
    .and(&[Mutation::new(Recording::Restart, "goes back only", |evidence| {
        const BOB: Peer = Peer(1);
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let is_check = |packet: &crate::evidence::Packet| packet.bytes[..2] == [0, 1] && packet.tap == BOB;
        let came = packets.iter().find(|packet| is_check(packet) && packet.sender != BOB).unwrap().clone();
        for packet in
            packets.iter_mut().filter(|it| is_check(it) && it.sender == BOB && it.shares_path(&came))
        {
            packet.t_us += 3_000_000;
        }
        packets.sort_by_key(|it| it.t_us);
    })]);
}
