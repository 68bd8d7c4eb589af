//! webrtc-pc §4.3.4 and §5.6.6: iceConnectionState sums up the states of the ICE transports, of one it is that one's;
//! `failed` is left by an ICE restart or by closing alone.

use super::moments;
use crate::api::rejects_all;
use crate::checks::sdp::look;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::Happened;
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{IceState, PeerEvent};

pub(super) const CHECK: Check = Check {
    id: "ice-connection-state-derivation",
    layer: Layer::Checks,
    subject: "changes of iceConnectionState",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const WITHOUT_RESTART: Fault = Fault("left-failed-without-restart");

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if look::has_several_connections(evidence, peer) {
        tally.inconclusive("the peer has several connections; their events cannot be distinguished", []);
        return;
    }
    let events = evidence.events(peer);
    let connection: Vec<(IceState, &Happened<'_>)> = states(&events, |event| match event {
        PeerEvent::IceConnectionStateChange { state } => Some(*state),
        _ => None,
    });
    let transport: Vec<(IceState, &Happened<'_>)> = states(&events, |event| match event {
        PeerEvent::IceTransportStateChange { state } => Some(*state),
        _ => None,
    });
    judge_failed(evidence, peer, &connection, tally);
    if !connection.is_empty() {
        let last_reported = events.last().map_or(0, |it| it.entry);
        judge_derivation(evidence, peer, &connection, &transport, last_reported, tally);
    }
}

fn states<'a>(
    events: &'a [Happened<'a>],
    state: impl Fn(&PeerEvent) -> Option<IceState>,
) -> Vec<(IceState, &'a Happened<'a>)> {
    let mut all: Vec<_> = events.iter().filter_map(|it| Some((state(it.event)?, it))).collect();
    all.dedup_by_key(|(state, _)| *state);
    all
}

/// What is left after `failed` needs a restart, which either side may ask for.
fn judge_failed(evidence: &Evidence, peer: Peer, states: &[(IceState, &Happened<'_>)], tally: &mut Tally) {
    let restarts = restarts(evidence, peer);
    for triple in states.windows(2).enumerate() {
        let (at, [(was, failed), (next, now)]) = triple else { continue };
        if *was != IceState::Failed {
            continue;
        }
        let place = Place::Entry(now.entry);
        let since = at.checked_sub(1).and_then(|before| states.get(before)).map_or(0, |(_, it)| it.t_us);
        let text = || format!("iceConnectionState went from failed to {next} without an ICE restart");
        let places = [place, Place::Entry(failed.entry)];
        if *next == IceState::Closed || restarts.iter().any(|(_, t_us)| (since..=now.t_us).contains(t_us)) {
            tally.pass(place);
            continue;
        }
        if may_be_discarded(evidence, peer, failed.entry, now.entry) {
            tally.inconclusive(
                "the transport that failed may have been discarded by the descriptions set since",
                places,
            );
            continue;
        }
        // One that was reported by another clock may have been a little earlier or later than it seems.
        let off = |(by, t_us): &(Peer, u64)| {
            let off = Off::late(now.t_us, 0, *t_us).or(Off::late(*t_us, 0, since))?;
            let off = off.by_clock_of(evidence, peer);
            Some(if *by == peer { off } else { off.by_clock_of(evidence, *by) })
        };
        match restarts.iter().filter_map(off).min_by_key(|off| (off.doubt(evidence).is_none(), off.ms())) {
            Some(off) => tally.off(WITHOUT_RESTART, evidence, off, text(), places),
            None => tally.fail(WITHOUT_RESTART, text(), places),
        }
    }
}

/// Whether descriptions were set between two entries which may have discarded one transport of several: it counts no more then (§4.3.4).
fn may_be_discarded(evidence: &Evidence, peer: Peer, from: u64, to: u64) -> bool {
    let sets = |name: &str| matches!(name, "setLocalDescription" | "setRemoteDescription");
    let stated = evidence.calls(peer).into_iter().filter(|call| sets(call.name));
    let mut stated = stated.map(|call| (call.entry, call.answered));
    let acted = evidence
        .events(peer)
        .into_iter()
        .filter(|it| matches!(it.event, PeerEvent::Acted { operation, .. } if sets(operation)));
    let mut acted = acted.map(|it| (it.entry, it.entry));
    let within = |(begun, done): (u64, u64)| begun < to && done > from;
    let is_set = stated.any(within) || acted.any(within);
    is_set && evidence.descriptions.iter().any(|made| made.sdp.media().len() > 1)
}

/// Who restarted ICE, and when, as far as the recording says.
fn restarts(evidence: &Evidence, peer: Peer) -> Vec<(Peer, u64)> {
    let own = moments(evidence, peer, "restartIce").into_iter().map(|(_, t_us)| (peer, t_us));
    let mut all: Vec<(Peer, u64)> = own.collect();
    for each in evidence.each_peer() {
        for later in look::later(evidence, each) {
            if look::credentials_before_and_now(&later).iter().any(|(_, [was, now])| was != now) {
                all.push((each, later.made.t_us));
            }
        }
    }
    all
}

/// With one transport the two go through the same states. The first of a transport may have gone by before anybody listened.
fn judge_derivation(
    evidence: &Evidence,
    peer: Peer,
    connection: &[(IceState, &Happened<'_>)],
    transport: &[(IceState, &Happened<'_>)],
    last_reported: u64,
    tally: &mut Tally,
) {
    let place = connection.last().map_or(Place::Entry(0), |(_, it)| Place::Entry(it.entry));
    // An answer that rejects every section leaves no transport to follow (§4.3.4).
    let is_left = |(state, it): &(IceState, &Happened<'_>)| {
        *state == IceState::New && rejects_all(&evidence.timeline, evidence.name(peer), it.entry)
    };
    let connection = connection.split(|it| is_left(it)).next().unwrap_or_default();
    if evidence.descriptions.iter().any(|made| made.sdp.media().len() > 1) {
        tally.inconclusive("the states of several ICE transports cannot be distinguished", [place]);
        return;
    }
    if transport.is_empty() || transport.iter().any(|(state, _)| *state == IceState::Closed) {
        tally.inconclusive("the states of the ICE transport are not reported, or it was replaced", [place]);
        return;
    }
    // Both events of a change are queued by one task, and the recording may end between them: then the last change is not decided.
    let ended_between = connection.len() == transport.len() + 1
        && connection.last().is_some_and(|(_, it)| it.entry == last_reported)
        && connection.iter().zip(transport).all(|((state, _), (of, _))| state == of);
    let missed = if ended_between { 0 } else { connection.len().saturating_sub(transport.len()) };
    let followed = connection.get(missed..).unwrap_or_default();
    for ((state, it), (of, there)) in followed.iter().zip(transport) {
        let place = Place::Entry(it.entry);
        if state == of {
            tally.pass(place);
        } else {
            let sentence = format!("iceConnectionState became {state} where its only transport became {of}");
            tally.fail(Fault("differs-from-transport"), sentence, [place, Place::Entry(there.entry)]);
            return;
        }
    }
    if ended_between || missed > 1 || transport.len() > connection.len() {
        tally.inconclusive("some states of the connection or of its transport are not reported", [place]);
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use peerproof_captures::event::{IceState, PeerEvent};

    /// Reports that it failed, and is connected again without a restart; its transport too.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        for state in [IceState::Failed, IceState::Connected] {
            for event in
                [PeerEvent::IceTransportStateChange { state }, PeerEvent::IceConnectionStateChange { state }]
            {
                events::push(evidence, "bob", event);
            }
        }
    })
    .and(&[Mutation::new(Recording::Data, "where its only transport became", |evidence| {
        let connected = |event: &PeerEvent| {
            matches!(event, PeerEvent::IceConnectionStateChange { state: IceState::Connected })
        };
        let at = events::find(evidence, "bob", connected);
        *events::event(evidence, at) = PeerEvent::IceConnectionStateChange { state: IceState::Completed };
    })]);
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::Status;
    use crate::checks::controls::events::{evidence, stated};
    use serde_json::{Value, json};

    fn result(connection: &[&str], transport: &[&str], calls: &[Value]) -> Status {
        let state = |name: &'static str| move |state: &&str| (name, json!({"state": state}));
        let connection = connection.iter().map(state("iceconnectionstatechange"));
        let transport = transport.iter().map(state("icetransportstatechange"));
        events_result(connection.chain(transport), calls)
    }

    fn events_result(events: impl Iterator<Item = (&'static str, Value)>, calls: &[Value]) -> Status {
        let events = events.enumerate();
        let events = events.map(|(n, (name, data))| stated(n as u64, name, data));
        let mut all: Vec<Value> = events.collect();
        // Behind the second state of the connection.
        all.splice(2..2, calls.iter().cloned());
        CHECK.run(&evidence(all))[0].result
    }

    #[test]
    fn failed_is_left_by_a_restart_alone() {
        let states = ["checking", "failed", "checking", "connected"];
        let restart = [
            json!({"command": {"peer": "alice", "id": 1, "name": "restartIce", "args": {}}}),
            json!({"answer": {"peer": "alice", "id": 1, "answer": {"ok": null}}}),
        ];
        assert_eq!(result(&states, &states, &[]), Status::Fail);
        assert_eq!(result(&states, &states, &restart), Status::Pass);
        assert_eq!(result(&["failed", "closed"], &["failed", "closed"], &[]), Status::Inconclusive);
    }

    #[test]
    fn the_connection_goes_with_its_only_transport() {
        let states = ["checking", "connected"];
        assert_eq!(result(&states, &states, &[]), Status::Pass);
        assert_eq!(result(&states, &["connected"], &[]), Status::Pass, "nobody listened at first");
        assert_eq!(result(&states, &["checking", "failed"], &[]), Status::Fail);
        assert_eq!(result(&states, &[], &[]), Status::Inconclusive);
    }

    /// The transport is discarded, and without one the state is new; a section that is accepted keeps its transport.
    #[test]
    fn an_answer_that_rejects_every_section_makes_the_state_new() {
        let answered = |port: u16| {
            let sdp = format!("v=0\r\nm=video {port} UDP/TLS/RTP/SAVPF 96\r\n");
            let args = json!({"description": {"type": "answer", "sdp": sdp}});
            let set =
                json!({"command": {"peer": "alice", "id": 1, "name": "setRemoteDescription", "args": args}});
            let reported =
                [("iceconnectionstatechange", "checking"), ("icetransportstatechange", "checking")];
            let then = [("iceconnectionstatechange", "new"), ("icetransportstatechange", "connected")];
            let event = |(name, state): (&'static str, &str)| (name, json!({"state": state}));
            events_result(reported.into_iter().chain(then).map(event), &[set])
        };
        assert_eq!([0, 9].map(answered), [Status::Inconclusive, Status::Fail]);
    }

    #[test]
    fn the_recording_may_end_before_the_last_state_of_the_transport() {
        let reported = |all: &[(&'static str, &str)]| {
            let event = |(name, state): &(&'static str, &str)| (*name, json!({"state": state}));
            events_result(all.iter().map(event), &[])
        };
        let [connection, transport] = ["iceconnectionstatechange", "icetransportstatechange"];
        let both = [(connection, "checking"), (transport, "checking"), (connection, "failed")];
        assert_eq!(reported(&both), Status::Inconclusive);
        let later = [&both[..], &[("connectionstatechange", "failed")]].concat();
        assert_eq!(reported(&later), Status::Fail, "another event was reported after it");
    }
}
