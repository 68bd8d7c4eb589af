//! Messages that differ between the command, the wire and the event, and whose fault that is.

use super::super::testing::{Case, is_message};
use crate::checks::controls::Recording;
use crate::evidence::Peer;
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Entry, What};

const LAYER: Layer = Layer::DataChannel;
const ALICE: Peer = Peer(0);

fn is_received(event: &PeerEvent) -> bool {
    matches!(event, PeerEvent::ChannelMessage { .. })
}

#[test]
fn a_message_agrees_with_itself() {
    let mut case = Case::of(Recording::Negotiated);
    case.edit("bob", |event| {
        if let PeerEvent::ChannelMessage { message, .. } = event {
            message.value = Some("from_alice".to_owned());
        }
    });
    case.blames("bob", "event/channelmessage.message.value", LAYER, "the CRC-32");
    let mut case = Case::of(Recording::Negotiated);
    case.edit("bob", |event| {
        if let PeerEvent::ChannelMessage { message, .. } = event {
            message.size += 1;
        }
    });
    case.blames("bob", "event/channelmessage.message.value", LAYER, "a size of 11 bytes");
}

#[test]
fn what_the_wire_has_and_the_command_has_not_is_the_senders_fault() {
    let mut altered = Case::of(Recording::Negotiated);
    altered.chunks(ALICE, |chunk| {
        if is_message(chunk) {
            chunk[16] ^= 1;
        }
    });
    altered.blames("alice", "answer/send", LAYER, "which is none of that");
    let mut stated = Case::of(Recording::Negotiated);
    stated.args("alice", "send", |args| args["times"] = 0.into());
    stated.blames("alice", "answer/send", LAYER, "which is none of that");
    let mut as_binary = Case::of(Recording::Negotiated);
    as_binary.chunks(ALICE, |chunk| {
        if is_message(chunk) {
            chunk[15] = 53;
        }
    });
    as_binary.blames("alice", "answer/send", LAYER, "which is none of that");
    // Its packets are known from the other side's tap alone.
    let mut unasked = Case::of(Recording::Data);
    unasked
        .without(|what| matches!(what, What::Command { peer, name, .. } if peer == "bob" && name == "echo"));
    unasked.blames("bob", "answer/send", LAYER, "which is none of that");
}

#[test]
fn what_the_command_has_and_the_wire_has_not_was_never_sent() {
    let mut swallowed = Case::of(Recording::Negotiated);
    swallowed.args("alice", "send", |args| args["times"] = 2.into()).wait(4_000_000);
    swallowed.blames("alice", "answer/send", LAYER, "its packets never carry it");
    let mut soon = Case::of(Recording::Negotiated);
    soon.args("alice", "send", |args| args["times"] = 2.into());
    let found = soon.found();
    assert!(
        !found.iter().any(|it| it.sentence().contains("never carry")),
        "it may be in the buffer: {found:#?}"
    );
    // Without a path nothing can leave it.
    for (state, is_blamed) in [("disconnected", false), ("connected", true)] {
        let mut case = Case::of(Recording::Negotiated);
        case.args("alice", "send", |args| args["times"] = 2.into());
        let sent = |entry: &Entry| matches!(&entry.what, What::Command { peer, name, .. } if peer == "alice" && name == "send");
        let send = case.record.timeline.iter().position(sent).unwrap();
        let event = serde_json::json!({"event": "iceconnectionstatechange", "data": {"state": state}});
        let what =
            What::Event { peer: "alice".to_owned(), seq: 0, event: serde_json::from_value(event).unwrap() };
        let t_us = case.record.timeline[send].t_us;
        case.record.timeline.insert(send, Entry { n: 0, t_us, what });
        for (n, entry) in (0..).zip(&mut case.record.timeline) {
            entry.n = n;
        }
        case.wait(4_000_000);
        let found = case.found();
        let blamed = found.iter().any(|it| it.sentence().contains("never carry"));
        assert_eq!(blamed, is_blamed, "{state}: {found:#?}");
    }
}

#[test]
fn what_comes_and_is_acknowledged_shows_what_was_left_out_before_it() {
    // Bob's packets are known from alice's tap alone. It is asked to send before what it echoes, or after.
    for (is_before, is_blamed) in [(true, true), (false, false)] {
        let mut case = Case::of(Recording::Data);
        let received = |entry: &Entry| match &entry.what {
            What::Event { peer, event, .. } => peer == "bob" && is_received(event),
            _ => false,
        };
        let at = case.record.timeline.iter().position(received).unwrap();
        let last = case.record.timeline.iter().rposition(received).unwrap() + 1;
        let at = if is_before { at } else { last };
        let label = case.record.timeline.iter().find_map(|entry| match &entry.what {
            What::Event { event: PeerEvent::ChannelMessage { message, .. }, .. } => {
                Some(message.channel.clone())
            }
            _ => None,
        });
        let args = serde_json::json!({"channel": label.unwrap(), "message": {"text": "never"}});
        let command = What::Command { peer: "bob".to_owned(), id: 900, name: "send".to_owned(), args };
        let t_us = case.record.timeline[at].t_us;
        let answer = serde_json::json!({"answer": {"peer": "bob", "id": 900, "answer": {"ok": null}}});
        for what in [serde_json::from_value(answer).unwrap(), command] {
            case.record.timeline.insert(at, Entry { n: 0, t_us, what });
        }
        for (n, entry) in (0..).zip(&mut case.record.timeline) {
            entry.n = n;
        }
        let found = case.found();
        let blamed = found.iter().any(|it| it.sentence().contains("never carry"));
        assert_eq!(blamed, is_blamed, "before: {is_before}: {found:#?}");
    }
}

#[test]
fn what_both_report_and_no_packet_carries_the_recording_lacks() {
    let mut case = Case::of(Recording::Negotiated);
    case.chunks(ALICE, |chunk| {
        if is_message(chunk) {
            // A message of another stream.
            chunk[9] = 77;
        }
    });
    case.wait(4_000_000).lacks("no packet carries it");
}

#[test]
fn what_came_and_is_not_reported_is_the_receivers_fault() {
    let mut swallowed = Case::of(Recording::Conflict);
    swallowed.silence("bob", is_received).wait(4_000_000);
    swallowed.blames("bob", "event/channelmessage", LAYER, "does not report that message");
    let mut twice = Case::of(Recording::Conflict);
    twice.double("bob", is_received).blames("bob", "event/channelmessage", LAYER, "it came less often");
    let mut altered = Case::of(Recording::Conflict);
    altered.edit("bob", |event| {
        if let PeerEvent::ChannelMessage { message, .. } = event {
            message.value = None;
            message.crc32 ^= 1;
        }
    });
    altered.blames("bob", "event/channelmessage", LAYER, "no packet carries it");
    let mut kind = Case::of(Recording::Conflict);
    kind.edit("bob", |event| {
        if let PeerEvent::ChannelMessage { message, .. } = event {
            (message.text, message.value) = (false, None);
        }
    });
    kind.blames("bob", "event/channelmessage", LAYER, "no packet carries it");
}

#[test]
fn who_closes_a_channel_has_sent_its_messages() {
    let closed = |by: &[&str]| {
        let mut case = Case::of(Recording::Negotiated);
        case.args("alice", "send", |args| args["times"] = 2.into());
        let sent = |entry: &Entry| matches!(&entry.what, What::Command { name, .. } if name == "send");
        let send = case.record.timeline.iter().rposition(sent).unwrap();
        let What::Command { args, .. } = &case.record.timeline[send].what else { unreachable!() };
        let channel = args["channel"].as_str().unwrap().to_owned();
        let (n, t_us) = (u64::try_from(case.record.timeline.len()).unwrap(), case.record.timeline[send].t_us);
        let close = |peer: &&str| What::Command {
            peer: (*peer).to_owned(),
            id: 9_000,
            name: "closeDataChannel".to_owned(),
            args: serde_json::json!({"channel": channel}),
        };
        let event = PeerEvent::ChannelClose { channel: channel.clone(), id: None };
        let reported = What::Event { peer: "alice".to_owned(), seq: 0, event };
        let more = by.iter().map(close).chain([reported]);
        let more = more.map(|what| Entry { n, t_us: t_us + 1_000, what });
        case.record.timeline.splice(send + 2..send + 2, more.collect::<Vec<_>>());
        for (n, entry) in (0..).zip(&mut case.record.timeline) {
            entry.n = n;
        }
        case.found().into_iter().any(|it| it.sentence().contains("it closed the channel"))
    };
    assert!(closed(&["alice"]));
    assert!(!closed(&["bob", "alice"]), "what the other side closes takes no more");
}

#[test]
fn what_comes_before_a_negotiated_channel_is_made_belongs_to_none() {
    let missing = |is_late: bool| {
        let mut case = Case::of(Recording::Negotiated);
        case.silence("bob", is_received);
        let end_us = case.record.timeline.iter().map(|entry| entry.t_us).max().unwrap();
        let made = |entry: &Entry| matches!(&entry.what, What::Command { peer, name, .. } if peer == "bob" && name == "createDataChannel");
        let at = case.record.timeline.iter().position(made).unwrap();
        let What::Command { id: asked, .. } = case.record.timeline[at].what else { unreachable!() };
        for entry in case.record.timeline.iter_mut().filter(|_| is_late) {
            match &entry.what {
                What::Answer { peer, id, .. } if peer == "bob" && *id == asked => entry.t_us = end_us,
                _ => {}
            }
        }
        case.wait(4_000_000);
        case.found().into_iter().any(|it| it.sentence().contains("does not report that message"))
    };
    assert!(missing(false));
    assert!(!missing(true));
}
