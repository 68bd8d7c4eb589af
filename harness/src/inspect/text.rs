//! The report in words.

pub(super) mod connection;
mod conversations;
pub(super) mod diagnosis;
mod head;

use self::diagnosis::Listed;
use super::Report;
use crate::terminal::{Style, clean};
use chrono::DateTime;
use peerproof_captures::observe::Defect;
use peerproof_captures::trace::{Other, Over, Trace};
use peerproof_reports::escape::shortened;
use std::io::{self, Write};

/// Writes the report for a person.
///
/// # Errors
/// If the writer fails.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    file(report, style, out)?;
    servers(&report.trace, out)?;
    head::write(&report.judged, style, out)?;
    if report.trace.connections.is_empty() {
        let none = "No connection: the capture has no connectivity checks, DTLS, RTP or SCTP of WebRTC";
        style.wrapped(out, "\n", "  ", none)?;
    }
    for index in 0..report.trace.connections.len() {
        writeln!(out)?;
        connection::write(report, index, style, out)?;
    }
    super::dumped::write(&report.dumps, style, out)?;
    conversations::write(&report.trace, style, out)?;
    writeln!(out)?;
    let several = report.trace.connections.len() > 1;
    if report.judged.failed().is_none() {
        diagnosis::write(&report.diagnosis, several, style, out)?;
    } else if !report.diagnosis.is_empty() {
        let said = report.judged.failed().map_or("", |verdict| verdict.sentence.as_str());
        let all = &report.diagnosis;
        diagnosis::list(&Listed { heading: "Diagnosis", all, from: 1, several, said }, style, out)?;
    }
    if !report.besides.is_empty() {
        let from = diagnosis::groups(&report.diagnosis).len() + 1;
        let heading = "Seen besides, and not what failed the case";
        diagnosis::list(&Listed { heading, all: &report.besides, from, several, said: "" }, style, out)?;
    }
    head::requirements(&report.judged, &report.file.name, style, out)
}

/// Most interfaces that are listed, and most characters of the name of one.
const MOST_INTERFACES: usize = 20;
const LONGEST_NAME: usize = 200;

/// `1 check`, `2 checks`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

fn file(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let (file, trace) = (&report.file, &report.trace);
    let compressed = if file.compressed { ", gzip" } else { "" };
    let lasted = trace.last.unwrap_or_default().since(trace.first.unwrap_or_default());
    writeln!(
        out,
        "{}: {}{compressed}, {} in {}, {}, {}",
        clean(&file.name),
        file.format,
        counted(trace.frames, "frame"),
        time(lasted),
        counted(trace.flows.len() as u64, "flow"),
        counted(trace.connections.len() as u64, "connection")
    )?;
    if let Some(application) = &file.application {
        writeln!(out, "  written by {}", clean(application))?;
    }
    for (index, interface) in file.interfaces.iter().enumerate().take(MOST_INTERFACES) {
        match &interface.name {
            Some(name) => {
                let name = clean(&shortened(name, LONGEST_NAME));
                writeln!(out, "  interface {index}: {name} ({})", interface.link)?;
            }
            None => writeln!(out, "  interface {index} (unnamed): {}", interface.link)?,
        }
    }
    match file.interfaces.len().saturating_sub(MOST_INTERFACES) {
        0 => {}
        more => writeln!(out, "  and {} (--json lists all)", counted(more as u64, "more interface"))?,
    }
    let opened: u64 = trace.connections.iter().map(|connection| connection.decrypted).sum();
    match (trace.secrets, opened) {
        (0, _) => writeln!(out, "  no keys: encrypted packets cannot be decrypted (--keylog adds keys)")?,
        (count, 0) => {
            writeln!(
                out,
                "  keys of {}, and they open no packet",
                counted(count, "handshake or SRTP session")
            )?;
        }
        (1, _) => writeln!(out, "  keys of 1 handshake or SRTP session: its packets can be decrypted")?,
        (count, _) => {
            writeln!(out, "  keys of {count} handshakes or SRTP sessions: their packets can be decrypted")?;
        }
    }
    for line in &report.beside {
        style.wrapped(out, "  ", "    ", line)?;
    }
    for Other { protocol, packets, flows, first } in &trace.others {
        let (packets, flows) = (counted(*packets, "packet"), counted(*flows, "flow"));
        writeln!(out, "  not WebRTC: {protocol}: {packets} in {flows}, the first in frame {}", first.frame)?;
    }
    // Where it breaks off is said by the reader, with the byte.
    for defect in trace.defects.iter().filter(|defect| !matches!(defect, Defect::Ends { .. })) {
        writeln!(out, "  {defect}")?;
    }
    if let Some(stop) = &file.stop {
        writeln!(out, "  {}", clean(&stop.to_string()))?;
    }
    let Over { packets_of_other_flows, packets_of_other_connections, packets_of_other_streams, .. } =
        trace.over;
    if !trace.over.is_nothing() {
        let left = packets_of_other_flows + packets_of_other_connections + packets_of_other_streams;
        writeln!(out, "  limits reached: {left} packets are only counted (see trace.over in --json)")?;
    }
    Ok(())
}

fn servers(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    for server in &trace.gatherings {
        write!(out, "  STUN server {} asked by {}: ", server.server, server.client)?;
        match (server.answered, server.mapped) {
            (Some(at), Some(mapped)) => {
                writeln!(out, "{mapped} after {} (frame {})", time(at.since(server.first)), at.frame)?;
            }
            (Some(at), None) => writeln!(out, "answered in frame {}", at.frame)?,
            (None, _) => match server.error {
                Some((at, code)) => writeln!(out, "it answered with error {code} (frame {})", at.frame)?,
                None => writeln!(out, "no answer to {}", counted(server.requests, "request"))?,
            },
        }
    }
    for allocation in &trace.allocations {
        write!(out, "  TURN server {} used by {}: ", allocation.server, allocation.client)?;
        match (allocation.granted, allocation.relayed) {
            (Some(at), Some(relayed)) => write!(out, "relays {relayed} (frame {})", at.frame)?,
            (Some(at), None) => write!(out, "granted in frame {}", at.frame)?,
            (None, _) => write!(out, "no allocation")?,
        }
        let channels = allocation.bound.iter().filter(|bound| bound.channel.is_some()).count();
        let permissions = counted((allocation.bound.len() - channels) as u64, "permission");
        write!(out, ", {permissions}, {}", counted(channels as u64, "channel"))?;
        for (code, times) in &allocation.error_counts {
            write!(out, ", {times} × {code}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// The date and time of nanoseconds since 1970.
pub(super) fn wall_clock(ns: u64) -> String {
    let time = i64::try_from(ns).map(DateTime::from_timestamp_nanos).unwrap_or_default();
    time.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string()
}

pub(super) fn time(ns: u64) -> String {
    match ns {
        0..1_000_000 => format!("{} µs", ns / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}
