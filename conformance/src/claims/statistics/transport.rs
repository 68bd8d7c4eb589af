//! The transport: what the handshake on the wire shows of its role, version, suites and certificates.

use super::{Contradiction, Reading, Session, Stat};
use crate::api::At;
use crate::case_file::CasePeer;
use crate::evidence::{Packet, Peer};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{DtlsState, SdpType};
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType, Extensions};
use peerproof_captures::wire::dtls::handshake::Body;
use peerproof_captures::wire::stun::{self, AttributeType, Class, Message, Method};
use std::collections::BTreeSet;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    found: &mut Vec<Contradiction>,
) {
    let place = session.record.file.peers.iter().position(|it| it.name == peer.name).map(Peer);
    let (Some(place), 2) = (place, session.record.file.peers.len()) else { return };
    for stat in reading.of_kind("transport") {
        suite(reading, &stat, found);
        setup(session, peer, reading, &stat, found);
        words(session, peer, reading, &stat, found);
        handshake(session, (peer, place), reading, &stat, found);
        role(session, place, reading, &stat, found);
        state(session, peer, reading, &stat, found);
        certificates(session, &peer.name, reading, &stat, found);
        ufrag(session, &peer.name, reading, &stat, found);
    }
}

/// The suites of DTLS 1.3 (RFC 8446 §B.4) are no suites of 1.2, and the other way round.
fn suite(reading: &Reading<'_>, stat: &Stat<'_>, found: &mut Vec<Contradiction>) {
    let (Some(version), Some(suite)) = (stat.text("tlsVersion"), stat.text("dtlsCipher")) else { return };
    let of_1_3 = ["TLS_AES_", "TLS_CHACHA20_POLY1305_"].iter().any(|prefix| suite.starts_with(prefix));
    let differs = match version.to_ascii_uppercase().as_str() {
        "FEFC" => !of_1_3 && suite.starts_with("TLS_"),
        "FEFD" | "FEFF" => of_1_3,
        _ => false,
    };
    if differs {
        let claimed = format!("tlsVersion {version}");
        let seen = format!("its dtlsCipher is {suite}, which that version does not have");
        found.push(reading.contradicts("stat/transport.tlsVersion", Layer::Dtls, claimed, seen, None));
    }
}

/// Where no packets show it, the DTLS role is the one that the answer chose (RFC 8842 §5.3).
fn setup(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    found: &mut Vec<Contradiction>,
) {
    let says = stat.text("dtlsRole").filter(|says| ["client", "server"].contains(says));
    let (Some(says), None) = (says, session.record.packets()) else { return };
    // Until there is a handshake a role may be any.
    if stat.text("dtlsState") != Some("connected") {
        return;
    }
    let mut roles: BTreeSet<&str> = BTreeSet::new();
    // The answers as the peer has them: one may have been changed on the way.
    let Some(view) = session.views.get(&peer.name) else { return };
    for (answers, own) in [(&view.local, true), (&view.remote, false)] {
        for at in answers.iter().filter(|at| at.is.kind == SdpType::Answer) {
            roles.extend(at.is.sdp.lines().filter_map(|line| match line.trim_end() {
                "a=setup:active" => Some(if own { "client" } else { "server" }),
                "a=setup:passive" => Some(if own { "server" } else { "client" }),
                _ => None,
            }));
        }
    }
    if let (1, Some(is)) = (roles.len(), roles.first())
        && *is != says
    {
        let claimed = format!("dtlsRole {says}");
        let seen = format!("by a=setup of the answer it is the {is}");
        found.push(reading.contradicts("stat/transport.dtlsRole", Layer::Dtls, claimed, seen, None));
    }
}

/// A field with its claim and layer, and which of its words there are.
type Words<'f> = (&'static str, &'static str, Layer, &'f dyn Fn(&str) -> bool);

/// Roles have the words of the API, and a cipher is one; what is not known yet has another word or none.
fn words(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    found: &mut Vec<Contradiction>,
) {
    if !session.reports_all(peer) {
        return;
    }
    let is_up = stat.text("dtlsState") == Some("connected");
    let has = |words: &[&str], says: &str| {
        words.contains(&says) || (!is_up && matches!(says, "unknown" | "Unspecified"))
    };
    let is_of_dtls = |says: &str| says.starts_with("TLS_");
    let is_of_srtp = |says: &str| says.contains("AES") || says.contains("NULL") || says.contains("ARIA");
    // Until it has a pair, an API may have no state for it.
    let states = ["new", "checking", "connected", "completed", "disconnected", "failed", "closed"];
    let fields: [Words<'_>; 5] = [
        ("stat/transport.iceState", "iceState", Layer::Checks, &|says| has(&states, says)),
        ("stat/transport.dtlsRole", "dtlsRole", Layer::Dtls, &|says| has(&["client", "server"], says)),
        ("stat/transport.iceRole", "iceRole", Layer::Checks, &|says| {
            has(&["controlling", "controlled"], says)
        }),
        ("stat/transport.dtlsCipher", "dtlsCipher", Layer::Dtls, &is_of_dtls),
        ("stat/transport.srtpCipher", "srtpCipher", Layer::Srtp, &is_of_srtp),
    ];
    for (claim, field, layer, is_known) in fields {
        // Before the handshake the suites are often empty.
        let says = if field.ends_with("Cipher") { stat.text(field) } else { stat.word(field) };
        if let Some(says) = says.filter(|says| !is_known(says)) {
            let seen = "there is no such one".to_owned();
            let claimed =
                if says.is_empty() { format!("an empty {field}") } else { format!("{field} {says}") };
            found.push(reading.contradicts(claim, layer, claimed, seen, None));
        }
    }
}

/// Role, version and suites against the hellos. Only of a single handshake: a transport that was made anew has had others.
fn handshake(
    session: &Session<'_>,
    (peer, place): (&CasePeer, Peer),
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    found: &mut Vec<Contradiction>,
) {
    let Some(handshake) = session.handshake(place) else { return };
    let hellos = handshake
        .bodies()
        .filter(|(_, body)| matches!(body, Body::ServerHello(hello) if !hello.is_hello_retry_request()));
    if hellos.count() != 1 {
        return;
    }
    let Some([(hello, Body::ClientHello(_)), (chosen, Body::ServerHello(server))]) = handshake.hellos()
    else {
        return;
    };
    let mut differs =
        |claim: &'static str, field: &str, is: &str, matches: &dyn Fn(&str) -> bool, frame: u64| {
            let layer = if field == "srtpCipher" { Layer::Srtp } else { Layer::Dtls };
            if let Some(says) = stat.text(field).filter(|says| !matches(says)) {
                let seen = format!("the handshake on the wire has {is}");
                let claimed = format!("{field} {says}");
                found.push(reading.contradicts(claim, layer, claimed, seen, Some(Place::Frame(frame))));
            }
        };
    let is_exact = session.reports_all(peer);
    let role = if hello.sender == place { "client" } else { "server" };
    let other = if role == "client" { "server" } else { "client" };
    differs("stat/transport.dtlsRole", "dtlsRole", role, &|says| says != other, hello.frame);
    let suite = server.cipher_suite.value.name().unwrap_or_default();
    if !suite.is_empty() {
        // Others write the name that OpenSSL has for it.
        let known = |says: &str| says == suite || (!is_exact && !says.starts_with("TLS_"));
        differs("stat/transport.dtlsCipher", "dtlsCipher", suite, &known, chosen.frame);
    }
    if let Some(version) = handshake.version {
        let raw = format!("{:04X}", version.raw());
        let fits = |says: &str| {
            // Some write the name of the version.
            let says = match says.to_ascii_uppercase().as_str() {
                "DTLS 1.0" => "FEFF".to_owned(),
                "DTLS 1.2" => "FEFD".to_owned(),
                "DTLS 1.3" => "FEFC".to_owned(),
                other => other.to_owned(),
            };
            // Four hexadecimal digits are a version, known or not (webrtc-stats, `tlsVersion` of RTCTransportStats).
            let is_version = says.len() == 4 && says.bytes().all(|digit| digit.is_ascii_hexdigit());
            (!is_version && !is_exact) || says == raw
        };
        differs("stat/transport.tlsVersion", "tlsVersion", &raw, &fits, chosen.frame);
    }
    let profile = handshake.bodies().filter(|(message, _)| message.sender != hello.sender);
    let profile = profile.filter_map(|(message, body)| match body {
        Body::ServerHello(hello) => Some((message.frame, srtp(hello.extensions)?)),
        Body::EncryptedExtensions(extensions) => Some((message.frame, srtp(Some(extensions))?)),
        _ => None,
    });
    if let Some((frame, profile)) = profile.last() {
        let known = |says: &str| plain(says) == plain(&profile) || (!is_exact && !says.contains("AES"));
        differs("stat/transport.srtpCipher", "srtpCipher", &profile, &known, frame);
    }
}

/// A name of an SRTP profile in one of the ways in which they are written (RFC 5764 §4.1.2, RFC 4568 §6.2).
fn plain(profile: &str) -> String {
    profile.trim_start_matches("SRTP_").replace("AES_CM_128", "AES128_CM").replace("AES_CM_256", "AES256_CM")
}

/// The name of the SRTP profile that was chosen (RFC 5764 §4.1.2).
fn srtp(extensions: Option<Extensions<'_>>) -> Option<String> {
    match extensions?.content(ExtensionType::UseSrtp)? {
        Content::UseSrtp(use_srtp) => use_srtp.profiles.iter().next()?.name().map(str::to_owned),
        _ => None,
    }
}

/// The ICE role is that of one of its last checks.
fn role(
    session: &Session<'_>,
    place: Peer,
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    found: &mut Vec<Contradiction>,
) {
    let (Some(says), Some(wire)) = (stat.text("iceRole"), session.record.packets()) else { return };
    let checks = wire.stun(place).filter_map(|(packet, message)| {
        let kind = message.kind.value;
        let is_check = kind.method() == Method::Binding && kind.class() == Class::Request;
        let has = |kind| message.attribute(kind).is_some();
        match (has(AttributeType::IceControlling), has(AttributeType::IceControlled)) {
            (true, false) if is_check => Some((packet, "controlling")),
            (false, true) if is_check => Some((packet, "controlled")),
            _ => None,
        }
    });
    let checks: Vec<(&Packet, &str)> = checks.collect();
    let roles: Vec<(u64, u64, &str)> = checks
        .iter()
        .filter(|(packet, _)| packet.sender == place)
        .map(|(packet, role)| (packet.t_us, packet.frame, *role))
        .collect();
    let all: BTreeSet<&str> = roles.iter().map(|(.., role)| *role).collect();
    // Whoever gets a check of its own role switches or answers 487 (Role Conflict), and so does whoever gets that answer. It need not send
    // another check (RFC 8445 §7.2.5.1, §7.3.1.1).
    let of_same_role = checks.iter().any(|(packet, role)| packet.sender != place && all.contains(role));
    if of_same_role || wire.stun(place).any(|(_, message)| is_conflict(&message)) {
        return;
    }
    // A role that changed may not have shown yet (RFC 8445 §7.3.1.1).
    if let (1, Some((_, frame, is))) =
        (all.len(), roles.iter().rfind(|(t_us, ..)| *t_us <= reading.answered_us))
        && ["controlling", "controlled"].contains(&says)
        && says != *is
    {
        let seen = format!("all of its checks are of the {is} agent");
        let place = Some(Place::Frame(*frame));
        let claimed = format!("iceRole {says}");
        found.push(reading.contradicts("stat/transport.iceRole", Layer::Checks, claimed, seen, place));
    }
}

/// Whether it is a 487 (Role Conflict).
fn is_conflict(message: &Message<'_>) -> bool {
    let content = message.content(AttributeType::ErrorCode);
    content.is_some_and(|it| matches!(it.value, stun::Content::Error(error) if error.code.value.raw() == 487))
}

/// The DTLS state is one that events reported.
fn state(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    found: &mut Vec<Contradiction>,
) {
    let (Some(says), Some(view)) = (stat.text("dtlsState"), session.views.get(&peer.name)) else { return };
    let Some(says) = DtlsState::ALL.iter().find(|state| state.as_str() == says) else {
        // Before the handshake some report a state of their own.
        let was_up = view.dtls.iter().any(|at| at.is == DtlsState::Connected && at.t_us <= reading.asked_us);
        if was_up && view.closed.is_none() && !peer.is_translated() {
            let seen = "a DTLS transport has no such state".to_owned();
            let claimed = format!("dtlsState {says}");
            found.push(reading.contradicts("stat/transport.dtlsState", Layer::Dtls, claimed, seen, None));
        }
        return;
    };
    if peer.never_reports("dtlsstatechange", says.as_str()) || reading.of_kind("transport").count() != 1 {
        return;
    }
    // Implementations keep the state of a transport that has ended, and nothing need be reported of a connection that was closed
    // (webrtc-pc §4.4.1.5): what was never reported is wrong.
    let late = reading.answered_us.saturating_add(super::wire::OLDEST_US);
    // The event of a state that was entered shortly before the reading may still be queued behind it, however long the machine lets it wait.
    let next = view.dtls.iter().find(|at| at.t_us > late);
    let stated = view.dtls.iter().filter(|at| at.t_us <= late).chain(next);
    let possible: Vec<DtlsState> = stated.map(|at| at.is).collect();
    let ended = view.closed.is_some() || *says == DtlsState::Closed;
    // None of those before the handshake comes back, whatever was reported long before the last state.
    let before = matches!(says, DtlsState::New | DtlsState::Connecting);
    if before && !goes_back(session, peer, reading, (*says, &view.dtls)) {
        return;
    }
    if (possible.contains(says) && !before) || ended {
        return;
    }
    let is = possible.last().map_or("new", |state| state.as_str());
    let seen = format!("its last dtlsstatechange was {is}");
    let claimed = format!("dtlsState {says}");
    found.push(reading.contradicts("stat/transport.dtlsState", Layer::Dtls, claimed, seen, None));
}

/// Whether a state before the handshake is reported although the last one that events reported, long before the reading, is that after it.
fn goes_back(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    (says, events): (DtlsState, &[At<DtlsState>]),
) -> bool {
    let (oldest_us, newest_us) = (super::wire::OLDEST_US, reading.answered_us);
    let off = session.stalled(reading.asked_us.saturating_sub(oldest_us), newest_us);
    let off = off.saturating_add(oldest_us).saturating_add(session.clock_error(&peer.name));
    let is_up =
        |at: &At<DtlsState>| at.is == DtlsState::Connected && at.t_us.saturating_add(off) < reading.asked_us;
    let last = events.iter().rposition(is_up);
    let later = last.and_then(|last| events.get(last + 1..)).unwrap_or_default();
    session.reports_all(peer)
        && last.is_some()
        && !later.iter().any(|at| at.is == says || at.is != DtlsState::Connected)
}

/// The certificates are those of the handshake and of the descriptions.
fn certificates(
    session: &Session<'_>,
    name: &str,
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    found: &mut Vec<Contradiction>,
) {
    for (field, claim, own) in [
        ("localCertificateId", "stat/certificate.fingerprint", true),
        ("remoteCertificateId", "stat/certificate.fingerprint", false),
    ] {
        let Some(certificate) = stat.text(field).and_then(|id| reading.by_id(id)) else { continue };
        let Some(says) = certificate.text("fingerprint") else { continue };
        let of = if own { Some(name) } else { session.record.other(name) };
        let Some(presented) = of.and_then(|of| session.presented(of)) else { continue };
        let says = says.to_ascii_uppercase();
        if presented.fits(&says) {
            continue;
        }
        let side = if own { "local" } else { "remote" };
        let claimed = format!("the {side} certificate {says}");
        let seen = "neither the handshake nor a description has that fingerprint".to_owned();
        found.push(reading.contradicts(claim, Layer::Dtls, claimed, seen, presented.frame.map(Place::Frame)));
    }
}

/// The username fragment is one of its descriptions.
fn ufrag(
    session: &Session<'_>,
    name: &str,
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    found: &mut Vec<Contradiction>,
) {
    let Some(says) = stat.text("iceLocalUsernameFragment") else { return };
    let known = session.own_ufrags(name);
    if !known.is_empty() && !known.contains(says) {
        let claimed = format!("iceLocalUsernameFragment {says}");
        let seen = "no description of its own has it".to_owned();
        let claim = "stat/transport.iceLocalUsernameFragment";
        found.push(reading.contradicts(claim, Layer::Checks, claimed, seen, None));
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::Recording;
    use crate::claims::statistics::check;
    use crate::claims::testing::found;
    use peerproof_captures::event::{DtlsState, PeerEvent};
    use peerproof_captures::timeline::What;

    #[test]
    fn a_state_may_be_read_before_its_event_comes() {
        let is_contradicted = |next: DtlsState| {
            let mut record = Recording::Video.record();
            let late = record.timeline.iter().map(|entry| entry.t_us).max().unwrap() + 10_000_000;
            let mut first = true;
            for entry in &mut record.timeline {
                if let What::Event { peer, event: PeerEvent::DtlsStateChange { state, .. }, .. } =
                    &mut entry.what
                    && peer == "alice"
                {
                    entry.t_us = late;
                    *state = if std::mem::take(&mut first) { next } else { *state };
                }
            }
            found(&record, check).iter().any(|it| it.claim == "stat/transport.dtlsState")
        };
        assert!(!is_contradicted(DtlsState::Connected));
        assert!(is_contradicted(DtlsState::Failed), "the next event is of another state");
    }
}
