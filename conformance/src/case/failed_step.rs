//! What a step that did not end as wanted reveals of the layer that diverged.

use crate::api::{PeerView, Views};
use crate::case_file::CasePeer;
use crate::expect::{AnyOf, PeerExpectations};
use crate::record::CaseRecord;
use crate::verdict::Layer;
use peerproof_captures::event::{ConnectionState, DtlsState, IceState, PeerEvent, SdpType};
use peerproof_captures::observe::Unit;
use peerproof_captures::sdp::Candidate;
use peerproof_captures::server::{ServerEvent, ServerEventKind};
use peerproof_captures::timeline::{Action, Condition, Entry, Expected, HarnessStep, Key, Step, What};
use peerproof_captures::wire::dtls::handshake::HandshakeType;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::net::SocketAddr;

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

/// The peer at which what was expected happens without the other: that does not follow from what the other lacks. `acting` is the one of
/// the step, which ended at the entry `ended`.
pub(super) fn alone<'a>(
    record: &'a CaseRecord,
    expected: &Expected,
    acting: Option<&'a CasePeer>,
    ended: u64,
) -> Option<&'a str> {
    match acting.filter(|_| is_own(expected)) {
        Some(acting) => Some(&acting.name),
        None => lacks_socket(record, expected, ended).or_else(|| releases(record, expected, ended)),
    }
}

/// The only peer that the scenario had closed, where it is awaited in vain that an allocation ends: closing releases it (RFC 8656 §8).
fn releases<'a>(record: &'a CaseRecord, expected: &Expected, ended: u64) -> Option<&'a str> {
    let Expected::ServerEvent { event, .. } = expected else { return None };
    let closed = record.file.peers.iter().filter(|peer| closed_before(record, &peer.name, ended).is_some());
    match closed.collect::<Vec<_>>()[..] {
        [only] if event.allows(&ServerEventKind::Ended) => Some(&only.name),
        _ => None,
    }
}

/// Whether what was expected is what a peer's own gathering gives.
fn is_own(expected: &Expected) -> bool {
    matches!(
        expected,
        Expected::Condition {
            condition: Condition::IceGatheringState(_)
                | Condition::Icecandidate(_)
                | Condition::Icecandidateerror(_)
                | Condition::Negotiationneeded,
            ..
        }
    )
}

/// The peer of whose sockets a server's event was awaited in vain, where those of each peer were awaited and one peer has fewer than the
/// other. `ended` is the entry at which the step ended.
fn lacks_socket<'a>(record: &'a CaseRecord, expected: &Expected, ended: u64) -> Option<&'a str> {
    let Expected::ServerEvent {
        server: wanted, event: kinds, code: wanted_code, sockets: Some(sockets), ..
    } = expected
    else {
        return None;
    };
    let fits = |event: &ServerEvent| {
        let code = match event {
            ServerEvent::Refused { code, .. } => Some(*code),
            _ => None,
        };
        event.kind().is_some_and(|kind| kinds.allows(&kind))
            && (wanted_code.is_none() || *wanted_code == code)
    };
    let since = |from: u64| -> BTreeSet<&str> {
        let seen = record.timeline.iter().filter(|entry| (from..ended).contains(&entry.n));
        let clients = seen.filter_map(|entry| match &entry.what {
            What::Server { server, event } if server == wanted && fits(event) => event.client(),
            _ => None,
        });
        clients.collect()
    };
    let [one, other] = record.file.peers.as_slice() else { return None };
    // A step sees what no step before it has awaited: at least what came since the one before began, at most all.
    let steps = record.timeline.iter().rev().filter(|entry| entry.n < ended);
    let mut steps = steps.filter(|entry| matches!(entry.what, What::StepBegan { .. }));
    let before = steps.nth(1).map_or(0, |entry| entry.n);
    let mut counts = [0, before].map(|from| {
        let clients = since(from);
        let of = |peer: usize| clients.iter().filter(|client| owner(record, client) == Some(peer)).count();
        let known = of(0) + of(1) == clients.len();
        (known && clients.len() < usize::try_from(*sockets).unwrap_or(usize::MAX)).then(|| (of(0), of(1)))
    });
    counts.sort_by_key(|counts| counts.is_none_or(|(one, other)| one == other));
    // Nobody else was given that server.
    if let [only] = configured(record, wanted, ended).into_iter().collect::<Vec<_>>()[..] {
        return counts.iter().any(Option::is_some).then_some(only);
    }
    // Of two that lack it either may be named only where they are alike, and where it is not the server's doing.
    let alike = one.implementation == other.implementation && !kinds.allows(&ServerEventKind::Refused);
    match counts.into_iter().flatten().next() {
        Some((of_one, of_other)) if of_one != of_other || alike => {
            Some(if of_one <= of_other { &one.name } else { &other.name })
        }
        // Where nobody saw whose the only client is, the one that reports the refusal had it.
        _ if *sockets == 2 && since(0).len() == 1 => {
            record.other(refused_alone(record, wanted, *wanted_code, ended)?)
        }
        _ => None,
    }
}

/// The peers whose configuration named a server before the entry `ended`.
fn configured<'a>(record: &'a CaseRecord, server: &str, ended: u64) -> BTreeSet<&'a str> {
    let urls = record.timeline.iter().filter_map(|entry| match &entry.what {
        What::Server { server: at, event: ServerEvent::Started { urls, .. } } if at == server => Some(urls),
        _ => None,
    });
    let urls: Vec<&str> = urls.flatten().map(|url| url.split('?').next().unwrap_or(url)).collect();
    let names = |args: &Value| {
        let args = args.to_string();
        urls.iter().any(|url| [format!("\"{url}\""), format!("\"{url}?")].iter().any(|it| args.contains(it)))
    };
    let commands = record.timeline.iter().filter(|entry| entry.n < ended);
    commands
        .filter_map(|entry| match &entry.what {
            What::Command { peer, name, args, .. }
                if matches!(name.as_str(), "createPeerConnection" | "setConfiguration") && names(args) =>
            {
                Some(peer.as_str())
            }
            _ => None,
        })
        .collect()
}

/// The only peer that reports before the entry `ended` what a server refused: with the code that was awaited, or whatever it was if the
/// server had one client at all. 701 says that no server answered (webrtc-pc §4.8.2).
fn refused_alone<'a>(
    record: &'a CaseRecord,
    server: &str,
    wanted: Option<u16>,
    ended: u64,
) -> Option<&'a str> {
    let mut urls: BTreeSet<&str> = BTreeSet::new();
    let mut clients: BTreeSet<&str> = BTreeSet::new();
    let mut errors: Vec<(&'a str, u16, &str)> = Vec::new();
    let address = |url: &'a str| url.split('?').next().unwrap_or(url);
    for entry in record.timeline.iter().filter(|entry| entry.n < ended) {
        match &entry.what {
            What::Server { server: at, event } if at == server => {
                if let ServerEvent::Started { urls: all, .. } = event {
                    urls.extend(all.iter().map(|url| address(url)));
                }
                clients.extend(event.client());
            }
            What::Event { peer, event: PeerEvent::IceCandidateError { url, error_code, .. }, .. } => {
                errors.push((peer, *error_code, address(url)));
            }
            _ => {}
        }
    }
    let only = |is_it: &dyn Fn(u16, &str) -> bool| {
        let by: BTreeSet<&'a str> =
            errors.iter().filter(|(_, code, url)| is_it(*code, url)).map(|(peer, ..)| *peer).collect();
        by.first().copied().filter(|_| by.len() == 1)
    };
    only(&|code, _| wanted == Some(code))
        .or_else(|| only(&|code, url| code != 701 && urls.contains(url)).filter(|_| clients.len() == 1))
}

/// Whether it is awaited that a server refuses: then that no candidates come is no cause.
pub(super) fn wants_refusal(expected: &Expected) -> bool {
    matches!(expected, Expected::ServerEvent { event, .. } if event.allows(&ServerEventKind::Refused))
}

/// Whose socket a client of a server is: that of the peer at whose tap it was seen, or which has a candidate of its allocation. Another one
/// belongs to the only peer whose messages with servers were not recorded.
fn owner(record: &CaseRecord, client: &str) -> Option<usize> {
    let address: SocketAddr = client.split(' ').next_back()?.parse().ok()?;
    let servers = record.packets().map_or(&[][..], |wire| &wire.servers);
    let sees = |place: usize| servers.iter().any(|it| it.peer.0 == place);
    let seen = servers.iter().find(|message| message.client == address).map(|message| message.peer.0);
    seen.or_else(|| allocates(record, client)).or(match (sees(0), sees(1)) {
        (true, false) => Some(1),
        (false, true) => Some(0),
        _ => None,
    })
}

/// The peer among whose candidates is an address that a server relays for that client.
fn allocates(record: &CaseRecord, client: &str) -> Option<usize> {
    let relayed: BTreeSet<&str> = record
        .timeline
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Server { event: ServerEvent::Allocated { client: of, relayed, .. }, .. }
                if of == client =>
            {
                Some(relayed.iter().map(String::as_str))
            }
            _ => None,
        })
        .flatten()
        .collect();
    record.timeline.iter().find_map(|entry| match &entry.what {
        What::Event { peer, event: PeerEvent::IceCandidate { candidate: Some(candidate) }, .. } => {
            let parsed = Candidate::parse(&candidate.candidate).ok()?;
            let ip = parsed.address.to_string();
            let separated = if ip.contains(':') { format!("[{ip}]") } else { ip };
            let is_it = relayed.contains(format!("{separated}:{}", parsed.port).as_str());
            record.file.peers.iter().position(|it| is_it && it.name == *peer)
        }
        _ => None,
    })
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
