//! What the network between the peers, or a rule of the scenario, let nothing through of: neither peer answers for that.

use super::session::Api;
use crate::verdict::Layer;
use peerproof_captures::observe::{StunClass, Unit};
use peerproof_captures::timeline::{LossCause, RuleAction, What, words};
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
