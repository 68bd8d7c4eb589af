//! Channels that nobody asked for, that lack their other side, and properties that differ.

use super::super::testing::{Case, command, edit};
use crate::case_file::Runs;
use crate::checks::controls::Recording;
use crate::evidence::Peer;
use crate::verdict::Layer;
use peerproof_captures::event::{ChannelInfo, PeerEvent, SctpState};
use peerproof_captures::timeline::{Answer, What};
use serde_json::{Value, json};

const LAYER: Layer = Layer::DataChannel;

fn is_announced(event: &PeerEvent) -> bool {
    matches!(event, PeerEvent::DataChannel { .. })
}

fn is_open(event: &PeerEvent) -> bool {
    matches!(event, PeerEvent::ChannelOpen { .. })
}

fn edit_info(case: &mut Case, peer: &str, announced: bool, opened: bool, edit: impl Fn(&mut ChannelInfo)) {
    case.edit(peer, |event| match event {
        PeerEvent::DataChannel { channel } if announced => edit(channel),
        PeerEvent::ChannelOpen { channel } if opened => edit(channel),
        _ => {}
    });
}

#[test]
fn a_channel_opens_where_it_was_created_or_announced() {
    let mut case = Case::of(Recording::Closed);
    case.silence("bob", is_announced).blames(
        "bob",
        "event/channelopen",
        LAYER,
        "neither created that channel nor",
    );
    let mut ghost = Case::of(Recording::Closed);
    edit_info(&mut ghost, "alice", false, true, |info| info.label = "ghost".to_owned());
    ghost.blames("alice", "event/channelopen", LAYER, "neither created that channel nor");
}

#[test]
fn a_channel_opens_once() {
    for peer in 0..2 {
        let mut twice = Case::of(Recording::Conflict);
        twice.record.file.peers[peer].runs = Runs::Independent;
        let name = ["alice", "bob"][peer];
        twice.double(name, |event| matches!(event, PeerEvent::ChannelOpen { .. }));
        twice.blames(name, "event/channelopen", LAYER, "it reports that 2 times, of 1 channel");
    }
}

#[test]
fn a_channel_that_is_announced_was_opened_by_the_other_side() {
    let mut twice = Case::of(Recording::Conflict);
    twice.double("bob", is_announced).blames("bob", "event/datachannel", LAYER, "it reports 2");
    let mut untapped = Case::of(Recording::Closed);
    untapped.double("bob", is_announced).blames("bob", "event/datachannel", LAYER, "was asked 1 time to");
    let mut ghost = Case::of(Recording::Conflict);
    ghost.double("bob", is_announced);
    let mut first = true;
    ghost.edit("bob", |event| {
        if let PeerEvent::DataChannel { channel } = event
            && std::mem::take(&mut first)
        {
            channel.label = "ghost".to_owned();
        }
    });
    ghost.blames("bob", "event/datachannel", LAYER, "0 DATA_CHANNEL_OPEN");
}

#[test]
fn a_channel_that_came_is_announced_and_one_that_was_acknowledged_opens() {
    let mut case = Case::of(Recording::Closed);
    case.silence("bob", |event| is_announced(event) || is_open(event) || ends(event)).wait(3_000_000);
    case.blames("bob", "event/datachannel", LAYER, "never reports datachannel");
    let mut case = Case::of(Recording::Conflict);
    case.silence(
        "bob",
        |event| matches!(event, PeerEvent::ChannelOpen { channel } if channel.label == "other"),
    );
    case.wait(3_000_000).blames("bob", "event/channelopen", LAYER, "never reports that the channel is open");
}

#[test]
fn a_channel_that_was_created_is_asked_for_unless_the_association_ends_at_once() {
    let never = "never sends DATA_CHANNEL_OPEN";
    let mut case = Case::of(Recording::Data);
    case.args("alice", "createDataChannel", |args| args["label"] = "other".into()).wait(3_000_000);
    case.blames("alice", "answer/createDataChannel", LAYER, never);
    let connected =
        |event: &PeerEvent| matches!(event, PeerEvent::SctpStateChange { state: SctpState::Connected });
    case.report_after("alice", connected, PeerEvent::SctpStateChange { state: SctpState::Closed });
    let found = case.found();
    assert!(found.iter().all(|it| !it.sentence().contains(never)), "{found:#?}");
}

#[test]
fn a_channel_of_the_other_side_is_open_before_it_is_used() {
    let mut case = Case::of(Recording::Data);
    case.silence("bob", is_open).blames("bob", "event/channelopen", LAYER, "a message came by it");
    case.record.file.peers[1].unreported.push("channelopen".to_owned());
    case.is_silent();
}

fn is_received(event: &PeerEvent) -> bool {
    matches!(event, PeerEvent::ChannelMessage { .. })
}

fn ends(event: &PeerEvent) -> bool {
    matches!(event, PeerEvent::ChannelClose { .. } | PeerEvent::ChannelClosing { .. })
}

#[test]
fn a_channel_without_an_open_is_the_recordings_fault_where_both_report_it() {
    let mut case = Case::of(Recording::Conflict);
    case.chunks(Peer(0), |chunk| {
        // DATA_CHANNEL_OPEN becomes a message that is none.
        if chunk[0] == 0 && chunk[12..16] == [0, 0, 0, 50] && chunk.get(16) == Some(&3) {
            chunk[16] = 9;
        }
    });
    case.lacks("there is no DATA_CHANNEL_OPEN");
    case.silence(
        "bob",
        |event| matches!(event, PeerEvent::DataChannel { channel } if channel.label == "chat"),
    );
    case.blames("alice", "event/channelopen", LAYER, "it never sent DATA_CHANNEL_OPEN");
}

#[test]
fn the_first_that_differs_names_the_peer() {
    // The receiver: as announced against the wire, and as open against as announced.
    let mut case = Case::of(Recording::Closed);
    edit_info(&mut case, "bob", true, false, |info| info.protocol = "x".to_owned());
    case.blames("bob", "event/channelopen.channel.protocol", LAYER, "it had announced it as \"x\"");
    let mut case = Case::of(Recording::Conflict);
    edit_info(&mut case, "bob", true, true, |info| info.ordered = Some(false));
    case.blames("bob", "event/datachannel.channel.ordered", LAYER, "DATA_CHANNEL_OPEN has true");
    // The creator: its event, its answer, and what it sent, against its commands.
    let mut case = Case::of(Recording::Closed);
    edit_info(&mut case, "alice", false, true, |info| info.max_retransmits = Some(3));
    case.blames(
        "alice",
        "event/channelopen.channel.maxRetransmits",
        LAYER,
        "the channel that it reports has 3",
    );
    let mut case = Case::of(Recording::Closed);
    case.args("alice", "createDataChannel", |args| args["ordered"] = false.into());
    case.blames("alice", "answer/createDataChannel", LAYER, "its answer has true");
    let mut case = Case::of(Recording::Closed);
    case.args("alice", "createDataChannel", |args| args["ordered"] = false.into());
    edit_info(&mut case, "alice", false, true, |info| info.ordered = Some(false));
    for entry in &mut case.record.timeline {
        if let What::Answer { peer, answer: Answer::Ok(value), .. } = &mut entry.what
            && peer == "alice"
            && value.get("ordered").is_some()
        {
            value["ordered"] = false.into();
        }
    }
    case.blames("alice", "event/channelopen.channel.ordered", LAYER, "its DATA_CHANNEL_OPEN has true");
}

#[test]
fn an_id_is_that_of_the_stream() {
    let mut case = Case::of(Recording::Closed);
    edit_info(&mut case, "alice", false, true, |info| info.id = Some(7));
    case.blames("alice", "event/channelopen.channel.id", LAYER, "its stream is 1");
    let mut case = Case::of(Recording::Conflict);
    edit_info(&mut case, "bob", true, true, |info| info.id = Some(7));
    case.blames("bob", "event/datachannel.channel.id", LAYER, "its stream is");
    let mut case = Case::of(Recording::Negotiated);
    edit_info(&mut case, "bob", false, true, |info| info.id = Some(7));
    case.blames("bob", "event/channelopen.channel.id", LAYER, "its stream is 5");
    let mut case = Case::of(Recording::Negotiated);
    case.edit("bob", |event| {
        if let PeerEvent::ChannelMessage { id, .. } = event {
            *id = Some(9);
        }
    });
    case.blames("bob", "event/channelmessage.id", LAYER, "the channel has the id 5");
}

#[test]
fn a_channel_closes_only_since_something_closes_it() {
    let closed = || PeerEvent::ChannelClose { channel: "chat".to_owned(), id: Some(1) };
    let mut case = Case::of(Recording::Conflict);
    case.report_after("bob", is_received, closed()).wait(2_000_000).blames(
        "bob",
        "event/channelclose.channel",
        LAYER,
        "neither side closed it",
    );
    let mut case = Case::of(Recording::Conflict);
    let error = PeerEvent::ChannelError { channel: "chat".to_owned(), error: "sctp-failure".to_owned() };
    case.report_after("bob", is_received, error).wait(2_000_000).blames(
        "bob",
        "event/channelerror.error",
        LAYER,
        "the association goes on",
    );
    let mut unknown = Case::of(Recording::Conflict);
    let low = PeerEvent::BufferedAmountLow { channel: "ghost".to_owned() };
    unknown.report_late("bob", 0, low).blames(
        "bob",
        "event/bufferedamountlow.channel",
        LAYER,
        "neither created",
    );
}

#[test]
fn the_reset_of_another_stream_closes_no_channel() {
    // The stack closes the channel, which resets its stream in both directions.
    let accused = |command: &str, stream: Option<u8>| {
        let mut case = Case::of(Recording::Closed);
        case.without(|what| matches!(what, What::Command { name, .. } if name == command));
        for peer in [Peer(0), Peer(1)] {
            case.chunks(peer, |chunk| {
                if let Some(stream) = stream.filter(|_| chunk[0] == 130 && chunk[5] == 13) {
                    chunk[20..22].copy_from_slice(&[0, stream]);
                }
            });
        }
        case.found().iter().any(|it| it.sentence().contains("its stream was not reset"))
    };
    assert!(!accused("closeDataChannel", None));
    assert!(accused("closeDataChannel", Some(77)));
    assert!(!accused("getStats", Some(77)), "it was asked to close");
}

#[test]
fn an_echo_fails_on_a_channel_that_echoes() {
    let accused = |echoes: bool, error: &str| {
        let mut case = Case::of(Recording::Conflict);
        let error = PeerEvent::ChannelError { channel: "chat".to_owned(), error: error.to_owned() };
        case.report_after("bob", is_received, error).wait(2_000_000);
        if echoes {
            command(&mut case.record, "bob", "echo", json!({"channel": "chat"}), Value::Null);
        }
        case.found().iter().any(|it| it.claim == "event/channelerror.error")
    };
    assert!(!accused(true, "echo: the channel is not open"));
    assert!(accused(true, "the channel is not open"));
    assert!(accused(false, "echo: the channel is not open"));
}

#[test]
fn the_events_of_a_peer_show_one_id_and_a_buffer_falls_once_a_message() {
    let mut ids = Case::of(Recording::Closed);
    ids.edit("bob", |event| {
        if let PeerEvent::ChannelClose { id, .. } = event {
            *id = Some(4);
        }
    });
    ids.blames("bob", "event/channelclose.id", LAYER, "it had reported it with the id 1");
    let low = |event: &PeerEvent| matches!(event, PeerEvent::BufferedAmountLow { .. });
    let mut often = Case::of(Recording::Negotiated);
    often.double("bob", low).double("bob", low);
    often.blames("bob", "event/bufferedamountlow.channel", LAYER, "it was asked to send 1 message");
}

/// Two channels of one label: the one of bob is called as the one of alice, with what its label has more as its protocol.
fn of_one_label() -> Case {
    fn rename(value: &mut Value) -> bool {
        let mut changed = false;
        match value {
            Value::Object(fields) => {
                if fields.get("label").is_some_and(|it| it == "other") {
                    fields.extend([("label".to_owned(), "chat".into()), ("protocol".to_owned(), "r".into())]);
                    changed = true;
                }
                fields.values_mut().for_each(|it| changed |= rename(it));
            }
            Value::Array(list) => list.iter_mut().for_each(|it| changed |= rename(it)),
            _ => {}
        }
        changed
    }
    let mut case = Case::of(Recording::Conflict);
    edit(&mut case.record, rename);
    let mut renamed = 0;
    case.chunks(Peer(1), |chunk| {
        if chunk[0] == 0 && chunk.get(28..33) == Some(b"other") {
            // The lengths of the label and of the protocol (RFC 8832 §5.1).
            (chunk[25], chunk[27]) = (4, 1);
            chunk[28..33].copy_from_slice(b"chatr");
            renamed += 1;
        }
    });
    assert!(renamed > 0);
    case
}

#[test]
fn channels_of_one_label_have_each_their_own_id() {
    of_one_label().is_silent();
    // The first that opens at bob is the one of alice.
    let mut swapped = of_one_label();
    swapped.silence("bob", is_open);
    // Each goes before the one of the turn before.
    for id in [0, 1] {
        let protocol = if id == 0 { "r" } else { "" };
        let channel =
            json!({"label": "chat", "id": id, "ordered": true, "protocol": protocol, "negotiated": false});
        let open = PeerEvent::ChannelOpen { channel: serde_json::from_value(channel).unwrap() };
        swapped.report_after("bob", is_announced, open);
    }
    swapped.is_silent();
    edit_info(&mut swapped, "bob", false, true, |info| info.id = Some(7));
    swapped.blames("bob", "event/channelopen.channel.id", LAYER, "its stream is 0");
}

#[test]
fn each_channel_of_a_label_may_count_its_own_open() {
    let low = |event: &PeerEvent| matches!(event, PeerEvent::BufferedAmountLow { .. });
    let mut two = of_one_label();
    two.record.file.peers[0].runs = Runs::Independent;
    two.double("alice", low).double("alice", low).is_silent();
    two.double("alice", low);
    two.blames("alice", "event/bufferedamountlow.channel", LAYER, "it was asked to send 1 message");
}

#[test]
fn what_is_open_of_several_channels_of_a_label_may_be_that_of_the_other_side() {
    let mut case = of_one_label();
    // The one of alice never opens, and is not asked for: the case ended before.
    case.silence(
        "alice",
        |event| matches!(event, PeerEvent::ChannelOpen { channel } if channel.protocol.is_empty()),
    );
    case.silence("bob", |event| match event {
        PeerEvent::DataChannel { .. } => true,
        PeerEvent::ChannelOpen { channel } => channel.protocol.is_empty(),
        _ => is_received(event),
    });
    case.chunks(Peer(0), |chunk| {
        if chunk[0] == 0 && chunk[12..16] == [0, 0, 0, 50] && chunk.get(16) == Some(&3) {
            chunk[16] = 9;
        }
    });
    let said: Vec<String> =
        case.found().iter().filter(|it| it.claim == "event/channelopen").map(|it| it.sentence()).collect();
    assert!(said.is_empty(), "{said:#?}");
}
