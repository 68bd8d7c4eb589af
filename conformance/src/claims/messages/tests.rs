//! Messages that differ between the command, the wire and the event, and whose fault that is.

use super::super::testing::{Case, is_message};
use crate::checks::controls::Recording;
use crate::evidence::Peer;
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;

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
    let mut told = Case::of(Recording::Negotiated);
    told.args("alice", "send", |args| args["times"] = 0.into());
    told.blames("alice", "answer/send", LAYER, "which is none of that");
    let mut as_binary = Case::of(Recording::Negotiated);
    as_binary.chunks(ALICE, |chunk| {
        if is_message(chunk) {
            chunk[15] = 53;
        }
    });
    as_binary.blames("alice", "answer/send", LAYER, "which is none of that");
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
