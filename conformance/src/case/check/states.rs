//! States at the end and on the way, and operations that were rejected.

use super::{Checked, Mismatch, words};
use crate::case::view::{At, PeerView, Refused};
use crate::case_file::CasePeer;
use crate::expect::{AnyOf, PeerExpectations, Rejection, Transitions};
use crate::verdict::Layer;
use peerproof_captures::event::{ConnectionState, DtlsState, IceState, SignalingState};
use std::fmt::Display;

pub(super) fn check(
    peer: Option<&CasePeer>,
    name: &str,
    expected: &PeerExpectations,
    view: &PeerView,
    checked: &mut Checked,
) {
    let transports = of_first_transport(view);
    let view = &transports;
    macro_rules! last {
        ($expected:ident, $seen:ident, $key:literal, $named:literal, $layer:ident, $closed:expr) => {
            if let Some(any) = &expected.$expected {
                let state = view.reported($key, view.$seen.last().map(|at| at.n));
                let seen = state.as_ref().or(view.$seen.last());
                // `close` changes it and fires no event (webrtc-pc §4.4.1.5).
                if view.closed.and($closed).is_none_or(|closed| !any.allows(&closed)) {
                    checked.add(last(name, $named, any, seen, Layer::$layer, any_first(any)));
                }
            }
        };
    }
    last!(
        connection_state,
        connection,
        "connection",
        "connectionState",
        Checks,
        Some(ConnectionState::Closed)
    );
    last!(ice_connection_state, ice, "iceConnection", "iceConnectionState", Checks, Some(IceState::Closed));
    last!(ice_gathering_state, gathering, "iceGathering", "iceGatheringState", Gathering, None);
    last!(signaling_state, signaling, "signaling", "signalingState", Sdp, Some(SignalingState::Closed));
    last!(dtls_state, dtls, "dtls", "DTLS state", Dtls, None);
    last!(sctp_state, sctp, "sctp", "SCTP state", Sctp, None);

    if let Some(lists) = &expected.states {
        macro_rules! list {
            ($field:ident, $seen:ident, $event:literal, $named:literal, $layer:ident) => {
                if let Some(transitions) = &lists.$field {
                    let list = List { peer, name, event: $event, what: $named, layer: Layer::$layer };
                    checked.add(list.check(transitions, &view.$seen));
                }
            };
        }
        list!(signaling, signaling, "signalingstatechange", "signalingState", Sdp);
        list!(ice_gathering, gathering, "icegatheringstatechange", "iceGatheringState", Gathering);
        list!(ice_connection, ice, "iceconnectionstatechange", "iceConnectionState", Checks);
        list!(ice_transport, ice_transport, "icetransportstatechange", "the ICE transport's state", Checks);
        list!(connection, connection, "connectionstatechange", "connectionState", Checks);
        list!(dtls, dtls, "dtlsstatechange", "DTLS state", Dtls);
        list!(sctp, sctp, "sctpstatechange", "SCTP state", Sctp);
    }
    if let Some(rejections) = &expected.errors {
        checked.add(errors(name, rejections, view));
    }
}

/// What the peer reported, without that a transport which BUNDLE gave up was closed: an expectation is of the one that stays.
fn of_first_transport(view: &PeerView) -> PeerView {
    let mut first = view.clone();
    first.dtls.retain(|at| at.is != DtlsState::Closed || !view.gave_up_transport(at.n, at.t_us));
    first.ice_transport.retain(|at| at.is != IceState::Closed || !view.gave_up_transport(at.n, at.t_us));
    first
}

/// The state in which a machine is before its first event.
trait First: Sized {
    const FIRST: Self;
}

macro_rules! first {
    ($($state:ident: $first:ident),+) => {
        $(impl First for peerproof_captures::event::$state { const FIRST: Self = Self::$first; })+
    };
}
first!(
    ConnectionState: New,
    IceState: New,
    IceGatheringState: New,
    SignalingState: Stable,
    DtlsState: New,
    SctpState: Connecting
);

fn any_first<S: First>(_: &AnyOf<S>) -> S {
    S::FIRST
}

fn last<S: PartialEq + Copy + Display>(
    name: &str,
    what: &str,
    expected: &AnyOf<S>,
    seen: Option<&At<S>>,
    layer: Layer,
    first: S,
) -> Option<Mismatch> {
    let state = seen.map_or(first, |at| at.is);
    (!expected.allows(&state)).then(|| {
        Mismatch::new(
            layer,
            name,
            format_args!("{name}'s {what} should be {expected}"),
            format_args!("it is {state}"),
        )
        .at(seen.map(|at| at.n))
    })
}

/// A list of states of a peer, and the event that reports them.
struct List<'a> {
    peer: Option<&'a CasePeer>,
    name: &'a str,
    event: &'static str,
    what: &'static str,
    layer: Layer,
}

impl List<'_> {
    /// Whether the peer said that it never reports this state.
    fn is_unreported(&self, state: &impl Display) -> bool {
        self.peer.is_some_and(|peer| peer.never_reports(self.event, &state.to_string()))
    }

    fn check<S: First + PartialEq + Copy + Display>(
        &self,
        expected: &Transitions<S>,
        seen: &[At<S>],
    ) -> Option<Mismatch> {
        let Self { name, what, layer, .. } = *self;
        let mut states = vec![S::FIRST];
        for at in seen {
            if states.last() != Some(&at.is) {
                states.push(at.is);
            }
        }
        let evidence = || seen.last().map(|at| at.n);
        let was = || format!("it went through {}", words(states.iter().copied()));
        let mut missed: Vec<S> = Vec::new();
        if !expected.any_of.is_empty() && !expected.any_of.contains(&states) {
            let reported =
                |list: &Vec<S>| list.iter().copied().filter(|it| !self.is_unreported(it)).collect::<Vec<_>>();
            let lists = expected
                .any_of
                .iter()
                .map(|list| words(list.iter().copied()))
                .collect::<Vec<_>>()
                .join(" or ");
            let text = format!("{name}'s {what} should go through {lists}");
            let mismatch = Mismatch::new(layer, name, text, was()).at(evidence());
            let Some(list) = expected.any_of.iter().find(|list| reported(list) == reported(&states)) else {
                return Some(mismatch);
            };
            missed.extend(list.iter().filter(|state| !states.contains(state)));
        }
        let mut rest = states.iter();
        for wanted in &expected.includes {
            if self.is_unreported(wanted) && !states.contains(wanted) {
                missed.push(*wanted);
            } else if !rest.any(|state| state == wanted) {
                let list = words(expected.includes.iter().copied());
                let text = format!("{name}'s {what} should go through {list} in this order");
                let is = format!("{wanted} is missing: {}", was());
                return Some(Mismatch::new(layer, name, text, is).at(evidence()));
            }
        }
        if let Some(at) = seen.iter().find(|at| expected.never.contains(&at.is)) {
            let text = format!("{name}'s {what} should never be {}", at.is);
            return Some(Mismatch::new(layer, name, text, was()).at(Some(at.n)));
        }
        missed.extend(expected.never.iter().filter(|state| self.is_unreported(*state)));
        let unknown = missed.first()?;
        let text = format!("{name}'s {what} should be known");
        let reason = format!("it never reports {} {unknown}", self.event);
        Some(Mismatch::new(layer, name, text, reason.as_str()).at(evidence()).lacking(reason))
    }
}

fn errors(name: &str, expected: &[Rejection], view: &PeerView) -> Option<Mismatch> {
    // A candidate that is still carried to a peer that has closed is not an action of the scenario.
    let late = |at: &At<Refused>| {
        at.is.command == "addIceCandidate" && view.closed.is_some_and(|closed| at.n > closed)
    };
    let named = expected.iter().any(|wanted| wanted.parts().0 == "addIceCandidate");
    let refused: Vec<_> = view.refused.iter().filter(|at| named || !late(at)).collect();
    let fits = expected.len() == refused.len()
        && expected.iter().zip(&refused).all(|(wanted, at)| {
            let (command, names) = wanted.parts();
            at.is.command == command && names.contains(&at.is.name)
        });
    (!fits).then(|| {
        let wanted = words(expected.iter().map(|wanted| {
            let (command, names) = wanted.parts();
            format!("{command} with {}", names.join(" or "))
        }));
        let seen = words(refused.iter().map(|at| format!("{} with {}", at.is.command, at.is.name)));
        let text = format!("{name} should reject {wanted}");
        Mismatch::new(Layer::Sdp, name, text, format!("it rejected {seen}")).at(refused.last().map(|at| at.n))
    })
}
