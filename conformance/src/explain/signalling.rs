//! Descriptions, and how they are carried (RFC 9429).

use super::session::Api;
use super::{Kind, Layer, Missed};
use crate::api::is_rollback;
use crate::api::view::{At, Refused};
use crate::verdict::{NETWORK, Place};
use peerproof_captures::event::{Description, IceCandidate, PeerEvent, SdpType};
use peerproof_captures::timeline::{Action, HarnessStep, StepOutcome, What};
use serde::Deserialize;
use serde_json::Value;

/// Operations on descriptions and candidates.
const OPERATIONS: [&str; 5] =
    ["createOffer", "createAnswer", "setLocalDescription", "setRemoteDescription", "addIceCandidate"];

/// An operation that was rejected within a step that then did not end well. A candidate that was refused hinders nothing
/// but the checks: where those succeeded in spite of it, something else went wrong.
pub(super) fn refused(api: &Api<'_>) -> Option<Missed> {
    let connected = api.peers().all(|(_, view)| view.ice_succeeded());
    let is_cause =
        |command: &str| OPERATIONS.contains(&command) && !(connected && command == "addIceCandidate");
    let (from, begun) = api.timeline.iter().rev().find_map(|entry| match entry.what {
        What::StepBegan { step, .. } => Some((entry.n, step)),
        _ => None,
    })?;
    let done = api.timeline.iter().any(
        |entry| matches!(&entry.what, What::StepEnded { step, outcome: StepOutcome::Done } if *step == begun),
    );
    if done {
        return None; // What was rejected in it was to be rejected.
    }
    api.peers().find_map(|(name, view)| {
        let mut refused = view.refused.iter();
        let at = refused.find(|at| at.n >= from && is_cause(&at.is.command))?;
        if let Some(missed) = of_no_section(api, name, at).or_else(|| rewritten(api, name, at)) {
            return Some(missed);
        }
        Some(Missed {
            layer: Layer::Sdp,
            kind: Kind::DescriptionRefused,
            side: name.to_owned(),
            expected: format!("{name} should accept {}", at.is.command),
            seen: format!("it rejected it with {}: {}", at.is.name, at.is.message),
            evidence: vec![Place::Entry(at.n)],
            why: "the description has something that the implementation does not take, or the signaling state does not allow the call",
            next: "look at signalingState before the call, and at the description of the deciding entry",
        })
    })
}

/// A description that the scenario changed on the way is neither its maker's nor the fault of who rejects it.
fn rewritten(api: &Api<'_>, name: &str, refused: &At<Refused>) -> Option<Missed> {
    let set = arguments(api, name, refused)?.get("description")?;
    let set = Description::deserialize(set).ok().filter(|_| refused.is.command == "setRemoteDescription")?;
    let (carried, from) = api.timeline.iter().rev().find_map(|entry| match &entry.what {
        What::Carried { from, to, sent, delivered: Some(delivered) }
            if to == name && entry.n < refused.n && *delivered == set && delivered.sdp != sent.sdp =>
        {
            Some((entry.n, from))
        }
        _ => None,
    })?;
    Some(Missed {
        layer: Layer::Sdp,
        kind: Kind::DescriptionRefused,
        side: NETWORK.to_owned(),
        expected: format!(
            "{name} should accept {from}'s {}, which the scenario changed on the way",
            set.kind
        ),
        seen: format!("it rejected it with {}: {}", refused.is.name, refused.is.message),
        evidence: vec![Place::Entry(carried), Place::Entry(refused.n)],
        why: "the description that arrived is not the one that was made",
        next: "compare what was sent with what was delivered, and see whether the standard has a peer accept that",
    })
}

/// The arguments of the call that a peer rejected.
fn arguments<'a>(api: &Api<'a>, name: &str, refused: &At<Refused>) -> Option<&'a Value> {
    let answered = api.timeline.iter().find(|entry| entry.n == refused.n)?;
    let What::Answer { id: answered, .. } = &answered.what else { return None };
    api.timeline.iter().find_map(|entry| match &entry.what {
        What::Command { peer, id, args, .. } if peer == name && id == answered => Some(args),
        _ => None,
    })
}

/// A candidate that names neither a MID nor the index of a section, as its peer reported it, is to be rejected with a TypeError
/// (webrtc-pc §4.4.2.2), and one with a MID that no section has with an OperationError.
fn of_no_section(api: &Api<'_>, name: &str, refused: &At<Refused>) -> Option<Missed> {
    if refused.is.command != "addIceCandidate" {
        return None;
    }
    let added = IceCandidate::deserialize(arguments(api, name, refused)?.get("candidate")?).ok()?;
    let (reported, other) = api.timeline.iter().find_map(|entry| match &entry.what {
        What::Event { peer, event: PeerEvent::IceCandidate { candidate: Some(candidate) }, .. }
            if peer != name && *candidate == added =>
        {
            Some((entry.n, peer))
        }
        _ => None,
    })?;
    let has = |mid: &str| {
        let own = api.peers().filter(|(peer, _)| peer == other).flat_map(|(_, view)| &view.local);
        own.flat_map(|at| at.is.sdp.lines()).any(|line| line.trim_end().strip_prefix("a=mid:") == Some(mid))
    };
    let (expected, seen) = match (&added.sdp_mid, added.sdp_m_line_index, refused.is.name.as_str()) {
        (None, None, "TypeError") => (
            "with sdpMid or sdpMLineIndex",
            format!("one has neither, so {name} had to reject it (TypeError)"),
        ),
        (Some(mid), _, "OperationError") if !has(mid) => (
            "with the sdpMid of a section",
            format!("one has {mid:?}, so {name} had to reject it (OperationError)"),
        ),
        _ => return None,
    };
    Some(Missed {
        layer: Layer::Gathering,
        kind: Kind::DescriptionRefused,
        side: other.clone(),
        expected: format!("{other} should report its candidates {expected}"),
        seen,
        evidence: vec![Place::Entry(reported), Place::Entry(refused.n)],
        why: "the event is fired without the media section to which the candidate belongs (webrtc-pc §4.8.1.1)",
        next: "look at what fires the icecandidate event",
    })
}

/// Each offer and each answer should reach the other side.
pub(super) fn of_api(api: &Api<'_>) -> Option<Missed> {
    undelivered(api, SdpType::Offer, Kind::OfferNotDelivered)
        .or_else(|| undelivered(api, SdpType::Answer, Kind::AnswerNotDelivered))
}

fn undelivered(api: &Api<'_>, sent: SdpType, kind: Kind) -> Option<Missed> {
    let takes = |is: SdpType| is == sent || (sent == SdpType::Answer && is == SdpType::Pranswer);
    api.both().find_map(|(name, view, other, far)| {
        let made = view.last_local(sent)?;
        // An offer that was rolled back need not arrive.
        let rolled_back = api.timeline.iter().any(|entry| match &entry.what {
            What::Command { peer, name: command, args, .. } => {
                entry.n > made.n
                    && peer == name
                    && command == "setLocalDescription"
                    && is_rollback(args)
            }
            _ => false,
        });
        // Nor need one that collided with an offer of the other side, which its sender then set (RFC 9429 §4.1.10.2).
        let gave_way = sent == SdpType::Offer
            && view.remote.iter().any(|at| at.is.kind == SdpType::Offer && at.n > made.n);
        if rolled_back || gave_way {
            return None;
        }
        // Where both sides offered, what nobody made as an answer and was set as one is the offer under another type.
        let handed_as_answer = sent == SdpType::Offer
            && view.last_local(SdpType::Answer).is_none()
            && view.last_local(SdpType::Pranswer).is_none()
            && far.remote.iter().any(|at| at.is.kind != SdpType::Rollback);
        if handed_as_answer || far.remote.iter().any(|at| takes(at.is.kind)) {
            return None;
        }
        // Who negotiates by commands sets what it is given.
        let is_given = api.timeline.iter().any(|entry| match &entry.what {
            What::Command { peer, name: command, .. } => {
                entry.n > made.n
                    && ((peer == other && command == "setRemoteDescription") || command == "join")
            }
            What::Carried { .. } => true,
            What::StepBegan { definition, .. } => matches!(
                &definition.action,
                Action::Harness { step: HarnessStep::Connect | HarnessStep::Negotiate, .. }
            ),
            _ => false,
        });
        Some(Missed {
            layer: Layer::Signalling,
            kind,
            side: if is_given { other } else { NETWORK }.to_owned(),
            expected: format!("{name}'s {sent} should reach {other}"),
            seen: if is_given {
                format!("{other} never set it as its remote description")
            } else {
                format!("no step of the scenario gave it to {other}")
            },
            evidence: vec![Place::Entry(made.n)],
            why: "the signalling did not carry it, or the application did not hand it to setRemoteDescription",
            next: "look at what the signalling server or the application logs around the deciding entry",
        })
    })
}
