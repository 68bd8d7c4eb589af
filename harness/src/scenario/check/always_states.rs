//! States that are expected of a peer and cannot be, or are every state there is.

use super::super::document::ValuePath;
use super::found::Found;
use peerproof_captures::event::{
    ConnectionState, DtlsState, IceGatheringState, IceState, SctpState, SignalingState,
};
use peerproof_conformance::expect::{AnyOf, PeerExpectations, StateLists, Transitions};
use std::fmt::Display;

/// A state machine: its first state, all states, and which may follow which.
trait Machine: Sized + PartialEq + Copy + Display + 'static {
    const ALL: &'static [Self];
    /// Whether `next` can come right after this one, as a peer reports them.
    fn leads_to(self, next: Self) -> bool;
}

macro_rules! machine {
    ($state:ident, [$($all:ident),+], $closed:ident, $first:ident) => {
        impl Machine for $state {
            const ALL: &'static [Self] = &[$(Self::$all),+];
            fn leads_to(self, next: Self) -> bool {
                self != Self::$closed && next != Self::$first
            }
        }
    };
}
machine!(ConnectionState, [New, Connecting, Connected, Disconnected, Failed, Closed], Closed, New);
machine!(IceState, [New, Checking, Connected, Completed, Disconnected, Failed, Closed], Closed, New);
machine!(DtlsState, [New, Connecting, Connected, Closed, Failed], Closed, New);
machine!(SctpState, [Connecting, Connected, Closed], Closed, Connecting);

impl Machine for IceGatheringState {
    const ALL: &'static [Self] = &[Self::New, Self::Gathering, Self::Complete];
    fn leads_to(self, next: Self) -> bool {
        self != next
    }
}

impl Machine for SignalingState {
    const ALL: &'static [Self] = &[
        Self::Stable,
        Self::HaveLocalOffer,
        Self::HaveRemoteOffer,
        Self::HaveLocalPranswer,
        Self::HaveRemotePranswer,
        Self::Closed,
    ];
    fn leads_to(self, next: Self) -> bool {
        match (self, next) {
            (Self::Closed, _) => false,
            (_, Self::Closed | Self::Stable) => true,
            (Self::HaveLocalOffer, to) => to == Self::HaveRemotePranswer,
            (Self::HaveRemoteOffer, to) => to == Self::HaveLocalPranswer,
            (Self::Stable, to) => matches!(to, Self::HaveLocalOffer | Self::HaveRemoteOffer),
            (Self::HaveLocalPranswer | Self::HaveRemotePranswer, _) => false,
        }
    }
}

/// Checks the last states and the lists of states.
pub(super) fn check(expected: &PeerExpectations, path: &ValuePath, found: &mut Found<'_>) {
    let none = StateLists::default();
    let lists = expected.states.as_ref().unwrap_or(&none);
    if expected.states.as_ref() == Some(&none) {
        found.add(&path.key("states"), "nothing is expected of the states");
    }
    let at = path.key("states");
    of(
        "connectionState",
        "connection",
        expected.connection_state.as_ref(),
        lists.connection.as_ref(),
        (path, &at),
        found,
    );
    of(
        "iceConnectionState",
        "iceConnection",
        expected.ice_connection_state.as_ref(),
        lists.ice_connection.as_ref(),
        (path, &at),
        found,
    );
    of(
        "iceGatheringState",
        "iceGathering",
        expected.ice_gathering_state.as_ref(),
        lists.ice_gathering.as_ref(),
        (path, &at),
        found,
    );
    of(
        "signalingState",
        "signaling",
        expected.signaling_state.as_ref(),
        lists.signaling.as_ref(),
        (path, &at),
        found,
    );
    of("dtlsState", "dtls", expected.dtls_state.as_ref(), lists.dtls.as_ref(), (path, &at), found);
    of("sctpState", "sctp", expected.sctp_state.as_ref(), lists.sctp.as_ref(), (path, &at), found);
    of("", "iceTransport", None, lists.ice_transport.as_ref(), (path, &at), found);
}

fn of<S: Machine>(
    last: &str,
    key: &str,
    end: Option<&AnyOf<S>>,
    list: Option<&Transitions<S>>,
    (path, lists): (&ValuePath, &ValuePath),
    found: &mut Found<'_>,
) {
    let at = path.key(last);
    if end.is_some_and(|any| S::ALL.iter().all(|state| any.allows(state))) {
        found.add(&at, "these are all states, so it is always one of them");
    }
    let Some(Transitions { any_of, includes, never }) = list else { return };
    let place = lists.key(key);
    let words = |states: &[S]| states.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    for (n, list) in any_of.iter().enumerate() {
        let first = S::ALL.first().copied();
        if list.first().copied() != first {
            let first = first.map(|state| state.to_string()).unwrap_or_default();
            found.add(
                &place,
                format!("a list of all states begins with `{first}`, not with [{}]", words(list)),
            );
        } else if let Some((from, to)) =
            list.iter().zip(list.iter().skip(1)).find(|(from, to)| !from.leads_to(**to))
        {
            found.add(&place, format!("`{to}` cannot follow `{from}`"));
        }
        if any_of.iter().take(n).any(|other| other == list) {
            found.add(&place.key("anyOf").index(n), "this list stands here twice");
        }
    }
    if let Some((from, to)) = includes
        .iter()
        .zip(includes.iter().skip(1))
        .find(|(from, to)| !from.leads_to(**to) && after(**from, **to))
    {
        found.add(&place.key("includes"), format!("`{to}` cannot come after `{from}`"));
    }
    let Some(end) = end else { return };
    if !end.0.is_empty() && end.0.iter().all(|state| never.contains(state)) {
        found.add(&place.key("never"), format!("`{last}` is to be {end} in the end"));
    }
    let fits = |list: &Vec<S>| list.last().is_some_and(|state| end.allows(state));
    if !any_of.is_empty() && !any_of.iter().any(fits) {
        found.add(&place, format!("no list ends with what `{last}` is to be: {end}"));
    }
}

/// Whether one state can never come after another, however many lie between.
fn after<S: Machine>(from: S, to: S) -> bool {
    !S::ALL.iter().any(|between| from.leads_to(*between) && between.leads_to(to))
}
