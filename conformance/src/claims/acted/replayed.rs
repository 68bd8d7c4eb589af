//! The operations that a peer reports, replayed: what each needs before it, and the `signalingState` that follows from it (webrtc-pc §4.3.1,
//! §4.4.1.5).

use super::super::observed::against;
use super::super::states::SIGNALING;
use super::super::{Contradiction, Session};
use super::{Act, OPERATION};
use crate::case_file::CasePeer;
use crate::verdict::Place;
use peerproof_captures::event::{PeerEvent, SdpType, SignalingState};

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    acts: &[Act<'_>],
    found: &mut Vec<Contradiction>,
) {
    if !session.reports_all(peer) || peer.never_reports("acted", "") {
        return;
    }
    joined(peer, acts, found);
    created(peer, acts, found);
    let is_commanded = session
        .asked(&peer.name)
        .iter()
        .any(|it| matches!(it.name, "setLocalDescription" | "setRemoteDescription"));
    let hides = peer.unreported.iter().any(|it| it.starts_with("signalingstatechange"));
    if !is_commanded && !hides && session.has_one_connection(&peer.name) {
        replayed(session, peer, acts, found);
    }
}

fn did(peer: &CasePeer, act: &Act<'_>) -> String {
    format!("{} reports that it did {}", peer.name, act.operation)
}

/// Who takes part in a call has joined it.
fn joined(peer: &CasePeer, acts: &[Act<'_>], found: &mut Vec<Contradiction>) {
    let Some(first) = acts.first().filter(|_| acts.iter().all(|act| act.operation != "join")) else { return };
    let seen = "it never reports that it joined the call";
    found.push(against(
        &peer.name,
        OPERATION,
        first.entry.t_us,
        did(peer, first),
        seen,
        [Place::Entry(first.entry.n)],
    ));
}

/// A description is created once before it is set. Those that set it without creating it (webrtc-pc §4.4.2) create none at all.
fn created(peer: &CasePeer, acts: &[Act<'_>], found: &mut Vec<Contradiction>) {
    if !acts.iter().any(|act| matches!(act.operation, "createOffer" | "createAnswer")) {
        return;
    }
    let (mut offer, mut answer): (Option<&Act<'_>>, Option<&Act<'_>>) = (None, None);
    for act in acts.iter().filter(|act| act.error.is_none()) {
        let (made, is_set) = match (act.operation, act.description.map(|it| it.kind)) {
            ("createOffer", _) => (&mut offer, false),
            ("createAnswer", _) => (&mut answer, false),
            ("setLocalDescription", Some(SdpType::Offer)) => (&mut offer, true),
            ("setLocalDescription", Some(SdpType::Answer)) => (&mut answer, true),
            _ => continue,
        };
        let before = if is_set { made.take() } else { made.replace(act) };
        let again =
            before.filter(|it| !is_set && it.description.is_some() && it.description == act.description);
        let seen = match (is_set, before) {
            (true, None) => "it does not report that it created that description",
            _ if again.is_some() => "it had reported the same before",
            _ => continue,
        };
        let evidence = [Some(act), again].into_iter().flatten().map(|it| Place::Entry(it.entry.n));
        found.push(against(&peer.name, OPERATION, act.entry.t_us, did(peer, act), seen, evidence));
        return;
    }
}

/// A state that follows from an operation.
struct Change<'a> {
    act: &'a Act<'a>,
    state: SignalingState,
    /// Whether there need not be one: an offer that gives way is rolled back, and some go through `stable` then.
    may_lack: bool,
}

/// The states that follow from the operations of a peer, in order; none if an operation does not say which description it set.
fn changes<'a>(acts: &'a [Act<'a>]) -> Option<Vec<Change<'a>>> {
    let mut state = SignalingState::Stable;
    let mut changes = Vec::new();
    for act in acts.iter().filter(|act| act.error.is_none()) {
        let is_local = match act.operation {
            "setLocalDescription" => true,
            "setRemoteDescription" => false,
            _ => continue,
        };
        let to = match (act.description?.kind, is_local) {
            (SdpType::Offer, true) => SignalingState::HaveLocalOffer,
            (SdpType::Offer, false) => SignalingState::HaveRemoteOffer,
            (SdpType::Pranswer, true) => SignalingState::HaveLocalPranswer,
            (SdpType::Pranswer, false) => SignalingState::HaveRemotePranswer,
            (SdpType::Answer | SdpType::Rollback, _) => SignalingState::Stable,
        };
        if (state, to) == (SignalingState::HaveLocalOffer, SignalingState::HaveRemoteOffer) {
            changes.push(Change { act, state: SignalingState::Stable, may_lack: true });
        }
        if state != to {
            changes.push(Change { act, state: to, may_lack: false });
        }
        state = to;
    }
    Some(changes)
}

/// The states that a peer reports are those of its operations, in their order. Which of the two it reports first is open.
fn replayed(session: &Session<'_>, peer: &CasePeer, acts: &[Act<'_>], found: &mut Vec<Contradiction>) {
    let Some(changes) = changes(acts) else { return };
    let mut due = changes.iter().peekable();
    let last = acts.iter().map(|act| act.entry.n).max().unwrap_or(0);
    for (entry, event) in session.events(&peer.name) {
        let PeerEvent::SignalingStateChange { state } = event else { continue };
        if *state == SignalingState::Closed {
            break;
        }
        due.next_if(|it| it.may_lack && it.state != *state);
        let claimed = || format!("{} reports that signalingState became {state}", peer.name);
        let (seen, of) = match due.next() {
            Some(change) if change.state == *state => continue,
            Some(Change { act, state, .. }) => {
                (format!("by the operations that it reports, it became {state}"), Some(act.entry))
            }
            // It reported something later, so it would have reported the operation.
            None if last > entry.n || session.answered_since(&peer.name, entry.n) => {
                ("none of the operations that it reports leads there".to_owned(), None)
            }
            None => return,
        };
        let evidence = [Some(entry), of].into_iter().flatten().map(|it| Place::Entry(it.n));
        found.push(against(&peer.name, OPERATION, entry.t_us, claimed(), seen, evidence));
        return;
    }
    let missing = due.find(|it| !it.may_lack);
    let is_closed = session.closed_us(&peer.name).is_some();
    if let Some(Change { act, state, .. }) =
        missing.filter(|it| !is_closed && session.answered_since(&peer.name, it.act.entry.n))
    {
        let seen = format!("it never reports that signalingState became {state}");
        let evidence = [Place::Entry(act.entry.n)];
        found.push(against(&peer.name, SIGNALING, act.entry.t_us, did(peer, act), seen, evidence));
    }
}
