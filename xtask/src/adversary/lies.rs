//! Lies by chance, of the whole space of lies: about what a peer says and does in a case when it tells none.

use super::value::{change, leaves, one};
use peerproof::peers::liar::{
    Change, Fields, Invented, Lie, Misdescribed, OfCommands, OfEvents, Stale, Statistics, WrongClock,
    command_names,
};
use peerproof_captures::any_of::AnyOf;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Answer, Entry, What};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};

/// A command with its arguments and its result.
struct Done {
    name: String,
    args: Value,
    result: Value,
}

/// What a peer says and does in a case.
struct Part {
    events: Vec<PeerEvent>,
    done: Vec<Done>,
    stats: Vec<Value>,
}

/// A lie that a peer could tell in this case; nothing if what chance chose is not in it.
pub(super) fn any(chance: &mut StdRng, timeline: &[Entry], peer: &str) -> Option<Lie> {
    let part = part(timeline, peer);
    let lie = match chance.random_range(0..16) {
        0 => Lie::Swallow(of_event(chance, &part)?),
        1 => Lie::Double(of_event(chance, &part)?),
        2 => Lie::Double(altered(chance, &part)?),
        3 => Lie::Delay(of_event(chance, &part)?),
        4..=6 => Lie::Alter(altered(chance, &part)?),
        7 => Lie::Invent(invented(chance, &part)?),
        8 => Lie::Ignore(of_command(chance, &part)?.0),
        9 => Lie::Repeat(of_command(chance, &part)?.0),
        10 => {
            let (of, done) = of_command(chance, &part)?;
            Lie::Misdo(OfCommands { fields: fields(chance, &done.args)?, ..of })
        }
        11 => {
            let (of, done) = of_command(chance, &part)?;
            Lie::Misanswer(OfCommands { fields: fields(chance, &done.result)?, ..of })
        }
        12 => stale(chance, &part)?,
        13 => Lie::Statistics(statistics(chance, &part)?),
        14 if chance.random_bool(0.3) => Lie::Reject(of_command(chance, &part)?.0),
        14 => Lie::Misdescribe(misdescribed(chance, &part)?),
        _ => clock(chance, &part),
    };
    lie.trouble().is_none().then_some(lie)
}

fn part(timeline: &[Entry], peer: &str) -> Part {
    let mut part = Part { events: Vec::new(), done: Vec::new(), stats: Vec::new() };
    let mut asked: Vec<(u64, String, Value)> = Vec::new();
    let known = command_names();
    for entry in timeline {
        match &entry.what {
            What::Event { peer: of, event, .. } if of == peer && !matches!(event, PeerEvent::Log { .. }) => {
                part.events.push(event.clone());
            }
            What::Command { peer: of, id, name, args } if of == peer && known.contains(name) => {
                asked.push((*id, name.clone(), args.clone()));
            }
            What::Answer { peer: of, id, answer: Answer::Ok(result) } if of == peer => {
                if let Some((_, name, args)) = asked.iter().find(|(of, ..)| of == id) {
                    part.done.push(Done { name: name.clone(), args: args.clone(), result: result.clone() });
                }
            }
            What::Stats { peer: of, report: Value::Object(report) } if of == peer => {
                part.stats.extend(report.values().cloned());
            }
            _ => {}
        }
    }
    part
}

fn named(event: &PeerEvent) -> (String, Value) {
    let mut whole = serde_json::to_value(event).unwrap_or_default();
    let name = whole["event"].as_str().unwrap_or_default().to_owned();
    (name, whole.get_mut("data").map(Value::take).unwrap_or_default())
}

/// One event, or all of its name.
fn of_event(chance: &mut StdRng, part: &Part) -> Option<OfEvents> {
    let at = chance.random_range(0..part.events.len().max(1));
    let (name, _) = named(part.events.get(at)?);
    let before = part.events.iter().take(at).filter(|event| named(event).0 == name).count();
    let nth = chance.random_bool(0.6).then(|| u32::try_from(before + 1).unwrap_or(1));
    Some(OfEvents { event: AnyOf(vec![name]), with: Map::new(), nth, fields: Fields::default() })
}

/// Events with a field that is changed.
fn altered(chance: &mut StdRng, part: &Part) -> Option<OfEvents> {
    let of = of_event(chance, part)?;
    let name = of.event.0.first()?;
    let alike: Vec<Value> =
        part.events.iter().map(named).filter(|(other, _)| other == name).map(|(_, data)| data).collect();
    let like = of.nth.and_then(|nth| alike.get(nth as usize - 1)).or(alike.first())?;
    let mut fields = fields(chance, like)?;
    // A state that becomes another state of its kind is a lie; one that is none is an error.
    if let Some(change) = fields.0.get_mut("state") {
        let states =
            ["new", "checking", "connecting", "connected", "disconnected", "failed", "closed", "stable"];
        *change = Change::To(json!(one(chance, &states)?));
    }
    if let Some(change) = fields.0.get_mut("candidate.candidate")
        && matches!(change, Change::Flip)
    {
        let parts = [r" (\d+) typ", r"^candidate:(\S+)", r" (udp|UDP) (\d+)", r"typ (\S+)"];
        *change = Change::FlipIn((*one(chance, &parts)?).to_owned());
    }
    Some(OfEvents { fields, ..of })
}

fn fields(chance: &mut StdRng, of: &Value) -> Option<Fields> {
    let leaves = leaves(of);
    let (path, value) = one(chance, &leaves)?;
    Some(Fields([(path.clone(), change(chance, value))].into_iter().collect()))
}

/// An event that came before or after, and states that a peer can have.
fn invented(chance: &mut StdRng, part: &Part) -> Option<Invented> {
    let after = of_event(chance, part)?;
    let after = OfEvents { nth: after.nth.or(Some(1)), ..after };
    let event = if chance.random() {
        one(chance, &part.events)?.clone()
    } else {
        let kinds: [(&str, &[&str]); 7] = [
            ("connectionstatechange", &["connecting", "connected", "disconnected", "failed", "closed"]),
            ("iceconnectionstatechange", &["checking", "connected", "disconnected", "failed"]),
            ("icetransportstatechange", &["checking", "connected", "disconnected", "failed"]),
            ("icegatheringstatechange", &["new", "gathering", "complete"]),
            ("dtlsstatechange", &["connecting", "connected", "closed", "failed"]),
            ("sctpstatechange", &["connecting", "connected", "closed"]),
            ("signalingstatechange", &["stable", "have-local-offer", "have-remote-offer", "closed"]),
        ];
        let (name, states) = one(chance, &kinds)?;
        serde_json::from_value(json!({ "event": name, "data": { "state": one(chance, states)? } })).ok()?
    };
    Some(Invented { after, events: vec![event] })
}

fn of_command<'a>(chance: &mut StdRng, part: &'a Part) -> Option<(OfCommands, &'a Done)> {
    let at = chance.random_range(0..part.done.len().max(1));
    let done = part.done.get(at)?;
    let before = part.done.iter().take(at).filter(|other| other.name == done.name).count();
    let nth = chance.random_bool(0.6).then(|| u32::try_from(before + 1).unwrap_or(1));
    let command = AnyOf(vec![done.name.clone()]);
    let of = OfCommands {
        command,
        with: Map::new(),
        nth,
        fields: Fields::default(),
        answer: None,
        exception: None,
    };
    Some((of, done))
}

fn stale(chance: &mut StdRng, part: &Part) -> Option<Lie> {
    let often =
        |name: &str| part.done.iter().filter(|done| done.name == name && !done.result.is_null()).count() > 1;
    let names: Vec<&str> =
        part.done.iter().map(|done| done.name.as_str()).filter(|name| often(name)).collect();
    let command = (*one(chance, &names)?).to_owned();
    let but = if chance.random() { vec!["timestamp".to_owned()] } else { Vec::new() };
    Some(Lie::Stale(Stale { command, but }))
}

fn statistics(chance: &mut StdRng, part: &Part) -> Option<Statistics> {
    let object = one(chance, &part.stats)?;
    let of = object["type"].as_str()?.to_owned();
    Some(Statistics { of, with: Map::new(), fields: fields(chance, object)? })
}

/// One kind of line, changed in its last letter or digit, gone or doubled.
fn misdescribed(chance: &mut StdRng, part: &Part) -> Option<Misdescribed> {
    let texts: Vec<&str> = part.done.iter().filter_map(|done| done.result["sdp"].as_str()).collect();
    let lines: Vec<&str> = one(chance, &texts)?.lines().collect();
    let line = one(chance, &lines)?;
    let prefix = match (line.find(':'), line.find('=')) {
        (Some(at), _) if line.starts_with("a=") => line.get(..=at)?,
        (None, _) if line.starts_with("a=") => line,
        (_, Some(at)) => line.get(..=at)?,
        _ => return None,
    };
    let escaped: String = prefix
        .chars()
        .flat_map(|c| if c.is_ascii_alphanumeric() { vec![c] } else { vec!['\\', c] })
        .collect();
    let sdp = match chance.random_range(0..6) {
        0 => Change::Replace { regex: format!("{escaped}.*\r\n"), with: String::new() },
        1 => Change::Replace { regex: format!("({escaped}.*\r\n)"), with: "${1}${1}".to_owned() },
        2 => Change::FlipIn(format!("{escaped}([^ \r]*)")),
        _ => Change::FlipIn(format!(r"{escaped}.*([0-9A-Za-z])")),
    };
    Some(Misdescribed { sdp, nth: chance.random_bool(0.2).then_some(2) })
}

fn clock(chance: &mut StdRng, part: &Part) -> Lie {
    let sign = if chance.random() { 1.0 } else { -1.0 };
    let from = if chance.random() { 0 } else { chance.random_range(0..part.events.len().max(1)) as u64 };
    let (ahead_ms, drift) = if chance.random() {
        (sign * f64::from(chance.random_range(20..2000_i32)), 0.0)
    } else {
        (0.0, sign * f64::from(chance.random_range(10..400_i32)) / 1000.0)
    };
    Lie::Clock(WrongClock { ahead_ms, answers_ahead_ms: 0.0, drift, from, silent: false })
}
