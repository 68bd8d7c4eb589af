//! What the network between the peers, or a rule of the scenario, let nothing through of: neither peer answers for that.

use super::session::Api;
use crate::verdict::Layer;
use peerproof_captures::observe::{StunClass, Unit};
use peerproof_captures::timeline::{LossCause, RuleAction, What, words};
use peerproof_captures::wire::sctp::ChunkType;
use peerproof_captures::wire::stun::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many packets in a row must be lost before the last ones count as cut off: a peer that sends no more has sent its last one before.
const IN_A_ROW: usize = 4;

const CHANGED: &str = "changed by a rule of the scenario";

/// What left a peer, and did not arrive at the other.
pub(super) struct Cut {
    /// How many.
    pub(super) left: usize,
    /// The frame of the first.
    pub(super) first: u64,
    /// How many were lost at which place and why, where that is recorded.
    pub(super) lost: BTreeMap<String, u64>,
    /// What each is called.
    pub(super) what: &'static str,
}

/// What a peer sent to the other at a layer, if nothing of it arrived: ever, or from some moment on, where each packet since then is known
/// to have been lost, or changed by a rule.
pub(super) fn cut(api: &Api<'_>, layer: Layer, from: &str, to: &str) -> Option<Cut> {
    let (wire, from, to) = api.taps(from, to)?;
    let what = named(layer)?;
    if wire.cut || !wire.is_tapped(from) {
        return None;
    }
    let (known, surely) = lost(api);
    let of_layer = || wire.units().filter(|seen| is_of(layer, &seen.unit));
    let arrivals = of_layer().filter(|seen| !seen.out && seen.tap == to).count();
    let mut left: Vec<u64> = of_layer().filter(|it| it.out && it.tap == from).map(|it| it.frame).collect();
    left.dedup();
    if arrivals > 0 || !wire.is_tapped(to) {
        let intact = left.iter().rposition(|frame| !surely.contains(frame)).map_or(0, |at| at + 1);
        let tail = left.split_off(intact);
        let changed = tail.iter().filter(|frame| known.get(frame).is_some_and(|how| how == CHANGED)).count();
        // All of them, or as many as no peer's silence explains. What arrives in spite of that was not lost.
        if tail.len() < if intact == 0 { 1 } else { IN_A_ROW } || arrivals > intact + changed {
            return None;
        }
        left = tail;
    }
    let mut lost: BTreeMap<String, u64> = BTreeMap::new();
    for how in left.iter().filter_map(|frame| known.get(frame)) {
        *lost.entry(how.clone()).or_default() += 1;
    }
    Some(Cut { left: left.len(), first: *left.first()?, lost, what })
}

/// What a peer sent of user data since a moment, if the scenario dropped all of it: nothing that it was asked to send since then can have
/// arrived, although other records did.
pub(super) fn cut_of_user_data(api: &Api<'_>, from: &str, to: &str, since_us: u64) -> Option<Cut> {
    let (wire, from, _) = api.taps(from, to)?;
    if wire.cut || !wire.is_tapped(from) {
        return None;
    }
    let (known, surely) = lost(api);
    let is_data = |unit: &Unit<'_>| {
        matches!(unit, Unit::Chunk { kind: ChunkType::Data | ChunkType::IData, dcep: None, .. })
    };
    let sent = wire.units().filter(|it| it.out && it.tap == from && it.t_us >= since_us && is_data(&it.unit));
    let mut left: Vec<u64> = sent.map(|it| it.frame).collect();
    left.dedup();
    if !left.iter().all(|frame| surely.contains(frame)) {
        return None;
    }
    let mut lost: BTreeMap<String, u64> = BTreeMap::new();
    for how in left.iter().filter_map(|frame| known.get(frame)) {
        *lost.entry(how.clone()).or_default() += 1;
    }
    Some(Cut { left: left.len(), first: *left.first()?, lost, what: "user data packet" })
}

/// How the packets of frames were lost or changed on the way, and those of them that the scenario took, whatever the peers did.
fn lost(api: &Api<'_>) -> (BTreeMap<u64, String>, BTreeSet<u64>) {
    let mut known = BTreeMap::new();
    let mut surely = BTreeSet::new();
    for entry in api.timeline {
        match &entry.what {
            What::Lost { frame: Some(frame), place, cause } => {
                known.insert(*frame, words::loss(place, *cause));
                // What a NAT or a firewall refuses may be the other peer's doing, which opened no way or chose this one.
                surely.extend((*cause == LossCause::LinkDown).then_some(*frame));
            }
            What::Faulted { frame: Some(frame), rule: Some(rule), action, .. } => {
                let how = match action {
                    RuleAction::Drop => "dropped by a rule of the scenario",
                    RuleAction::Corrupt { .. } => CHANGED,
                    _ => continue,
                };
                known.insert(*frame, how.to_owned());
                surely.extend(is_unconditional(&rule.matches).then_some(*frame));
            }
            _ => {}
        }
    }
    (known, surely)
}

/// Whether a rule acts on all packets that match, for as long as the case lasts. After one that ends a peer may try again.
fn is_unconditional(matches: &Value) -> bool {
    let always = matches.get("probability").is_none_or(|it| it.as_f64() == Some(1.0));
    always && ["first", "nth", "every", "until", "steps"].iter().all(|limit| matches.get(limit).is_none())
}

/// What a packet of a layer is called.
const fn named(layer: Layer) -> Option<&'static str> {
    Some(match layer {
        Layer::Checks | Layer::Nomination => "Binding request",
        Layer::Dtls | Layer::Sctp | Layer::DataChannel => "DTLS record",
        Layer::Srtp | Layer::Media => "SRTP packet",
        _ => return None,
    })
}

fn is_of(layer: Layer, unit: &Unit<'_>) -> bool {
    match layer {
        Layer::Checks | Layer::Nomination => {
            matches!(unit, Unit::Stun { class: StunClass::Request, method: Method::Binding, .. })
        }
        // SCTP goes in DTLS.
        Layer::Dtls | Layer::Sctp | Layer::DataChannel => unit.protocol() == "dtls",
        Layer::Srtp | Layer::Media => matches!(unit, Unit::Srtp { .. }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::Recorded;
    use super::super::{Session, cut_off};
    use super::*;
    use crate::api::{PeerView, Views};
    use crate::checks::controls::Recording;
    use crate::evidence::Peer;
    use peerproof_captures::timeline::{Entry, Rule};
    use serde_json::json;

    /// SACKs arrive, so that not all records are lost.
    #[test]
    fn user_data_that_the_scenario_drops_is_the_networks() {
        let judged = |spared: usize, matches: Value| {
            let mut record = Recording::Negotiated.record();
            let names: Vec<String> = record.file.peers.iter().map(|peer| peer.name.clone()).collect();
            let wire = record.wire.as_ref().unwrap();
            let tapped = (0..2).find(|place| wire.is_tapped(Peer(*place))).unwrap();
            let data = wire.units().filter(|seen| {
                let is_data = matches!(seen.unit, Unit::Chunk { kind: ChunkType::Data, dcep: None, .. });
                is_data && seen.out && seen.tap == Peer(tapped)
            });
            let frames: Vec<(u64, u64)> = data.map(|seen| (seen.frame, seen.t_us)).collect();
            let since_us = frames.first().unwrap().1;
            let rule = Rule { action: RuleAction::Drop, matches };
            for (frame, t_us) in frames.iter().skip(spared) {
                let (peer, rule) = (names[tapped].clone(), Some(rule.clone()));
                let what = What::Faulted { peer, rule, action: RuleAction::Drop, frame: Some(*frame) };
                record.timeline.push(Entry { n: 0, t_us: *t_us, what });
            }
            let view = |name: &String| (name.clone(), PeerView::of(&record.timeline, name));
            let views: Views = names.iter().map(view).collect();
            let (timeline, wire) = (&record.timeline[..], record.wire.as_ref());
            let session = Session::of_case(Recorded { views: &views, timeline, stats: None, wire });
            let to = &names[1 - tapped];
            cut_off(&session, Layer::DataChannel, to, Some(since_us)).map(|(told, _)| told)
        };
        let rule = || json!({"from": "alice", "sctp": "DATA"});
        let told = judged(0, rule()).unwrap();
        assert!(told.contains("user data packet") && told.contains("dropped by a rule"), "{told}");
        assert_eq!(judged(1, rule()), None);
        assert_eq!(judged(0, json!({"from": "alice", "sctp": "DATA", "first": 1})), None);
    }
}
