//! webrtc-pc §6.2 (send): on a channel that is not open the call throws an InvalidStateError.

use super::called::called;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Call, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::Answer;

pub(super) const CHECK: Check = Check {
    id: "dc-send-outside-open-throws",
    layer: Layer::DataChannel,
    subject: "calls of send",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let sends = called(evidence, peer).into_iter().filter(|it| it.call.name == "send");
    for it in sends {
        let Some(label) = it.call.args.get("channel").and_then(|it| it.as_str()) else { continue };
        let place = Place::Entry(it.call.answered);
        let Some([opened_us, closed_us]) = open_from_to(evidence, peer, label) else {
            tally.inconclusive(format!("there are several channels {label:?}"), [place]);
            continue;
        };
        match it.call.answer {
            Answer::Ok(_) => match too_soon_or_late(&it.call, opened_us, closed_us) {
                None => tally.pass(place),
                Some((off, fault, when)) => {
                    let off = off.by_clock_of(evidence, peer);
                    let text = format!("send is done {when} the channel {label:?} is open");
                    tally.off(fault, evidence, off, text, [place]);
                }
            },
            Answer::Rejected { name, .. } if opened_us > it.call.answered_us => {
                if name == "InvalidStateError" {
                    tally.pass(place);
                } else {
                    tally.warn(
                        Fault("other-error"),
                        format!("send before the channel is open throws {name}, not InvalidStateError"),
                        [place],
                    );
                }
            }
            _ => {}
        }
    }
}

/// When a channel became open, and when it no longer was, as the peer reports it: the end of time if it never did. Nothing if several have the
/// label.
fn open_from_to(evidence: &Evidence, peer: Peer, label: &str) -> Option<[u64; 2]> {
    let [mut opened_us, mut closed_us] = [u64::MAX; 2];
    let mut count = 0;
    for happened in evidence.events(peer) {
        match happened.event {
            PeerEvent::ChannelOpen { channel } if channel.label == label => {
                count += 1;
                opened_us = opened_us.min(happened.t_us);
            }
            PeerEvent::ChannelClosing { channel, .. } | PeerEvent::ChannelClose { channel, .. }
                if channel == label =>
            {
                closed_us = closed_us.min(happened.t_us);
            }
            _ => {}
        }
    }
    (count <= 1).then_some([opened_us, closed_us])
}

fn too_soon_or_late(call: &Call<'_>, opened_us: u64, closed_us: u64) -> Option<(Off, Fault, &'static str)> {
    if let Some(off) = Off::late(call.answered_us, 0, opened_us) {
        return Some((off, Fault("before-open"), "before"));
    }
    Off::late(closed_us, 0, call.t_us).map(|off| (off, Fault("after-close"), "no longer while"))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use peerproof_captures::event::PeerEvent;

    /// Sends before the channel is open.
    pub(super) const CONTROL: Control = Control::new(Recording::Negotiated, |evidence| {
        let open = events::find(evidence, "alice", |event| matches!(event, PeerEvent::ChannelOpen { .. }));
        evidence.timeline[open].t_us += 60_000_000;
    })
    .and(&[
        Mutation::new(Recording::Negotiated, "no longer while", |evidence| {
            let closed = PeerEvent::ChannelClosing { channel: "chat".to_owned(), id: Some(5) };
            let open =
                events::find(evidence, "alice", |event| matches!(event, PeerEvent::ChannelOpen { .. }));
            events::insert_after(evidence, open, closed);
        }),
        Mutation::new(Recording::Negotiated, "not InvalidStateError", |evidence| {
            let open =
                events::find(evidence, "alice", |event| matches!(event, PeerEvent::ChannelOpen { .. }));
            evidence.timeline[open].t_us += 60_000_000;
            events::reject_last(evidence, "alice", "send", "TypeError");
        })
        .also_breaks(&["dc-one-application-message-per-sctp-message"]),
    ]);
}
