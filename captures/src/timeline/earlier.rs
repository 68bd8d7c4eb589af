//! Timelines of formats 1 and 2, in which steps, conditions, rules and notes were sentences: a recording can be judged years later.

use super::{
    Action, Entry, Expected, HarnessStep, Key, Lack, MOST_ENTRIES, Note, PeerState, Rule, RuleAction, Seen,
    Step, StepOutcome, What, too_large,
};
use crate::event::PeerEvent;
use crate::server::ServerEvent;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::{Error, Map, Value, json};

/// Reads a timeline whose steps are sentences, line by line as it is numbered.
pub(super) fn read<'a>(lines: impl Iterator<Item = (usize, &'a [u8])>) -> Result<Vec<Entry>, (usize, Error)> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut step: Option<Step> = None;
    for (n, line) in lines {
        if entries.len() >= MOST_ENTRIES {
            return Err((n + 1, too_large()));
        }
        let entry = serde_json::from_slice(line)
            .and_then(|value| entry(value, step.as_ref(), &entries))
            .map_err(|error| (n + 1, error))?;
        if let What::StepBegan { definition, .. } = &entry.what {
            step = Some(definition.clone());
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn wrong(text: &str) -> Error {
    Error::custom(format!("{text:?} is no sentence of formats 1 and 2"))
}

fn entry(mut value: Value, step: Option<&Step>, before: &[Entry]) -> Result<Entry, Error> {
    let Some((kind, what)) =
        value.get_mut("what").and_then(Value::as_object_mut).and_then(|map| map.iter_mut().next())
    else {
        return serde_json::from_value(value);
    };
    match kind.as_str() {
        "step_began" => {
            let text = take(what, "text")?;
            if let Some(map) = what.as_object_mut() {
                map.insert("definition".to_owned(), serde_json::to_value(read_step(&text)?)?);
            }
        }
        "step_ended" => {
            if let Some(outcome) = what.get_mut("outcome").filter(|outcome| outcome.is_object()) {
                *outcome = serde_json::to_value(read_outcome(outcome.take(), step, before)?)?;
            }
        }
        "faulted" => {
            let (rule, action) = (take(what, "rule")?, take(what, "action")?);
            let rule = match rule.split_once(" {") {
                Some((done, _)) => {
                    let matches: Value = serde_json::from_str(rule.get(done.len()..).unwrap_or_default())?;
                    Some(Rule { action: read_action(done, &matches)?, matches })
                }
                None => None,
            };
            let matches = rule.as_ref().map_or(Value::Null, |rule| rule.matches.clone());
            let action = read_action(&action, &matches)?;
            if let Some(map) = what.as_object_mut() {
                map.insert("action".to_owned(), serde_json::to_value(action)?);
                if let Some(rule) = rule {
                    map.insert("rule".to_owned(), serde_json::to_value(rule)?);
                }
            }
        }
        "note" => *what = serde_json::to_value(read_note(&take(what, "text")?)?)?,
        _ => {}
    }
    serde_json::from_value(value)
}

/// Takes a string out of an object.
fn take(value: &mut Value, key: &str) -> Result<String, Error> {
    match value.as_object_mut().and_then(|map| map.remove(key)) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(Error::custom(format!("{key:?} is missing"))),
    }
}

/// `name value, name value, …`, as steps were written.
fn members(mut text: &str) -> Result<Map<String, Value>, Error> {
    let mut map = Map::new();
    while !text.is_empty() {
        let end = text.find([' ', ',']).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let (value, rest) = match rest.strip_prefix(' ') {
            None => (json!({}), rest),
            Some(rest) if rest.starts_with(['{', '[', '"']) => {
                let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
                let value = values.next().unwrap_or_else(|| Err(wrong(rest)))?;
                (value, rest.get(values.byte_offset()..).unwrap_or_default())
            }
            Some(rest) => {
                let (word, rest) = rest.split_at(rest.find(", ").unwrap_or(rest.len()));
                (serde_json::from_str(word).unwrap_or_else(|_| Value::String(word.to_owned())), rest)
            }
        };
        map.insert(name.to_owned(), value);
        text = match rest.strip_prefix(", ") {
            Some(rest) => rest,
            None if rest.is_empty() => rest,
            None => return Err(wrong(text)),
        };
    }
    Ok(map)
}

fn read_step(text: &str) -> Result<Step, Error> {
    let (actor, rest) = text.split_once(": ").unwrap_or((text, ""));
    if let Ok(step) = read_as::<HarnessStep>(actor) {
        let args = match step {
            HarnessStep::Candidates | HarnessStep::Signalling => json!(rest),
            HarnessStep::Network if rest == "clear" => json!(rest),
            _ => Value::Object(members(rest)?),
        };
        let action = Action::Harness { step, args };
        return Ok(Step { peer: None, action, within_ms: None, rejects: None, binds: None, answers: None });
    }
    let mut map = members(rest)?;
    let word = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    let within_ms = word(map.remove("within")).map(|span| milliseconds(&span)).transpose()?;
    let (rejects, binds) = (word(map.remove("rejects")), word(map.remove("as")));
    let answers = map.remove("answers");
    let (name, mut args) = map.into_iter().next().ok_or_else(|| wrong(text))?;
    let action = match name.as_str() {
        "await" => Action::Await(serde_json::from_value(args)?),
        "never" => {
            let for_ms = milliseconds(&take(&mut args, "for")?)?;
            let event = args.get_mut("event").map(Value::take).unwrap_or_default();
            Action::Never { event: serde_json::from_value(event)?, for_ms }
        }
        _ => Action::Command { name, args },
    };
    Ok(Step { peer: Some(actor.to_owned()), action, within_ms, rejects, binds, answers })
}

fn milliseconds(span: &str) -> Result<u64, Error> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong(span));
    match (span.strip_suffix("ms"), span.strip_suffix('s')) {
        (Some(millis), _) => number(millis),
        (None, Some(seconds)) => number(seconds).map(|seconds| seconds.saturating_mul(1000)),
        _ => Err(wrong(span)),
    }
}

/// A word as serde names it.
fn read_as<T: DeserializeOwned>(word: &str) -> Result<T, Error> {
    serde_json::from_value(json!(word))
}

/// `name word` or `name {"json":1}` or `word`, as conditions were written.
fn read_condition<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let Some((name, value)) = text.split_once(' ') else { return read_as(text) };
    let value = match value.starts_with(['{', '[']) {
        true => serde_json::from_str(value)?,
        false => json!(value),
    };
    serde_json::from_value(json!({ name: value }))
}

fn read_outcome(mut outcome: Value, step: Option<&Step>, before: &[Entry]) -> Result<StepOutcome, Error> {
    let Some((kind, what)) = outcome.as_object_mut().and_then(|map| map.iter_mut().next()) else {
        return Err(wrong(""));
    };
    Ok(match kind.as_str() {
        "timed_out" => {
            let (awaited, seen) = (take(what, "awaited")?, take(what, "seen")?);
            let within_ms = what.get("within_ms").and_then(Value::as_u64).unwrap_or_default();
            let awaited = read_expected(&awaited, step)?;
            let seen = read_seen(&seen, &awaited, before)?;
            StepOutcome::TimedOut { awaited, within_ms, seen }
        }
        "wrong" => {
            let (expected, seen) = (take(what, "expected")?, take(what, "seen")?);
            let expected = read_expected(&expected, step)?;
            let seen = read_seen(&seen, &expected, before)?;
            StepOutcome::Wrong { expected, seen }
        }
        "unsupported" => {
            let (peer, reason) = (take(what, "peer")?, take(what, "reason")?);
            StepOutcome::Unsupported { peer, reason: Lack::Answered(reason) }
        }
        _ => StepOutcome::Broken { cause: take(what, "cause")? },
    })
}

fn read_expected(text: &str, step: Option<&Step>) -> Result<Expected, Error> {
    if text == "the end of all steps" {
        return Ok(Expected::AllSteps);
    }
    if let Some(Step { peer: None, action: Action::Harness { step: kind, args }, .. }) = step
        && matches!(kind, HarnessStep::Network | HarnessStep::Server | HarnessStep::Quiet)
    {
        return of_harness(text, *kind, args);
    }
    if let Some(peer) = text.strip_prefix("an answer of ") {
        return Ok(Expected::Answer { peer: peer.to_owned() });
    }
    let is_condition = text.rsplit_once(" at ");
    if let Some((condition, peer)) = is_condition.filter(|(_, peer)| !peer.contains(' ')) {
        let peer = peer.to_owned();
        return Ok(match condition.strip_prefix("no ") {
            Some(condition) => Expected::NoCondition { peer, condition: read_condition(condition)? },
            None => Expected::Condition { peer, condition: read_condition(condition)? },
        });
    }
    if let Some((path, value)) = text.split_once(" = ") {
        let Some(Step { peer: Some(peer), .. }) = step else { return Err(wrong(text)) };
        let (command, path) = read_path(path);
        return Ok(Expected::AnswerValue {
            peer: peer.clone(),
            command,
            path,
            value: serde_json::from_str(value)?,
        });
    }
    let words: Vec<&str> = text.split(' ').collect();
    match words.as_slice() {
        [peer, "does", command] => {
            Ok(Expected::Success { peer: (*peer).to_owned(), command: (*command).to_owned() })
        }
        [peer, "rejects", command, "with", exception] => Ok(Expected::Rejection {
            peer: (*peer).to_owned(),
            command: (*command).to_owned(),
            exception: (*exception).to_owned(),
        }),
        _ => Err(wrong(text)),
    }
}

/// What a step of the harness awaits, by its arguments.
fn of_harness(text: &str, step: HarnessStep, args: &Value) -> Result<Expected, Error> {
    let lacking = || wrong(text);
    let (name, args) = args
        .as_object()
        .and_then(|map| map.iter().next())
        .map(|(k, v)| (k.as_str(), v))
        .ok_or_else(lacking)?;
    let string = |key: &str| args.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(lacking);
    let number = |key: &str| args.get(key).and_then(Value::as_u64);
    let small = |key: &str| number(key).and_then(|number| u32::try_from(number).ok());
    Ok(match (step, name) {
        (HarnessStep::Server, server) => {
            let server = server.to_owned();
            match args.get("never").and_then(Value::as_str) {
                Some(event) => Expected::NoServerEvent { server, event: read_as(event)? },
                None => Expected::ServerEvent {
                    server,
                    event: serde_json::from_value(args.get("await").cloned().unwrap_or_default())?,
                    code: number("code").and_then(|code| u16::try_from(code).ok()),
                    times: small("times"),
                    sockets: small("clients").or_else(|| small("sockets")),
                },
            }
        }
        (_, "acts") => Expected::RuleActs { rule: string("rule")?, times: small("times").unwrap_or(1) },
        (_, "bitrate") => Expected::Bitrate {
            from: string("from")?,
            over_ms: milliseconds(&string("over")?)?,
            at_least_kbit: number("atLeastKbit"),
            at_most_kbit: number("atMostKbit"),
        },
        (_, "streams") => Expected::Streams {
            from: string("from")?,
            rids: serde_json::from_value(args.get("rids").cloned().unwrap_or_default())?,
        },
        (HarnessStep::Quiet, "for") => {
            Expected::Silence { for_ms: milliseconds(args.as_str().unwrap_or_default())? }
        }
        _ => return Err(wrong(text)),
    })
}

fn read_path(text: &str) -> (String, Vec<Key>) {
    let mut keys = text.split(['.', '[']);
    let command = keys.next().unwrap_or_default().to_owned();
    let key = |key: &str| match key.strip_suffix(']').and_then(|index| index.parse().ok()) {
        Some(index) => Key::Index(index),
        None => Key::Name(key.to_owned()),
    };
    (command, keys.map(key).collect())
}

fn read_seen(text: &str, expected: &Expected, before: &[Entry]) -> Result<Seen, Error> {
    let numbers = || text.split(' ').filter_map(|word| word.parse::<u64>().ok());
    let small =
        |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
    if let Some((peer, reason)) = text.split_once(" is gone: ") {
        return Ok(Seen::Gone { peer: peer.to_owned(), reason: reason.to_owned() });
    }
    Ok(match expected {
        Expected::Condition { peer, condition } => {
            if PeerState::initial(condition).is_some() {
                return Ok(Seen::State(read_condition(text)?));
            }
            return read_events(text, peer, before);
        }
        Expected::NoCondition { condition, .. } => Seen::Occurred(condition.clone()),
        Expected::Rejection { command, .. } if text == format!("{command} is done") => {
            Seen::Performed { command: command.clone() }
        }
        Expected::Success { .. } | Expected::Rejection { .. } => {
            let (name, message) = text.split_once(": ").ok_or_else(|| wrong(text))?;
            Seen::Exception { name: name.to_owned(), message: message.to_owned() }
        }
        Expected::AnswerValue { .. } => {
            let (path, value) = text.split_once(" = ").ok_or_else(|| wrong(text))?;
            let (command, path) = read_path(path);
            Seen::AnswerValue { command, path, value: serde_json::from_str(value)? }
        }
        Expected::ServerEvent { server, .. } | Expected::NoServerEvent { server, .. } => {
            read_server_events(text, server, before)
        }
        Expected::RuleActs { .. } => {
            let mut numbers = numbers();
            Seen::RuleActed { times: small(numbers.next()), undecrypted: small(numbers.next()) }
        }
        Expected::Bitrate { .. } => Seen::Bitrate { kbit: numbers().next().unwrap_or_default() },
        Expected::Streams { .. } if text == "none of them" => Seen::Streams { rids: Vec::new() },
        Expected::Streams { .. } => Seen::Streams { rids: text.split(", ").map(str::to_owned).collect() },
        Expected::Silence { .. } => Seen::Packets,
        Expected::AllSteps => {
            let step = numbers().next().and_then(|step| usize::try_from(step).ok()).unwrap_or(1);
            Seen::Running { step: step.saturating_sub(1) }
        }
        Expected::Answer { .. } => return Err(wrong(text)),
    })
}

/// The states that the sentence names, and the event of the peer whose beginning it quotes.
fn read_events(text: &str, peer: &str, before: &[Entry]) -> Result<Seen, Error> {
    let (states, quoted) = text.split_once("; the last event was ").ok_or_else(|| wrong(text))?;
    let (mut connection, mut dtls) = (None, None);
    for state in states.split(", ").filter(|state| *state != "no connection yet") {
        match read_condition(state)? {
            PeerState::ConnectionState(state) => connection = Some(state),
            PeerState::DtlsState(state) => dtls = Some(state),
            _ => return Err(wrong(text)),
        }
    }
    let mut of_peer = before.iter().rev().filter_map(|entry| match &entry.what {
        What::Event { peer: of, event, .. } if of == peer && quoted != "none" => Some(event),
        _ => None,
    });
    let newest = of_peer.clone().next();
    let is_quoted = |event: &&PeerEvent| serde_json::to_string(event).is_ok_and(|it| it.starts_with(quoted));
    let last = of_peer.find(is_quoted).or(newest).cloned().map(Box::new);
    Ok(Seen::Events { connection, dtls, last, nearest: None, counted: false })
}

/// The events of the server that the sentence names, of which others may have followed; the last ones if none fit.
fn read_server_events(text: &str, server: &str, before: &[Entry]) -> Seen {
    let all: Vec<&ServerEvent> = before
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Server { server: of, event } if of == server => Some(event),
            _ => None,
        })
        .collect();
    let seen = |end: usize| {
        let begin = end.saturating_sub(6);
        let events = all.iter().take(end).skip(begin).map(|event| (*event).clone()).collect();
        Seen::ServerEvents { server: server.to_owned(), events }
    };
    let named = (0..=all.len()).rev().map(seen).find(|seen| seen.to_string() == text);
    named.unwrap_or_else(|| seen(all.len()))
}

fn read_action(text: &str, matches: &Value) -> Result<RuleAction, Error> {
    let words: Vec<&str> = text.split(' ').collect();
    let number = |text: &str| text.parse().map_err(|_| wrong(text));
    Ok(match words.as_slice() {
        ["drop"] => RuleAction::Drop,
        ["delay", by, "ms"] => RuleAction::Delay { by_ms: number(by)? },
        ["duplicate"] => RuleAction::Duplicate,
        ["replay", "after", by, "ms"] => RuleAction::Replay { by_ms: number(by)? },
        ["corrupt", "byte", byte] => RuleAction::Corrupt { byte: byte.parse().map_err(|_| wrong(text))? },
        ["corrupt"] => RuleAction::CorruptField {
            field: matches.get("field").and_then(Value::as_str).unwrap_or_default().to_owned(),
        },
        ["reorder"] => RuleAction::Reorder,
        ["inject", bytes, "bytes"] => RuleAction::Inject { bytes: bytes.parse().map_err(|_| wrong(text))? },
        ["fragment", "into", pieces] => {
            RuleAction::Fragment { pieces: pieces.parse().map_err(|_| wrong(text))? }
        }
        ["fragment,", "over", datagrams, "datagrams"] => {
            RuleAction::Split { datagrams: datagrams.parse().map_err(|_| wrong(text))? }
        }
        ["renumber"] => RuleAction::Renumber,
        _ => return Err(wrong(text)),
    })
}

fn read_note(text: &str) -> Result<Note, Error> {
    let of = |begins: &str| text.strip_prefix(begins).map(str::to_owned);
    let between = |begins: &str, middle: &str| {
        let (peer, error) = text.strip_prefix(begins)?.split_once(middle)?;
        Some((peer.to_owned(), error.to_owned()))
    };
    Ok(if text == "stopped by the user" {
        Note::Interrupted
    } else if let Some(seed) = of("in virtual time, by the run's seed ") {
        Note::VirtualTime { seed: seed.parse().map_err(|_| wrong(text))? }
    } else if let Some((peer, _)) = between("the clock of ", " is not known") {
        Note::ClockUnknown { peer }
    } else if let Some((peer, by)) =
        between("the clock of ", " cannot be right: what it shows contradicts itself by ")
    {
        let by_us = by.strip_suffix(" µs").and_then(|by| by.parse().ok()).ok_or_else(|| wrong(text))?;
        Note::ClockContradicts { peer, by_us }
    } else if let Some(error) = of("the capture is incomplete: ") {
        Note::CaptureIncomplete { error }
    } else if let Some(error) = of("a candidate could not be rewritten: ") {
        Note::NotRewritten { error }
    } else if let Some((peer, error)) = between("what ", " wrote is not kept: ") {
        Note::FilesNotKept { peer, error }
    } else if let Some((peer, error)) = between("what ", " looked like is not kept: ") {
        Note::DiagnosticsNotKept { peer, error }
    } else if let Some(peer) = text.strip_suffix(" did not end in time") {
        Note::PeerDidNotEnd { peer: peer.to_owned() }
    } else {
        Note::NoSignalling { error: text.to_owned() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Condition;

    #[test]
    fn what_was_a_sentence_reads_the_same_as_data() {
        for text in [
            "alice: createDataChannel {\"label\":\"a, b\"}",
            "alice: await {\"connectionState\":\"failed\"}, within 10s",
            "bob: await selectedcandidatepairchange",
            "alice: createOffer, rejects InvalidStateError",
            "bob: getState, answers {\"connectionState\":\"closed\"}",
            "bob: never {\"event\":{\"open\":\"chat\"},\"for\":\"1500ms\"}",
            "connect: trickle true, offerer bob, within 15s, iceRestart false",
            "network: drop {\"from\":\"alice\",\"first\":1}",
            "network: down alice/wifi",
            "network: clear",
            "server: relay renew-nonce",
            "candidates: hold",
            "stats",
        ] {
            assert_eq!(read_step(text).unwrap().to_string(), text);
        }
        let condition: Condition = read_condition("message {\"channel\":\"chat\",\"times\":2}").unwrap();
        assert_eq!(condition.times(), 2);
    }
    /// The entries of a timeline of which these are the contents.
    fn timeline(lines: &[Value]) -> Vec<Entry> {
        let lines: Vec<Vec<u8>> = lines
            .iter()
            .enumerate()
            .map(|(n, what)| json!({ "n": n, "t_us": n, "what": what }).to_string().into_bytes())
            .collect();
        read(lines.iter().map(Vec::as_slice).enumerate()).unwrap()
    }

    #[test]
    fn what_ended_a_step_is_data_again() {
        let entries = timeline(&[
            json!({ "step_began": { "step": 0, "text": "network: drop {\"name\":\"first\",\"class\":\"stun\"}" } }),
            json!({ "faulted": { "peer": "bob", "rule": "drop {\"class\":\"stun\"}", "action": "drop", "frame": 3 } }),
            json!({ "event": { "peer": "bob", "seq": 0, "event": { "event": "negotiationneeded" } } }),
            json!({ "step_began": { "step": 1, "text": "bob: await {\"open\":\"chat\"}, within 5s" } }),
            json!({ "step_ended": { "step": 1, "outcome": { "timed_out": { "awaited": "open chat at bob", "within_ms": 5000,
                "seen": "connectionState new; the last event was {\"event\":\"negotiationneeded\"}" } } } }),
            json!({ "note": { "text": "stopped by the user" } }),
        ]);
        let What::StepEnded { outcome: StepOutcome::TimedOut { awaited, seen, .. }, .. } = &entries[4].what
        else {
            panic!("{:?}", entries[4]);
        };
        assert_eq!(awaited.to_string(), "open chat at bob");
        assert!(
            matches!(seen, Seen::Events { last: Some(last), .. } if **last == PeerEvent::NegotiationNeeded)
        );
        let faulted = &entries[1].what;
        assert!(
            matches!(faulted, What::Faulted { action: RuleAction::Drop, frame: Some(3), .. }),
            "{faulted:?}"
        );
        assert_eq!(entries[5].what, What::Note(Note::Interrupted));
    }

    #[test]
    fn what_is_no_sentence_is_refused_with_its_line() {
        let line =
            json!({ "n": 0, "t_us": 0, "what": { "step_began": { "step": 0, "text": "alice: never {}" } } });
        let line = line.to_string().into_bytes();
        assert_eq!(read([(4, line.as_slice())].into_iter()).unwrap_err().0, 5);
    }
}
