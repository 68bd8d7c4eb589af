//! `--ladder`: a connection as a sequence of messages between its sides, with what the peers' APIs said beside.

use super::events::ApiEvent;
use super::judged::each_evidence;
use super::source::Given;
use super::{Frames, InspectError, Report, text};
use crate::terminal::{Paint, Style, clean};
use peerproof_captures::decrypt::Content;
use peerproof_captures::observe::{StunClass, Unit as Said, unit};
use peerproof_captures::wire::Field;
use peerproof_captures::wire::dcep::MessageType;
use peerproof_captures::wire::dtls::alert;
use peerproof_captures::wire::dtls::handshake::Fragments;
use peerproof_captures::wire::dtls::record::ContentType;
use peerproof_captures::wire::field::Span;
use peerproof_captures::wire::sctp::ChunkType;
use peerproof_conformance::evidence::{Evidence, Kind, Packet, Peer};
use std::io::{self, Write};

/// Columns, where no terminal gives its own.
const WIDTH: usize = 100;
/// Columns of time and frame.
const MARGIN: usize = 20;
/// Most rows of a connection; the rest is counted.
pub(super) const MOST_ROWS: usize = 5_000;
/// A silence of this length gets a line, in microseconds.
const SILENCE: i64 = 1_000_000;

/// Draws each connection of the report.
pub(super) fn write(
    report: &Report,
    given: &Given,
    frames: Option<Frames>,
    out: &mut dyn Write,
) -> Result<(), InspectError> {
    let style = Style::of_stdout();
    let mut is_first = true;
    each(report, given, frames, &mut |index, evidence, mut rows| {
        if !is_first {
            writeln!(out)?;
        }
        is_first = false;
        let connection = report.trace.connections.get(index);
        let interface = connection.and_then(|connection| connection.interface);
        // Captures may be merged of several, so each connection counts from its own beginning.
        let first = report.trace.first.unwrap_or_default();
        let begins = connection.map_or(first, |connection| connection.first);
        let later = i64::try_from(begins.since(first) / 1_000).unwrap_or(i64::MAX);
        rows.iter_mut().for_each(|row| row.t_us = row.t_us.saturating_sub(later));
        let seen = interface.and_then(|at| report.file.interfaces.get(at)?.name.clone());
        let seen = seen.map_or_else(String::new, |name| format!(", seen at {name}"));
        let count = report.trace.connections.len();
        let title =
            format!("Connection {} of {count}{seen}, from {}", index + 1, text::wall_clock(begins.ns));
        writeln!(out, "{}", style.paint(Paint::Heading, &clean(&title)))?;
        draw(evidence, &rows, &style, out)
    })?;
    if is_first {
        writeln!(out, "no connection in {}", clean(&given.name))?;
    }
    Ok(())
}

/// Takes the index of a connection, its evidence and its rows.
pub(super) type Taker<'a> = dyn FnMut(usize, &Evidence, Vec<Row>) -> io::Result<()> + 'a;

/// Gives the rows of each connection with its index in the trace.
pub(super) fn each(
    report: &Report,
    given: &Given,
    frames: Option<Frames>,
    to: &mut Taker<'_>,
) -> Result<(), InspectError> {
    let origin = report.trace.first.unwrap_or_default().ns;
    each_evidence(given, &report.trace, &mut |index, evidence| {
        let rows = rows(evidence, &report.events, origin, frames);
        Ok(to(index, evidence, rows)?)
    })
}

/// A line between the two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Microseconds since the first frame of the capture.
    pub(super) t_us: i64,
    pub(super) frame: Option<u64>,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// A message from a side.
    Message { from: usize, text: String, times: usize, trouble: bool },
    /// What flows in both directions, counted: packets of each name from either side.
    Flow(Vec<(String, [u64; 2])>),
    /// Something happened at a side.
    Event { at: usize, text: String, entry: u64, trouble: bool },
    /// Nothing for this number of microseconds.
    Silence(i64),
}

/// The rows of a connection in order of time.
fn rows(evidence: &Evidence, events: &[ApiEvent], origin: u64, frames: Option<Frames>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut settled = false;
    // Of a packet that was seen at both ends, where it left.
    let tapped = |peer| evidence.wire.as_ref().is_some_and(|wire| wire.is_tapped(peer));
    let tapped = [tapped(Peer(0)), tapped(Peer(1))];
    for packet in evidence.wire.iter().flat_map(|wire| &wire.packets) {
        if packet.tap != packet.sender && tapped.get(packet.sender.0) == Some(&true) {
            continue;
        }
        if frames.is_some_and(|frames| !frames.holds(packet.frame)) {
            continue;
        }
        let t_us = i64::try_from(packet.t_us).unwrap_or(i64::MAX);
        let said = said(packet);
        settled |= said.iter().any(|said| matches!(said, Said::Srtp { .. } | Said::Chunk { .. }));
        let from = packet.sender.0;
        let mut flow: Vec<(String, [u64; 2])> = Vec::new();
        let mut texts: Vec<String> = Vec::new();
        for said in &said {
            match entry(said, settled) {
                Entry::Message(text) if texts.last() == Some(&text) => {}
                Entry::Message(text) => texts.push(text),
                Entry::Flow(name) => count(&mut flow, name, from),
            }
        }
        // What is encrypted of a flight comes last in it.
        let (names, alerted) = encrypted(packet);
        texts.extend(names);
        let trouble = alerted || said.iter().any(is_trouble);
        let what = if texts.is_empty() && flow.is_empty() {
            // The rest of a message that began in an earlier datagram.
            continue;
        } else if texts.is_empty() {
            What::Flow(flow)
        } else {
            What::Message { from, text: listed(&texts), times: 1, trouble }
        };
        rows.push(Row { t_us, frame: Some(packet.frame), what });
    }
    if frames.is_none() {
        for event in events {
            let Some(at) = evidence.peers.iter().position(|peer| *peer == event.peer) else { continue };
            let t_us = (i128::from(event.ns) - i128::from(origin)) / 1_000;
            let what =
                What::Event { at, text: event.text.clone(), entry: event.entry, trouble: event.trouble };
            rows.push(Row { t_us: i64::try_from(t_us).unwrap_or(0), frame: None, what });
        }
    }
    rows.sort_by_key(|row| (row.t_us, row.frame));
    joined(rows)
}

/// Whether it says that something failed: a fatal alert, an error of STUN, an ABORT or ERROR of SCTP.
fn is_trouble(said: &Said<'_>) -> bool {
    match said {
        Said::Stun { error, .. } => error.is_some(),
        Said::Alert { level, .. } => *level == Some(alert::Level::Fatal),
        Said::Chunk { kind, .. } => matches!(kind, ChunkType::Abort | ChunkType::Error),
        _ => false,
    }
}

/// Handshake messages and alerts that were encrypted, by their names, and whether one is a fatal alert.
fn encrypted(packet: &Packet) -> (Vec<String>, bool) {
    let mut names: Vec<String> = Vec::new();
    let mut is_fatal = false;
    for clear in &packet.clear {
        let Kind::Record { content_type, .. } = clear.kind else { continue };
        match ContentType::from(content_type) {
            ContentType::Handshake => {
                let content = Field::new(Span::new(0, clear.bytes.len()), clear.bytes.as_slice());
                for fragment in Fragments::new(content).map_while(Result::ok) {
                    let name = fragment.kind.value.to_string();
                    if fragment.fragment_offset.value == 0 && !names.contains(&name) {
                        names.push(name);
                    }
                }
            }
            ContentType::Alert => {
                if let Ok(alert) = alert::view(&clear.bytes) {
                    is_fatal |= alert.level.value == alert::Level::Fatal;
                    names.push(alert.to_string());
                }
            }
            _ => {}
        }
    }
    (names, is_fatal)
}

/// Several messages of a packet on one line: the first and the last, if they are many.
fn listed(texts: &[String]) -> String {
    match texts {
        [first, _, .., last] if texts.len() > 3 => format!("{first} … {last} ({} messages)", texts.len()),
        _ => texts.join(", "),
    }
}

/// Puts what belongs together on one row, and says where nothing came for long.
fn joined(rows: Vec<Row>) -> Vec<Row> {
    let mut all: Vec<Row> = Vec::new();
    let mut last_us = None;
    for row in rows {
        let silent = last_us.map_or(0, |last| row.t_us - last);
        last_us = Some(row.t_us);
        if silent >= SILENCE {
            all.push(Row { t_us: row.t_us - silent, frame: None, what: What::Silence(silent) });
        } else if let Some(before) = all.last_mut() {
            match (&mut before.what, &row.what) {
                (What::Flow(counts), What::Flow(more)) => {
                    for (name, [a, b]) in more {
                        for (side, times) in [a, b].into_iter().enumerate() {
                            (0..*times).for_each(|_| count(counts, name.clone(), side));
                        }
                    }
                    continue;
                }
                (What::Message { from, text, times, .. }, What::Message { from: again, text: same, .. })
                    if from == again && text == same =>
                {
                    *times += 1;
                    continue;
                }
                _ => {}
            }
        }
        all.push(row);
    }
    all
}

fn count(flow: &mut Vec<(String, [u64; 2])>, name: String, from: usize) {
    let at = flow.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
        flow.push((name, [0, 0]));
        flow.len() - 1
    });
    if let Some(times) = flow.get_mut(at).and_then(|(_, sides)| sides.get_mut(from)) {
        *times += 1;
    }
}

/// Everything that a packet says: what was in it in the clear, else what it shows on the wire.
fn said(packet: &Packet) -> Vec<Said<'_>> {
    let mut units = Vec::new();
    unit::each(&packet.bytes, packet.cid_length.into(), |unit| units.push(unit));
    let mut in_clear = Vec::new();
    for clear in &packet.clear {
        let content = match clear.kind {
            Kind::Rtp => continue,
            Kind::Rtcp => Content::Rtcp,
            Kind::Record { content_type, epoch, sequence } => Content::Dtls { content_type, epoch, sequence },
        };
        let before = in_clear.len();
        unit::each_in_clear(content, &clear.bytes, |unit| in_clear.push(unit));
        if content.is_application_data() && in_clear.len() == before {
            // It is no SCTP.
            in_clear.push(Said::ApplicationData);
        }
    }
    let opened = !packet.clear.is_empty();
    let carrier = |said: &Said<'_>| {
        matches!(
            said,
            Said::ApplicationData
                | Said::Record13
                | Said::Alert { description: None, .. }
                | Said::Srtcp { .. }
                | Said::EncryptedHandshake
        )
    };
    units.retain(|said| !(opened && carrier(said)));
    units.extend(in_clear);
    units
}

enum Entry {
    Message(String),
    Flow(String),
}

/// How a thing is shown: by a line of its own, or counted. Checks after the connection is settled only keep it alive.
fn entry(said: &Said<'_>, settled: bool) -> Entry {
    match said {
        Said::Stun { class, error, .. } if settled && error.is_none() => match class {
            StunClass::Request => Entry::Flow("check".to_owned()),
            _ => Entry::Flow("answer".to_owned()),
        },
        Said::Stun { use_candidate, error, .. } => {
            let nominates = if *use_candidate { ", USE-CANDIDATE" } else { "" };
            let error = error.map_or_else(String::new, |code| format!(" {code}"));
            Entry::Message(format!("{}{error}{nominates}", said.name()))
        }
        Said::Alert { level, description } => {
            let fatal = if *level == Some(alert::Level::Fatal) { "fatal " } else { "" };
            match description {
                Some(description) => Entry::Message(format!("{fatal}alert {}", description.raw())),
                None => Entry::Message("encrypted alert".to_owned()),
            }
        }
        Said::Srtp { .. } | Said::Rtp { .. } => Entry::Flow("RTP".to_owned()),
        Said::Srtcp { .. } => Entry::Flow("RTCP".to_owned()),
        Said::Rtcp { .. } => Entry::Flow(match said.name() {
            name if ["PLI", "FIR", "NACK"].contains(&name.as_ref()) => name.into_owned(),
            _ => "RTCP".to_owned(),
        }),
        Said::ApplicationData | Said::Record13 => Entry::Flow(said.name().into_owned()),
        Said::Chunk { dcep: Some(kind), .. } => Entry::Message(match kind {
            MessageType::Ack => "DCEP ACK".to_owned(),
            MessageType::Open => "DCEP OPEN".to_owned(),
            kind => format!("DCEP message {}", kind.raw()),
        }),
        Said::Chunk {
            kind:
                ChunkType::Data
                | ChunkType::Sack
                | ChunkType::Heartbeat
                | ChunkType::HeartbeatAck
                | ChunkType::IData,
            ..
        } => Entry::Flow(said.name().into_owned()),
        Said::Chunk { .. } => Entry::Message(format!("SCTP {}", said.name())),
        Said::Unknown(_) | Said::ChannelData => Entry::Flow(said.name().into_owned()),
        _ => Entry::Message(said.name().into_owned()),
    }
}

fn draw(evidence: &Evidence, rows: &[Row], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let width = style.width.unwrap_or(WIDTH);
    let inner = width.saturating_sub(MARGIN + 2).max(20);
    let mut names = evidence.peers.iter().map(|name| shortened(&clean(name), inner / 2));
    let (left, right) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    let gap = (inner + 2).saturating_sub(left.chars().count() + right.chars().count());
    writeln!(out, "{:>11} {:>6}  {left}{}{right}", "time", "frame", " ".repeat(gap))?;
    for row in rows.iter().take(MOST_ROWS) {
        // Milliseconds, rounded; a float would print -0.000.
        let ms = (row.t_us + 500).div_euclid(1_000);
        let time = ms as f64 / 1e3;
        let frame = row.frame.map_or_else(String::new, |frame| frame.to_string());
        write!(out, "{time:>9.3} s {frame:>6}  ")?;
        writeln!(out, "{}", line(&row.what, inner, style))?;
    }
    if let Some(left) = rows.len().checked_sub(MOST_ROWS).filter(|left| *left > 0) {
        writeln!(out, "and {left} more rows (select with --frames)")?;
    }
    Ok(())
}

/// What stands between the margin and the end of the line.
fn line(what: &What, inner: usize, style: &Style) -> String {
    match what {
        What::Message { from, text, times, trouble } => {
            let times = if *times > 1 { format!(" × {times}") } else { String::new() };
            let label =
                format!(" {} ", shortened(&format!("{}{times}", clean(text)), inner.saturating_sub(6)));
            let rest = inner.saturating_sub(label.chars().count() + 1);
            let (short, long) = (rest.min(2), rest.saturating_sub(2));
            let paint = if *trouble { style.paint(Paint::Bad, &label) } else { label };
            match from {
                0 => format!("│{}{paint}{}▶│", "─".repeat(short), "─".repeat(long)),
                _ => format!("│◀{}{paint}{}│", "─".repeat(long), "─".repeat(short)),
            }
        }
        What::Flow(counts) => {
            let parts = counts.iter().map(|(name, [a, b])| match (a, b) {
                (a, 0) => format!("{name} {a}▶"),
                (0, b) => format!("{name} ◀{b}"),
                (a, b) => format!("{name} {a}▶ ◀{b}"),
            });
            between(&parts.collect::<Vec<_>>().join(", "), inner, style)
        }
        What::Silence(us) => between(&format!("nothing for {:.1} s", *us as f64 / 1e6), inner, style),
        What::Event { at, text, trouble, .. } => {
            let text = shortened(&clean(text), inner.saturating_sub(2));
            let pad = " ".repeat(inner.saturating_sub(text.chars().count() + 1));
            let text = style.paint(if *trouble { Paint::Bad } else { Paint::Heading }, &text);
            match at {
                0 => format!("● {text}{pad}│"),
                _ => format!("│{pad}{text} ●"),
            }
        }
    }
}

/// A text in the middle between both sides.
fn between(text: &str, inner: usize, style: &Style) -> String {
    let text = shortened(text, inner);
    let rest = inner.saturating_sub(text.chars().count());
    let (before, behind) = (rest / 2, rest - rest / 2);
    format!("┊{}{}{}┊", " ".repeat(before), style.paint(Paint::Soft, &text), " ".repeat(behind))
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(t_us: i64, from: usize, text: &str) -> Row {
        let what = What::Message { from, text: text.to_owned(), times: 1, trouble: false };
        Row { t_us, frame: Some(1), what }
    }

    #[test]
    fn every_line_fills_the_width_and_no_more() {
        let long = "x".repeat(200);
        for what in [
            message(0, 0, "ClientHello").what,
            message(0, 1, &long).what,
            What::Flow(vec![("RTP".to_owned(), [3, 4]), (long.clone(), [1, 0])]),
            What::Event { at: 0, text: "connectionState connected".to_owned(), entry: 0, trouble: false },
            What::Event { at: 1, text: long, entry: 1, trouble: true },
            What::Silence(2_300_000),
        ] {
            assert_eq!(line(&what, 58, &Style::PLAIN).chars().count(), 60, "{what:?}");
        }
    }

    #[test]
    fn only_a_fatal_alert_is_trouble() {
        for (level, expected) in [(alert::Level::Fatal, true), (alert::Level::Warning, false)] {
            assert_eq!(is_trouble(&Said::Alert { level: Some(level), description: None }), expected);
        }
    }

    #[test]
    fn what_repeats_is_shown_once_and_silence_is_shown() {
        let flow = |t_us, side: usize| {
            let mut counts = [0, 0];
            counts[side] = 1;
            Row { t_us, frame: Some(2), what: What::Flow(vec![("RTP".to_owned(), counts)]) }
        };
        let rows = joined(vec![
            message(0, 0, "Binding request"),
            message(10, 0, "Binding request"),
            message(20, 1, "Binding request"),
            flow(30, 0),
            flow(40, 1),
            flow(2_000_040, 0),
        ]);
        let whats: Vec<_> = rows.iter().map(|row| row.what.clone()).collect();
        assert_eq!(
            whats,
            [
                What::Message { from: 0, text: "Binding request".to_owned(), times: 2, trouble: false },
                message(0, 1, "Binding request").what,
                What::Flow(vec![("RTP".to_owned(), [1, 1])]),
                What::Silence(2_000_000),
                What::Flow(vec![("RTP".to_owned(), [1, 0])]),
            ]
        );
    }
}
