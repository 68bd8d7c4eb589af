//! Whether a timeline has the events for which its steps waited: a step that is done has had what it awaited, so that a recording without it
//! lost it.

use super::flaws::Flaw;
use peerproof_captures::any_of::AnyOf;
use peerproof_captures::event::{ConnectionState, PeerEvent};
use peerproof_captures::timeline::{
    Action, Condition, Entry, HarnessStep, PeerState, Step, StepOutcome, What,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::mem::discriminant;

/// What one peer reported.
#[derive(Default)]
struct Part {
    /// The states since the present step began, since the one before and since the one before that.
    since: [Vec<PeerState>; 3],
    /// The last state of each kind.
    present: Vec<PeerState>,
    /// How many events of each kind there were, and how many of them steps have awaited: no two steps await the same one.
    events: BTreeMap<Kind, u64>,
    awaited: BTreeMap<Kind, u64>,
}

/// What a condition can ask of an event, as far as it is compared here: the name of the event, and the label of its channel.
type Kind = (&'static str, String);

/// The first step that is done without what it awaited.
pub(super) fn flaw(timeline: &[Entry]) -> Option<Flaw> {
    let named = timeline.iter().filter_map(|entry| match &entry.what {
        What::Command { peer, .. } | What::Event { peer, .. } => Some(peer.as_str()),
        _ => None,
    });
    let mut parts: BTreeMap<&str, Part> = named.map(|name| (name, Part::default())).collect();
    let mut step: Option<&Step> = None;
    for entry in timeline {
        match &entry.what {
            What::StepBegan { definition, .. } => {
                step = Some(definition);
                for part in parts.values_mut() {
                    part.since.rotate_right(1);
                    part.since[0].clear();
                }
            }
            What::Event { peer, event, .. } => {
                if let Some(part) = parts.get_mut(peer.as_str()) {
                    part.event(event);
                }
            }
            What::StepEnded { outcome: StepOutcome::Done, .. } => {
                let found = step.take().and_then(|step| missing(&mut parts, step));
                if let Some((peer, event)) = found {
                    let claimed = format!("the step awaited {event} of {peer}, and is done");
                    return Some(Flaw::at(entry, claimed, "the timeline does not have that event"));
                }
            }
            _ => {}
        }
    }
    None
}

/// The peer and the event that a step awaited and that is not there.
fn missing<'a>(parts: &mut BTreeMap<&'a str, Part>, step: &Step) -> Option<(&'a str, &'static str)> {
    match &step.action {
        Action::Await(condition) => {
            let of = step.peer.as_deref()?;
            let (name, part) = parts.iter_mut().find(|(name, _)| **name == of)?;
            // A state counts that was passed through since the step before began.
            (!part.had(condition, 2)).then(|| (*name, condition.event()))
        }
        Action::Harness { step: HarnessStep::Connect, args } => {
            let until = match args.get("await") {
                None | Some(Value::Null) => {
                    Condition::ConnectionState(AnyOf(vec![ConnectionState::Connected]))
                }
                Some(until) => Condition::deserialize(until).ok()?,
            };
            let found = parts.iter_mut().find_map(|(name, part)| (!part.had(&until, 1)).then_some(*name));
            found.map(|name| (name, until.event()))
        }
        _ => None,
    }
}

impl Part {
    fn event(&mut self, event: &PeerEvent) {
        if let Some(state) = PeerState::of(event) {
            self.present.retain(|it| discriminant(it) != discriminant(&state));
            self.present.push(state);
            if !self.since[0].contains(&state) {
                self.since[0].push(state);
            }
        } else if let Some((name, label)) = reported(event) {
            *self.events.entry((name, label.to_owned())).or_default() += 1;
        }
    }

    /// Whether what a step awaited was there. A step more than `steps` before is looked at: an event that is written as a step begins may
    /// count for it or not.
    fn had(&mut self, condition: &Condition, steps: usize) -> bool {
        if let Some(initial) = PeerState::initial(condition) {
            let mut passed = self.since.iter().take(steps + 1).flatten();
            let mut present = self.present.iter().filter(|it| discriminant(*it) == discriminant(&initial));
            return passed.any(|state| condition.allows(*state))
                || condition.allows(*present.next().unwrap_or(&initial));
        }
        let Some((name, label)) = wanted(condition) else { return true };
        let kind = (name, label.to_owned());
        let there = self.events.get(&kind).copied().unwrap_or(0);
        let awaited = self.awaited.entry(kind).or_default();
        *awaited += u64::from(condition.times());
        *awaited <= there
    }
}

/// The kind of an event that steps await.
fn reported(event: &PeerEvent) -> Option<(&'static str, &str)> {
    Some(match event {
        PeerEvent::DataChannel { channel } => ("datachannel", &channel.label),
        PeerEvent::ChannelOpen { channel } => ("channelopen", &channel.label),
        PeerEvent::ChannelClosing { channel, .. } => ("channelclosing", channel),
        PeerEvent::ChannelClose { channel, .. } => ("channelclose", channel),
        PeerEvent::ChannelError { channel, .. } => ("channelerror", channel),
        PeerEvent::BufferedAmountLow { channel } => ("bufferedamountlow", channel),
        PeerEvent::ChannelMessage { message, .. } => ("channelmessage", &message.channel),
        PeerEvent::NegotiationNeeded => ("negotiationneeded", ""),
        PeerEvent::SelectedCandidatePairChange { .. } => ("selectedcandidatepairchange", ""),
        PeerEvent::IceCandidate { .. } => ("icecandidate", ""),
        PeerEvent::IceCandidateError { .. } => ("icecandidateerror", ""),
        PeerEvent::Track { .. } => ("track", ""),
        PeerEvent::MediaSeen { .. } => ("mediaseen", ""),
        PeerEvent::Acted { .. } => ("acted", ""),
        _ => return None,
    })
}

/// The kind of the event that a condition asks for; nothing for one of which only the scenario knows the track, or that is no event of a
/// peer.
fn wanted(condition: &Condition) -> Option<(&'static str, &str)> {
    let label = match condition {
        Condition::Datachannel(label)
        | Condition::Open(label)
        | Condition::Closing(label)
        | Condition::Close(label)
        | Condition::Error(label)
        | Condition::Bufferedamountlow(label) => label,
        Condition::Message(message) => &message.channel,
        Condition::Mute(_) | Condition::Unmute(_) | Condition::Ended(_) | Condition::Lost => return None,
        _ => "",
    };
    Some((condition.event(), label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::Recording;

    fn found(timeline: &[Entry]) -> String {
        flaw(timeline).map(|it| format!("{}, but {}", it.claimed, it.seen)).unwrap_or_default()
    }

    /// What the recording of an echo lacks without such events of a peer.
    fn without(name: &str, unwanted: impl Fn(&PeerEvent) -> bool) -> String {
        let mut timeline = Recording::Data.evidence().timeline;
        let before = timeline.len();
        timeline.retain(
            |entry| !matches!(&entry.what, What::Event { peer, event, .. } if peer == name && unwanted(event)),
        );
        assert_ne!(timeline.len(), before, "there is none");
        found(&timeline)
    }

    #[test]
    fn whole_recordings_have_what_their_steps_awaited() {
        for recording in [Recording::Data, Recording::Restart, Recording::Relay, Recording::Conflict] {
            assert_eq!(found(&recording.evidence().timeline), "", "{recording:?}");
        }
    }

    #[test]
    fn a_step_that_is_done_has_had_the_event_that_it_awaited() {
        for name in ["alice", "bob"] {
            let connected = PeerEvent::ConnectionStateChange { state: ConnectionState::Connected };
            let text = without(name, |event| *event == connected);
            assert!(text.starts_with(&format!("the step awaited connectionstatechange of {name}")), "{text}");
        }
        let text = without("alice", |event| matches!(event, PeerEvent::ChannelOpen { .. }));
        assert!(text.starts_with("the step awaited channelopen of alice"), "{text}");
        let text = without("alice", |event| matches!(event, PeerEvent::ChannelMessage { .. }));
        assert!(text.starts_with("the step awaited channelmessage of alice"), "{text}");
        // No step awaited it.
        let text = without("alice", |event| matches!(event, PeerEvent::NegotiationNeeded));
        assert_eq!(text, "");
    }

    #[test]
    fn two_steps_do_not_await_the_same_event() {
        let mut timeline = Recording::Data.evidence().timeline;
        let is = |entry: &Entry| matches!(&entry.what, What::StepBegan { definition, .. } if matches!(definition.action, Action::Await(Condition::Open(_))));
        let at = timeline.iter().position(is).unwrap();
        let began = timeline[at].clone();
        let ended =
            timeline.iter().skip(at).position(|it| matches!(it.what, What::StepEnded { .. })).unwrap();
        let ended = timeline[at + ended].clone();
        timeline.extend([began, ended]);
        assert!(found(&timeline).starts_with("the step awaited channelopen"), "{}", found(&timeline));
    }

    #[test]
    fn a_state_may_be_the_present_one_or_the_first() {
        let mut part = Part::default();
        let condition = |state| Condition::ConnectionState(AnyOf(vec![state]));
        assert!(part.had(&condition(ConnectionState::New), 2));
        assert!(!part.had(&condition(ConnectionState::Connected), 2));
        part.event(&PeerEvent::ConnectionStateChange { state: ConnectionState::Connected });
        assert!(!part.had(&condition(ConnectionState::New), 2), "it was never reported");
        for _ in 0..4 {
            part.since.rotate_right(1);
            part.since[0].clear();
        }
        assert!(part.had(&condition(ConnectionState::Connected), 2), "it still is");
        part.event(&PeerEvent::ConnectionStateChange { state: ConnectionState::Failed });
        assert!(!part.had(&condition(ConnectionState::Connected), 2), "that is too long ago");
    }
}
