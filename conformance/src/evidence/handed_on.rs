//! Whether the entries of a timeline fit one another: what the harness carried is what the one peer gave and what the other was given, the
//! command of a step is the one that the step defines, and statistics are those that the peer answered. Peers are not involved: the harness
//! wrote both, so that a difference is the recording's.

use super::flaws::Flaw;
use peerproof_captures::event::{Description, IceCandidate, PeerEvent};
use peerproof_captures::timeline::{Action, Answer, Entry, HarnessStep, Step, StepOutcome, What};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// Arguments whose string value is the name of an earlier result; an object with `of` changes such a result.
const REFERENCES: [&str; 4] = ["track", "with", "description", "candidate"];
/// How a scenario writes what a `send` has as its message.
const PAYLOADS: [&str; 3] = ["text", "binary", "pattern"];

/// A candidate, or the end of candidates.
type Candidate<'a> = Option<&'a IceCandidate>;

/// The step that is being done.
struct Running<'a> {
    definition: &'a Step,
    /// Whether the peer was given the step's command.
    given: bool,
}

/// What one peer gave and was given.
#[derive(Default)]
struct Part<'a> {
    /// The names of the commands that have no answer yet, by number.
    open: BTreeMap<u64, &'a str>,
    /// The description that was created last, and the local one that was read last.
    created: Option<&'a Value>,
    read: Option<&'a Value>,
    /// Its candidates that were not carried yet.
    found: VecDeque<Candidate<'a>>,
    /// The candidate that was carried from it last, if it was delivered.
    last: Candidate<'a>,
    /// What was carried to it and not given to it yet.
    description: Option<(&'a Entry, &'a Description)>,
    candidate: Option<(&'a Entry, Candidate<'a>)>,
    /// Its statistics that have no entry of their own yet.
    reports: VecDeque<(&'a Entry, &'a Value)>,
}

#[derive(Default)]
struct Follow<'a> {
    parts: BTreeMap<&'a str, Part<'a>>,
    step: Option<Running<'a>>,
}

/// The first entry that does not fit those before it.
pub(super) fn flaw(timeline: &[Entry]) -> Option<Flaw> {
    let mut follow = Follow::default();
    timeline.iter().find_map(|entry| follow.entry(entry)).or_else(|| follow.end())
}

impl<'a> Follow<'a> {
    fn part(&mut self, name: &'a str) -> &mut Part<'a> {
        self.parts.entry(name).or_default()
    }

    fn entry(&mut self, entry: &'a Entry) -> Option<Flaw> {
        match &entry.what {
            What::StepBegan { definition, .. } => {
                self.step = Some(Running { definition, given: false });
                None
            }
            What::StepEnded { outcome, .. } => self.ended(entry, outcome),
            What::Command { peer, id, name, args } => {
                self.part(peer).open.insert(*id, name);
                self.command(entry, peer, name, args)
            }
            What::Answer { peer, id, answer } => {
                let part = self.part(peer);
                let name = part.open.remove(id)?;
                let Answer::Ok(value) = answer else { return None };
                match name {
                    "createOffer" | "createAnswer" => part.created = Some(value),
                    "getState" => part.read = value.get("localDescription"),
                    "getStats" => part.reports.push_back((entry, value)),
                    _ => {}
                }
                None
            }
            What::Event { peer, event: PeerEvent::IceCandidate { candidate }, .. } => {
                self.part(peer).found.push_back(candidate.as_ref());
                None
            }
            What::Carried { from, to, sent, delivered } => {
                let part = self.part(from);
                if ![part.created, part.read].into_iter().flatten().any(|it| same(Some(it), sent)) {
                    let claimed = format!("the {} of {from} was carried", sent.kind);
                    return Some(Flaw::at(entry, claimed, format!("{from} did not answer with it")));
                }
                let due = (entry, delivered.as_ref().unwrap_or(sent));
                self.part(to).description.replace(due).map(|(before, it)| not_given(before, to, it))
            }
            What::CarriedCandidate { from, to, sent, delivered } => {
                self.carried(entry, (from, to), sent.as_ref(), delivered.as_ref())
            }
            What::Stats { peer, report } => match self.part(peer).reports.pop_front() {
                Some((_, answered)) if answered == report => None,
                _ => {
                    let claimed = format!("the timeline has statistics of {peer}");
                    Some(Flaw::at(entry, claimed, format!("{peer} did not answer with them")))
                }
            },
            _ => None,
        }
    }

    /// A candidate is carried after it was reported, in order. A rewriting may make several of one.
    fn carried(
        &mut self,
        entry: &'a Entry,
        (from, to): (&'a str, &'a str),
        sent: Candidate<'a>,
        delivered: Candidate<'a>,
    ) -> Option<Flaw> {
        let part = self.part(from);
        let again = sent.is_some() && delivered.is_some() && part.last == sent;
        if part.found.front() == Some(&sent) {
            part.found.pop_front();
        } else if !again {
            // Those before it travelled in a description.
            while part.found.pop_front_if(|it| *it != sent).is_some() {}
            if part.found.pop_front().is_none() {
                let claimed = format!("{} of {from} was carried", what(sent));
                return Some(Flaw::at(entry, claimed, format!("{from} did not report it")));
            }
        }
        part.last = sent.filter(|_| delivered.is_some());
        let to_part = self.part(to);
        let before = to_part.candidate.take();
        // One that was withheld is given to nobody.
        to_part.candidate = (delivered.is_some() || sent.is_none()).then_some((entry, delivered));
        before.and_then(|(before, it)| lost(before, to, it))
    }

    fn command(&mut self, entry: &'a Entry, peer: &'a str, name: &'a str, args: &'a Value) -> Option<Flaw> {
        let step = self.step.as_ref().map(|it| (it.definition, it.given));
        let own = step.and_then(|(definition, given)| match &definition.action {
            Action::Command { name: of, args } if of == name && definition.peer.as_deref() == Some(peer) => {
                (!given).then_some(args)
            }
            _ => None,
        });
        let negotiates = step.is_some_and(|(definition, _)| {
            matches!(
                definition.action,
                Action::Harness { step: HarnessStep::Connect | HarnessStep::Negotiate, .. }
            )
        });
        let part = self.part(peer);
        match name {
            "addIceCandidate" => {
                let given = args.get("candidate").filter(|it| !it.is_null());
                let fits = |due: &mut (&Entry, Candidate<'_>)| match (due.1, given) {
                    // The scenario may say so itself, and the end may have been withheld.
                    (None, None) => own.is_none(),
                    (Some(due), Some(given)) => IceCandidate::deserialize(given).is_ok_and(|it| it == *due),
                    _ => false,
                };
                if part.candidate.take_if(fits).is_some() {
                    return None;
                }
                if own.is_none() {
                    let claimed = format!("{peer} was given a candidate");
                    return Some(Flaw::at(entry, claimed, "no such candidate was carried to it"));
                }
            }
            "setRemoteDescription" => {
                let given = args.get("description");
                match part.description.take() {
                    Some((_, due)) if same(given, due) => return None,
                    Some((before, due)) => return Some(not_given(before, peer, due)),
                    None if own.is_none() => {
                        let claimed = format!("{peer} was given a remote description");
                        return Some(Flaw::at(entry, claimed, "none was carried to it"));
                    }
                    None => {}
                }
            }
            "setLocalDescription" if negotiates => {
                let given = args.get("description").and_then(|it| Description::deserialize(it).ok());
                if !given.is_some_and(|given| same(part.created, &given)) {
                    let claimed = format!("{peer} was given a local description");
                    return Some(Flaw::at(
                        entry,
                        claimed,
                        "it did not answer with that one when it was created",
                    ));
                }
            }
            _ => {}
        }
        let wanted = own?;
        if let Some(step) = &mut self.step {
            step.given = true;
        }
        let key = differing(name, wanted, args)?;
        let claimed = format!("the step gives {name} to {peer}");
        Some(Flaw::at(entry, claimed, format!("the command has another {key}")))
    }

    fn ended(&mut self, entry: &Entry, outcome: &StepOutcome) -> Option<Flaw> {
        let step = self.step.take()?;
        let Action::Command { name, .. } = &step.definition.action else { return None };
        let is_missing = *outcome == StepOutcome::Done && !step.given;
        is_missing.then(|| {
            let peer = step.definition.peer.as_deref().unwrap_or_default();
            let claimed = format!("{peer} did {name}");
            Flaw::at(entry, claimed, "the timeline does not say that it was given that command")
        })
    }

    /// What was carried has been given, and statistics that were answered have their entry.
    fn end(self) -> Option<Flaw> {
        self.parts.into_iter().find_map(|(name, mut part)| {
            let description = part.description.map(|(entry, it)| not_given(entry, name, it));
            let candidate = part.candidate.and_then(|(entry, it)| lost(entry, name, it));
            description.or(candidate).or_else(|| {
                let (entry, _) = part.reports.pop_front()?;
                let claimed = format!("{name} answered with its statistics");
                Some(Flaw::at(entry, claimed, "the timeline has no entry of them"))
            })
        })
    }
}

/// Whether a value is that description.
fn same(value: Option<&Value>, description: &Description) -> bool {
    value.is_some_and(|it| Description::deserialize(it).is_ok_and(|it| it == *description))
}

fn what(candidate: Candidate<'_>) -> &'static str {
    if candidate.is_some() { "a candidate" } else { "the end of candidates" }
}

fn not_given(entry: &Entry, to: &str, description: &Description) -> Flaw {
    let claimed = format!("the {} was carried to {to}", description.kind);
    Flaw::at(entry, claimed, format!("{to} was not given it"))
}

/// A candidate that was carried is given at once. The end of candidates may be withheld, which its entry does not show.
fn lost(entry: &Entry, to: &str, candidate: Candidate<'_>) -> Option<Flaw> {
    let claimed = format!("{} was carried to {to}", what(candidate));
    candidate.map(|_| Flaw::at(entry, claimed, format!("{to} was not given it")))
}

/// The first argument of a step that its command does not have like that. References are left out: what they stand for is another
/// entry's.
fn differing<'a>(command: &str, wanted: &'a Value, given: &Value) -> Option<&'a str> {
    let wanted = wanted.as_object()?;
    let is_reference = |key: &str, value: &Value| {
        REFERENCES.contains(&key) && (value.is_string() || value.get("of").is_some())
    };
    let differs = wanted.iter().find(|(key, value)| {
        let is_payload = command == "send" && PAYLOADS.contains(&key.as_str());
        let of = if is_payload { given.get("message") } else { Some(given) };
        !is_reference(key, value) && !holds(value, of.and_then(|it| it.get(key.as_str())))
    });
    differs.map(|(key, _)| key.as_str())
}

/// Whether a value has all that is wanted. Servers are named in scenarios, and given by their addresses.
fn holds(wanted: &Value, given: Option<&Value>) -> bool {
    match (wanted, given) {
        (Value::Null, None) => true,
        (Value::Object(wanted), Some(given)) => {
            wanted.iter().all(|(key, wanted)| key == "iceServers" || holds(wanted, given.get(key)))
        }
        (Value::Array(wanted), Some(Value::Array(given))) => {
            wanted.len() == given.len()
                && wanted.iter().zip(given).all(|(wanted, given)| holds(wanted, Some(given)))
        }
        (Value::Number(wanted), Some(Value::Number(given))) => wanted.as_f64() == given.as_f64(),
        (wanted, given) => given == Some(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::Recording;
    use serde_json::json;

    const WITH_STATISTICS: [Recording; 6] = [
        Recording::Conflict,
        Recording::Lost,
        Recording::Relay,
        Recording::Restart,
        Recording::H264,
        Recording::Simulcast,
    ];

    fn found(timeline: &[Entry]) -> String {
        flaw(timeline).map(|it| format!("{}, but {}", it.claimed, it.seen)).unwrap_or_default()
    }

    /// What the recording of an ICE restart lacks once the first of its entries that can be changed was changed; `None` takes it out.
    fn after(change: impl Fn(&mut Value) -> Option<bool>) -> String {
        let mut timeline = Recording::Restart.evidence().timeline;
        let changed = timeline.iter().enumerate().find_map(|(at, entry)| {
            let mut value = serde_json::to_value(entry).unwrap();
            let kept = change(&mut value["what"]);
            (kept != Some(false)).then(|| (at, kept.map(|_| serde_json::from_value(value).unwrap())))
        });
        match changed.expect("nothing was changed") {
            (at, Some(entry)) => timeline[at] = entry,
            (at, None) => drop(timeline.remove(at)),
        }
        found(&timeline)
    }

    /// Changes the string at a place in the entry that has it.
    fn edit(place: &'static str, of: &'static str) -> impl Fn(&mut Value) -> Option<bool> {
        move |what| match what.pointer_mut(place) {
            Some(Value::String(text)) if text.contains(of) => {
                *text = text.replacen(of, "7", 1);
                Some(true)
            }
            _ => Some(false),
        }
    }

    /// Takes out the entry that has something at that place.
    fn remove(place: &'static str) -> impl Fn(&mut Value) -> Option<bool> {
        move |what| if what.pointer(place).is_some_and(|it| !it.is_null()) { None } else { Some(false) }
    }

    #[test]
    fn entries_of_whole_recordings_fit_one_another() {
        for recording in WITH_STATISTICS {
            assert_eq!(found(&recording.evidence().timeline), "", "{recording:?}");
        }
    }

    #[test]
    fn descriptions_are_carried_as_they_were_made_and_given_as_they_were_carried() {
        let text = after(edit("/carried/sent/sdp", "a=ice-pwd:"));
        assert!(text.ends_with("did not answer with it"), "{text}");
        let text = after(edit("/answer/answer/ok/sdp", "a=ice-pwd:"));
        assert!(text.ends_with("did not answer with that one when it was created"), "{text}");
        let text = after(|what| {
            let is_remote = what["command"]["name"] == "setRemoteDescription";
            if is_remote { edit("/command/args/description/sdp", "a=ice-pwd:")(what) } else { Some(false) }
        });
        assert!(text.ends_with("was not given it"), "{text}");
        let text = after(remove("/carried"));
        assert!(text.ends_with("none was carried to it"), "{text}");
    }

    #[test]
    fn candidates_are_carried_as_they_were_reported_and_given_as_they_were_carried() {
        let text = after(edit("/carried_candidate/sent/candidate", " typ host"));
        assert!(text.ends_with("did not report it"), "{text}");
        let text = after(edit("/carried_candidate/delivered/candidate", " typ host"));
        assert!(text.ends_with("no such candidate was carried to it"), "{text}");
        let text = after(edit("/command/args/candidate/candidate", " typ host"));
        assert!(text.ends_with("no such candidate was carried to it"), "{text}");
        let text = after(remove("/carried_candidate"));
        assert!(text.ends_with("no such candidate was carried to it"), "{text}");
        let text = after(remove("/event/event/data/candidate/candidate"));
        assert!(text.ends_with("did not report it"), "{text}");
        let is_given = |what: &Value| what["command"]["args"]["candidate"].is_object();
        let text = after(|what| if is_given(what) { None } else { Some(false) });
        assert!(text.ends_with("was not given it"), "{text}");
        let is_end = |what: &Value| {
            what["event"]["event"]["event"] == "icecandidate"
                && what["event"]["event"]["data"]["candidate"].is_null()
        };
        let text = after(|what| if is_end(what) { None } else { Some(false) });
        assert!(text.starts_with("the end of candidates of "), "{text}");
    }

    #[test]
    fn a_rewriting_may_make_several_candidates_of_one() {
        let mut timeline = Recording::Restart.evidence().timeline;
        let is = |entry: &Entry| matches!(&entry.what, What::CarriedCandidate { delivered: Some(_), .. });
        let at = timeline.iter().position(is).unwrap();
        // Carried, given and answered.
        let again: Vec<Entry> = timeline[at..at + 3].to_vec();
        assert!(matches!(again[2].what, What::Answer { .. }));
        timeline.splice(at + 3..at + 3, again);
        assert_eq!(found(&timeline), "");
    }

    #[test]
    fn statistics_are_those_that_were_answered() {
        let text = after(remove("/stats"));
        assert!(text.contains("statistics"), "{text}");
        let text = after(|what| match what.pointer_mut("/stats/report") {
            Some(report) => {
                report["more"] = json!(1);
                Some(true)
            }
            None => Some(false),
        });
        assert!(text.ends_with("did not answer with them"), "{text}");
    }

    #[test]
    fn the_command_of_a_step_is_the_one_that_it_defines() {
        let text = after(edit("/step_began/definition/action/command/args/label", ""));
        assert!(text.ends_with("the command has another label"), "{text}");
        let is_own = |what: &Value| what["command"]["name"] == "createDataChannel";
        let text = after(|what| if is_own(what) { None } else { Some(false) });
        assert!(text.ends_with("the timeline does not say that it was given that command"), "{text}");
    }

    #[test]
    fn what_a_scenario_names_is_not_compared() {
        let differs =
            |command: &str, wanted: Value, given: Value| differing(command, &wanted, &given).is_some();
        for (command, wanted, given) in [
            ("addTrack", json!({"track": "camera"}), json!({"track": "1234"})),
            ("setRemoteDescription", json!({"description": {"of": "offer"}}), json!({"description": {}})),
            ("send", json!({"text": "a"}), json!({"message": {"text": "a"}})),
            (
                "createPeerConnection",
                json!({"configuration": {"iceServers": [{"stun": "s"}], "bundlePolicy": "balanced"}}),
                json!({"configuration": {"iceServers": [{"urls": []}], "bundlePolicy": "balanced"}}),
            ),
        ] {
            assert!(!differs(command, wanted, given), "{command}");
        }
        assert!(differs("send", json!({"text": "a"}), json!({"message": {"text": "b"}})));
        assert!(differs(
            "setRemoteDescription",
            json!({"description": {"sdp": "a"}}),
            json!({"description": {}})
        ));
        assert!(differs("x", json!({"a": [1, 2]}), json!({"a": [1, 3]})));
        assert!(!differs("x", json!({"a": [1, 2]}), json!({"a": [1.0, 2], "b": 1})));
    }
}
