//! What the network between the peers, or a rule of the scenario, let nothing through of: neither peer answers for that.

use super::session::Api;
use crate::evidence::{Packet, Peer, SeenUnit, Wire};
use crate::verdict::Layer;
use peerproof_captures::observe::{StunClass, Unit};
use peerproof_captures::timeline::{
    Action, Entry, HarnessStep, LossCause, RuleAction, StepOutcome, What, words,
};
use peerproof_captures::wire::dcep::MessageType;
use peerproof_captures::wire::demux::Class;
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
    let until_us = failed_us(api);
    let of_layer = || wire.units().filter(|seen| seen.t_us <= until_us && is_of(layer, &seen.unit));
    let arrivals = of_layer().filter(|seen| !seen.out && seen.tap == to).count();
    // What one side sends plainly may reach the other by the relay of that one: then it is a message of TURN there.
    let is_relayed = |it: &&Packet| {
        it.tap == to
            && it.sender == from
            && it.via.is_some()
            && it.t_us <= until_us
            && carries(layer, it.class())
    };
    let arrivals = arrivals + wire.packets.iter().filter(is_relayed).count();
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
    // What the scenario has changed since the last of them may have mended the way: then the peer sends nothing more.
    let last_us = of_layer().filter(|it| it.out && Some(&it.frame) == left.last()).map(|it| it.t_us).max()?;
    let is_change = |entry: &Entry| match &entry.what {
        What::StepBegan { definition, .. } => {
            matches!(definition.action, Action::Harness { step: HarnessStep::Network, .. })
        }
        _ => false,
    };
    if api.timeline.iter().any(|entry| (last_us..until_us).contains(&entry.t_us) && is_change(entry)) {
        return None;
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
    let is_data = |unit: &Unit<'_>| {
        matches!(unit, Unit::Chunk { kind: ChunkType::Data | ChunkType::IData, dcep: None, .. })
    };
    all_lost(api, wire, from, "user data packet", |it| it.t_us >= since_us && is_data(&it.unit))
}

/// What a peer sent of one kind to set up the association or its channels, if the scenario dropped all of that, although other records
/// arrived.
pub(super) fn cut_of_setup(api: &Api<'_>, layer: Layer, from: &str, to: &str) -> Option<Cut> {
    let (wire, from, _) = api.taps(from, to)?;
    if wire.cut || !wire.is_tapped(from) {
        return None;
    }
    let of_channel = |wanted: MessageType| move |it: &SeenUnit<'_>| matches!(&it.unit, Unit::Chunk { dcep: Some(is), .. } if *is == wanted);
    let of_association = |wanted: ChunkType| move |it: &SeenUnit<'_>| matches!(&it.unit, Unit::Chunk { kind, .. } if *kind == wanted);
    match layer {
        Layer::Sctp => [
            ("INIT", ChunkType::Init),
            ("INIT-ACK", ChunkType::InitAck),
            ("COOKIE-ECHO", ChunkType::CookieEcho),
            ("COOKIE-ACK", ChunkType::CookieAck),
        ]
        .into_iter()
        .find_map(|(what, kind)| all_lost(api, wire, from, what, of_association(kind))),
        Layer::DataChannel => {
            [("DATA_CHANNEL_OPEN", MessageType::Open), ("DATA_CHANNEL_ACK", MessageType::Ack)]
                .into_iter()
                .find_map(|(what, kind)| all_lost(api, wire, from, what, of_channel(kind)))
        }
        _ => None,
    }
}

/// What left the tap of a peer until the step failed, if the scenario took all of it.
fn all_lost(
    api: &Api<'_>,
    wire: &Wire,
    from: Peer,
    what: &'static str,
    is_it: impl Fn(&SeenUnit<'_>) -> bool,
) -> Option<Cut> {
    let (known, surely) = lost(api);
    let until_us = failed_us(api);
    let sent = wire.units().filter(|it| it.out && it.tap == from && it.t_us <= until_us && is_it(it));
    let mut left: Vec<u64> = sent.map(|it| it.frame).collect();
    left.dedup();
    if !left.iter().all(|frame| surely.contains(frame)) {
        return None;
    }
    let mut lost: BTreeMap<String, u64> = BTreeMap::new();
    for how in left.iter().filter_map(|frame| known.get(frame)) {
        *lost.entry(how.clone()).or_default() += 1;
    }
    Some(Cut { left: left.len(), first: *left.first()?, lost, what })
}

/// When the step that failed ended: the rules of the scenario end then, and packets pass again.
fn failed_us(api: &Api<'_>) -> u64 {
    let failed = api.timeline.iter().find(|entry| match &entry.what {
        What::StepEnded { outcome, .. } => !matches!(outcome, StepOutcome::Done),
        _ => false,
    });
    failed.map_or(u64::MAX, |entry| entry.t_us)
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

/// Whether a relayed packet of that class is one of the layer.
const fn carries(layer: Layer, class: Class) -> bool {
    match layer {
        Layer::Checks | Layer::Nomination => matches!(class, Class::Stun),
        Layer::Dtls | Layer::Sctp | Layer::DataChannel => matches!(class, Class::Dtls),
        Layer::Srtp | Layer::Media => matches!(class, Class::Rtp),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::of_session;
    use super::super::{Session, cut_off};
    use super::*;
    use crate::checks::controls::Recording;
    use crate::evidence::Via;
    use peerproof_captures::timeline::Rule;
    use serde_json::json;

    /// What is found where a rule drops the units of a peer that fit, but for the first few.
    fn judged(
        recording: Recording,
        fits: fn(&Unit<'_>) -> bool,
        spared: usize,
        matches: Value,
        found: impl Fn(&Session<'_>, [&str; 2], u64) -> Option<String>,
    ) -> Option<String> {
        let mut record = recording.record();
        let names: Vec<String> = record.file.peers.iter().map(|peer| peer.name.clone()).collect();
        let wire = record.wire.as_ref().unwrap();
        let of_peer = |place: usize| -> Vec<(u64, u64)> {
            let sent = wire.units().filter(|it| it.out && it.tap == Peer(place) && fits(&it.unit));
            sent.map(|it| (it.frame, it.t_us)).collect()
        };
        let (from, frames) =
            (0..2).map(|place| (place, of_peer(place))).find(|(_, frames)| !frames.is_empty()).unwrap();
        let since_us = frames[0].1;
        let rule = Rule { action: RuleAction::Drop, matches };
        for (frame, t_us) in frames.iter().skip(spared) {
            let (peer, rule) = (names[from].clone(), Some(rule.clone()));
            let what = What::Faulted { peer, rule, action: RuleAction::Drop, frame: Some(*frame) };
            record.timeline.push(Entry { n: 0, t_us: *t_us, what });
        }
        of_session(&record, &record.timeline, record.wire.as_ref(), |session| {
            found(session, [&names[from], &names[1 - from]], since_us)
        })
    }

    /// SACKs arrive, so that not all records are lost.
    #[test]
    fn user_data_that_the_scenario_drops_is_the_networks() {
        let is_data = |unit: &Unit<'_>| matches!(unit, Unit::Chunk { kind: ChunkType::Data, dcep: None, .. });
        let judged = |spared: usize, matches: Value| {
            judged(Recording::Negotiated, is_data, spared, matches, |session, [_, to], since_us| {
                cut_off(session, Layer::DataChannel, to, Some(since_us)).map(|(words, _)| words)
            })
        };
        let rule = || json!({"from": "alice", "sctp": "DATA"});
        let words = judged(0, rule()).unwrap();
        assert!(words.contains("user data packet") && words.contains("dropped by a rule"), "{words}");
        assert_eq!(judged(1, rule()), None);
        assert_eq!(judged(0, json!({"from": "alice", "sctp": "DATA", "first": 1})), None);
    }

    #[test]
    fn what_sets_up_a_channel_or_the_association_may_be_all_that_the_scenario_drops() {
        let is_open = |unit: &Unit<'_>| matches!(unit, Unit::Chunk { dcep: Some(MessageType::Open), .. });
        let is_init = |unit: &Unit<'_>| matches!(unit, Unit::Chunk { kind: ChunkType::Init, .. });
        let setup = |layer: Layer, fits: fn(&Unit<'_>) -> bool, spared: usize| {
            judged(Recording::Conflict, fits, spared, json!({"from": "alice"}), |session, [from, to], _| {
                Some(cut_of_setup(&session.api()?, layer, from, to)?.what.to_owned())
            })
        };
        assert_eq!(setup(Layer::DataChannel, is_open, 0).as_deref(), Some("DATA_CHANNEL_OPEN"));
        assert_eq!(setup(Layer::Sctp, is_init, 0).as_deref(), Some("INIT"));
        assert_eq!(setup(Layer::DataChannel, is_init, 0), None);
        assert_eq!(setup(Layer::DataChannel, is_open, 1), None);
    }

    #[test]
    fn what_reaches_the_relay_of_the_other_side_has_arrived() {
        let judged = |is_relayed: bool, arrives: bool| {
            let mut record = Recording::Conflict.record();
            let names: Vec<String> = record.file.peers.iter().map(|peer| peer.name.clone()).collect();
            let packets = &mut record.wire.as_mut().unwrap().packets;
            let arrived = |it: &Packet| it.tap == Peer(0) && it.sender == Peer(1);
            packets.retain(|it| arrives || !arrived(it) || it.class() != Class::Dtls);
            let server = "203.0.113.200:3478".parse().unwrap();
            for packet in packets.iter_mut().filter(|it| is_relayed && arrived(it)) {
                packet.via = Some(Via { server, channel: Some(16_387), is_known: true });
            }
            of_session(&record, &record.timeline, record.wire.as_ref(), |session| {
                cut_off(session, Layer::Sctp, &names[0], None).is_some()
            })
        };
        assert!(judged(false, false));
        assert!(!judged(false, true));
        assert!(!judged(true, true));
    }

    #[test]
    fn what_was_lost_before_the_network_was_mended_is_no_reason_any_more() {
        let judged = |is_mended: bool| {
            let mut record = Recording::Conflict.record();
            let names: Vec<String> = record.file.peers.iter().map(|peer| peer.name.clone()).collect();
            let wire = record.wire.as_ref().unwrap();
            let sent = wire.units().filter(|it| it.out && it.tap == Peer(1) && it.unit.protocol() == "dtls");
            let frames: Vec<(u64, u64)> = sent.map(|it| (it.frame, it.t_us)).collect();
            for (frame, t_us) in &frames {
                let what = What::Lost {
                    frame: Some(*frame),
                    place: "bob/eth0".to_owned(),
                    cause: LossCause::LinkDown,
                };
                record.timeline.push(Entry { n: 0, t_us: *t_us, what });
            }
            record.wire.as_mut().unwrap().packets.retain(|it| it.tap != Peer(0) || it.sender == Peer(0));
            if is_mended {
                let step = json!({"step": 20, "definition": {"action": {"harness": {"step": "network", "args": {"mend": "bob"}}}}});
                let what = serde_json::from_value(json!({ "step_began": step })).unwrap();
                record.timeline.push(Entry { n: 1, t_us: frames.last().unwrap().1 + 1_000, what });
            }
            of_session(&record, &record.timeline, record.wire.as_ref(), |session| {
                cut_off(session, Layer::Sctp, &names[0], None).is_some()
            })
        };
        assert!(judged(false));
        assert!(!judged(true));
    }
}
