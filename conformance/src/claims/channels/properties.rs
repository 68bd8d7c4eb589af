//! Properties of channels: as asked, as DATA_CHANNEL_OPEN has them, as announced. The first that differs names the peer.

use super::super::observed::against;
use super::super::{Contradiction, Session};
use super::known::{Created, Known};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{ChannelInfo, PeerEvent};
use peerproof_captures::wire::dcep::Open;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The properties of a channel, each if it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Properties {
    ordered: Option<bool>,
    max_retransmits: Option<u64>,
    max_packet_life_time: Option<u64>,
    protocol: String,
    negotiated: bool,
}

impl Properties {
    fn asked(args: &Value) -> Self {
        let number = |name: &str| args.get(name).and_then(Value::as_u64);
        Self {
            ordered: Some(args.get("ordered").and_then(Value::as_bool).unwrap_or(true)),
            max_retransmits: number("maxRetransmits"),
            max_packet_life_time: number("maxPacketLifeTime"),
            protocol: args.get("protocol").and_then(Value::as_str).unwrap_or_default().to_owned(),
            negotiated: args.get("negotiated").and_then(Value::as_bool).unwrap_or(false),
        }
    }

    fn shown(info: &ChannelInfo) -> Self {
        Self {
            ordered: info.ordered,
            max_retransmits: info.max_retransmits.map(u64::from),
            max_packet_life_time: info.max_packet_life_time.map(u64::from),
            protocol: info.protocol.clone(),
            negotiated: info.negotiated,
        }
    }

    fn open(open: &Open<'_>) -> Self {
        Self {
            ordered: Some(open.channel.value.is_ordered()),
            max_retransmits: open.max_retransmits().map(u64::from),
            max_packet_life_time: open.max_packet_life_time().map(u64::from),
            protocol: String::from_utf8_lossy(open.protocol.value).into_owned(),
            negotiated: false,
        }
    }

    /// The first property that differs: its name, and both values.
    fn differs(&self, from: &Self) -> Option<(&'static str, String, String)> {
        fn show(value: Option<u64>) -> String {
            value.map_or_else(|| "not set".to_owned(), |value| value.to_string())
        }
        let ordered = self.ordered.zip(from.ordered).filter(|(is, should)| is != should);
        if let Some((is, should)) = ordered {
            return Some(("ordered", is.to_string(), should.to_string()));
        }
        let numbers = [
            ("maxRetransmits", self.max_retransmits, from.max_retransmits),
            ("maxPacketLifeTime", self.max_packet_life_time, from.max_packet_life_time),
        ];
        // What does not fit the attribute cannot be shown.
        let fits = |value: Option<u64>| value.is_none_or(|value| value <= u64::from(u16::MAX));
        if let Some((name, is, should)) =
            numbers.into_iter().find(|(_, is, should)| is != should && fits(*is) && fits(*should))
        {
            return Some((name, show(is), show(should)));
        }
        if self.protocol != from.protocol {
            return Some(("protocol", format!("{:?}", self.protocol), format!("{:?}", from.protocol)));
        }
        (self.negotiated != from.negotiated)
            .then(|| ("negotiated", self.negotiated.to_string(), from.negotiated.to_string()))
    }
}

/// Names of the claims about a property, of a channel that opens and of one that is announced.
fn claims(property: &str) -> [(&'static str, Layer); 2] {
    let names = match property {
        "ordered" => ["event/channelopen.channel.ordered", "event/datachannel.channel.ordered"],
        "maxRetransmits" => {
            ["event/channelopen.channel.maxRetransmits", "event/datachannel.channel.maxRetransmits"]
        }
        "maxPacketLifeTime" => {
            ["event/channelopen.channel.maxPacketLifeTime", "event/datachannel.channel.maxPacketLifeTime"]
        }
        "protocol" => ["event/channelopen.channel.protocol", "event/datachannel.channel.protocol"],
        _ => ["event/channelopen.channel.negotiated", "event/datachannel.channel.negotiated"],
    };
    names.map(|name| (name, Layer::DataChannel))
}

pub(super) fn check(session: &Session<'_>, own: &Known<'_>, found: &mut Vec<Contradiction>) {
    let disturbed = session.disturbed();
    for created in &own.created {
        if !own.has_several(created.label) {
            as_asked(own, created, |frame| disturbed.contains(&frame), found);
        }
    }
    for shown in &own.announced {
        let same = |label: &str| label == shown.info.label;
        if own.has_several(&shown.info.label) {
            continue;
        }
        let announced = Properties::shown(shown.info);
        let open =
            own.received.iter().find(|it| it.opens(&shown.info.label) && !disturbed.contains(&it.frame));
        if let Some(open) = open {
            differs(
                own,
                shown.entry.n,
                shown.entry.t_us,
                shown.info,
                true,
                &announced,
                open.frame,
                open.open,
                found,
            );
            if shown.info.id.is_some_and(|id| id != open.stream) {
                wrong_id(
                    own,
                    shown.entry.n,
                    shown.entry.t_us,
                    shown.info,
                    ("event/datachannel.channel.id", open.stream),
                    found,
                );
            }
        }
        for later in own.opened.iter().filter(|it| same(&it.info.label)) {
            let is = Properties::shown(later.info);
            if let Some((name, is, before)) = is.differs(&announced) {
                let [claim, _] = claims(name);
                let claimed = format!(
                    "{} reports {name} of the open channel {:?} as {is}",
                    own.peer.name, shown.info.label
                );
                let seen = format!("it had announced it as {before}");
                let evidence = [Place::Entry(later.entry.n), Place::Entry(shown.entry.n)];
                found.push(against(&own.peer.name, claim, later.entry.t_us, claimed, seen, evidence));
            }
        }
    }
    ids(session, own, found);
}

/// A channel as its creator has it: the answer, the event and DATA_CHANNEL_OPEN against the command.
fn as_asked(
    own: &Known<'_>,
    created: &Created<'_>,
    is_disturbed: impl Fn(u64) -> bool,
    found: &mut Vec<Contradiction>,
) {
    let asked = Properties::asked(created.asked.args);
    let (command, label) = (Place::Entry(created.asked.entry.n), created.label);
    let mut say = |claim, t_us, is: String, should: String, place, what: &str, name: &str| {
        let claimed =
            format!("{} was asked to create the channel {label:?} with {name} {should}", own.peer.name);
        let seen = format!("{what} has {is}");
        found.push(against(&own.peer.name, claim, t_us, claimed, seen, [command, place]));
    };
    let answer = created.asked.answered().zip(created.asked.result());
    let answered =
        answer.and_then(|(entry, value)| Some((entry, serde_json::from_value(value.clone()).ok()?)));
    if let Some((entry, info)) = answered
        && let Some((name, is, should)) = Properties::shown(&info).differs(&asked)
    {
        say(
            ("answer/createDataChannel", Layer::DataChannel),
            entry.t_us,
            is,
            should,
            Place::Entry(entry.n),
            "its answer",
            name,
        );
        return;
    }
    if let Some(open) = own.opened.iter().find(|it| it.info.label == label)
        && let Some((name, is, should)) = Properties::shown(open.info).differs(&asked)
    {
        let [claim, _] = claims(name);
        let place = Place::Entry(open.entry.n);
        say(claim, open.entry.t_us, is, should, place, "the channel that it reports", name);
        return;
    }
    if created.is_negotiated() {
        return;
    }
    if let Some(sent) = own.sent.iter().find(|it| it.opens(label) && !is_disturbed(it.frame))
        && let Some(open) = sent.open
        && let Some((name, is, should)) = Properties::open(&open).differs(&asked)
    {
        let [claim, _] = claims(name);
        say(claim, sent.t_us, is, should, Place::Frame(sent.frame), "its DATA_CHANNEL_OPEN", name);
    }
}

#[expect(clippy::too_many_arguments, reason = "all of it is one comparison")]
fn differs(
    own: &Known<'_>,
    n: u64,
    t_us: u64,
    info: &ChannelInfo,
    is_announced: bool,
    shown: &Properties,
    frame: u64,
    open: Option<Open<'_>>,
    found: &mut Vec<Contradiction>,
) {
    let Some(open) = open else { return };
    let should = Properties::open(&open);
    if let Some((name, is, should)) = shown.differs(&should) {
        // What it said that it never reports is left out.
        if own.peer.never_reports("datachannel", name) {
            return;
        }
        let [opened, announced] = claims(name);
        let claim = if is_announced { announced } else { opened };
        let claimed = format!("{} reports {name} of the channel {:?} as {is}", own.peer.name, info.label);
        let seen = format!("DATA_CHANNEL_OPEN has {should}");
        found.push(against(
            &own.peer.name,
            claim,
            t_us,
            claimed,
            seen,
            [Place::Entry(n), Place::Frame(frame)],
        ));
    }
}

fn wrong_id(
    own: &Known<'_>,
    n: u64,
    t_us: u64,
    info: &ChannelInfo,
    (claim, stream): (&'static str, u16),
    found: &mut Vec<Contradiction>,
) {
    let id = info.id.map_or_else(|| "none".to_owned(), |id| id.to_string());
    let claimed = format!("{} reports the channel {:?} with the id {id}", own.peer.name, info.label);
    let seen = format!("its stream is {stream}");
    found.push(against(&own.peer.name, (claim, Layer::DataChannel), t_us, claimed, seen, [Place::Entry(n)]));
}

/// The identifiers that events show against the streams on which the channels are.
fn ids(session: &Session<'_>, own: &Known<'_>, found: &mut Vec<Contradiction>) {
    // Which of several channels of a label an event is of is not known: its id must be that of one of them.
    for shown in &own.opened {
        let Some(streams) = own.streams_of_several(&shown.info.label) else { continue };
        let wrong = shown.info.id.filter(|id| !streams.contains(id));
        if let (Some(_), Some(stream)) = (wrong, streams.first()) {
            let claim = ("event/channelopen.channel.id", *stream);
            wrong_id(own, shown.entry.n, shown.entry.t_us, shown.info, claim, found);
        }
    }
    for created in own.created.iter().filter(|it| !it.is_negotiated() && !own.has_several(it.label)) {
        let mut streams = own.sent.iter().filter(|it| it.opens(created.label));
        let (Some(open), None) = (streams.next(), streams.next()) else { continue };
        let shown = own.opened.iter().find(|it| it.info.label == created.label);
        if let Some(shown) = shown.filter(|it| it.info.id.is_some_and(|id| id != open.stream)) {
            let claim = ("event/channelopen.channel.id", open.stream);
            wrong_id(own, shown.entry.n, shown.entry.t_us, shown.info, claim, found);
        }
    }
    for created in own.created.iter().filter(|it| it.is_negotiated()) {
        let given =
            created.asked.args.get("id").and_then(Value::as_u64).and_then(|id| u16::try_from(id).ok());
        let shown = own.opened.iter().find(|it| it.info.label == created.label);
        if let (Some(given), Some(shown), false) = (given, shown, own.has_several(created.label))
            && shown.info.id.is_some_and(|id| id != given)
        {
            let claim = ("event/channelopen.channel.id", given);
            wrong_id(own, shown.entry.n, shown.entry.t_us, shown.info, claim, found);
        }
    }
    own_ids(session, own, found);
    let mut known: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    for (entry, event) in session.events(&own.peer.name) {
        let (claim, label, id) = match event {
            PeerEvent::ChannelMessage { message, id: Some(id) } => {
                ("event/channelmessage.id", &message.channel, *id)
            }
            PeerEvent::ChannelClosing { channel, id: Some(id) } => ("event/channelclosing.id", channel, *id),
            PeerEvent::ChannelClose { channel, id: Some(id) } => ("event/channelclose.id", channel, *id),
            _ => continue,
        };
        let known = known.entry(label).or_insert_with(|| own.ids(label));
        if !known.is_empty() && !known.contains(&id) {
            let claimed =
                format!("{} reports an event of the channel {label:?} with the id {id}", own.peer.name);
            let ids: Vec<String> = known.iter().map(u16::to_string).collect();
            let seen = format!("the channel has the id {}", ids.join(" or "));
            let evidence = [Place::Entry(entry.n)];
            found.push(against(
                &own.peer.name,
                (claim, Layer::DataChannel),
                entry.t_us,
                claimed,
                seen,
                evidence,
            ));
            return;
        }
    }
}

/// A peer's own events of one channel show one identifier.
fn own_ids(session: &Session<'_>, own: &Known<'_>, found: &mut Vec<Contradiction>) {
    let mut first: BTreeMap<&str, (u16, u64)> = BTreeMap::new();
    for (entry, event) in session.events(&own.peer.name) {
        let (claim, label, id) = match event {
            PeerEvent::DataChannel { channel } => {
                ("event/datachannel.channel.id", &channel.label, channel.id)
            }
            PeerEvent::ChannelOpen { channel } => {
                ("event/channelopen.channel.id", &channel.label, channel.id)
            }
            PeerEvent::ChannelMessage { message, id } => ("event/channelmessage.id", &message.channel, *id),
            PeerEvent::ChannelClosing { channel, id } => ("event/channelclosing.id", channel, *id),
            PeerEvent::ChannelClose { channel, id } => ("event/channelclose.id", channel, *id),
            _ => continue,
        };
        let Some(id) = id else { continue };
        let (known, n) = *first.entry(label).or_insert((id, entry.n));
        if known != id && !own.has_several(label) {
            let claimed = format!("{} reports the channel {label:?} with the id {id}", own.peer.name);
            let seen = format!("it had reported it with the id {known}");
            let evidence = [Place::Entry(entry.n), Place::Entry(n)];
            found.push(against(
                &own.peer.name,
                (claim, Layer::DataChannel),
                entry.t_us,
                claimed,
                seen,
                evidence,
            ));
            return;
        }
    }
}
