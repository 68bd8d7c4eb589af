//! What a program does without another one: whether it does what it answers.

use super::features::Claims;
use super::outcome::{Group, Outcome, Tried, shortened, violates};
use super::session::{Ground, Session, Trouble};
use peerproof_captures::event::{
    ConnectionState, Description, DtlsState, IceGatheringState, IceState, PeerEvent, SctpState, SdpType,
    SignalingState,
};
use peerproof_captures::feature::Feature;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long what must follow an answer may take.
const SOON: Duration = Duration::from_secs(5);
/// How long gathering may take.
const GATHERING: Duration = Duration::from_secs(20);

/// An offer with a data channel, and the closing of the connection.
pub(super) async fn alone(
    ground: &Ground,
    listed: &BTreeSet<String>,
    claims: &Claims,
) -> Result<Group, Trouble> {
    let mut group = Group::new("alone");
    let (mut session, made) = Session::connection(ground, "alone").await?;
    if group.add("createPeerConnection", made).is_some() {
        offer(&mut session, &mut group, listed).await;
        closing(&mut session, &mut group, listed).await;
    }
    session.end().await;
    for (kind, feature) in [("audio", Feature::Audio), ("video", Feature::Video)] {
        if listed.contains("createSource") {
            let (mut session, made) = Session::connection(ground, "alone with media").await?;
            let made = match made {
                Ok(()) => media(&mut session, kind, listed).await,
                Err(outcome) => Err(outcome),
            };
            group.add(format!("a source of {kind} is offered"), claims.hold(feature, made));
            session.end().await;
        }
    }
    if listed.contains("createSource") && listed.contains("addTransceiver") {
        let (mut session, made) = Session::connection(ground, "alone with simulcast").await?;
        let made = match made {
            Ok(()) => simulcast(&mut session).await,
            Err(outcome) => Err(outcome),
        };
        group.add("two encodings of a track are offered", claims.hold(Feature::Simulcast, made));
        session.end().await;
    }
    if listed.contains("addTransceiver") {
        let (mut session, made) = Session::connection(ground, "alone with a transceiver").await?;
        let made = match made {
            Ok(()) => transceiver(&mut session, listed).await,
            Err(outcome) => Err(outcome),
        };
        group.add("a transceiver that only receives is offered", made);
        session.end().await;
    }
    Ok(group)
}

async fn offer(session: &mut Session, group: &mut Group, listed: &BTreeSet<String>) {
    let made = session.call("createDataChannel", json!({ "label": "chat", "protocol": "p" })).await.done();
    let made = made.and_then(|info| {
        let seen = [info.get("label"), info.get("protocol")];
        if seen == [Some(&json!("chat")), Some(&json!("p"))] {
            Ok(())
        } else {
            violates("properties with the label `chat` and the protocol `p`", info.to_string())
        }
    });
    let channel = group.add("createDataChannel answers the channel's properties", made).is_some();
    // An implementation may set what it offers at once: that is noted below, and its event counts all the same.
    let mark = session.mark();
    let made = session.call("createOffer", json!({})).await.done().and_then(|value| {
        let offer = description(&value, SdpType::Offer)?;
        match section(&offer.sdp, "application") {
            None if channel => violates("a description with m=application", shortened(&offer.sdp)),
            _ => Ok(offer),
        }
    });
    let Some(offer) = group.add("createOffer answers an offer with the channel's section", made) else {
        group.skip("setLocalDescription", "no offer");
        return;
    };
    if listed.contains("getState") {
        group.add("an offer alone changes nothing", state_by_standard(session, "signaling", "stable").await);
    }
    let set = session.call("setLocalDescription", json!({ "description": offer })).await.done();
    let set = set.and_then(|value| description(&value, SdpType::Offer));
    let Some(local) = group.add("setLocalDescription answers the local description", set) else { return };
    let seen = |event: &PeerEvent| {
        matches!(event, PeerEvent::SignalingStateChange { state: SignalingState::HaveLocalOffer })
            .then_some(())
    };
    let what = "signalingstatechange to have-local-offer";
    group.add("an event reports have-local-offer", session.event(mark, what, SOON, seen).await);
    if listed.contains("getState") {
        group.add("getState reports have-local-offer", state(session, "signaling", "have-local-offer").await);
        let states = session.call("getState", json!({})).await.done();
        group.add("getState reports states of the standard", states.and_then(|value| known_states(&value)));
    }
    candidates(session, group, mark, &local, listed).await;
    if listed.contains("getStats") {
        let stats = session.call("getStats", Value::Null).await.done();
        let stats = stats.and_then(|stats| match stats.is_object() {
            true => Ok(()),
            false => violates("an object by id", stats.to_string()),
        });
        group.add("getStats answers a report", stats);
    }
}

async fn candidates(
    session: &mut Session,
    group: &mut Group,
    mark: usize,
    local: &Description,
    listed: &BTreeSet<String>,
) {
    let found = |event: &PeerEvent| match event {
        PeerEvent::IceCandidate { candidate: Some(candidate) } if !candidate.candidate.is_empty() => {
            Some(true)
        }
        PeerEvent::IceCandidate { candidate: None } => Some(false),
        _ => None,
    };
    let what = "icecandidate with a candidate";
    let seen = session.event(mark, what, GATHERING, found).await.and_then(|some| match some {
        true => Ok(()),
        false => violates(what, "the end of candidates, and none before"),
    });
    let within = match seen {
        Err(_) if local.sdp.contains("a=candidate:") => true,
        Err(_) if listed.contains("getState") => {
            let state = session.call("getState", Value::Null).await.done().unwrap_or_default();
            state
                .pointer("/localDescription/sdp")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .contains("a=candidate:")
        }
        _ => false,
    };
    group.add("candidates are found", if within { Ok(()) } else { seen });
    if within {
        group.note("in the description only: they are carried with it, without trickle ICE");
        return;
    }
    let end = |event: &PeerEvent| matches!(event, PeerEvent::IceCandidate { candidate: None }).then_some(());
    let what = "icecandidate with null";
    group.add("the end of candidates is signalled", session.event(mark, what, GATHERING, end).await);
}

async fn closing(session: &mut Session, group: &mut Group, listed: &BTreeSet<String>) {
    if !listed.contains("close") {
        group.skip("close", "not among its commands");
        return;
    }
    let closed = session.call("close", Value::Null).await.done().map(|_| ());
    if group.add("close", closed).is_none() {
        return;
    }
    if listed.contains("getState") {
        group.add("getState reports closed", state_by_standard(session, "signaling", "closed").await);
    }
    let after = session.call("createOffer", json!({})).await;
    let refused = after.refused_by_standard(&["InvalidStateError"]).map(|_| ());
    // Who makes one deviates; who says that it was made violates the protocol.
    let after = match (refused, after.done()) {
        (Err(outcome), Ok(value)) => description(&value, SdpType::Offer).and(Err(outcome)),
        (refused, _) => refused,
    };
    group.add("a closed connection makes no offer", after);
}

/// A source that is added stands in the offer.
async fn media(session: &mut Session, kind: &str, listed: &BTreeSet<String>) -> Tried {
    let source = session.call("createSource", json!({ "kind": kind })).await.done()?;
    let track = track(&source, kind)?;
    session.call("addTrack", json!({ "track": track })).await.done()?;
    let offer = session.call("createOffer", json!({})).await.done()?;
    let offer = description(&offer, SdpType::Offer)?;
    direction(&offer.sdp, kind, &["sendrecv", "sendonly"])?;
    if listed.contains("getTransceivers") {
        let all = session.call("getTransceivers", Value::Null).await.done()?;
        let ours = |one: &Value| one.get("sender").and_then(Value::as_str) == Some(track.as_str());
        if !all.as_array().is_some_and(|all| all.iter().any(ours)) {
            return violates(format!("a transceiver whose sender is {track}"), all.to_string());
        }
    }
    Ok(())
}

/// A track with two encodings is offered as simulcast (RFC 8853).
async fn simulcast(session: &mut Session) -> Tried {
    let source = session.call("createSource", json!({ "kind": "video" })).await.done()?;
    let track = track(&source, "video")?;
    let encodings = json!([{ "rid": "h" }, { "rid": "l", "scaleResolutionDownBy": 2 }]);
    let args = json!({ "kind": "video", "track": track, "sendEncodings": encodings });
    session.call("addTransceiver", args).await.done()?;
    let offer = session.call("createOffer", json!({})).await.done()?;
    let offer = description(&offer, SdpType::Offer)?;
    for line in ["a=rid:h send", "a=rid:l send", "a=simulcast:send h;l"] {
        if !offer.sdp.lines().any(|it| it.starts_with(line)) {
            return violates(format!("an offer with {line}"), shortened(&offer.sdp));
        }
    }
    Ok(())
}

async fn transceiver(session: &mut Session, listed: &BTreeSet<String>) -> Tried {
    let args = json!({ "kind": "audio", "direction": "recvonly" });
    let added = session.call("addTransceiver", args).await.done()?;
    if added.get("transceiver") != Some(&json!(0)) {
        return violates("{transceiver: 0, mid}", added.to_string());
    }
    let offer = session.call("createOffer", json!({})).await.done()?;
    direction(&description(&offer, SdpType::Offer)?.sdp, "audio", &["recvonly"])?;
    if listed.contains("getTransceivers") {
        let all = session.call("getTransceivers", Value::Null).await.done()?;
        let seen = all.get(0).and_then(|one| one.get("direction"));
        if seen != Some(&json!("recvonly")) {
            return violates("one transceiver with the direction recvonly", all.to_string());
        }
    }
    Ok(())
}

/// The id of a source's only track.
pub(super) fn track(source: &Value, kind: &str) -> Tried<String> {
    let track = source.pointer("/tracks/0");
    let seen = track.and_then(|track| track.get("kind")).and_then(Value::as_str);
    match track.and_then(|track| track.get("id")).and_then(Value::as_str) {
        Some(id) if seen == Some(kind) && !id.is_empty() => Ok(id.to_owned()),
        _ => violates(format!("{{stream, tracks: [{{id, kind: {kind}, settings}}]}}"), source.to_string()),
    }
}

/// A description of this type.
pub(super) fn description(value: &Value, kind: SdpType) -> Tried<Description> {
    let shown = || shortened(&value.to_string());
    match serde_json::from_value::<Description>(value.clone()) {
        Ok(description) if description.kind == kind && description.sdp.starts_with("v=0") => Ok(description),
        _ => violates(format!("{{type: {kind}, sdp: v=0…}}"), shown()),
    }
}

/// The lines of a kind's first media section.
fn section<'a>(sdp: &'a str, kind: &str) -> Option<Vec<&'a str>> {
    let head = format!("m={kind} ");
    let mut lines = sdp.lines().skip_while(|line| !line.starts_with(&head));
    let first = lines.next()?;
    Some(std::iter::once(first).chain(lines.take_while(|line| !line.starts_with("m="))).collect())
}

fn direction(sdp: &str, kind: &str, wanted: &[&str]) -> Tried {
    let Some(lines) = section(sdp, kind) else {
        return violates(format!("a section m={kind}"), shortened(sdp));
    };
    let all = ["sendrecv", "sendonly", "recvonly", "inactive"];
    let seen = lines.iter().find_map(|line| line.strip_prefix("a=").filter(|word| all.contains(word)));
    // What is absent is sendrecv (RFC 8866 §6.7).
    let seen = seen.unwrap_or("sendrecv");
    if wanted.contains(&seen) {
        return Ok(());
    }
    violates(format!("a={} in the section m={kind}", wanted.join(" or ")), format!("a={seen}"))
}

async fn state(session: &mut Session, name: &str, wanted: &str) -> Tried {
    let state = session.call("getState", Value::Null).await.done()?;
    if is_state(&state, name, wanted) {
        return Ok(());
    }
    violates(format!("{name}: {wanted}"), shortened(&state.to_string()))
}

/// The same where the adapter reports the state that the implementation has, right or wrong.
async fn state_by_standard(session: &mut Session, name: &str, wanted: &str) -> Tried {
    let state = session.call("getState", Value::Null).await.done()?;
    if is_state(&state, name, wanted) {
        return Ok(());
    }
    Err(Outcome::Deviates { expected: format!("{name}: {wanted}"), came: shortened(&state.to_string()) })
}

fn is_state(state: &Value, name: &str, wanted: &str) -> bool {
    state.get(name).and_then(Value::as_str) == Some(wanted)
}

/// Every state is one that the standard has; what there is not yet is `null`.
fn known_states(state: &Value) -> Tried {
    fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> Vec<&'static str> {
        all.iter().copied().map(name).collect()
    }
    let ice = names(IceState::ALL, IceState::as_str);
    let known = [
        ("signaling", names(SignalingState::ALL, SignalingState::as_str), false),
        ("iceGathering", names(IceGatheringState::ALL, IceGatheringState::as_str), false),
        ("iceConnection", ice.clone(), false),
        ("connection", names(ConnectionState::ALL, ConnectionState::as_str), false),
        ("dtls", names(DtlsState::ALL, DtlsState::as_str), true),
        ("ice", ice, true),
        ("sctp", names(SctpState::ALL, SctpState::as_str), true),
    ];
    for (name, names, optional) in known {
        match state.get(name) {
            Some(Value::String(seen)) if names.contains(&seen.as_str()) => {}
            None | Some(Value::Null) if optional => {}
            other => {
                let seen = other.map_or("nothing".to_owned(), Value::to_string);
                return violates(format!("{name} is one of {}", names.join(", ")), shortened(&seen));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=recvonly\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n\
                         a=sendonly\r\n";

    #[test]
    fn directions_are_those_of_their_section() {
        assert_eq!(direction(OFFER, "audio", &["recvonly"]), Ok(()));
        assert!(direction(OFFER, "audio", &["sendonly"]).is_err());
        assert_eq!(direction(OFFER, "video", &["sendrecv", "sendonly"]), Ok(()));
        assert!(direction(OFFER, "application", &["sendrecv"]).is_err());
    }

    #[test]
    fn descriptions_are_of_the_type_that_was_asked_for() {
        let value = json!({ "type": "offer", "sdp": OFFER });
        assert!(description(&value, SdpType::Offer).is_ok());
        assert!(description(&value, SdpType::Answer).is_err());
        for wrong in
            [json!(null), json!({ "type": "offer", "sdp": "" }), json!({ "type": "offer", "sdp": 5 })]
        {
            assert!(description(&wrong, SdpType::Offer).is_err(), "{wrong}");
        }
    }

    #[test]
    fn states_are_those_of_the_standard() {
        let good = json!({ "signaling": "stable", "iceGathering": "new", "iceConnection": "new", "connection": "new" });
        assert_eq!(known_states(&good), Ok(()));
        let mut wrong = good;
        wrong["dtls"] = json!("on");
        assert!(known_states(&wrong).is_err());
        assert!(known_states(&json!({})).is_err());
    }

    #[test]
    fn a_source_has_a_track_of_its_kind() {
        let source = json!({ "stream": "s", "tracks": [{ "id": "t", "kind": "audio", "settings": {} }] });
        assert_eq!(track(&source, "audio"), Ok("t".to_owned()));
        assert!(track(&source, "video").is_err() && track(&json!(null), "audio").is_err());
    }
}
