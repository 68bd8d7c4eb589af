//! What a step that did not end as wanted reveals of the layer that diverged.

use crate::api::{PeerView, Views};
use crate::expect::{AnyOf, PeerExpectations};
use crate::record::CaseRecord;
use crate::verdict::Layer;
use peerproof_captures::event::{ConnectionState, DtlsState, IceState, SdpType};
use peerproof_captures::observe::Unit;
use peerproof_captures::server::ServerEventKind;
use peerproof_captures::timeline::{Action, Condition, Entry, Expected, HarnessStep, Key, Step, What};
use peerproof_captures::wire::dtls::handshake::HandshakeType;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Whether the step expects that a connection fails or ends: then a layer that is not up is no cause.
pub(super) fn wants_failure(expected: &Expected) -> bool {
    match expected {
        Expected::Condition { condition, .. } => condition.wants_failure(),
        Expected::AnswerValue { value, .. } => ConnectionState::deserialize(value).is_ok_and(|state| {
            matches!(state, ConnectionState::Disconnected | ConnectionState::Failed | ConnectionState::Closed)
        }),
        _ => false,
    }
}

/// Whether the layer `at`, which is not up, can be why an expectation at the layer `own` failed. It cannot where something happened that must
/// not, or succeeded though it must be rejected, or where the answer to a call depends on no transport; nor do media and data channels
/// depend on each other.
pub(super) fn explains(expected: &Expected, at: Layer, own: Layer, views: &Views) -> bool {
    let is_below = |own: Layer| match own {
        Layer::Sctp | Layer::DataChannel => at <= own && at != Layer::Srtp,
        Layer::Srtp | Layer::Media => at <= own && !matches!(at, Layer::Sctp | Layer::DataChannel),
        _ => at <= own,
    };
    match expected {
        Expected::NoCondition { condition, .. } => condition.wants_failure(),
        Expected::Rejection { .. } | Expected::NoServerEvent { .. } => false,
        // The rest of the case may wait for anything.
        Expected::AllSteps => true,
        // What was rejected says why.
        Expected::Success { command, .. } => match of_command(command) {
            Layer::Gathering | Layer::Media => false,
            own => is_below(own),
        },
        // The state of who offered follows from its own offer, unless an answer is to end it.
        Expected::AnswerValue { peer, command, path, value }
            if command == "getState" && at == Layer::Signalling && is_of_signaling(path) =>
        {
            let offers = |view: &PeerView| view.local.iter().any(|at| at.is.kind == SdpType::Offer);
            value == "stable" || !views.get(peer).is_some_and(offers)
        }
        Expected::AnswerValue { command, path, .. } => match command.as_str() {
            "getState" if path.iter().any(|key| matches!(key, Key::Name(name) if name == "connection")) => {
                at <= Layer::Dtls
            }
            "getState" | "getDataChannel" => is_below(own),
            "getStats" => at <= Layer::Dtls,
            _ => at <= Layer::Sdp,
        },
        Expected::Condition { peer, condition: Condition::Media(wanted) } => {
            // What comes is not what was awaited, and nothing is missing below.
            let comes = views
                .get(peer)
                .is_some_and(|view| view.media_samples.iter().any(|sample| sample.is.kind == wanted.kind));
            is_below(own) && !(comes && at >= Layer::Srtp)
        }
        // It is the sum of ICE and DTLS; some implementations count the association too.
        Expected::Condition { condition: Condition::ConnectionState(_), .. } => {
            at <= Layer::Sctp && at != Layer::Srtp
        }
        // The checks that keep a pair alive, and the permissions of a relay, belong to it.
        Expected::Condition {
            condition: Condition::IceConnectionState(_) | Condition::IceTransportState(_),
            ..
        } => at <= Layer::Nomination,
        // What a server is asked while candidates are gathered, and what it is asked for the sake of a pair.
        Expected::ServerEvent { event, .. } => {
            let gathers =
                [ServerEventKind::Bound, ServerEventKind::Allocated].iter().any(|it| event.allows(it));
            at <= if gathers { Layer::Gathering } else { Layer::Nomination }
        }
        _ => is_below(own),
    }
}

fn is_of_signaling(path: &[Key]) -> bool {
    path.iter().any(|key| matches!(key, Key::Name(name) if name == "signaling"))
}

/// Whether a peer is expected to end without a connection.
pub(super) fn wants_no_connection(peer: &PeerExpectations) -> bool {
    use {ConnectionState as Whole, DtlsState as Dtls, IceState as Ice};
    let whole = |whole: &AnyOf<Whole>| {
        whole
            .0
            .iter()
            .any(|state| matches!(state, Whole::New | Whole::Disconnected | Whole::Failed | Whole::Closed))
    };
    let ice = |ice: &AnyOf<Ice>| {
        ice.0.iter().any(|state| matches!(state, Ice::New | Ice::Disconnected | Ice::Failed | Ice::Closed))
    };
    let dtls = |dtls: &AnyOf<Dtls>| {
        dtls.0.iter().any(|state| matches!(state, Dtls::New | Dtls::Failed | Dtls::Closed))
    };
    peer.dtls_state.as_ref().is_some_and(dtls)
        || peer.connection_state.as_ref().is_some_and(whole)
        || peer.ice_connection_state.as_ref().is_some_and(ice)
}

/// Whether the step expects a message on a data channel.
pub(super) fn wants_message(expected: &Expected) -> bool {
    matches!(expected, Expected::Condition { condition: Condition::Message(_), .. })
}

/// The other peer, where a message, a channel or media was awaited of it and the scenario had closed it before the step began, and the entry of that.
pub(super) fn closed<'a>(record: &'a CaseRecord, expected: &Expected, ended: u64) -> Option<(&'a str, u64)> {
    let Expected::Condition { peer, condition } = expected else { return None };
    if !matches!(
        condition,
        Condition::Message(_) | Condition::Media(_) | Condition::Open(_) | Condition::Datachannel(_)
    ) {
        return None;
    }
    let other = record.other(peer)?;
    closed_before(record, other, ended).map(|n| (other, n))
}

/// The command that closed the connection of a peer before the step began that ended at the entry `ended`, if the peer made none after it.
pub(super) fn closed_before(record: &CaseRecord, name: &str, ended: u64) -> Option<u64> {
    let before = record.timeline.iter().rev().skip_while(|entry| entry.n >= ended);
    let before = before.skip_while(|entry| !matches!(entry.what, What::StepBegan { .. }));
    let mut commands = before.filter_map(|entry| match &entry.what {
        What::Command { peer, name: command, .. } if peer == name => Some((command.as_str(), entry.n)),
        _ => None,
    });
    let last = commands.find(|(command, _)| matches!(*command, "close" | "createPeerConnection"));
    last.filter(|(command, _)| *command == "close").map(|(_, n)| n)
}

/// Whether it is awaited that a server refuses: then that no candidates come is no cause.
pub(super) fn wants_refusal(expected: &Expected) -> bool {
    matches!(expected, Expected::ServerEvent { event, .. } if event.allows(&ServerEventKind::Refused))
}

/// The layer that what was expected belongs to.
pub(super) fn layer_of(expected: &Expected, views: &Views) -> Layer {
    match expected {
        // Peers that must not connect have found a path.
        Expected::NoCondition { condition: Condition::ConnectionState(_), .. } => Layer::Checks,
        Expected::Condition { condition, .. } | Expected::NoCondition { condition, .. } => {
            of_condition(condition, views)
        }
        Expected::Success { command, .. } | Expected::Rejection { command, .. } => of_command(command),
        Expected::AnswerValue { command, path, .. } => {
            let mut names = path.iter().filter_map(|key| match key {
                Key::Name(name) => of_state(name, views),
                Key::Index(_) => None,
            });
            names.next_back().unwrap_or_else(|| of_command(command))
        }
        Expected::ServerEvent { .. } | Expected::NoServerEvent { .. } => Layer::Gathering,
        Expected::Answer { .. }
        | Expected::RuleActs { .. }
        | Expected::Bitrate { .. }
        | Expected::Streams { .. }
        | Expected::Silence { .. }
        | Expected::AllSteps => Layer::Media,
    }
}

/// A rule that was to act and met no packet.
pub(super) struct IdleRule<'a> {
    /// The layer of the packets that it matches.
    pub(super) layer: Layer,
    /// The peer that did not send such a packet, if the rule is for packets of one.
    pub(super) sender: Option<&'a str>,
}

/// The rule that the step awaited, if it awaited one and the scenario installed it.
pub(super) fn idle_rule<'a>(record: &'a CaseRecord, expected: &Expected) -> Option<IdleRule<'a>> {
    let Expected::RuleActs { rule: wanted, .. } = expected else { return None };
    let rule = record.timeline.iter().find_map(|entry| {
        let What::StepBegan { definition, .. } = &entry.what else { return None };
        let Action::Harness { step: HarnessStep::Network, args } = &definition.action else { return None };
        let rules = args.as_object()?.values().filter_map(Value::as_object);
        rules.into_iter().find(|rule| rule.get("name").and_then(Value::as_str) == Some(wanted))
    })?;
    let sender = rule.get("from").and_then(Value::as_str).and_then(|from| match from {
        "dtls-client" => dtls_client(record),
        "dtls-server" => record.other(dtls_client(record)?),
        peer => Some(peer),
    });
    Some(IdleRule { layer: layer_of_rule(rule), sender })
}

/// The layer of the packets for which a rule is.
pub(super) fn layer_of_rule(rule: &Map<String, Value>) -> Layer {
    let speaks_of = |keys: &[&str]| keys.iter().any(|key| rule.contains_key(*key));
    let class = rule.get("class").and_then(Value::as_str);
    if speaks_of(&["dcep", "stream", "channel"]) {
        Layer::DataChannel
    } else if speaks_of(&["sctp"]) {
        Layer::Sctp
    } else if speaks_of(&["handshake", "content"]) || class == Some("dtls") {
        Layer::Dtls
    } else if speaks_of(&["stun", "method", "useCandidate"]) || class == Some("stun") {
        Layer::Checks
    } else {
        Layer::Media
    }
}

/// The peer that sent the last ClientHello (RFC 8842 §5.3).
fn dtls_client(record: &CaseRecord) -> Option<&str> {
    let is_hello = |unit: &Unit<'_>| matches!(unit, Unit::Handshake { kind: HandshakeType::ClientHello, .. });
    record.handshake()?.iter().rev().find(|sent| is_hello(&sent.unit)).map(|sent| sent.from)
}

fn of_condition(condition: &Condition, views: &Views) -> Layer {
    match condition {
        Condition::SignalingState(_) | Condition::Negotiationneeded => Layer::Sdp,
        Condition::IceGatheringState(_) | Condition::Icecandidate(_) | Condition::Icecandidateerror(_) => {
            Layer::Gathering
        }
        Condition::IceConnectionState(_) | Condition::IceTransportState(_) => Layer::Checks,
        Condition::Selectedcandidatepairchange => Layer::Nomination,
        Condition::ConnectionState(_) => of_connection(views),
        Condition::DtlsState(_) => Layer::Dtls,
        Condition::SctpState(_) => Layer::Sctp,
        Condition::Datachannel(_)
        | Condition::Open(_)
        | Condition::Closing(_)
        | Condition::Close(_)
        | Condition::Error(_)
        | Condition::Bufferedamountlow(_)
        | Condition::Message(_) => Layer::DataChannel,
        Condition::Acted(operation) => match of_command(operation) {
            Layer::Media => Layer::Signalling,
            layer => layer,
        },
        Condition::Track(_)
        | Condition::Mute(_)
        | Condition::Unmute(_)
        | Condition::Ended(_)
        | Condition::Media(_)
        | Condition::Lost => Layer::Media,
    }
}

/// Whether a connection was to fail of which DTLS is up, after the scenario changed the network: that ends its ICE transport.
pub(super) fn should_lose_its_path(record: &CaseRecord, views: &Views, expected: &Expected) -> bool {
    let changes = |entry: &Entry| match &entry.what {
        What::StepBegan { definition: Step { action, .. }, .. } => {
            matches!(action, Action::Harness { step: HarnessStep::Network, .. })
        }
        _ => false,
    };
    let is_of_connection =
        matches!(expected, Expected::Condition { condition: Condition::ConnectionState(_), .. });
    is_of_connection && wants_failure(expected) && has_keys(views) && record.timeline.iter().any(changes)
}

/// Whether the DTLS transports of all peers are connected.
fn has_keys(views: &Views) -> bool {
    views.values().all(|view| view.dtls.last().is_some_and(|at| at.is == DtlsState::Connected))
}

/// `connectionState` is the sum of ICE and DTLS: DTLS if ICE is connected.
fn of_connection(views: &Views) -> Layer {
    let ice = views.values().all(|view| view.ice_connected().is_some());
    let dtls = views.values().any(|view| view.dtls.iter().any(|at| at.is != DtlsState::New));
    let last = |view: &PeerView| [view.ice.last().map(|at| at.is), view.ice_transport.last().map(|at| at.is)];
    let is_down = |state| matches!(state, Some(IceState::Disconnected | IceState::Failed));
    // What is connected no longer at ICE failed there, if DTLS did not.
    let ended = |view: &PeerView| {
        view.dtls.last().is_some_and(|at| matches!(at.is, DtlsState::Failed | DtlsState::Closed))
    };
    let lost = views.values().any(|view| last(view).into_iter().any(is_down)) && !views.values().any(ended);
    if (ice || dtls) && !lost { Layer::Dtls } else { Layer::Checks }
}

/// The layer of a command of the peer protocol.
fn of_command(name: &str) -> Layer {
    match name {
        "createOffer" | "createAnswer" | "setLocalDescription" | "setRemoteDescription" => Layer::Sdp,
        "addIceCandidate" | "createPeerConnection" | "restartIce" | "setConfiguration" => Layer::Gathering,
        "createDataChannel"
        | "getDataChannel"
        | "closeDataChannel"
        | "send"
        | "echo"
        | "setBufferedAmountLowThreshold" => Layer::DataChannel,
        "join" => Layer::Signalling,
        _ => Layer::Media,
    }
}

/// The layer of a member of what `getState` answers.
fn of_state(name: &str, views: &Views) -> Option<Layer> {
    Some(match name {
        "signaling" | "localDescription" | "remoteDescription" => Layer::Sdp,
        "iceGathering" => Layer::Gathering,
        "iceConnection" | "ice" => Layer::Checks,
        "connection" => of_connection(views),
        "dtls" => Layer::Dtls,
        "sctp" => Layer::Sctp,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::view::PeerView;
    use serde_json::{Value, json};

    fn expected(value: Value) -> Expected {
        serde_json::from_value(value).unwrap()
    }

    fn at_bob(condition: Value) -> Expected {
        expected(json!({"condition": {"peer": "bob", "condition": condition}}))
    }

    #[test]
    fn the_layer_is_that_of_the_condition_whatever_labels_and_peers_are_called() {
        let silent = |name: &str| (name.to_owned(), PeerView::of(&[], name));
        let views = Views::from_iter(["alice", "bob"].map(silent));
        let layer = |expected: &Expected| layer_of(expected, &views);
        for (condition, of) in [
            (json!({"open": "dtls"}), Layer::DataChannel),
            (json!({"error": "chat"}), Layer::DataChannel),
            (json!({"message": {"channel": "chat", "text": "signaling"}}), Layer::DataChannel),
            (json!({"dtlsState": "failed"}), Layer::Dtls),
            (json!({"icecandidateerror": {"code": 401}}), Layer::Gathering),
            (json!({"connectionState": "connected"}), Layer::Checks),
            (json!({"acted": "setRemoteDescription"}), Layer::Sdp),
            (json!({"acted": "watch"}), Layer::Signalling),
            (json!({"media": {"kind": "audio"}}), Layer::Media),
        ] {
            assert_eq!(layer(&at_bob(condition.clone())), of, "{condition}");
        }
        let success =
            |peer: &str, command: &str| expected(json!({"success": {"peer": peer, "command": command}}));
        assert_eq!(layer(&success("dtls", "send")), Layer::DataChannel);
        assert_eq!(layer(&success("bob", "createAnswer")), Layer::Sdp);
        let refused =
            expected(json!({"server_event": {"server": "relay", "event": "refused", "sockets": 2}}));
        assert_eq!(layer(&refused), Layer::Gathering);
        let state = |name: &str| {
            let value = json!({"peer": "bob", "command": "getState", "path": [name, 0], "value": "closed"});
            expected(json!({ "answer_value": value }))
        };
        assert_eq!([layer(&state("sctp")), layer(&state("canTrickle"))], [Layer::Sctp, Layer::Media]);
    }

    #[test]
    fn what_an_answer_or_media_do_not_depend_on_explains_nothing() {
        let silent = |name: &str| (name.to_owned(), PeerView::of(&[], name));
        let views = Views::from_iter(["alice", "bob"].map(silent));
        let explained =
            |expected: &Expected, at: Layer| explains(expected, at, layer_of(expected, &views), &views);
        let answer = |command: &str| {
            let value = json!({"peer": "bob", "command": command, "path": ["x"], "value": 1});
            expected(json!({ "answer_value": value }))
        };
        let success = |command: &str| expected(json!({"success": {"peer": "bob", "command": command}}));
        for (expected, at, wanted) in [
            (answer("getTransceivers"), Layer::Media, false),
            (answer("getTransceivers"), Layer::Sdp, true),
            (answer("getStats"), Layer::Checks, true),
            (answer("getStats"), Layer::Srtp, false),
            (success("addTransceiver"), Layer::Signalling, false),
            (success("send"), Layer::Checks, true),
            (success("send"), Layer::Srtp, false),
            (at_bob(json!({"media": {"kind": "audio"}})), Layer::Dtls, true),
            (at_bob(json!({"media": {"kind": "audio"}})), Layer::DataChannel, false),
            (at_bob(json!({"message": {"channel": "chat"}})), Layer::Srtp, false),
            (at_bob(json!({"connectionState": "connected"})), Layer::Dtls, true),
            (Expected::AllSteps, Layer::DataChannel, true),
        ] {
            assert_eq!(explained(&expected, at), wanted, "{expected:?} at {at:?}");
        }
    }

    #[test]
    fn a_failure_is_wanted_by_a_state_and_not_by_a_word_elsewhere() {
        for (condition, wanted) in [
            (json!({"connectionState": ["failed", "connected"]}), true),
            (json!({"sctpState": "closed"}), true),
            (json!({"iceConnectionState": "connected"}), false),
            (json!({"open": "closed"}), false),
            (json!({"message": {"channel": "failed"}}), false),
        ] {
            assert_eq!(wants_failure(&at_bob(condition.clone())), wanted, "{condition}");
        }
        let closed = json!({"peer": "bob", "command": "getState", "path": ["dtls"], "value": "closed"});
        assert!(wants_failure(&expected(json!({ "answer_value": closed }))));
    }
}
