//! What the timeline of a recording gives to a page: steps, states, what was done to packets, statistics.

use super::super::events::{self, Recording};
use super::{note, signed};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Answer, Entry, StepOutcome, What, words};
use peerproof_reports::describe_what;
use peerproof_reports::session::{Act, LogEntry, Message, Series, StateChange, Step};
use serde_json::Value;
use std::collections::BTreeMap;

/// Most entries of the timeline, and most numbers of statistics, that a page shows.
const MOST: usize = 20_000;
/// Most different numbers of statistics.
const MOST_SERIES: usize = 2_000;

/// What its views show.
#[derive(Default)]
pub(super) struct Views {
    pub(super) steps: Vec<Step>,
    pub(super) states: Vec<StateChange>,
    pub(super) entries: Vec<LogEntry>,
    pub(super) acts: Vec<Act>,
    pub(super) stats: Vec<Series>,
    pub(super) messages: Vec<Message>,
}

/// Reads it. What is not shown is added to `left_out`.
pub(super) fn views(recording: &Recording, left_out: &mut Vec<String>) -> Views {
    let mut views = Views::default();
    let mut series = BTreeMap::new();
    for entry in recording.timeline().iter().take(MOST) {
        views.entries.push(LogEntry {
            entry: entry.n,
            t_us: signed(entry.t_us),
            kind: kind(&entry.what),
            text: text(entry),
            trouble: is_trouble(&entry.what),
        });
        views.entry(entry, &mut series);
    }
    let beyond = recording.timeline().len().saturating_sub(MOST);
    note(left_out, beyond, "last entries of the timeline");
    if series.len() >= MOST_SERIES {
        left_out.push(format!("statistics after the first {MOST_SERIES} numbers"));
    }
    views.stats = series.into_values().collect();
    views.stats.sort_by(|a, b| (&a.peer, &a.kind, &a.id, &a.name).cmp(&(&b.peer, &b.kind, &b.id, &b.name)));
    views.states.sort_by_key(|state| state.t_us);
    views
}

impl Views {
    fn entry(&mut self, entry: &Entry, series: &mut BTreeMap<(String, String, String), Series>) {
        let t_us = signed(entry.t_us);
        match &entry.what {
            What::StepBegan { step, definition, place } => self.steps.push(Step {
                number: step.saturating_add(1),
                peer: definition.peer.clone(),
                text: definition.to_string(),
                place: place.clone(),
                from_us: t_us,
                to_us: None,
                trouble: None,
                entry: entry.n,
            }),
            What::StepEnded { step, outcome } => {
                let began = self.steps.iter_mut().rev().find(|it| it.number == step.saturating_add(1));
                if let Some(began) = began {
                    began.to_us = Some(t_us);
                    began.trouble = (*outcome != StepOutcome::Done).then(|| outcome.to_string());
                }
            }
            What::Event { peer, event, .. } => self.event(entry, peer, event),
            What::Faulted { peer, rule, action, frame } => {
                let text = format!("{action} at {peer}: {}", words::rule(rule.as_ref()));
                self.acts.push(Act { t_us, frame: *frame, kind: "rule", text, entry: entry.n });
            }
            What::Lost { frame, place, cause } => {
                let text = words::loss(place, *cause);
                self.acts.push(Act { t_us, frame: *frame, kind: "loss", text, entry: entry.n });
            }
            What::Link { .. } => {
                let text = text(entry);
                self.acts.push(Act { t_us, frame: None, kind: "link", text, entry: entry.n });
            }
            What::Stats { peer, report } => statistics(peer, report, t_us, series),
            _ => {}
        }
    }

    fn event(&mut self, entry: &Entry, peer: &str, event: &PeerEvent) {
        let (machine, state) = match event {
            PeerEvent::SignalingStateChange { state } => ("signalingState", state.to_string()),
            PeerEvent::IceGatheringStateChange { state } => ("iceGatheringState", state.to_string()),
            PeerEvent::IceConnectionStateChange { state } => ("iceConnectionState", state.to_string()),
            PeerEvent::ConnectionStateChange { state } => ("connectionState", state.to_string()),
            PeerEvent::DtlsStateChange { state, .. } => ("dtlsState", state.to_string()),
            PeerEvent::SctpStateChange { state } => ("sctpState", state.to_string()),
            PeerEvent::ChannelMessage { message, .. } => {
                self.messages.push(Message {
                    t_us: signed(entry.t_us),
                    peer: peer.to_owned(),
                    channel: message.channel.clone(),
                    size: message.size,
                    is_text: message.text,
                    value: message.value.clone(),
                    entry: Some(entry.n),
                    frame: None,
                });
                return;
            }
            _ => return,
        };
        let (peer, t_us) = (peer.to_owned(), signed(entry.t_us));
        self.states.push(StateChange { peer, machine, state, t_us, entry: entry.n });
    }
}

/// The numbers of a statistics report.
fn statistics(
    peer: &str,
    report: &Value,
    t_us: i64,
    series: &mut BTreeMap<(String, String, String), Series>,
) {
    for (id, object) in report.as_object().into_iter().flatten() {
        let Some(object) = object.as_object() else { continue };
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
        let ssrc = object.get("ssrc").and_then(Value::as_u64);
        for (name, value) in object {
            let Some(number) = value.as_f64().filter(|_| name != "timestamp" && name != "ssrc") else {
                continue;
            };
            let key = (peer.to_owned(), id.clone(), name.clone());
            if series.len() >= MOST_SERIES && !series.contains_key(&key) {
                continue;
            }
            let of = series.entry(key).or_insert_with(|| Series {
                peer: peer.to_owned(),
                kind: kind.to_owned(),
                id: id.clone(),
                ssrc,
                name: name.clone(),
                points: Vec::new(),
            });
            if of.points.len() < MOST {
                of.points.push((t_us, number));
            }
        }
    }
}

const fn kind(what: &What) -> &'static str {
    match what {
        What::StepBegan { .. } | What::StepEnded { .. } => "step",
        What::Command { .. } => "command",
        What::Answer { .. } => "answer",
        What::Event { .. } => "event",
        What::Carried { .. } | What::CarriedCandidate { .. } | What::Signalled { .. } => "signalling",
        What::Server { .. } => "server",
        What::Faulted { .. } | What::Lost { .. } | What::Link { .. } => "network",
        What::Stats { .. } => "stats",
        What::PeerClock { .. } | What::Stalls { .. } | What::Note(_) => "note",
    }
}

/// Whether an entry says that something failed or was lost.
fn is_trouble(what: &What) -> bool {
    match what {
        What::StepEnded { outcome, .. } => *outcome != StepOutcome::Done,
        What::Answer { answer, .. } => matches!(answer, Answer::Rejected { .. } | Answer::Lost { .. }),
        What::Event { event, .. } => events::is_trouble(event),
        What::Lost { .. } => true,
        _ => false,
    }
}

/// What an entry says, without its time.
fn text(entry: &Entry) -> String {
    if let What::Event { peer, event, .. } = &entry.what
        && let Some(text) = events::text(event)
    {
        return format!("{peer}: {text}");
    }
    describe_what(&entry.what)
}
