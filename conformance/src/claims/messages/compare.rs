//! The three lists of a channel's direction, one against the next.

use super::super::channels::known::Known;
use super::super::channels::transport_end;
use super::super::observed::{PATIENCE_US, Tap, against, lacks};
use super::super::{Contradiction, Session};
use super::carried::{Carried, carried, is_idle, streams};
use crate::api::At;
use crate::api::message::Fingerprint;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{IceState, PeerEvent};
use peerproof_captures::timeline::{Entry, What};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const MESSAGE: (&str, Layer) = ("event/channelmessage", Layer::DataChannel);
const SEND: (&str, Layer) = ("answer/send", Layer::DataChannel);

/// What identifies a message.
type Key = (bool, u64, u32);

fn key(is: &Fingerprint) -> Key {
    (is.text, is.size, is.crc32)
}

/// How often each message is in a list.
fn counts<'a>(list: impl Iterator<Item = &'a Fingerprint>) -> BTreeMap<Key, usize> {
    let mut counts = BTreeMap::new();
    for is in list {
        *counts.entry(key(is)).or_default() += 1;
    }
    counts
}

/// One direction of a channel.
struct Direction<'a, 'b> {
    session: &'b Session<'a>,
    sender: &'b Known<'a>,
    receiver: &'b Known<'a>,
    label: &'b str,
    /// What the sender was asked to send, or reports to have received where it sends that back. None if it is not known.
    stated: Option<Vec<&'b At<Fingerprint>>>,
    got: &'b [At<Fingerprint>],
    is_ordered: bool,
    /// Whether no message is given up.
    is_reliable: bool,
}

pub(super) fn check<'a>(
    session: &Session<'a>,
    sender: &Known<'a>,
    receiver: &Known<'a>,
    found: &mut Vec<Contradiction>,
) {
    let (Some(from), Some(to)) =
        (session.views.get(&sender.peer.name), session.views.get(&receiver.peer.name))
    else {
        return;
    };
    let created = sender.created.iter().chain(&receiver.created).map(|it| it.label);
    let announced = sender.announced.iter().chain(&receiver.announced).map(|it| it.info.label.as_str());
    let labels: BTreeSet<&str> = created.chain(announced).collect();
    for label in labels {
        let list = |map: &'a indexmap::IndexMap<String, Vec<At<Fingerprint>>>| {
            map.get(label).map_or(&[][..], Vec::as_slice)
        };
        let sent = list(&from.sent).iter();
        let echoed = list(&from.received).iter().filter(|_| from.echoes.contains(label));
        let args = sender
            .created
            .iter()
            .chain(&receiver.created)
            .find(|it| it.label == label)
            .map(|it| it.asked.args);
        let infos = || sender.announced.iter().chain(&receiver.announced).filter(|it| it.info.label == label);
        let flag = |name: &str| args.and_then(|args| args.get(name)?.as_bool());
        let limited = args.is_some_and(|args| {
            ["maxRetransmits", "maxPacketLifeTime"]
                .iter()
                .any(|name| args.get(name).is_some_and(|it| !it.is_null()))
        }) || infos()
            .any(|it| it.info.max_retransmits.is_some() || it.info.max_packet_life_time.is_some());
        let direction = Direction {
            session,
            sender,
            receiver,
            label,
            stated: (!sender.acts_alone).then(|| {
                let mut stated: Vec<&At<Fingerprint>> = sent.chain(echoed).collect();
                stated.sort_by_key(|at| at.n);
                stated
            }),
            got: list(&to.received),
            is_ordered: args.is_some()
                && flag("ordered") != Some(false)
                && infos().all(|it| it.info.ordered != Some(false)),
            is_reliable: args.is_some() && !limited,
        };
        direction.check(found);
    }
}

impl<'a> Direction<'a, '_> {
    /// What the packets carry at the tap of a peer.
    fn at(&self, known: &Known<'a>, streams: &BTreeSet<u16>) -> Option<(Tap<'a>, Vec<Carried>)> {
        let tap = known.tap?;
        let place = self.session.place_of(&self.sender.peer.name)?;
        Some((tap, carried(tap, place, streams)?))
    }

    fn check(&self, found: &mut Vec<Contradiction>) {
        let Some(streams) = streams(self.label, self.sender, self.receiver) else { return };
        let (left, came) = (self.at(self.sender, &streams), self.at(self.receiver, &streams));
        let before = found.len();
        match (&left, &came) {
            (Some((tap, left)), _) => {
                self.sent_otherwise(left, true, found);
                self.not_sent(Some(*tap), left, found);
            }
            // What arrives in its association is the sender's, too; its order may be that of the network.
            (None, Some((_, came))) => {
                self.sent_otherwise(came, false, found);
                self.not_sent(None, came, found);
            }
            (None, None) => {}
        }
        if found.len() == before
            && let Some((_, wire)) = came.as_ref().or(left.as_ref())
        {
            self.received_otherwise(wire, found);
            self.not_received(wire, found);
        }
    }

    fn claimed(&self) -> String {
        format!("{} got commands to send on {:?}", self.sender.peer.name, self.label)
    }

    /// What the sender's packets carry, and no command asked for. `is_order_known` says whether they are in the order in which they left.
    fn sent_otherwise(&self, left: &[Carried], is_order_known: bool, found: &mut Vec<Contradiction>) {
        let Some(stated) = &self.stated else { return };
        let mut known = counts(stated.iter().map(|at| &at.is));
        let name = &self.sender.peer.name;
        for one in left {
            match known.get_mut(&key(&one.is)) {
                Some(count) if *count > 0 => *count -= 1,
                other => {
                    let seen = match other {
                        Some(_) => format!("it sends {} more often", one.is),
                        None => format!("it sends {}, which is none of that", one.is),
                    };
                    let evidence = [Place::Frame(one.frame)];
                    found.push(against(name, SEND, one.t_us, self.claimed(), seen, evidence));
                    return;
                }
            }
        }
        // An echo and messages of its own may mix.
        let has_one_source = !self.session.views.get(name).is_some_and(|it| it.echoes.contains(self.label));
        if !self.is_ordered || !is_order_known || !has_one_source {
            return;
        }
        let mut rest = stated.iter();
        if let Some(one) = left.iter().find(|one| !rest.any(|at| at.is.is(&one.is))) {
            let seen = format!("it sends {} out of that order", one.is);
            found.push(against(name, SEND, one.t_us, self.claimed(), seen, [Place::Frame(one.frame)]));
        }
    }

    /// What the sender was asked to send, and its packets never carry. Without a tap at the sender the packets are those that came: a message
    /// that the receiver acknowledged comes with all before it.
    fn not_sent(&self, tap: Option<Tap<'_>>, left: &[Carried], found: &mut Vec<Contradiction>) {
        let (Some(stated), true) = (&self.stated, self.is_reliable) else { return };
        let name = &self.sender.peer.name;
        let closed = self.closed_by_sender();
        let Some(until_us) = self.until() else { return };
        let mut carried = counts(left.iter().map(|one| &one.is));
        let mut missing = None;
        for (n, at) in stated.iter().enumerate() {
            match carried.get_mut(&key(&at.is)) {
                Some(count) if *count > 0 => *count -= 1,
                _ => {
                    missing.get_or_insert((n, *at));
                }
            }
        }
        let Some((n, at)) = missing else { return };
        // One that comes later and was sent has overtaken it; or nothing more is sent at all.
        let later: BTreeSet<Key> = stated.iter().skip(n + 1).map(|at| key(&at.is)).collect();
        let earlier: BTreeSet<Key> = stated.iter().take(n + 1).map(|at| key(&at.is)).collect();
        let overtaken = self.is_ordered
            && left
                .iter()
                .filter(|one| tap.is_some() || one.is_acknowledged)
                .any(|one| later.contains(&key(&one.is)) && !earlier.contains(&key(&one.is)));
        // Who closes a channel finishes sending first (webrtc-pc §6.2.4).
        let given_up = tap.is_some() && closed.is_some_and(|(asked_n, _)| at.n < asked_n);
        let patient_us = at.t_us.saturating_add(PATIENCE_US);
        let stopped = || {
            tap.is_some_and(|tap| is_idle(self.session, tap, patient_us, until_us))
                && !self.has_no_path(patient_us)
        };
        if !overtaken && !given_up && !stopped() {
            return;
        }
        let closed_n = closed.filter(|_| given_up).map(|(_, closed_n)| closed_n);
        let evidence = std::iter::once(at.n).chain(closed_n).map(Place::Entry);
        let count = |list: &mut dyn Iterator<Item = &Fingerprint>| list.filter(|is| is.is(&at.is)).count();
        let on_wire = count(&mut left.iter().map(|one| &one.is));
        if count(&mut self.got.iter().map(|got| &got.is)) > on_wire {
            let claimed = format!("both peers report {} on {:?}", at.is, self.label);
            found.push(lacks(Layer::DataChannel, at.t_us, claimed, "no packet carries it", evidence));
        } else {
            let claimed = format!("{name} was asked to send {} on {:?}", at.is, self.label);
            let seen = match closed.filter(|_| given_up) {
                Some(_) => "it closed the channel, and its packets never carry it",
                None => "its packets never carry it",
            };
            found.push(against(name, SEND, at.t_us, claimed, seen, evidence));
        }
    }

    /// Whether the sender reports that its ICE does not work, from a moment on until the end: then nothing can leave it.
    fn has_no_path(&self, from_us: u64) -> bool {
        let works = |state: &IceState| matches!(state, IceState::Connected | IceState::Completed);
        let Some(view) = self.session.views.get(&self.sender.peer.name) else { return false };
        let before = view.ice.iter().rev().find(|at| at.t_us <= from_us);
        let after = view.ice.iter().filter(|at| at.t_us > from_us);
        before.is_some() && !before.into_iter().chain(after).any(|at| works(&at.is))
    }

    /// The command by which the sender alone closed the channel, and its report that the channel is closed, before anything else ended it.
    fn closed_by_sender(&self) -> Option<(u64, u64)> {
        let name = &self.sender.peer.name;
        let timeline = &self.session.record.timeline;
        let is_label = |channel: &str| channel == self.label;
        let closed = timeline.iter().find(|entry| match &entry.what {
            What::Event { peer, event: PeerEvent::ChannelClose { channel, .. }, .. } => {
                peer == name && is_label(channel)
            }
            _ => false,
        })?;
        let ends = |entry: &&Entry| match &entry.what {
            What::Command { name, args, .. } if name == "closeDataChannel" => {
                args.get("channel").and_then(Value::as_str).is_some_and(is_label)
            }
            What::Event { event: PeerEvent::ChannelError { channel, .. }, .. } => is_label(channel),
            _ => false,
        };
        let mut ends = timeline.iter().filter(ends).filter(|entry| entry.n < closed.n);
        let first = ends.next()?;
        let is_own = |entry: &Entry| matches!(&entry.what, What::Command { peer, .. } if peer == name);
        let is_alone = is_own(first) && ends.all(is_own);
        let stands = transport_end(self.session).is_none_or(|end_us| end_us > closed.t_us);
        (is_alone && stands).then_some((first.n, closed.n))
    }

    /// Until when messages went as commanded, in microseconds: until the channel, or what carries it, was closed or ended. None if
    /// the commands are not known, or the channel was not open at both sides.
    fn until(&self) -> Option<u64> {
        let is_of_channel = |args: &Value| args.get("channel").and_then(Value::as_str) == Some(self.label);
        let mut asked = self.session.asked(&self.sender.peer.name).into_iter();
        let refused = asked.any(|it| it.name == "send" && is_of_channel(it.args) && it.result().is_none());
        let is_open = |it: &Known<'_>| it.opened.iter().any(|it| it.info.label == self.label);
        if refused || ![self.sender, self.receiver].into_iter().all(is_open) {
            return None;
        }
        let is_end = |entry: &&Entry| match &entry.what {
            What::Command { name, args, .. } => name == "closeDataChannel" && is_of_channel(args),
            What::Event {
                event:
                    PeerEvent::ChannelClosing { channel, .. }
                    | PeerEvent::ChannelClose { channel, .. }
                    | PeerEvent::ChannelError { channel, .. },
                ..
            } => channel == self.label,
            _ => false,
        };
        let closed = self.session.record.timeline.iter().filter(is_end).map(|entry| entry.t_us).min();
        Some(closed.into_iter().chain(transport_end(self.session)).min().unwrap_or(u64::MAX))
    }

    /// When the receiver had made the channel, in microseconds, if that was negotiated out of band: no message announces it.
    fn since(&self) -> Option<u64> {
        let made = self.receiver.created.iter().find(|it| it.label == self.label && it.is_negotiated())?;
        made.asked.answer.map(|(entry, _)| entry.t_us)
    }

    /// What the receiver reports, and no packet carried.
    fn received_otherwise(&self, wire: &[Carried], found: &mut Vec<Contradiction>) {
        let mut known = counts(wire.iter().map(|one| &one.is));
        let mut stated = counts(self.stated.iter().flatten().map(|at| &at.is));
        let name = &self.receiver.peer.name;
        for got in self.got {
            let by_sender =
                stated.get_mut(&key(&got.is)).filter(|count| **count > 0).map(|count| *count -= 1);
            match known.get_mut(&key(&got.is)) {
                Some(count) if *count > 0 => *count -= 1,
                other => {
                    let evidence = [Place::Entry(got.n)];
                    found.push(if by_sender.is_some() && other.is_none() {
                        let claimed = format!("both peers report {} on {:?}", got.is, self.label);
                        lacks(Layer::DataChannel, got.t_us, claimed, "no packet carries it", evidence)
                    } else {
                        let claimed = format!("{name} reports {} on {:?}", got.is, self.label);
                        let seen = match other {
                            Some(_) => "it came less often",
                            None => "no packet carries it",
                        };
                        against(name, MESSAGE, got.t_us, claimed, seen, evidence)
                    });
                    return;
                }
            }
        }
        if !self.is_ordered {
            return;
        }
        let mut rest = wire.iter();
        if let Some(got) = self.got.iter().find(|got| !rest.any(|one| one.is.is(&got.is))) {
            let claimed = format!("{name} reports {} on {:?}", got.is, self.label);
            let seen = "it came in another order";
            found.push(against(name, MESSAGE, got.t_us, claimed, seen, [Place::Entry(got.n)]));
        }
    }

    /// What came to the receiver and was acknowledged, and which it does not report.
    fn not_received(&self, wire: &[Carried], found: &mut Vec<Contradiction>) {
        let name = &self.receiver.peer.name;
        let Some(until_us) = self.until().filter(|_| !self.receiver.peer.never_reports("channelmessage", ""))
        else {
            return;
        };
        let mut known = counts(self.got.iter().map(|got| &got.is));
        let mut missing = None;
        // What comes before the receiver has the channel belongs to none.
        let has_channel = |one: &&Carried| self.since().is_none_or(|since_us| one.t_us > since_us);
        for one in wire.iter().filter(|one| one.is_acknowledged).filter(has_channel) {
            match known.get_mut(&key(&one.is)) {
                Some(count) if *count > 0 => *count -= 1,
                _ => {
                    missing.get_or_insert(one);
                }
            }
        }
        let Some(one) = missing else { return };
        // What came behind it was reported already, or there was time enough.
        let later: BTreeSet<Key> =
            wire.iter().filter(|it| it.frame > one.frame).map(|it| key(&it.is)).collect();
        let overtaken = self.is_ordered
            && self.got.iter().any(|got| later.contains(&key(&got.is)) && got.t_us > one.t_us);
        let had_time = self.session.had_time(name, one.t_us, PATIENCE_US);
        let was_late = had_time && one.t_us < until_us.saturating_sub(PATIENCE_US);
        if was_late || (overtaken && one.t_us < until_us) {
            let claimed = format!("{} on {:?} came to {name}, which acknowledged it", one.is, self.label);
            let seen = "it does not report that message";
            found.push(against(name, MESSAGE, one.t_us, claimed, seen, [Place::Frame(one.frame)]));
        }
    }
}
