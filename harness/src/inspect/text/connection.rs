//! A connection in words: how it ended up, its steps, what was negotiated, and its health.

use super::super::Report;
use super::{counted, diagnosis, time, wall_clock};
use crate::terminal::{Paint, Style, clean};
use peerproof_captures::trace::{
    At, Connection, Flow, Nature, PairState, Recognised, Side, Sides, Stream, Trace,
};
use std::io::{self, Write};
use std::net::SocketAddr;

/// Pairs shown of a connection.
const PAIRS: usize = 8;
/// What precedes a line, and what the rest of it if the terminal is narrow.
const ITEM: &str = "    ";
const BELOW_ITEM: &str = "      ";
const BELOW_STEP: &str = "                               ";

/// Writes all that is known of a connection.
pub(super) fn write(report: &Report, index: usize, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let Some(found) = report.trace.connections.get(index) else { return Ok(()) };
    let count = report.trace.connections.len();
    let title = format!("Connection {} of {count}", index + 1);
    let interface = found.interface.and_then(|index| report.file.interfaces.get(index)?.name.clone());
    let seen = match (&found.delivery, interface) {
        (Some(_), _) => ", seen at both".to_owned(),
        (None, Some(name)) => format!(", seen at {}", clean(&name)),
        (None, None) => String::new(),
    };
    let also = |first: usize| format!(", the same as connection {} at another interface", first + 1);
    let seen = seen + &found.also_seen_as.map(also).unwrap_or_default();
    let [a, b] = named(&report.trace, found);
    let head = format!("{title}: {}{seen}", clean(&format!("{a} and {b}")));
    for (n, line) in style.lines("", "  ", &head).into_iter().enumerate() {
        let line = match line.strip_prefix(&title).filter(|_| n == 0) {
            Some(rest) => format!("{}{rest}", style.paint(Paint::Heading, &title)),
            None => line,
        };
        writeln!(out, "{line}")?;
    }
    let (paint, short) = in_short(report, index, found);
    let lines = style.lines("  ", "  ", &short);
    for line in lines {
        writeln!(out, "{}", style.paint(paint, &line))?;
    }
    recognised(found, style, out)?;
    let start = found.first;
    writeln!(out, "  steps, from {}", wall_clock(start.ns))?;
    for (ns, frame, step) in timed_steps(report, found) {
        // Milliseconds, rounded; a float would print -0.000.
        let ms = (i128::from(ns) - i128::from(start.ns) + 500_000).div_euclid(1_000_000);
        let seconds = ms as f64 / 1e3;
        match frame {
            Some(frame) => {
                style.wrapped(out, &format!("    {seconds:>9.3} s  frame {frame:<6} "), BELOW_STEP, &step)?;
            }
            None => {
                let first = format!("    {seconds:>9.3} s  {:<12} ", "API");
                for line in style.lines(&first, BELOW_STEP, &step) {
                    writeln!(out, "{}", style.paint(Paint::Soft, &line))?;
                }
            }
        }
    }
    negotiated(found, style, out)?;
    pairs(found, style, out)?;
    beyond_nat(&report.trace, found, style, out)?;
    health(found, style, out)
}

/// What the connection is, if that is not all of WebRTC.
fn recognised(found: &Connection, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let Recognised { nature, unknown, other_application_data, .. } = found.recognised;
    let mut parts = Vec::new();
    if nature != Nature::WebRtc {
        parts.push(format!("not WebRTC, or only a part of it: {nature}; it is judged as that"));
    }
    if other_application_data > 0 {
        parts.push(format!(
            "{} with application data that is no SCTP",
            counted(other_application_data, "DTLS record")
        ));
    }
    if unknown > 0 {
        parts.push(format!("{} of no known protocol", counted(unknown, "datagram")));
    }
    if parts.is_empty() { Ok(()) } else { style.wrapped(out, "  ", "  ", &parts.join("; ")) }
}

/// How the connection ended up, in one sentence.
fn in_short(report: &Report, index: usize, found: &Connection) -> (Paint, String) {
    // What is wrong stands below, once.
    if let Some((number, broken)) = diagnosis::number(&report.diagnosis, index) {
        return (Paint::Bad, format!("broken at {}: see diagnosis {number}", broken.layer));
    }
    if let Some((number, besides)) = diagnosis::number(&report.besides, index) {
        let number = diagnosis::groups(&report.diagnosis).len() + number;
        return (Paint::Remarkable, format!("{} does not work either: see {number} below", besides.layer));
    }
    let after = |at: At| time(at.since(found.first));
    let mut parts = Vec::new();
    if let Some(at) = found.handshake().and_then(|handshake| handshake.complete) {
        parts.push(format!("connected after {}", after(at)));
    } else if let Some(at) = found.nominated() {
        parts.push(format!("a pair was nominated after {}, no DTLS handshake completed", after(at)));
    }
    for side in Side::BOTH {
        if let Some(at) = found.media_of(side).map(|stream| stream.first).min() {
            parts.push(format!("media of {} after {}", found.name(side), after(at)));
        }
    }
    if let Some(at) = found.associations.iter().filter_map(|association| association.established).min()
        && found.handshakes.is_empty()
    {
        parts.push(format!("SCTP association established after {}", after(at)));
    }
    let channels = found.associations.iter().flat_map(|association| association.channels.values());
    if let Some(at) = channels.filter_map(|channel| channel.acknowledged).min() {
        parts.push(format!("first channel open after {}", after(at)));
    }
    if let (true, Some(at)) = (parts.is_empty(), first_success(found)) {
        parts.push(format!("a check succeeded after {}; nothing further was captured", after(at)));
    }
    if parts.is_empty() {
        parts.push("capture starts mid-connection; no failure seen".to_owned());
    }
    (Paint::Good, parts.join(", "))
}

/// The first success response, if nothing but checks was captured.
fn first_success(found: &Connection) -> Option<At> {
    let has_more = !found.handshakes.is_empty()
        || found.records_without_handshake > 0
        || !found.streams.is_empty()
        || !found.associations.is_empty();
    let successes =
        found.pairs.iter().flat_map(|pair| [pair.checks.a.first_success, pair.checks.b.first_success]);
    successes.flatten().min().filter(|_| !has_more)
}

/// Steps, and what the API said of them, in order of time.
fn timed_steps(report: &Report, found: &Connection) -> Vec<(u64, Option<u64>, String)> {
    let mut all: Vec<(u64, Option<u64>, String)> =
        steps(found).into_iter().map(|(at, text)| (at.ns, Some(at.frame), text)).collect();
    let names = Side::BOTH.map(|side| found.name(side));
    let own = report.events.iter().filter(|event| names.contains(&event.peer));
    all.extend(own.map(|event| (event.ns, None, format!("{}: {}", event.peer, event.text))));
    // Packets and events of the same moment keep their order.
    all.sort_by_key(|(ns, ..)| *ns);
    all
}

/// The sides with their addresses.
fn named(trace: &Trace, connection: &Connection) -> [String; 2] {
    let addresses = addresses(trace, connection);
    Side::BOTH.map(|side| {
        let name = connection.name(side);
        addresses.as_ref().map_or_else(|| name.clone(), |both| format!("{name} ({})", both.of(side)))
    })
}

/// The addresses of both sides: on the pair that was selected, else on the first pair or the first flow.
pub(in super::super) fn addresses(trace: &Trace, connection: &Connection) -> Option<Sides<SocketAddr>> {
    if let Some(pair) = connection.selected().or(connection.pairs.first()) {
        return Some(pair.addresses.clone());
    }
    let flow = connection.flows.first().and_then(|flow| trace.flows.get(*flow))?;
    let ends = [flow.initiator, flow.responder];
    let [a, b] = if flow.initiator_is == Side::A { ends } else { [ends[1], ends[0]] };
    Some(Sides { a, b })
}

/// What happened first, in order of time.
fn steps(connection: &Connection) -> Vec<(At, String)> {
    let mut steps = Vec::new();
    let mut step = |at: Option<At>, text: String| steps.extend(at.map(|at| (at, text)));
    for side in Side::BOTH {
        let checks = || connection.pairs.iter().map(move |pair| pair.checks.of(side));
        let name = connection.name(side);
        step(checks().filter_map(|checks| checks.first).min(), format!("first check of {name}"));
        step(
            checks().filter_map(|checks| checks.first_success).min(),
            format!("first check of {name} succeeds"),
        );
        step(connection.media_of(side).map(|stream| stream.first).min(), format!("first media of {name}"));
    }
    step(connection.nominated(), "pair nominated".to_owned());
    for handshake in &connection.handshakes {
        let client = connection.name(handshake.client);
        step(Some(handshake.client_hello), format!("ClientHello of {client}"));
        step(handshake.server_hello, "ServerHello".to_owned());
        step(
            handshake.complete,
            format!("{} handshake complete", handshake.version.as_deref().unwrap_or("DTLS")),
        );
        for alert in &handshake.alerts {
            let name = connection.name(alert.from);
            let what = alert.description.as_deref().unwrap_or("encrypted");
            step(Some(alert.at), format!("alert of {name}: {what}"));
        }
    }
    for association in &connection.associations {
        step(association.init.a.into_iter().chain(association.init.b).min(), "SCTP INIT".to_owned());
        step(association.established, "SCTP association established".to_owned());
        for channel in association.channels.values() {
            step(channel.open, format!("channel {} opened", channel.name()));
            step(channel.acknowledged, format!("channel {} acknowledged", channel.name()));
            step(channel.reset, format!("channel {} reset", channel.name()));
        }
        step(association.abort.as_ref().map(|abort| abort.at), "SCTP ABORT".to_owned());
    }
    step(Some(connection.last), "last packet".to_owned());
    steps.sort_by_key(|(at, _)| *at);
    steps
}

fn negotiated(connection: &Connection, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  negotiated")?;
    for side in Side::BOTH {
        if let Some(role) = connection.peers.of(side).role {
            let role = if role.controlling { "controlling" } else { "controlled" };
            writeln!(out, "    ICE: {} is {role}", clean(&connection.name(side)))?;
        }
    }
    let Some(handshake) = connection.handshake() else { return Ok(()) };
    let line = format!(
        "{}: client {}, {}, {}",
        handshake.version.as_deref().unwrap_or("DTLS of unknown version"),
        connection.name(handshake.client),
        handshake.cipher_suite.as_deref().unwrap_or("no cipher suite seen"),
        handshake.srtp_profile.as_deref().unwrap_or("no SRTP profile seen")
    );
    style.wrapped(out, ITEM, BELOW_ITEM, &line)?;
    for certificate in &handshake.certificates {
        let name = connection.name(certificate.from);
        let digest = colons(&certificate.sha256);
        let line = match certificate.matches_description {
            Some(true) => format!("{name}'s certificate matches a=fingerprint"),
            Some(false) => format!("{name}'s certificate does NOT match a=fingerprint: sha-256 {digest}"),
            None => format!("{name}'s certificate: sha-256 {digest}"),
        };
        style.wrapped(out, ITEM, BELOW_ITEM, &line)?;
    }
    Ok(())
}

fn pairs(connection: &Connection, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    for (index, pair) in connection.pairs.iter().enumerate() {
        if index >= PAIRS {
            return writeln!(
                out,
                "    and {} more",
                counted((connection.pairs.len() - PAIRS) as u64, "pair")
            );
        }
        let via = pair.via.map_or_else(String::new, |server| format!(" via {server}"));
        let state = match pair.state {
            PairState::Nominated => "nominated",
            PairState::Succeeded => "succeeded",
            PairState::Failed => "failed",
            PairState::Unanswered => "no check answered",
        };
        let mut line = format!("pair {} ↔ {}{via}: {state}", pair.addresses.a, pair.addresses.b);
        for (side, checks) in pair.checks.iter().filter(|(_, checks)| checks.sent > 0) {
            let name = connection.name(side);
            let checks_sent = counted(checks.sent, "check");
            let answered = checks.succeeded + checks.failed();
            line.push_str(&format!("; {name} {checks_sent}, {answered} answered"));
            if let Some(mean) = checks.round_trips.mean_ns() {
                line.push_str(&format!(", {} round trip", time(mean)));
            }
        }
        style.wrapped(out, ITEM, BELOW_ITEM, &line)?;
    }
    Ok(())
}

/// The flows whose packets the capture has twice, since it saw both sides of a NAT or TURN server.
fn beyond_nat(trace: &Trace, connection: &Connection, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let flows = connection.flows.iter().filter_map(|index| trace.flows.get(*index));
    let beyond = flows.filter_map(|flow| Some((flow, trace.flows.get(flow.beyond_nat?)?)));
    for (flow, of) in beyond.take(PAIRS) {
        let ends = |flow: &Flow| format!("{} ↔ {}", flow.address(Side::A), flow.address(Side::B));
        let line = format!(
            "packets of {} are also those of {}, on the other side of a NAT or TURN server: each counts once",
            ends(flow),
            ends(of)
        );
        style.wrapped(out, ITEM, BELOW_ITEM, &line)?;
    }
    Ok(())
}

fn health(connection: &Connection, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    if connection.streams.is_empty() && connection.associations.is_empty() && connection.delivery.is_none() {
        return Ok(());
    }
    writeln!(out, "  health")?;
    for (side, delivery) in connection.delivery.iter().flat_map(Sides::iter) {
        let (from, to) = (connection.name(side), connection.name(side.other()));
        let left = counted(delivery.left, "packet");
        let line =
            format!("{left} left {from}, {} arrived at {to}, {} lost", delivery.arrived, delivery.lost());
        style.wrapped(out, ITEM, BELOW_ITEM, &line)?;
    }
    for stream in connection.streams.values() {
        style.wrapped(out, ITEM, BELOW_ITEM, &media(connection, stream))?;
    }
    for association in &connection.associations {
        for (side, sent) in association.sent.iter() {
            let line = format!(
                "SCTP of {}: {}, {} bytes, {}",
                connection.name(side),
                counted(sent.data_chunks, "DATA chunk"),
                sent.bytes,
                counted(sent.retransmissions, "retransmission")
            );
            style.wrapped(out, ITEM, BELOW_ITEM, &line)?;
        }
        for channel in association.channels.values() {
            let kind = channel.kind.as_deref().unwrap_or("opening not captured");
            let mut line = format!("channel {} ({kind})", channel.name());
            for (side, sent) in channel.sent.iter() {
                let messages = counted(sent.messages, "message");
                line.push_str(&format!("; {} {messages}, {} bytes", connection.name(side), sent.bytes));
            }
            style.wrapped(out, ITEM, BELOW_ITEM, &line)?;
        }
    }
    Ok(())
}

fn media(connection: &Connection, stream: &Stream) -> String {
    let types = stream.payload_types.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let codec = stream.codec.clone().unwrap_or_else(|| format!("payload type {types}"));
    let sender = connection.name(stream.from);
    let mut line =
        format!("RTP of {sender} {:#010x} {codec}: {}", stream.ssrc, counted(stream.packets, "packet"));
    if let Some(bitrate) = stream.bitrate() {
        line.push_str(&format!(", {} kbit/s", bitrate / 1_000));
    }
    line.push_str(&format!(", {} lost ({:.1} %)", stream.lost, stream.loss_percent()));
    if stream.restarts > 0 {
        line.push_str(&format!(", the numbers began anew {}", counted(stream.restarts, "time")));
    }
    if stream.reordered + stream.duplicates > 0 {
        line.push_str(&format!(", {} reordered, {} duplicated", stream.reordered, stream.duplicates));
    }
    if let Some(jitter) = stream.jitter_ns {
        line.push_str(&format!(", jitter {}", time(jitter)));
    }
    if stream.payload_read {
        line.push_str(&format!(", {}", counted(stream.key_frames, "key frame")));
    }
    let feedback = &stream.feedback;
    for (count, what) in [(feedback.nacks, "NACK"), (feedback.plis, "PLI"), (feedback.firs, "FIR")] {
        if count > 0 {
            line.push_str(&format!(", {count} {what}"));
        }
    }
    line
}

/// A digest as descriptions write it: `A9:61:…`.
fn colons(digest: &str) -> String {
    let mut text = String::with_capacity(digest.len() * 3 / 2);
    for (n, digit) in digest.chars().enumerate() {
        if n > 0 && n % 2 == 0 {
            text.push(':');
        }
        text.push(digit.to_ascii_uppercase());
    }
    text
}
