//! `--html`: a page that shows the capture, made of what the other outputs show.

mod candidates;
mod descriptions;
mod dumped;
mod fit;
mod ladders;
mod messages;
mod packets;
mod recording;
mod snapshot;

pub(super) use self::dumped::write as write_dump;
use super::arrivals::Arrivals;
use super::dumped::{OnAxis, on_axis};
use super::events::Recording;
use super::source::Given;
use super::{Frames, InspectError, Judged, Report, args, export, judged_report};
use crate::input;
use crate::spool::spool;
use peerproof_captures::file::CaptureReader;
use peerproof_captures::observe::Defect;
use peerproof_captures::trace::{Side, Trace};
use peerproof_conformance::case::{CaseFile, CasePeer, CaseRecord, Role, versioned};
use peerproof_conformance::evidence::Wire;
use peerproof_conformance::verdict::Place;
use peerproof_reports::CaseReport;
use peerproof_reports::session::{
    self, Body, CaptureRequirements, File, Head, Packets, Page, PeerHead, SnapshotBeside, StreamOverTime,
};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// A page's limit is this and a quarter of its capture's size, in bytes.
const ALLOWANCE: u64 = 1 << 20;
/// A page with fewer packets is not made smaller.
const FEWEST: usize = 500;
/// Connections whose messages are shown.
const MOST_CONNECTIONS: usize = 200;
/// Checks of a pair that are shown one by one, where a trace has very many.
const MOST_TRANSACTIONS: usize = 50;
/// More checks than this are many.
const MANY_TRANSACTIONS: usize = 5_000;

/// Writes the page. `force` replaces a file that exists.
pub(super) fn write(
    given: &Given,
    frames: Option<Frames>,
    to: &Path,
    force: bool,
    out: &mut dyn Write,
) -> Result<(), InspectError> {
    export::refuse(given, to, force)?;
    let failed = |error| InspectError::Export { path: to.to_owned(), error };
    let html = page(given, frames)?;
    fs::write(to, &html).map_err(failed)?;
    writeln!(out, "{}: {} KB", to.display(), html.len().div_ceil(1024))?;
    Ok(())
}

/// The page of a capture or a recording.
pub(crate) fn page(given: &Given, frames: Option<Frames>) -> Result<Vec<u8>, InspectError> {
    let mut report = judged_report(given)?;
    let recording = Recording::read(given);
    let judged = recording.as_ref().and_then(|recording| case(given, recording));
    let (case, snapshot) = judged.map_or((None, None), |(case, snapshot)| (Some(case), snapshot));
    let origin_us = match &recording {
        Some(recording) => recording.case().epoch_us,
        None => report.trace.first.unwrap_or_default().ns / 1_000,
    };
    let arrivals = Arrivals::read(given)?;
    let mut left_out = Vec::new();
    shorten(&mut report.trace, &mut left_out);
    let size = given.size();
    let most = ALLOWANCE + size.unwrap_or(0) / 4;
    let deciding = deciding(&report, case.as_ref());
    let lost = |frame| arrivals.is_lost(frame);
    let ladders = ladders::ladders(&report, given, frames, origin_us, &lost)?;
    let mut views = recording.as_ref().map(|it| recording::views(it, &mut left_out)).unwrap_or_default();
    let OnAxis { entries, states, stats } = on_axis(&report.dumps, origin_us);
    let dumped_us = [entries.iter().map(|it| it.t_us).min(), entries.iter().map(|it| it.t_us).max()];
    views.entries.extend(entries);
    views.states.extend(states);
    views.states.sort_by_key(|state| state.t_us);
    views.stats.extend(stats);
    let (descriptions, candidates) = match &recording {
        Some(recording) => (
            descriptions::of_recording(recording, &mut left_out),
            candidates::of_recording(recording, &mut left_out),
        ),
        None => (descriptions::given(&given.descriptions), candidates::given(&given.descriptions)),
    };
    let last_us = report.trace.last.map_or(0, |at| since(at.ns, origin_us));
    let first_us = report.trace.first.map(|at| since(at.ns, origin_us));
    let until = recording.as_ref().map_or(last_us, |it| last_us.max(signed(it.case().duration_us)));
    let until = until.max(dumped_us[1].unwrap_or(until));
    // Opening a browser may have taken seconds.
    let begin = [views.steps.first().map(|step| step.from_us), first_us, dumped_us[0]]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(0);
    let Report { judged, file, trace, diagnosis, besides, .. } = &report;
    let head = Head {
        format: session::FORMAT,
        tool: crate::TOOL.to_owned(),
        title: case.as_ref().map_or_else(|| file_name(&file.name), |case| case.name.clone()),
        origin_us,
        axis_us: [begin, until.max(begin.saturating_add(1))],
        file: File {
            name: file_name(&file.name),
            format: file.format.clone(),
            size,
            application: file.application.clone(),
            interfaces: file.interfaces.iter().map(|it| it.name.clone().unwrap_or_default()).collect(),
            frames: trace.frames,
            secrets: trace.secrets,
            defects: defects(trace).chain(file.stop.clone()).collect(),
        },
        peers: peers(trace, recording.as_ref().map(Recording::case)),
        seed: case.as_ref().map(|case| case.seed.to_string()),
        requirements: recording.is_none().then(|| requirements(judged, &file.name)),
        case,
        diagnosis,
        besides,
        words: args::words(),
        left_out,
    };
    let body = Body {
        trace,
        ladders,
        steps: views.steps,
        states: views.states,
        entries: views.entries,
        acts: views.acts,
        descriptions,
        snapshot,
        candidates,
        streams: streams(trace, origin_us),
        stats: views.stats,
        messages: views.messages,
    };
    let unwritable = |error| InspectError::Write(io::Error::other(error));
    let mut page = Page { head, body, packets: Packets::default() };
    // Packets have what the rest leaves; a quarter is theirs in any case.
    let taken = fit::views(&mut page, most / 4 * 3).map_err(unwritable)?;
    let asked = packets::Asked { origin_us, frames, deciding, budget: most.saturating_sub(taken) };
    let (packets, messages) = packets::read(given, &arrivals, asked, &mut page.head.left_out)?;
    page.packets = packets;
    if recording.is_none() {
        page.body.messages = messages.of_page(trace, origin_us, &mut page.head.left_out);
    }
    fit::html(page, most).map_err(unwritable)
}

/// Notes what a page leaves out, if it is anything.
fn note(left_out: &mut Vec<String>, count: usize, what: &str) {
    if count > 0 {
        left_out.push(format!("{count} {what}"));
    }
}

/// Microseconds from the origin to a time in nanoseconds since 1970.
fn since(ns: u64, origin_us: u64) -> i64 {
    signed(ns / 1_000).saturating_sub(signed(origin_us))
}

fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

/// The path without what is of this machine.
fn file_name(name: &str) -> String {
    Path::new(name).file_name().map_or_else(|| name.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The case as the report of a run shows it, if it was judged, and its normal form beside the snapshot.
fn case(given: &Given, recording: &Recording) -> Option<(CaseReport, Option<SnapshotBeside>)> {
    let file = recording.case();
    let verdict = file.verdict.clone()?;
    let peers: Vec<String> = file.peers.iter().map(|peer| peer.name.clone()).collect();
    let wire = given.folder.as_ref().and_then(|folder| input::open(&folder.join("capture.pcapng")).ok());
    let wire = wire.and_then(|file_| {
        let bytes = file_.metadata().map(|it| it.len().saturating_mul(2)).ok();
        Wire::read(CaptureReader::new(file_), &peers, file.epoch_us, spool(bytes)).ok()
    });
    let record = CaseRecord {
        file: file.clone(),
        timeline: recording.timeline().to_vec(),
        stats: Default::default(),
        wire,
        reached: Default::default(),
        rids: Default::default(),
        flaws: Vec::new(),
    };
    Some((CaseReport::of(&record, &verdict), snapshot::beside(&record, given.folder.as_deref())))
}

/// How the requirements stand in a capture.
fn requirements(judged: &Judged, name: &str) -> CaptureRequirements {
    let name = file_name(name);
    CaptureRequirements {
        counts: judged.requirements,
        violations: judged.violations.clone(),
        skipped: judged
            .skipped
            .as_ref()
            .map(|why| format!("not judged, since {why}; `peerproof judge {name}` does")),
    }
}

/// The frames that decide something: their bytes are in the page, whatever else is.
fn deciding(report: &Report, case: Option<&CaseReport>) -> BTreeSet<u64> {
    let places = |places: &[Place]| -> Vec<u64> {
        let frames = places.iter().filter_map(|place| match place {
            Place::Frame(frame) => Some(*frame),
            _ => None,
        });
        frames.collect()
    };
    let diagnosis = || report.diagnosis.iter().chain(&report.besides);
    let mut all: BTreeSet<u64> = diagnosis().filter_map(|it| it.frame).collect();
    all.extend(diagnosis().flat_map(|it| places(&it.evidence)));
    all.extend(report.judged.violations.iter().flat_map(|it| places(&it.evidence)));
    if let Some(case) = case {
        all.extend(places(&case.verdict.evidence));
        all.extend(case.breaches.iter().flat_map(|it| places(&it.evidence)));
    }
    all
}

/// What makes the capture less than what was on the wire; where it breaks off is said by the reader.
fn defects(trace: &Trace) -> impl Iterator<Item = String> {
    trace.defects.iter().filter(|it| !matches!(it, Defect::Ends { .. })).map(ToString::to_string)
}

fn peers(trace: &Trace, case: Option<&CaseFile>) -> Vec<PeerHead> {
    if let Some(case) = case {
        let of = |peer: &CasePeer| PeerHead {
            name: peer.name.clone(),
            version: versioned(&peer.implementation, &peer.version),
            role: match peer.role {
                Role::Offerer => "offerer".to_owned(),
                Role::Answerer => "answerer".to_owned(),
            },
        };
        return case.peers.iter().map(of).collect();
    }
    let Some(first) = trace.connections.first() else { return Vec::new() };
    // A capture alone has no versions, and often no names: the address says who it is.
    let addresses = ladders::addresses(trace, first);
    let of = |(side, version)| PeerHead { name: first.name(side), version, role: String::new() };
    Side::BOTH.into_iter().zip(addresses).map(of).collect()
}

fn streams(trace: &Trace, origin_us: u64) -> Vec<StreamOverTime> {
    let mut all = Vec::new();
    for (connection, it) in trace.connections.iter().enumerate() {
        for (stream, it) in it.streams.values().enumerate() {
            let slices = &it.over_time;
            all.push(StreamOverTime {
                connection,
                stream,
                from_us: since(slices.from_ns, origin_us),
                width_us: slices.width_ns / 1_000,
                slices: slices.all.iter().map(StreamOverTime::slice).collect(),
            });
        }
    }
    all
}

/// Leaves out what a page cannot show.
fn shorten(trace: &mut Trace, left_out: &mut Vec<String>) {
    let connections = trace.connections.len();
    if connections > MOST_CONNECTIONS {
        left_out.push(format!("{} of {connections} connections", connections - MOST_CONNECTIONS));
        trace.connections.truncate(MOST_CONNECTIONS);
        trace.flows.retain(|flow| flow.connection.is_none_or(|index| index < MOST_CONNECTIONS));
    }
    let pairs = || trace.connections.iter().flat_map(|it| &it.pairs);
    if pairs().map(|pair| pair.transactions.len()).sum::<usize>() > MANY_TRANSACTIONS {
        left_out.push(format!("checks of each pair after the first {MOST_TRANSACTIONS} (they are counted)"));
        for pair in trace.connections.iter_mut().flat_map(|it| &mut it.pairs) {
            pair.transactions.truncate(MOST_TRANSACTIONS);
        }
    }
}
