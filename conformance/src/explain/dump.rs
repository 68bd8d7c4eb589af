//! Why a call failed, by what a browser's dump says of one of its connections. The other side is not in it, and no packet.

use super::{Diagnosis, Kind, Severity, counted};
use crate::verdict::Layer;
use peerproof_captures::dump::{DumpedConnection, DumpedStats};
use peerproof_captures::trace::{Connection, Side};
use std::collections::BTreeMap;

const ICE: &str = "oniceconnectionstatechange";
const CONNECTION: &str = "onconnectionstatechange";
/// Operations whose failure leaves a session without a description.
const FAILURES: [&str; 4] = [
    "createOfferOnFailure",
    "createAnswerOnFailure",
    "setLocalDescriptionOnFailure",
    "setRemoteDescriptionOnFailure",
];

/// What is recognised in a connection of a dump: the first layer that diverged, and media that does not come through.
#[must_use]
pub fn explain_dump(connection: &DumpedConnection) -> Vec<Diagnosis> {
    let layers = [refused, unanswered, candidates, checks, lost, dtls, channel];
    if let Some(found) = layers.iter().find_map(|layer| layer(connection)) {
        return vec![found];
    }
    media(connection)
}

/// Adds what a dump says of a side of a connection in a capture of the same call to what its packets show. Where they show a failure at the same layer, the
/// dump confirms it; else it stands before what is further up.
pub fn explain_beside(
    found: &mut Vec<Diagnosis>,
    (index, connection): (usize, &Connection),
    side: Side,
    dump: &DumpedConnection,
) {
    let name = connection.name(side);
    for mut new in explain_dump(dump) {
        match new.kind {
            Kind::NoMedia => key_frames(&mut new, connection, side.other(), dump),
            Kind::IceNotConnected => errors(&mut new, connection, side),
            _ => {}
        }
        let same = found.iter_mut().find(|it| {
            it.connection == Some(index) && it.layer == new.layer && it.severity == Severity::Broken
        });
        if let Some(same) = same {
            same.what += &format!("; the dump of {name}: {}", new.what);
            continue;
        }
        new.what = format!("the dump of {name}: {}", new.what);
        (new.connection, new.side) = (Some(index), Some(name.clone()));
        // Before what is of the same connection and further up, or of later ones.
        let at = found.iter().position(|it| {
            it.connection.is_some_and(|other| other > index)
                || (it.connection == Some(index) && (it.severity == Severity::Notice || it.layer > new.layer))
        });
        found.insert(at.unwrap_or(found.len()), new);
    }
}

/// A browser counts no answer that is an error; the capture shows them.
fn errors(found: &mut Diagnosis, connection: &Connection, side: Side) {
    let checks = || connection.pairs.iter().map(move |pair| pair.checks.of(side));
    let mut codes: BTreeMap<u16, u64> = BTreeMap::new();
    for (code, count) in checks().flat_map(|checks| &checks.errors) {
        *codes.entry(*code).or_default() += count;
    }
    if codes.is_empty() {
        return;
    }
    let codes: Vec<String> =
        codes.iter().map(|(code, count)| format!("{code} ({})", counted(*count, "time"))).collect();
    found.frame = checks().filter_map(|checks| checks.first_error).min().map(|at| at.frame);
    found.why = format!(
        "the capture has answers to its checks that are errors: {}. 401 is a wrong ufrag or password, 487 a role conflict (RFC 8445 §7.3)",
        codes.join(", ")
    );
    found.next = "compare a=ice-ufrag and a=ice-pwd that each side sent with those that the other was given"
        .to_owned();
}

/// Whether the capture has the key frame that a decoder needs.
fn key_frames(found: &mut Diagnosis, connection: &Connection, sender: Side, dump: &DumpedConnection) {
    let undecoded = dump.of_type("inbound-rtp").find(|(_, stats)| is_undecoded(stats));
    let Some(ssrc) = undecoded.and_then(|(_, stats)| u32::try_from(stats.count("ssrc")).ok()) else { return };
    let Some(stream) = connection.streams.get(&(sender, ssrc)).filter(|stream| stream.payload_read) else {
        return;
    };
    found.frame = stream.first_key_frame.map(|at| at.frame);
    found.why = match stream.key_frames {
        0 => "the capture has no key frame of it, without which nothing can be decoded".to_owned(),
        count => {
            format!("the capture has {} of it: the decoder does not take them", counted(count, "key frame"))
        }
    };
    if stream.key_frames == 0 {
        found.next =
            "look whether the receiver asks for one (PLI, FIR) and whether that arrives at the sender"
                .to_owned();
    }
}

/// Whether video arrived of which no frame was decoded.
fn is_undecoded(stats: &DumpedStats) -> bool {
    stats.text("kind") == Some("video")
        && stats.count("packetsReceived") > 0
        && stats.count("framesDecoded") == 0
}

fn broken(layer: Layer, kind: Kind, what: String, why: &str, next: &str) -> Diagnosis {
    Diagnosis {
        severity: Severity::Broken,
        layer,
        kind,
        connection: None,
        side: None,
        frame: None,
        evidence: Vec::new(),
        what,
        why: why.to_owned(),
        next: next.to_owned(),
    }
}

fn was_connected(connection: &DumpedConnection) -> bool {
    ["connected", "completed"].iter().any(|state| connection.was(ICE, state))
}

fn has_description(connection: &DumpedConnection, side: &str) -> bool {
    connection.logged(side).next().is_some()
}

fn refused(connection: &DumpedConnection) -> Option<Diagnosis> {
    let entry = connection.log.iter().rev().find(|entry| FAILURES.contains(&entry.kind.as_str()))?;
    if was_connected(connection) {
        return None;
    }
    let said = entry.value.as_str().map_or_else(|| entry.value.to_string(), str::to_owned);
    let operation = entry.kind.trim_end_matches("OnFailure");
    Some(broken(
        Layer::Sdp,
        Kind::DescriptionRefused,
        format!("{operation} was rejected: {said}"),
        "the description has something that the browser does not take, or the signaling state does not allow the call",
        "look at the description in the dump, and at the signaling state before it",
    ))
}

/// A description was set, and none of the other side ever.
fn unanswered(connection: &DumpedConnection) -> Option<Diagnosis> {
    let (local, remote) = ("setLocalDescription", "setRemoteDescription");
    if !has_description(connection, local) || has_description(connection, remote) {
        return None;
    }
    Some(broken(
        Layer::Signalling,
        Kind::AnswerNotDelivered,
        "an offer was set, but no answer before the dump was made".to_owned(),
        "the other side did not answer, or the signalling did not carry the answer",
        "look at what the application and the signalling server log after the offer",
    ))
}

fn candidates(connection: &DumpedConnection) -> Option<Diagnosis> {
    if was_connected(connection) || !has_description(connection, "setRemoteDescription") {
        return None;
    }
    if connection.logged("onicecandidate").next().is_none() {
        return Some(broken(
            Layer::Gathering,
            Kind::NoCandidates,
            "the browser gathered no candidate".to_owned(),
            "there is no network interface that it may use, or only relays are allowed and no TURN server answers",
            "look at iceServers and iceTransportPolicy in the dump, and check the servers: peerproof check-server",
        ));
    }
    let in_description = connection.logged("setRemoteDescription").any(|entry| {
        entry.value.get("sdp").and_then(|sdp| sdp.as_str()).is_some_and(|sdp| sdp.contains("a=candidate:"))
    });
    (connection.logged("addIceCandidate").next().is_none() && !in_description).then(|| {
        broken(
            Layer::Signalling,
            Kind::CandidatesWithheld,
            "no candidate of the other side was added".to_owned(),
            "the signalling did not carry them, or the application did not hand them to addIceCandidate",
            "look at what the other side gathered, and at what the signalling carried",
        )
    })
}

/// `192.0.2.1:5000 (host)`; browsers leave out addresses that pages must not learn.
fn candidate(connection: &DumpedConnection, id: Option<&str>) -> String {
    let Some(stats) = id.and_then(|id| connection.stats.get(id)) else { return "unknown".to_owned() };
    let address = stats.text("address").or_else(|| stats.text("ip")).filter(|address| !address.is_empty());
    let address = address.unwrap_or("(no address)");
    let (port, kind) = (stats.count("port"), stats.text("candidateType").unwrap_or("unknown type"));
    format!("{address}:{port} ({kind})")
}

/// A candidate pair in words.
#[must_use]
pub fn pair(connection: &DumpedConnection, stats: &DumpedStats) -> String {
    let local = candidate(connection, stats.text("localCandidateId"));
    let remote = candidate(connection, stats.text("remoteCandidateId"));
    let nominated = stats.members.get("nominated").and_then(serde_json::Value::as_bool) == Some(true);
    // Firefox does not count the checks that it sends.
    let sent = stats.number("requestsSent").map(|_| counted(stats.count("requestsSent"), "check"));
    format!(
        "{local} → {remote}: {}{}, {}{} answered",
        stats.text("state").unwrap_or("unknown state"),
        if nominated { ", nominated" } else { "" },
        sent.map_or_else(String::new, |sent| format!("{sent} sent, ")),
        stats.count("responsesReceived")
    )
}

fn checks(connection: &DumpedConnection) -> Option<Diagnosis> {
    if was_connected(connection) || !has_description(connection, "setRemoteDescription") {
        return None;
    }
    let state = connection.state(ICE).unwrap_or("new");
    if state == "closed" {
        return None;
    }
    let pairs: Vec<String> =
        connection.of_type("candidate-pair").map(|(_, stats)| pair(connection, stats)).collect();
    let none = pairs.is_empty();
    let pairs = if none { "no candidate pair in the statistics".to_owned() } else { pairs.join("; ") };
    let answered =
        connection.of_type("candidate-pair").any(|(_, stats)| stats.count("responsesReceived") > 0);
    let why = if answered {
        "checks were answered, but no pair was nominated"
    } else if none {
        "no pair was formed: the browser cannot use the candidates of the other side (loopback, another address family, a .local name that it \
         cannot resolve), or statistics were not collected"
    } else {
        "no check was answered: the candidates do not reach each other, a firewall drops UDP, or the other side did not begin"
    };
    Some(broken(
        Layer::Checks,
        Kind::IceNotConnected,
        format!("ICE never connected, its last state is {state}: {pairs}"),
        why,
        "look whether both sides have a relay candidate; check the TURN servers with peerproof check-server; capture on both sides",
    ))
}

fn lost(connection: &DumpedConnection) -> Option<Diagnosis> {
    let state = connection.state(ICE).filter(|state| ["failed", "disconnected"].contains(state))?;
    was_connected(connection).then(|| {
        broken(
            Layer::Checks,
            Kind::ConnectionLost,
            format!("ICE had connected, and its last state is {state}"),
            "the network changed or stopped, or the other side ended without closing",
            "look at the time of that state, and whether an ICE restart follows (restartIce)",
        )
    })
}

fn dtls(connection: &DumpedConnection) -> Option<Diagnosis> {
    if !was_connected(connection) {
        return None;
    }
    let states: Vec<&str> =
        connection.of_type("transport").filter_map(|(_, stats)| stats.text("dtlsState")).collect();
    let failed = states.contains(&"failed");
    let stuck = !states.is_empty() && states.iter().all(|state| ["new", "connecting"].contains(state));
    // A dump without statistics still has the connection's own state.
    let of_state = states.is_empty() && connection.state(CONNECTION) == Some("failed");
    (failed || stuck || of_state).then(|| {
        let seen = if failed || of_state { "failed" } else { "did not complete" };
        broken(
            Layer::Dtls,
            Kind::DtlsNotConnected,
            format!("ICE connected, but DTLS {seen}"),
            if failed || of_state {
                "the certificate of one side does not match the fingerprint in its description, or the two agree on no version or cipher \
                 suite"
            } else {
                "handshake messages do not arrive, or both sides wait for the other to begin (a=setup)"
            },
            "compare a=fingerprint and a=setup of both descriptions; a capture shows the alert",
        )
    })
}

fn channel(connection: &DumpedConnection) -> Option<Diagnosis> {
    if connection.state(CONNECTION) != Some("connected") {
        return None;
    }
    let (_, stats) =
        connection.of_type("data-channel").find(|(_, stats)| stats.text("state") == Some("connecting"))?;
    Some(broken(
        Layer::DataChannel,
        Kind::ChannelNotOpened,
        format!("the channel {:?} did not open", stats.text("label").unwrap_or_default()),
        "the SCTP association did not come about, or the other side does not answer DATA_CHANNEL_OPEN",
        "look for m=application in both descriptions; a capture with keys shows SCTP",
    ))
}

fn media(connection: &DumpedConnection) -> Vec<Diagnosis> {
    if connection.state(CONNECTION) != Some("connected") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (_, stats) in connection.of_type("inbound-rtp") {
        let packets = stats.count("packetsReceived");
        if is_undecoded(stats) {
            found.push(broken(
                Layer::Media,
                Kind::NoMedia,
                format!(
                    "{} of video {} arrived and {}, but none was decoded",
                    counted(packets, "packet"),
                    stats.count("ssrc"),
                    counted(stats.count("framesReceived"), "whole frame")
                ),
                "no key frame came, or the decoder does not take what was sent",
                "look at keyFramesDecoded, pliCount and the decoder in the statistics, and at the payload type in both descriptions",
            ));
        }
    }
    for (_, stats) in connection.of_type("outbound-rtp") {
        let kind = stats.text("kind").unwrap_or("media");
        if kind == "video" && stats.count("framesEncoded") > 0 && stats.count("packetsSent") == 0 {
            found.push(broken(
                Layer::Srtp,
                Kind::NoMedia,
                format!("frames of video {} are encoded, but no packet is sent", stats.count("ssrc")),
                "the transport of this section is not connected, or the pacer holds everything back",
                "look at the transport of this stream in the statistics",
            ));
        }
    }
    found
}
