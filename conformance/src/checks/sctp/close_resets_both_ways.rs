//! RFC 8831 §6.7: who closes a channel resets its stream, the other side answers by resetting its own, and both tell that it is closed.

use super::{Reset, reads_all_at, reset_streams};
use crate::checks::{Check, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Answer, What};
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    id: "dc-close-resets-both-directions",
    layer: Layer::DataChannel,
    subject: "channels that were closed",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long closing may take, in microseconds: the catalogue's choice.
const LONGEST_US: u64 = 5_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    for closer in [peer, other] {
        for call in evidence.calls(closer) {
            let ok = matches!(call.answer, Answer::Ok(_)) && call.name == "closeDataChannel";
            let Some(label) = call.args.get("channel").and_then(Value::as_str).filter(|_| ok) else {
                continue;
            };
            let Some(stream) = stream(evidence, peer, label).or_else(|| stream(evidence, closer, label))
            else {
                continue;
            };
            let place = Place::Entry(call.entry);
            let Some(t_us) = evidence.timeline.iter().find(|it| it.n == call.entry).map(|it| it.t_us) else {
                continue;
            };
            let missing = missing(evidence, peer, stream, t_us);
            match missing {
                None => tally.good(place),
                Some(_) if ends(evidence, t_us) => {
                    tally.doubt("the connection ends before the channel had to be closed", [place]);
                }
                Some(Missing::Reset) if !reads_all_at(evidence, peer) => {
                    tally.doubt("not all that the peer sent is in the recording", [place]);
                }
                Some(Missing::Reset) => tally.fault(
                    format!(
                        "the peer did not reset stream {stream} in five seconds after the channel was closed"
                    ),
                    [place],
                ),
                Some(Missing::Close) => tally.fault(
                    format!("the peer did not tell in five seconds that the channel {label:?} is closed"),
                    [place],
                ),
            }
        }
    }
}

enum Missing {
    Reset,
    Close,
}

/// What a peer owes for the closing of a channel.
fn missing(evidence: &Evidence, peer: Peer, stream: u16, t_us: u64) -> Option<Missing> {
    let soon = |at: u64| at <= t_us.saturating_add(LONGEST_US);
    let resets = reset_streams(evidence, peer);
    let reset = |it: &Reset| it.t_us.saturating_add(SLACK_US) >= t_us && soon(it.t_us) && it.resets(stream);
    if !resets.iter().any(reset) {
        return Some(Missing::Reset);
    }
    let told = evidence.events(peer).iter().any(|happened| {
        let closed = matches!(happened.event, PeerEvent::ChannelClose { id: Some(id), .. } if *id == stream);
        closed && soon(happened.t_us)
    });
    (!told).then_some(Missing::Close)
}

/// The clocks of a capture and of a timeline are written down one after the other.
const SLACK_US: u64 = 100_000;

/// Whether the recording or a connection ends before closing may be expected to be done.
fn ends(evidence: &Evidence, t_us: u64) -> bool {
    let last = evidence.timeline.last().map_or(0, |entry| entry.t_us);
    let closes = evidence.timeline.iter().any(|entry| {
        let at = entry.t_us >= t_us && entry.t_us <= t_us.saturating_add(LONGEST_US);
        at && match &entry.what {
            What::Command { name, .. } => name == "close",
            What::Event { event, .. } => matches!(event, PeerEvent::Lost { .. }),
            _ => false,
        }
    });
    closes || last.saturating_sub(t_us) <= LONGEST_US
}

/// The stream of the channel with that label at a peer.
fn stream(evidence: &Evidence, peer: Peer, label: &str) -> Option<u16> {
    evidence.events(peer).iter().find_map(|happened| match happened.event {
        PeerEvent::DataChannel { channel } | PeerEvent::ChannelOpen { channel } if channel.label == label => {
            channel.id
        }
        _ => None,
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::Evidence;

    /// As if the recording had gone on for long enough.
    fn prepare(evidence: &mut Evidence) {
        let mut last = evidence.timeline.last().unwrap().clone();
        last.n += 1;
        last.t_us += 2 * super::LONGEST_US;
        evidence.timeline.push(last);
    }

    /// Takes away the packets with RE-CONFIG of who closes: the other's tells more than the control is about.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Closed, prepare, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let before = packets.len();
        packets.retain(|it| {
            let resets = it.clear.iter().any(|it| it.is_application_data() && it.bytes[12] == 130);
            !(resets && it.sender == crate::evidence::Peer(0))
        });
        assert!(packets.len() < before);
    });
}
