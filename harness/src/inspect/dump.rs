//! A dump of chrome://webrtc-internals in the place of a capture.

use super::InspectError;
use crate::input::{self, Limit};
use crate::terminal::{Paint, Style, clean};
use flate2::read::MultiGzDecoder;
use peerproof_captures::dump::{Called, DumpedConnection, Internals};
use peerproof_conformance::explain::{Diagnosis, explain_dump, pair};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::path::Path;

/// Longest text of the dump that is shown on a line, in characters.
const LONGEST: usize = 160;
/// Most entries of a connection's log that are shown.
const MOST_STEPS: usize = 200;

/// What a dump does not have.
const NOT_IN_IT: &str =
    "not in a dump: packets, keys, what the other side saw, addresses that are hidden from pages";

/// What a dump says: the format of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DumpReport {
    /// The file.
    pub name: String,
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
    let mut first = [0; 16];
    let begin = open(path).and_then(|mut file| file.read(&mut first));
    let begins = begin.ok().and_then(|read| first.get(..read)).unwrap_or_default();
    if begins.trim_ascii_start().first() != Some(&b'{') {
        return Ok(None);
    }
    let text = open(path).and_then(|file| input::limited(file, Limit::DUMP)).map_err(unreadable)?;
    // Whatever else begins like an object is refused by the reader of captures.
    let Ok(value) = serde_json::from_slice::<Value>(&text) else { return Ok(None) };
    Ok(Internals::of(&value).map(|dump| (path.display().to_string(), dump)))
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
    let connections = dump.connections.iter().map(|connection| ConnectionReport {
        id: connection.id.clone(),
        url: connection.url.clone(),
        steps: connection.log.iter().filter_map(step).collect(),
        pairs: connection.of_type("candidate-pair").map(|(_, stats)| pair(connection, stats)).collect(),
        statistics: statistics(connection),
        diagnosis: explain_dump(connection),
    });
    DumpReport {
        name,
        browser: dump.browser.clone(),
        connections: connections.collect(),
        unknown: NOT_IN_IT.to_owned(),
    }
}

fn step(entry: &Called) -> Option<Step> {
    let of = |key: &str| entry.value.get(key).and_then(Value::as_str);
    let text = match entry.kind.as_str() {
        "transceiverModified" | "transceiverAdded" => return None,
        "setLocalDescription" | "setRemoteDescription" | "setLocalDescriptionOnSuccess" => {
            of("type").map(str::to_owned)
        }
        "onicecandidate" | "addIceCandidate" => of("candidate").map(str::to_owned),
        _ => match &entry.value {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        },
    };
    let text = text
        .filter(|text| !text.is_empty())
        .map_or_else(|| entry.kind.clone(), |text| format!("{} {text}", entry.kind));
    // Milliseconds of this century in nanoseconds are within 64 bits.
    let ns = entry.at_ms.filter(|ms| (0.0..1e13).contains(ms)).map(|ms| (ms * 1e6) as u64);
    Some(Step { ns, text })
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
    writeln!(out, "{}: chrome://webrtc-internals of {}, {connections}", clean(&report.name), clean(browser))?;
    writeln!(out, "  {}", report.unknown)?;
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
        super::text::diagnosis(&connection.diagnosis, 1, style, out)?;
    }
    Ok(())
}
