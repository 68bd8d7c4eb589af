//! What a control broke: neither peer answers for it.
//!
//! A control plays a scenario with something broken: a rule that drops packets, a description changed on its way, a server that does not
//! serve, a peer that is closed. Its steps are known by their places. A failure at a layer at which one of them acted is the network's, or
//! that of the peer that was closed.

use super::failed_step::layer_of_rule;
use crate::record::CaseRecord;
use crate::verdict::{Layer, NETWORK, Outcome, Place, Verdict};
use peerproof_captures::timeline::{Action, Entry, HarnessStep, Step, What};
use serde_json::Value;

/// Where the steps of controls stand.
const CONTROLS: &str = "controls/";

/// What a step of the control did.
struct Act {
    /// The layers at which it shows; none if at any.
    layers: Option<&'static [Layer]>,
    /// Whose it is.
    side: String,
    /// In words.
    what: String,
    evidence: Place,
}

/// The verdict with what the control broke as its cause, if that shows at its layer.
pub(super) fn broken_by_control(record: &CaseRecord, verdict: &Verdict) -> Option<Verdict> {
    let layer = verdict.layer.filter(|_| verdict.outcome == Outcome::Fail)?;
    // What a lie breaks is that peer's fault.
    record.file.control_of.as_ref().filter(|_| record.file.liars.is_empty())?;
    let shows = |action: &Act| action.layers.is_none_or(|layers| layers.contains(&layer));
    let action = actions(record).into_iter().find(shows)?;
    let mut evidence = verdict.evidence.clone();
    if !evidence.contains(&action.evidence) {
        evidence.push(action.evidence);
    }
    let sentence = format!("{}; {}", verdict.sentence, action.what);
    Some(Verdict {
        outcome: Outcome::Fail,
        layer: Some(layer),
        side: Some(action.side),
        sentence,
        evidence,
        claim: None,
    })
}

fn actions(record: &CaseRecord) -> Vec<Act> {
    let mut actions = Vec::new();
    let steps = record.timeline.iter().filter_map(|entry| match &entry.what {
        What::StepBegan { definition, place: Some(place), .. } if place.starts_with(CONTROLS) => {
            Some((entry, definition))
        }
        _ => None,
    });
    for (entry, step) in steps {
        match &step.action {
            Action::Harness { step: HarnessStep::Network, args } => {
                let rules = args.as_object().into_iter().flat_map(|args| args.values());
                actions.extend(rules.filter_map(|rule| of_rule(record, rule)));
            }
            Action::Harness { step: HarnessStep::Connect | HarnessStep::Negotiate, .. } => {
                actions.extend(of_carrier(record, entry));
            }
            Action::Harness { step: HarnessStep::Server, .. } => actions.push(Act {
                layers: Some(&[Layer::Gathering, Layer::Checks, Layer::Nomination]),
                side: NETWORK.to_owned(),
                what: format!("the control changed a server: {step}"),
                evidence: Place::Entry(entry.n),
            }),
            Action::Harness { step: HarnessStep::Signalling, .. } => actions.push(Act {
                layers: Some(&[Layer::Signalling]),
                side: NETWORK.to_owned(),
                what: format!("the control changed the signalling server: {step}"),
                evidence: Place::Entry(entry.n),
            }),
            _ => actions.extend(of_close(entry, step)),
        }
    }
    actions.extend(idle(record));
    actions
}

/// The rules of the scenario that the control disabled, by a probability of zero.
fn idle(record: &CaseRecord) -> impl Iterator<Item = Act> {
    record.timeline.iter().filter_map(|entry| {
        let What::StepBegan { definition, .. } = &entry.what else { return None };
        let Action::Harness { step: HarnessStep::Network, args } = &definition.action else { return None };
        let rules = args.as_object()?.values().filter_map(Value::as_object);
        let mut idle = rules.filter(|rule| rule.get("probability").and_then(Value::as_f64) == Some(0.0));
        Some(Act {
            layers: Some(layers_of(layer_of_rule(idle.next()?))),
            side: NETWORK.to_owned(),
            what: "the control disabled a rule".to_owned(),
            evidence: Place::Entry(entry.n),
        })
    })
}

/// The layers at which a change to the packets of a layer shows.
fn layers_of(layer: Layer) -> &'static [Layer] {
    match layer {
        Layer::Checks => &[Layer::Checks, Layer::Nomination, Layer::Gathering],
        // DTLS carries SCTP.
        Layer::Dtls => &[Layer::Dtls, Layer::Sctp, Layer::DataChannel],
        Layer::Sctp | Layer::DataChannel => &[Layer::Sctp, Layer::DataChannel],
        _ => &[Layer::Srtp, Layer::Media],
    }
}

/// What a rule that the control installed did.
fn of_rule(record: &CaseRecord, rule: &Value) -> Option<Act> {
    let acted = record.timeline.iter().filter_map(|entry| match &entry.what {
        What::Faulted { rule: Some(of), frame, .. } if of.matches == *rule => {
            Some(frame.map_or(Place::Entry(entry.n), Place::Frame))
        }
        _ => None,
    });
    let acted: Vec<Place> = acted.collect();
    let count = acted.len();
    let noun = if count == 1 { "packet" } else { "packets" };
    Some(Act {
        layers: Some(layers_of(layer_of_rule(rule.as_object()?))),
        side: NETWORK.to_owned(),
        what: format!("a rule of the control acted on {count} {noun}"),
        evidence: *acted.first()?,
    })
}

/// What became of descriptions and candidates on their way.
fn of_carrier(record: &CaseRecord, began: &Entry) -> Option<Act> {
    let changed =
        record.timeline.iter().filter(|entry| entry.n > began.n).find_map(|entry| match &entry.what {
            What::Carried { sent, delivered: Some(delivered), .. } if sent != delivered => {
                Some((entry, format!("the {} was changed on its way", sent.kind)))
            }
            What::CarriedCandidate { sent: Some(_), delivered: None, .. } => {
                Some((entry, "a candidate was withheld on its way".to_owned()))
            }
            _ => None,
        });
    let (entry, what) = changed?;
    let layers = &[Layer::Signalling, Layer::Sdp, Layer::Checks, Layer::Dtls, Layer::Media];
    Some(Act { layers: Some(layers), side: NETWORK.to_owned(), what, evidence: Place::Entry(entry.n) })
}

/// A peer that the control closed.
fn of_close(entry: &Entry, step: &Step) -> Option<Act> {
    let closes = matches!(&step.action, Action::Command { name, .. } if name == "close");
    let peer = step.peer.as_ref().filter(|_| closes)?;
    Some(Act {
        layers: None,
        side: peer.clone(),
        what: format!("the control closed {peer}"),
        evidence: Place::Entry(entry.n),
    })
}
