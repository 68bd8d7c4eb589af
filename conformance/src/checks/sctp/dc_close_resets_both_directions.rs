//! RFC 8831 §6.7: who closes a channel resets its stream, the other side answers by resetting its own, and both report that it is closed.

use super::{Reset, data, is_given_up, is_held_up, reads_all_at, reset_streams, reset_streams_at};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
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
            let known = |at: Peer| stream(evidence, at, label, call.entry);
            let Some(stream) = known(closer).or_else(|| known(peer)) else { continue };
            let place = Place::Entry(call.entry);
            let owes = owed(evidence, [peer, closer], stream, call.t_us);
            let Some(since_us) = owes else {
                tally.inconclusive("the peer that closed the channel did not reset its stream", [place]);
                continue;
            };
            if closer != peer && is_given_up(evidence, closer, stream) {
                tally.inconclusive("the peer that closed the channel gave its reset up", [place]);
                continue;
            }
            let Some((what, off)) = missing(evidence, peer, stream, [call.t_us, since_us]) else {
                tally.pass(place);
                continue;
            };
            let (fault, text) = match what {
                Missing::Reset => (
                    Fault("no-reset"),
                    format!(
                        "the peer did not reset stream {stream} in five seconds after the channel was closed"
                    ),
                ),
                Missing::Close => (
                    Fault("close-not-reported"),
                    format!(
                        "the peer did not report within five seconds that the channel {label:?} is closed"
                    ),
                ),
            };
            match off.filter(|_| !ends(evidence, call.t_us)) {
                None => {
                    tally.inconclusive("the connection ends before the channel had to be closed", [place]);
                }
                Some(_) if what == Missing::Close && is_held_up(evidence, peer, stream) => {
                    tally.inconclusive("the other side never performs the reset", [place]);
                }
                Some(_) if what == Missing::Reset && !reads_all_at(evidence, peer) => {
                    tally.inconclusive("not all that the peer sent is in the recording", [place]);
                }
                Some(off) => tally.off(fault, evidence, off, text, [place]),
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Reset,
    Close,
}

/// What a peer owes for the closing of a channel at that moment, and by how much it is late with it; nothing if the recording ends
/// before it is.
fn missing(
    evidence: &Evidence,
    peer: Peer,
    stream: u16,
    [t_us, since_us]: [u64; 2],
) -> Option<(Missing, Option<Off>)> {
    let last_us = evidence.timeline.last().map_or(0, |entry| entry.t_us);
    let late = |at: Option<u64>| Off::late(since_us, LONGEST_US, at.unwrap_or(last_us));
    // It may seem to be before the call only where the packet or the call was written down late.
    let after = |it: &Reset| Off::late(it.t_us, 0, t_us).is_none_or(|off| off.doubt(evidence).is_some());
    let resets = reset_streams(evidence, peer);
    let reset = resets.iter().filter(|it| it.resets(stream) && after(it)).map(|it| it.t_us).min();
    let off = late(reset);
    if reset.is_none() || off.is_some() {
        return Some((Missing::Reset, off));
    }
    let stated = evidence
        .events(peer)
        .into_iter()
        .filter(|it| matches!(it.event, PeerEvent::ChannelClose { id: Some(id), .. } if *id == stream));
    let stated = stated.map(|it| it.t_us).min();
    let off = late(stated).map(|off| off.by_clock_of(evidence, peer));
    (stated.is_none() || off.is_some()).then_some((Missing::Close, off))
}

/// Since when a peer owes the reset for the closing of a channel: "finish sending all currently pending messages" comes first (W3C,
/// closing procedure), and who did not close answers the other's reset. Nothing if that never came.
fn owed(evidence: &Evidence, [peer, closer]: [Peer; 2], stream: u16, t_us: u64) -> Option<u64> {
    let after = |it: &Reset| Off::late(it.t_us, 0, t_us).is_none_or(|off| off.doubt(evidence).is_some());
    let reset = |of: Peer| {
        let resets = reset_streams_at(evidence, peer, of);
        resets.iter().filter(|it| it.resets(stream) && after(it)).map(|it| it.t_us).min()
    };
    let own = reset(peer).unwrap_or(u64::MAX);
    let pending = data(evidence, peer).filter(|it| it.stream == stream && it.packet.t_us < own);
    let pending = pending.map(|it| it.packet.t_us).max().unwrap_or(0);
    let asked = if peer == closer || own != u64::MAX { t_us } else { reset(closer)? };
    Some(asked.max(pending).max(t_us))
}

/// Whether a connection ends before closing may be expected to be done.
fn ends(evidence: &Evidence, t_us: u64) -> bool {
    evidence.timeline.iter().any(|entry| {
        let at = entry.t_us >= t_us && entry.t_us <= t_us.saturating_add(LONGEST_US);
        at && match &entry.what {
            What::Command { name, .. } => name == "close",
            What::Event { event, .. } => matches!(event, PeerEvent::Lost { .. }),
            _ => false,
        }
    })
}

/// The stream of the channel with that label at a peer, as it was last reported before an entry: it may be the second of its label.
fn stream(evidence: &Evidence, peer: Peer, label: &str, entry: u64) -> Option<u16> {
    let events = evidence.events(peer);
    events.iter().filter(|it| it.entry < entry).rev().find_map(|happened| match happened.event {
        PeerEvent::DataChannel { channel } | PeerEvent::ChannelOpen { channel } if channel.label == label => {
            channel.id
        }
        _ => None,
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording};
    use crate::evidence::Evidence;
    use peerproof_captures::event::PeerEvent;
    use peerproof_captures::timeline::{Entry, What};

    /// As if the recording had gone on for long enough.
    fn prepare(evidence: &mut Evidence) {
        let mut last = evidence.timeline.last().unwrap().clone();
        last.n += 1;
        last.t_us += 2 * super::LONGEST_US;
        evidence.timeline.push(last);
    }

    /// Takes away the packets with RE-CONFIG of who closes: the other's says more than the control is about.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Closed, prepare, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let before = packets.len();
        packets.retain(|it| {
            let resets = it.clear.iter().any(|it| it.is_application_data() && it.bytes[12] == 130);
            !(resets && it.sender == crate::evidence::Peer(0))
        });
        assert!(packets.len() < before);
    })
    .and(&[Mutation::new(Recording::Closed, "did not report within five seconds", |evidence| {
        let closed =
            |entry: &Entry| matches!(&entry.what, What::Event { event: PeerEvent::ChannelClose { .. }, .. });
        evidence.timeline.retain(|entry| !closed(entry));
    })
    .prepared(prepare)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::{Recording, sctp};
    use crate::evidence::Packet;

    #[test]
    fn who_gives_its_reset_up_is_owed_none() {
        // Bob answers Alice's request that the reset is in progress and does not perform it. She makes it twice in the recording.
        let is_excused = |once: bool| {
            let mut evidence = Recording::Closed.evidence();
            // A response of type 16: its length, the number, the result. A request of type 13: three numbers, and the streams.
            sctp::edit_each_of(&mut evidence, Peer(1), sctp::RE_CONFIG, |packet| match packet[16..18] {
                [0, 16] => packet[27] = 6,
                [0, 13] => packet[33] ^= 0x40,
                _ => {}
            });
            let asks = |it: &Packet| {
                let asks = |bytes: &[u8]| bytes[12] == 130 && bytes[16..18] == [0, 13];
                it.sender == Peer(0) && it.clear.iter().any(|it| it.is_application_data() && asks(&it.bytes))
            };
            let mut kept = 0;
            evidence.wire.as_mut().unwrap().packets.retain(|it| {
                kept += usize::from(asks(it));
                !asks(it) || !once || kept == 1
            });
            CHECK.run(&evidence)[1].sentence.contains("gave its reset up")
        };
        assert_eq!([true, false].map(is_excused), [true, false]);
    }
}
