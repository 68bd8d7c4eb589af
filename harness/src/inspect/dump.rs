//! A dump of chrome://webrtc-internals, about:webrtc or rtcstats in the place of a capture.

use super::InspectError;
use crate::input::{self, Limit};
use crate::terminal::{Paint, Style, clean};
use flate2::read::MultiGzDecoder;
use peerproof_captures::dump::{Called, DumpedConnection, Internals, may_be_dump, read as read_dump};
use peerproof_conformance::explain::{Diagnosis, explain_dump, pair};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::path::Path;

/// So much of a file shows whether it may be a dump.
const BEGINS: u64 = 64 << 10;
/// Longest text of the dump that is shown on a line, in characters.
const LONGEST: usize = 160;
/// Most entries of a connection's log that are shown.
const MOST_STEPS: usize = 200;

/// What a dump says: the format of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DumpReport {
    /// The file.
    pub name: String,
    /// Who wrote it: `chrome://webrtc-internals`, `about:webrtc`, `rtcstats`.
    pub origin: String,
    /// The browser with its version, as it names itself.
    pub browser: Option<String>,
    /// Its connections.
    pub connections: Vec<ConnectionReport>,
    /// What cannot be known from it.
    pub unknown: String,
}

/// A connection of a dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConnectionReport {
    /// Its name in the dump.
    pub id: String,
    /// The page.
    pub url: Option<String>,
    /// What was called and what fired.
    pub steps: Vec<Step>,
    /// The candidate pairs at the end.
    pub pairs: Vec<String>,
    /// Transports, streams and channels at the end.
    pub statistics: Vec<String>,
    /// The first layer that diverged; media that does not come through.
    pub diagnosis: Vec<Diagnosis>,
}

/// Something that was called or fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// Nanoseconds since 1970-01-01 00:00 UTC, where the dump has it.
    pub ns: Option<u64>,
    /// What, by the names of the dump.
    pub text: String,
}

/// Reads a dump; nothing if the file is something else.
pub(super) fn read(path: &Path) -> Result<Option<(String, Internals)>, InspectError> {
    let unreadable = |error| InspectError::Read { path: path.to_owned(), error };
    if path.as_os_str() == "-" || !path.is_file() {
        return Ok(None);
    }
    let name = path.display().to_string();
    let mut first = Vec::new();
    if open(path).and_then(|file| file.take(BEGINS).read_to_end(&mut first)).is_err() {
        return Ok(None);
    }
    if is_page(&first) {
        let reason =
            "a saved page of about:webrtc: save what its button “Copy Report” copies as a file".to_owned();
        return Err(InspectError::Foreign { name, reason });
    }
    if is_event_log(&first) {
        let reason =
            "an RTC event log of Chrome, whose format is internal to libwebrtc and not read here; chrome://webrtc-internals writes a dump, and a text log with packets comes by --force-fieldtrials=WebRTC-Debugging-RtpDump/Enabled/"
                .to_owned();
        return Err(InspectError::Foreign { name, reason });
    }
    if !may_be_dump(&first) {
        return Ok(None);
    }
    let text = open(path).and_then(|file| input::limited(file, Limit::DUMP)).map_err(unreadable)?;
    // Whatever else begins like an object is refused by the reader of captures.
    Ok(read_dump(&text).map(|dump| (name, dump)))
}

/// Whether a file begins like the page of about:webrtc, as "Save Page" of any browser version writes it.
fn is_page(first: &[u8]) -> bool {
    let text = String::from_utf8_lossy(first);
    let names = ["aboutwebrtc", "about:webrtc", "WebRTC Internals"];
    text.trim_start_matches('\u{feff}').trim_start().starts_with('<')
        && names.iter().any(|name| text.contains(name))
}

/// Whether a file begins like an RTC event log: an `EventStream` of libwebrtc, protobuf of one repeated field. In its older form that is
/// field 1 with events, the first of which has time (field 1) and type LOG_START (field 2); in the newer one field 16, the BeginLogEvent.
fn is_event_log(first: &[u8]) -> bool {
    match first {
        // A length below 128, timestamp_us as a varint, then the type LOG_START (1).
        [0x0a, length @ 4..=0x7f, 0x08, rest @ ..] => {
            let time = rest.iter().take(10).position(|byte| byte & 0x80 == 0);
            let (Some(time), true) = (time, usize::from(*length) < rest.len()) else { return false };
            rest.get(time + 1..time + 3) == Some(&[0x10, 0x01])
        }
        // A short BeginLogEvent, which begins with its time.
        [0x82, 0x01, length @ 2..=0x7f, 0x08, rest @ ..] => usize::from(*length) <= rest.len() + 1,
        _ => false,
    }
}

/// The file, decompressed if it is compressed.
fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut first = [0; 2];
    let is_gzip = input::open(path)?.read_exact(&mut first).is_ok() && first == [0x1f, 0x8b];
    let file = input::open(path)?;
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// What it says.
pub(super) fn report(name: String, dump: &Internals) -> DumpReport {
    DumpReport {
        name,
        origin: dump.origin.name().to_owned(),
        browser: dump.browser.clone(),
        connections: dump.connections.iter().map(connection).collect(),
        unknown: dump.lacks(),
    }
}

/// What it says of a connection.
pub(super) fn connection(of: &DumpedConnection) -> ConnectionReport {
    ConnectionReport {
        id: of.id.clone(),
        url: of.url.clone(),
        steps: of.log.iter().filter_map(step).collect(),
        pairs: of.of_type("candidate-pair").map(|(_, stats)| pair(of, stats)).collect(),
        statistics: statistics(of),
        diagnosis: explain_dump(of),
    }
}

fn step(entry: &Called) -> Option<Step> {
    if ["transceiverModified", "transceiverAdded"].contains(&entry.kind.as_str()) {
        return None;
    }
    Some(Step { ns: entry.at_ms.and_then(nanoseconds), text: text(entry) })
}

/// Milliseconds since 1970 in nanoseconds, if they can be.
pub(super) fn nanoseconds(ms: f64) -> Option<u64> {
    // Those of this century are within 64 bits.
    (0.0..1e13).contains(&ms).then_some((ms * 1e6) as u64)
}

/// What was called or fired, and with what.
pub(super) fn text(entry: &Called) -> String {
    let of = |key: &str| entry.value.get(key).and_then(Value::as_str).map(str::to_owned);
    let text = match entry.kind.as_str() {
        "setLocalDescription" | "setRemoteDescription" | "setLocalDescriptionOnSuccess" => of("type"),
        "onicecandidate" | "addIceCandidate" => of("candidate"),
        _ => match &entry.value {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        },
    };
    let text = text.filter(|text| !text.is_empty());
    text.map_or_else(|| entry.kind.clone(), |text| format!("{} {text}", entry.kind))
}

fn statistics(connection: &DumpedConnection) -> Vec<String> {
    let mut lines = Vec::new();
    for (_, stats) in connection.of_type("transport") {
        let text = |member| stats.text(member).unwrap_or("unknown");
        let mut line =
            format!("transport: ICE {} ({}), DTLS {}", text("iceState"), text("iceRole"), text("dtlsState"));
        for member in ["tlsVersion", "dtlsCipher", "srtpCipher"] {
            if let Some(value) = stats.text(member) {
                line += &format!(", {member} {value}");
            }
        }
        lines.push(line);
    }
    for (kind, members) in [
        ("outbound-rtp", ["packetsSent", "framesEncoded", "nackCount", "pliCount"]),
        ("inbound-rtp", ["packetsReceived", "packetsLost", "framesReceived", "framesDecoded"]),
    ] {
        for (_, stats) in connection.of_type(kind) {
            let mut line =
                format!("{kind} {} {}", stats.text("kind").unwrap_or("unknown"), stats.count("ssrc"));
            for member in members {
                if let Some(value) = stats.number(member) {
                    line += &format!(", {member} {value}");
                }
            }
            lines.push(line);
        }
    }
    for (_, stats) in connection.of_type("data-channel") {
        let (label, state) =
            (stats.text("label").unwrap_or_default(), stats.text("state").unwrap_or("unknown"));
        let (sent, received) = (stats.count("messagesSent"), stats.count("messagesReceived"));
        lines.push(format!("channel {label:?}: {state}, {sent} messages sent, {received} received"));
    }
    lines
}

/// Writes it for a person.
pub(super) fn write(report: &DumpReport, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let browser = report.browser.as_deref().unwrap_or("an unnamed browser");
    let connections = super::text::counted(report.connections.len() as u64, "connection");
    let (name, origin) = (clean(&report.name), &report.origin);
    writeln!(out, "{name}: {origin} of {}, {connections}", clean(browser))?;
    style.wrapped(out, "  ", "  ", &report.unknown)?;
    for connection in &report.connections {
        let url = connection.url.as_deref().unwrap_or("unknown page");
        let heading = format!("Connection {}: {}", clean(&connection.id), clean(url));
        writeln!(out, "\n{}\n  steps", style.paint(Paint::Heading, &heading))?;
        let began = connection.steps.iter().find_map(|step| step.ns).unwrap_or_default();
        for step in connection.steps.iter().take(MOST_STEPS) {
            let time = step.ns.map_or_else(
                || " ".repeat(10),
                |ns| format!("{:>8.3} s", ns.saturating_sub(began) as f64 / 1e9),
            );
            let text = peerproof_reports::escape::shortened(&step.text, LONGEST).to_string();
            writeln!(out, "    {time}  {}", clean(&text))?;
        }
        if connection.steps.len() > MOST_STEPS {
            writeln!(out, "    and {} more (--json has all)", connection.steps.len() - MOST_STEPS)?;
        }
        for (heading, lines) in
            [("candidate pairs", &connection.pairs), ("statistics", &connection.statistics)]
        {
            if !lines.is_empty() {
                writeln!(out, "  {heading}")?;
            }
            for line in lines {
                style.wrapped(out, "    ", "      ", line)?;
            }
        }
        super::text::diagnosis::write(&connection.diagnosis, false, style, out)?;
    }
    Ok(())
}
