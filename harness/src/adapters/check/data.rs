//! Data channels between two of the program: everything that is sent arrives as it was, and nothing else does.

use super::content::{Content, DEFECTS, echoed};
use super::effects;
use super::empty;
use super::features::Claims;
use super::outcome::{Group, Outcome, Tried, shortened, violates};
use super::pair::{PATIENCE, Pair, cannot};
use super::reply::Reply;
use super::reported::reported;
use super::session::{Ground, Session, Trouble};
use crate::machine::Limit;
use crate::peers::protocol::Payload;
use peerproof_captures::event::{Message, PeerEvent};
use peerproof_captures::feature::Feature;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long after the last message one that nobody sent may still show itself.
const AFTERMATH: Duration = Duration::from_millis(500);

/// Why nothing more is tried with a pair.
pub(super) const ENDED: &str = "a process has ended, see above";

/// Which side of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Offerer,
    Answerer,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Offerer, Self::Answerer];

    pub(super) fn other(self) -> Self {
        match self {
            Self::Offerer => Self::Answerer,
            Self::Answerer => Self::Offerer,
        }
    }

    pub(super) fn of(self, pair: &mut Pair) -> &mut Session {
        match self {
            Self::Offerer => &mut pair.offerer,
            Self::Answerer => &mut pair.answerer,
        }
    }
}

/// How many messages have come so far by side and channel, as far as they were awaited.
pub(super) type Taken = BTreeMap<(Side, String), usize>;

/// A connection with data channels.
pub(super) async fn data(
    ground: &Ground,
    listed: &BTreeSet<String>,
    claims: &Claims,
) -> Result<Group, Trouble> {
    let mut group = Group::new("data channels between two instances");
    let lacks = cannot(listed).or_else(|| {
        let needed = ["createDataChannel", "send"];
        needed.iter().find(|name| !listed.contains(**name)).map(|name| format!("it has no {name}"))
    });
    if let Some(because) = lacks {
        group.skip("two are connected", because);
        return Ok(group);
    }
    let (mut pair, made) = Pair::start(ground, "data channels").await?;
    let opened = match made {
        Ok(()) => open(&mut pair).await,
        Err(outcome) => Err(outcome),
    };
    if group
        .add("two are connected, and a channel opens at both", claims.hold(Feature::DataChannels, opened))
        .is_some()
    {
        let mut taken = Taken::new();
        let lost = messages(&mut pair, &mut group, &mut taken).await;
        if listed.contains("echo") {
            echoes(&mut pair, &mut group, &mut taken).await;
        } else {
            group.skip("echo", "not among its commands");
        }
        // After everything else: an implementation that sends them wrongly may send nothing more.
        empty::messages(&mut pair, &mut group, &mut taken, &lost).await;
        tokio::time::sleep(AFTERMATH).await;
        group.add("nothing arrives that was not sent", surplus(&mut pair, &taken));
        group.add("each reports its states, and the channel once", reported(&mut pair, "chat"));
        if pair.over() {
            group.skip("a channel that is closed is closed at both", ENDED);
        } else if listed.contains("closeDataChannel") {
            let closed = closed(&mut pair).await;
            if group.add("a channel that is closed is closed at both", closed).is_some() {
                group.add("a closed channel sends nothing", late(&mut pair).await);
            }
        }
        if pair.over() {
            group.skip("commands on a connection have their effect", ENDED);
        } else {
            effects::effects(&mut pair, &mut group, listed).await;
        }
    }
    pair.end().await;
    Ok(group)
}

async fn open(pair: &mut Pair) -> Tried {
    pair.offerer.call("createDataChannel", json!({ "label": "chat" })).await.done()?;
    pair.connect().await?;
    opened(pair, "chat").await
}

/// Waits until a channel of the offerer is open at both.
pub(super) async fn opened(pair: &Pair, label: &str) -> Tried {
    let open = |event: &PeerEvent| match event {
        PeerEvent::ChannelOpen { channel } if channel.label == label => Some(()),
        _ => None,
    };
    let announced = |event: &PeerEvent| match event {
        PeerEvent::DataChannel { channel } if channel.label == label => Some(()),
        _ => None,
    };
    pair.offerer.event(0, &format!("channelopen of {label} at the offerer"), PATIENCE, open).await?;
    pair.answerer.event(0, &format!("datachannel of {label} at the answerer"), PATIENCE, announced).await?;
    pair.answerer.event(0, &format!("channelopen of {label} at the answerer"), PATIENCE, open).await
}

/// Sends messages with content, and returns the sides of which one did not arrive.
async fn messages(pair: &mut Pair, group: &mut Group, taken: &mut Taken) -> BTreeSet<Side> {
    let pattern = |size, seed, text| Payload::Pattern { size, seed, text };
    let cases = [
        ("a text", Payload::Text("Grüße, 世界 😀".to_owned()), 1),
        ("a text of 1024 bytes", pattern(1024, 3, true), 1),
        ("a text of 1025 bytes", pattern(1025, 4, true), 1),
        ("bytes", Payload::Binary("AP+AfwoN".to_owned()), 1),
        ("a pattern of 256 KiB", pattern(262_144, 9, false), 1),
        ("five patterns in a series", pattern(1000, u32::MAX - 1, false), 5),
        ("one text three times", Payload::Text("again".to_owned()), 3),
    ];
    let mut checks: Vec<(String, Tried)> = Vec::new();
    // Sides of which a message did not arrive. The rest of theirs is sent at once and awaited together, since a channel that lost one
    // message often carries none any more, and each would have to be waited for.
    let mut lost = BTreeSet::new();
    let mut late = Vec::new();
    for (what, payload, times) in &cases {
        let mut sent = Vec::new();
        for side in Side::BOTH {
            let name = format!("{what}, {} to {}", word(side), word(side.other()));
            let tried = if pair.over() {
                Err(Outcome::NotTried { because: ENDED.to_owned() })
            } else {
                let sent = send(pair, side, "chat", payload, *times).await;
                // That a message is too large for a peer is for the peer to say (webrtc-pc §6.2).
                let done =
                    if large(payload) { sent.done_by_standard("messages of 256 KiB") } else { sent.done() };
                done.map(|_| ())
            };
            if tried.is_ok() {
                let series = Sent { check: checks.len(), side, expected: Content::series(payload, *times) };
                if lost.contains(&side) { late.push(series) } else { sent.push(series) }
            }
            checks.push((name, tried));
        }
        let limit = Limit::new(PATIENCE);
        for Sent { check, side, expected } in sent {
            let arrived = arrive(pair, side.other(), "chat", &expected, &limit, taken).await;
            if arrived.is_err() && limit.left().is_zero() {
                lost.insert(side);
            }
            if let Some((_, tried)) = checks.get_mut(check) {
                *tried = arrived;
            }
        }
    }
    let limit = Limit::new(PATIENCE);
    for &side in &lost {
        let all: Vec<&Sent> = late.iter().filter(|series| series.side == side).collect();
        let arrived = arrive_late(pair, side.other(), "chat", &all, &limit, taken).await;
        for (series, arrived) in all.into_iter().zip(arrived) {
            if let Some((_, tried)) = checks.get_mut(series.check) {
                *tried = arrived;
            }
        }
    }
    for (name, tried) in checks {
        group.add(name, tried);
    }
    lost
}

/// Messages of one check that were sent.
struct Sent {
    /// The number of the check.
    check: usize,
    side: Side,
    expected: Vec<Content>,
}

/// Larger than what a peer takes that promises nothing (64 KiB, RFC 8841 §6.1).
fn large(payload: &Payload) -> bool {
    matches!(payload, Payload::Pattern { size, .. } if *size > 65_535)
}

pub(super) fn word(side: Side) -> &'static str {
    match side {
        Side::Offerer => "offerer",
        Side::Answerer => "answerer",
    }
}

pub(super) async fn send(pair: &mut Pair, side: Side, channel: &str, message: &Payload, times: u32) -> Reply {
    let mut args = json!({ "channel": channel, "message": message });
    if times != 1 {
        args["times"] = json!(times);
    }
    side.of(pair).call("send", args).await
}

/// All messages that were reported of a channel.
pub(super) fn messages_of(session: &Session, channel: &str) -> Vec<Message> {
    session.events(0, |event| match event {
        PeerEvent::ChannelMessage { message, .. } if message.channel == channel => Some(message.clone()),
        _ => None,
    })
}

/// Waits until a given number of messages has come on a channel, and returns all of them, or those that have come within a limit.
async fn come(session: &Session, channel: &str, count: usize, limit: &Limit) -> Vec<Message> {
    loop {
        let all = messages_of(session, channel);
        let left = limit.left();
        if all.len() >= count || left.is_zero() || session.over().is_some() {
            return all;
        }
        session.news(left.min(Duration::from_millis(100))).await;
    }
}

/// Waits for these messages, after those that came before.
pub(super) async fn arrive(
    pair: &mut Pair,
    side: Side,
    channel: &str,
    expected: &[Content],
    limit: &Limit,
    taken: &mut Taken,
) -> Tried {
    let before = taken.entry((side, channel.to_owned())).or_default();
    let session = side.of(pair);
    let came = come(session, channel, *before + expected.len(), limit).await;
    let new = came.get(*before..).unwrap_or_default();
    // What comes later than it should must not be taken for what comes next.
    *before = (*before + expected.len()).min(came.len());
    for (content, message) in expected.iter().zip(new) {
        content.arrived(message)?;
    }
    if new.len() < expected.len() { missing(session, side, expected.len(), new.len()) } else { Ok(()) }
}

/// Waits for messages that were sent after one had been lost. Any of them may be lost too, so each is looked for among all that came after
/// the one before it. What is none of them is left for [`surplus`] to find.
async fn arrive_late(
    pair: &mut Pair,
    side: Side,
    channel: &str,
    sent: &[&Sent],
    limit: &Limit,
    taken: &mut Taken,
) -> Vec<Tried> {
    let before = taken.entry((side, channel.to_owned())).or_default();
    let session = side.of(pair);
    let count: usize = sent.iter().map(|series| series.expected.len()).sum();
    let came = come(session, channel, *before + count, limit).await;
    let mut new = came.get(*before..).unwrap_or_default();
    let mut outcomes = Vec::new();
    for Sent { expected, .. } in sent {
        let mut found = 0;
        for content in expected {
            if let Some(at) = new.iter().position(|message| content.arrived(message).is_ok()) {
                new = new.get(at + 1..).unwrap_or_default();
                found += 1;
            }
        }
        *before += found;
        outcomes.push(match found < expected.len() {
            true => missing(session, side, expected.len(), found),
            false => Ok(()),
        });
    }
    outcomes
}

/// Messages that should have come to a side, and did not all come.
fn missing(session: &Session, side: Side, expected: usize, came: usize) -> Tried {
    match session.over() {
        Some(over) => violates(format!("{expected} messages"), over),
        None => violates(
            format!("{expected} messages at the {}", word(side)),
            format!("{came} within {} s", PATIENCE.as_secs()),
        ),
    }
}

async fn echoes(pair: &mut Pair, group: &mut Group, taken: &mut Taken) {
    let plain = [(Side::Offerer, None), (Side::Answerer, None)];
    let spoilt = DEFECTS.map(|defect| (Side::Answerer, Some(defect)));
    for (side, defect) in plain.into_iter().chain(spoilt) {
        let name = match defect {
            None => format!("an echo at the {}", word(side)),
            Some(defect) => format!("an echo with the defect {defect}"),
        };
        if pair.over() {
            group.skip(name, ENDED);
            continue;
        }
        group.add(name, echo(pair, side, defect, taken).await);
    }
}

/// One side sends back what the other sends, in a channel of its own.
async fn echo(pair: &mut Pair, side: Side, defect: Option<&str>, taken: &mut Taken) -> Tried {
    let label = format!("echo-{}-{}", word(side), defect.unwrap_or("none"));
    let mut args = json!({ "channel": label });
    if let Some(defect) = defect {
        args["defect"] = json!(defect);
    }
    // The channel need not exist yet.
    side.of(pair).call("echo", args).await.done()?;
    pair.offerer.call("createDataChannel", json!({ "label": label })).await.done()?;
    opened(pair, &label).await?;
    let payloads = [
        Payload::Text("one".to_owned()),
        Payload::Binary("6QD/".to_owned()),
        Payload::Text("three".to_owned()),
        Payload::Pattern { size: 2000, seed: 5, text: false },
        Payload::Text("five".to_owned()),
        Payload::Text("six".to_owned()),
    ];
    let sent: Vec<Content> = payloads.iter().map(Content::of).collect();
    for payload in &payloads {
        send(pair, side.other(), &label, payload, 1).await.done()?;
    }
    arrive(pair, side, &label, &sent, &Limit::new(PATIENCE), taken).await?;
    arrive(pair, side.other(), &label, &echoed(defect, &sent), &Limit::new(PATIENCE), taken).await
}

/// There are no more messages than were awaited.
fn surplus(pair: &mut Pair, taken: &Taken) -> Tried {
    let nothing = BTreeMap::new();
    for side in Side::BOTH {
        let session = side.of(pair);
        let mut counts: BTreeMap<String, usize> = nothing.clone();
        let all = session.events(0, |event| match event {
            PeerEvent::ChannelMessage { message, .. } => Some(message.clone()),
            _ => None,
        });
        for message in all {
            let count = counts.entry(message.channel.clone()).or_default();
            *count += 1;
            if *count > taken.get(&(side, message.channel.clone())).copied().unwrap_or_default() {
                let shown = serde_json::to_string(&message).unwrap_or_default();
                return violates(format!("no more messages at the {}", word(side)), shortened(&shown));
            }
        }
    }
    Ok(())
}

async fn closed(pair: &mut Pair) -> Tried {
    pair.offerer.call("closeDataChannel", json!({ "channel": "chat" })).await.done()?;
    let closed = |event: &PeerEvent| match event {
        PeerEvent::ChannelClose { channel, .. } if channel == "chat" => Some(()),
        _ => None,
    };
    pair.offerer.event(0, "channelclose at the offerer", PATIENCE, closed).await?;
    pair.answerer.event(0, "channelclose at the answerer", PATIENCE, closed).await
}

async fn late(pair: &mut Pair) -> Tried {
    let args = json!({ "channel": "chat", "message": { "text": "late" } });
    let reply = pair.offerer.call("send", args).await;
    reply.refused_by_standard(&["InvalidStateError", "NotFoundError"]).map(|_| ())
}
