//! webrtc-pc §6.2: a channel opens once and closes once, and its messages come in between.

use crate::checks::{Check, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use indexmap::IndexMap;
use peerproof_captures::event::PeerEvent;

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

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let named = |name: &str, args: &str| {
        evidence
            .calls(peer)
            .iter()
            .filter(|call| call.name == name && call.args.to_string().contains(args))
            .count()
    };
    let mut stages: IndexMap<&str, Stage> = IndexMap::new();
    for happened in evidence.events(peer) {
        let (channel, next) = match happened.event {
            PeerEvent::ChannelOpen { channel } => (channel.label.as_str(), Stage::Open),
            PeerEvent::ChannelClosing { channel } => (channel.as_str(), Stage::Closing),
            PeerEvent::ChannelClose { channel } => (channel.as_str(), Stage::Closed),
            PeerEvent::ChannelMessage { message } => (message.channel.as_str(), Stage::Open),
            _ => continue,
        };
        let place = Place::Entry(happened.entry);
        let is_message = matches!(happened.event, PeerEvent::ChannelMessage { .. });
        let stage = stages.entry(channel).or_insert(Stage::Connecting);
        if is_message {
            let open = matches!(stage, Stage::Open | Stage::Closing);
            tally.judge(open, place, || {
                format!("a message came on {channel} while it was {stage:?}").to_lowercase()
            });
            continue;
        }
        if *stage >= next && named("createDataChannel", &format!("\"{channel}\"")) > 1 {
            tally.doubt(
                format!("there are several channels {channel}, whose events are not told apart"),
                [place],
            );
            return;
        }
        tally
            .judge(*stage < next, place, || format!("the channel {channel} went from {stage:?} to {next:?}"));
        *stage = next;
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use peerproof_captures::event::PeerEvent;

    /// Tells a message before the channel is open.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let open = events::find(evidence, "bob", |event| matches!(event, PeerEvent::ChannelOpen { .. }));
        let message =
            events::find(evidence, "bob", |event| matches!(event, PeerEvent::ChannelMessage { .. }));
        events::swap(evidence, open, message);
    });
}
