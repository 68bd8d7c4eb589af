//! webrtc-pc §6.2: a channel opens once and closes once, and its messages come in between.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "dc-ready-state-sequence",
    layer: Layer::DataChannel,
    subject: "events of channels",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How far a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Connecting,
    Open,
    Closing,
    Closed,
}

/// A channel of a peer. Labels need not differ: what distinguishes it is its stream identifier, and of several that bear
/// the same one after another, that the one before is closed.
struct Channel<'a> {
    label: &'a str,
    id: Option<u16>,
    stage: Stage,
}

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let all = made(evidence, peer);
    let mut channels: Vec<Channel<'_>> = Vec::new();
    for happened in evidence.events(peer) {
        let (label, id, next) = match happened.event {
            PeerEvent::ChannelOpen { channel } => (&channel.label, channel.id, Stage::Open),
            PeerEvent::ChannelClosing { channel, id } => (channel, *id, Stage::Closing),
            PeerEvent::ChannelClose { channel, id } => (channel, *id, Stage::Closed),
            PeerEvent::ChannelMessage { message, id } => (&message.channel, *id, Stage::Open),
            _ => continue,
        };
        let place = Place::Entry(happened.entry);
        let is_message = matches!(happened.event, PeerEvent::ChannelMessage { .. });
        let made = all.get(label.as_str()).copied().unwrap_or(0);
        if id.is_none() && made > 1 {
            tally.inconclusive(
                format!("there are several channels {label}, and this event does not say which it is of"),
                [place],
            );
            continue;
        }
        let so_far = channels.iter().filter(|it| it.label == label).count();
        let same = |it: &&mut Channel<'_>| it.label == label && (it.id == id || made <= 1);
        let channel = match channels.iter_mut().rev().find(same) {
            // The identifier of a closed channel is free for another one.
            Some(channel) if channel.stage < Stage::Closed || next != Stage::Open || so_far >= made => {
                channel
            }
            _ => {
                channels.push(Channel { label, id, stage: Stage::Connecting });
                let Some(channel) = channels.last_mut() else { return };
                channel
            }
        };
        let stage = channel.stage;
        if is_message {
            tally.judge(
                Fault("message-while-not-open"),
                matches!(stage, Stage::Open | Stage::Closing),
                place,
                || format!("a message arrived on {label} while it was {stage:?}").to_lowercase(),
            );
            continue;
        }
        tally.judge(Fault("state-goes-back"), stage < next, place, || {
            format!("the channel {label} went from {stage:?} to {next:?}")
        });
        channel.stage = next;
    }
}

/// How many channels a peer has by label, made by itself or announced by the other.
fn made(evidence: &Evidence, peer: Peer) -> BTreeMap<&str, usize> {
    let own = evidence.calls(peer).into_iter().filter(|call| call.name == "createDataChannel");
    let own = own.filter_map(|call| call.args.get("label").and_then(|label| label.as_str()));
    let announced = evidence.events(peer).into_iter().filter_map(|happened| match happened.event {
        PeerEvent::DataChannel { channel } => Some(channel.label.as_str()),
        _ => None,
    });
    let mut made = BTreeMap::new();
    for label in own.chain(announced) {
        *made.entry(label).or_default() += 1;
    }
    made
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use peerproof_captures::event::PeerEvent;

    /// Reports a message before the channel is open.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let open = events::find(evidence, "bob", |event| matches!(event, PeerEvent::ChannelOpen { .. }));
        let message =
            events::find(evidence, "bob", |event| matches!(event, PeerEvent::ChannelMessage { .. }));
        events::swap(evidence, open, message);
    })
    .and(&[Mutation::new(Recording::Data, "went from", |evidence| {
        let open = events::find(evidence, "bob", |event| matches!(event, PeerEvent::ChannelOpen { .. }));
        let again = events::event(evidence, open).clone();
        events::insert_after(evidence, open, again);
    })]);
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::Status;
    use crate::evidence::Evidence;
    use serde_json::{Value, json};

    /// What alice says, judged.
    fn result(events: &[(&str, Value)]) -> Status {
        let entry = |(n, (event, data)): (usize, &(&str, Value))| {
            let stated = json!({"peer": "alice", "seq": n, "event": {"event": event, "data": data}});
            let line = json!({"n": n, "t_us": n, "what": {"event": stated}});
            serde_json::from_value(line).unwrap()
        };
        let timeline = events.iter().enumerate().map(entry).collect();
        CHECK.run(&Evidence::new(vec!["alice".to_owned(), "bob".to_owned()], timeline, None))[0].result
    }

    fn info(id: u16) -> Value {
        json!({"channel": {"label": "chat", "id": id, "ordered": true}})
    }

    fn ended(id: u16) -> Value {
        json!({"channel": "chat", "id": id})
    }

    fn message(id: u16) -> Value {
        json!({"message": {"channel": "chat", "text": true, "size": 0, "crc32": 0}, "id": id})
    }

    #[test]
    fn two_channels_of_one_label_have_each_their_own_states() {
        let mut events = vec![
            ("datachannel", info(0)),
            ("datachannel", info(2)),
            ("channelopen", info(0)),
            ("channelopen", info(2)),
            ("channelclose", ended(0)),
            ("channelmessage", message(2)),
            ("channelclose", ended(2)),
        ];
        assert_eq!(result(&events), Status::Pass);
        events[5].1 = message(0);
        assert_eq!(result(&events), Status::Fail, "a message on the one that is closed");
    }

    #[test]
    fn the_identifier_of_a_closed_channel_may_be_used_again_but_not_without_another_channel() {
        let mut events = vec![
            ("datachannel", info(0)),
            ("channelopen", info(0)),
            ("channelclose", ended(0)),
            ("datachannel", info(0)),
            ("channelopen", info(0)),
            ("channelmessage", message(0)),
        ];
        assert_eq!(result(&events), Status::Pass);
        events.remove(3);
        assert_eq!(result(&events), Status::Fail);
    }

    #[test]
    fn an_event_that_may_be_of_either_is_in_doubt() {
        let mut closed = ended(0);
        closed.as_object_mut().unwrap().remove("id");
        let events = [
            ("datachannel", info(0)),
            ("datachannel", info(2)),
            ("channelopen", info(0)),
            ("channelclose", closed),
        ];
        assert_eq!(result(&events), Status::Inconclusive);
    }
}
