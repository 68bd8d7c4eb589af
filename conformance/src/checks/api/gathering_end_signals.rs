//! webrtc-pc §5.6 and §4.8.2: gathering ends with an empty candidate for each transport, which names its section and
//! username fragment, then with the state `complete`, then with one `null`.

use crate::checks::sdp::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{IceCandidate, IceGatheringState, PeerEvent};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "gathering-end-signals",
    layer: Layer::Gathering,
    subject: "ends of gathering",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The section and the username fragment that candidates are of.
type Transport = (Option<String>, Option<u16>, Option<String>);

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if look::has_several_connections(evidence, peer) {
        tally.inconclusive("the peer has several connections; their events cannot be distinguished", []);
        return;
    }
    let (mut stated, mut ended): (BTreeSet<Transport>, BTreeSet<Transport>) = Default::default();
    // The end of the state that still waits for its `null`.
    let mut complete: Option<Place> = None;
    let mut nulls = 0;
    for happened in evidence.events(peer) {
        let place = Place::Entry(happened.entry);
        match happened.event {
            PeerEvent::IceCandidate { candidate: Some(candidate) } => {
                let transport = transport(candidate);
                if !candidate.candidate.is_empty() {
                    stated.insert(transport);
                    continue;
                }
                if (candidate.sdp_mid.is_none() && candidate.sdp_m_line_index.is_none())
                    || candidate.username_fragment.is_none()
                {
                    tally.fail(
                        Fault("empty-candidate-of-no-section"),
                        "an empty candidate names no media section or no username fragment",
                        [place],
                    );
                }
                ended.insert(transport);
            }
            PeerEvent::IceCandidate { candidate: None } => {
                nulls += 1;
                if complete.take().is_none() {
                    let why = if nulls > 1 {
                        "the null candidate was reported again"
                    } else {
                        "the null candidate came"
                    };
                    tally.fail(
                        Fault("null-before-complete"),
                        format!("{why} without iceGatheringState becoming complete before it"),
                        [place],
                    );
                }
            }
            PeerEvent::IceGatheringStateChange { state: IceGatheringState::Complete } => {
                if let Some((mid, ..)) = stated.difference(&ended).next() {
                    let mid = mid.as_deref().unwrap_or("?");
                    let sentence =
                        format!("gathering is complete without an empty candidate of section {mid}");
                    tally.fail(Fault("section-without-end"), sentence, [place]);
                } else if ended.is_empty() {
                    tally.fail(
                        Fault("complete-without-end"),
                        "gathering is complete without an empty candidate",
                        [place],
                    );
                } else {
                    tally.pass(place);
                }
                stated.clear();
                ended.clear();
                complete = Some(place);
            }
            PeerEvent::IceGatheringStateChange { .. } => {
                if let Some(place) = complete.take() {
                    tally.fail(
                        Fault("began-again-before-null"),
                        "gathering began again before the null candidate of its end",
                        [place],
                    );
                }
                nulls = 0;
            }
            _ => {}
        }
    }
    if let Some(place) = complete {
        tally.inconclusive("the recording ends before the null candidate", [place]);
    } else if !stated.is_empty() {
        tally.inconclusive("gathering did not end", []);
    }
}

fn transport(candidate: &IceCandidate) -> Transport {
    (candidate.sdp_mid.clone(), candidate.sdp_m_line_index, candidate.username_fragment.clone())
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use crate::evidence::Evidence;
    use peerproof_captures::event::{IceGatheringState, PeerEvent};
    use peerproof_captures::timeline::{Entry, What};

    /// Where a peer reports its first empty candidate.
    fn empty(evidence: &Evidence) -> usize {
        events::find(evidence, "bob", |event| match event {
            PeerEvent::IceCandidate { candidate } => {
                candidate.as_ref().is_some_and(|it| it.candidate.is_empty())
            }
            _ => false,
        })
    }

    /// Reports the null candidate before the state.
    pub(super) const CONTROL: Control = Control::new(Recording::Conflict, |evidence| {
        let complete = PeerEvent::IceGatheringStateChange { state: IceGatheringState::Complete };
        let complete = events::find(evidence, "bob", |event| *event == complete);
        let null = PeerEvent::IceCandidate { candidate: None };
        let null = events::find(evidence, "bob", |event| *event == null);
        events::swap(evidence, complete, null);
    })
    .and(&[
        Mutation::new(Recording::Conflict, "without an empty candidate of section", |evidence| {
            let at = empty(evidence);
            evidence.timeline.remove(at);
        }),
        Mutation::new(Recording::Conflict, "an empty candidate names no media section", |evidence| {
            let at = empty(evidence);
            if let PeerEvent::IceCandidate { candidate: Some(stated) } = events::event(evidence, at) {
                stated.username_fragment = None;
            }
        })
        .also_breaks(&["candidate-event-contents"]),
        Mutation::new(Recording::Conflict, "the null candidate was reported again", |evidence| {
            events::push(evidence, "bob", PeerEvent::IceCandidate { candidate: None });
        }),
        Mutation::new(Recording::Conflict, "gathering began again", |evidence| {
            let complete = PeerEvent::IceGatheringStateChange { state: IceGatheringState::Complete };
            let at = events::find(evidence, "bob", |event| *event == complete);
            let again = PeerEvent::IceGatheringStateChange { state: IceGatheringState::Gathering };
            events::insert_after(evidence, at, again);
        }),
        Mutation::new(Recording::Conflict, "gathering is complete without an empty", |evidence| {
            let is = |entry: &Entry| match &entry.what {
                What::Event { peer, event: PeerEvent::IceCandidate { candidate: Some(_) }, .. } => {
                    peer == "bob"
                }
                _ => false,
            };
            evidence.timeline.retain(|entry| !is(entry));
        }),
    ]);
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::Status;
    use crate::checks::controls::events::{evidence, stated};
    use serde_json::{Value, json};

    /// What alice reports: a candidate, an empty one, `complete`, and `null`, by their first letters.
    fn result(order: &str) -> Status {
        let candidate = |text: &str| json!({"candidate": text, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "u"});
        let event = |what: char| -> (&str, Value) {
            match what {
                'c' => (
                    "icecandidate",
                    json!({"candidate": candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host")}),
                ),
                'e' => ("icecandidate", json!({"candidate": candidate("")})),
                'n' => ("icecandidate", json!({"candidate": null})),
                'g' => ("icegatheringstatechange", json!({"state": "gathering"})),
                _ => ("icegatheringstatechange", json!({"state": "complete"})),
            }
        };
        let all = order.chars().map(event).enumerate();
        CHECK.run(&evidence(all.map(|(n, (name, data))| stated(n as u64, name, data))))[0].result
    }

    #[test]
    fn the_ends_come_in_their_order() {
        for good in ["gceCn", "geCn", "gceCngceCn"] {
            assert_eq!(result(good), Status::Pass, "{good}");
        }
        for bad in ["gcCn", "gCn", "gcenC", "gcCen", "gceCnn", "gceCgceCn"] {
            assert_eq!(result(bad), Status::Fail, "{bad}");
        }
        for open in ["gc", "gce", "gceC"] {
            assert_ne!(result(open), Status::Fail, "{open}");
        }
    }
}
