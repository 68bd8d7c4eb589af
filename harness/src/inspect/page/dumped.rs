//! The page of a dump without a capture: its states, events, descriptions and statistics on one axis.

use super::super::dumped::{OnAxis, alone, on_axis};
use super::{ALLOWANCE, candidates, descriptions, fit, signed};
use crate::inspect::{InspectError, args, export};
use peerproof_captures::dump::Internals;
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::trace::Trace;
use peerproof_conformance::explain::Diagnosis;
use peerproof_reports::session::{self, Body, File, Head, Packets, Page, PeerHead};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Writes the page of a dump. `force` replaces a file that exists.
pub(in super::super) fn write(
    from: &Path,
    dump: Internals,
    to: &Path,
    force: bool,
    out: &mut dyn Write,
) -> Result<(), InspectError> {
    export::refuse_file(is_same(from, to), to, force)?;
    let size = fs::metadata(from).map(|it| it.len()).ok();
    let html = page(from, dump, size)?;
    fs::write(to, &html).map_err(|error| InspectError::Export { path: to.to_owned(), error })?;
    writeln!(out, "{}: {} KB", to.display(), html.len().div_ceil(1024))?;
    Ok(())
}

fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    real(one).is_some() && real(one) == real(other)
}

fn page(from: &Path, dump: Internals, size: Option<u64>) -> Result<Vec<u8>, InspectError> {
    let (beside, described) = alone(from, dump);
    let dumps = [beside];
    // The axis begins with what happened first.
    let OnAxis { entries, stats, .. } = on_axis(&dumps, 0);
    let times = || {
        let points = stats.iter().flat_map(|series| series.points.iter().map(|(t_us, _)| *t_us));
        entries.iter().map(|entry| entry.t_us).chain(points)
    };
    let origin_us = u64::try_from(times().min().unwrap_or(0)).unwrap_or(0);
    let last = times().max().unwrap_or(0).saturating_sub(signed(origin_us));
    let OnAxis { entries, states, stats } = on_axis(&dumps, origin_us);
    let [dump] = dumps;
    let several = dump.connections.len() > 1;
    let mut diagnosis: Vec<Diagnosis> = Vec::new();
    for side in &dump.connections {
        diagnosis.extend(side.dump.diagnosis.iter().cloned().map(|mut found| {
            if several {
                found.what = format!("{}: {}", side.dump.id, found.what);
            }
            found
        }));
    }
    let sides = dump.connections.iter().filter_map(|side| side.side.clone());
    let version = dump.browser.clone().unwrap_or_default();
    let trace = Trace::default();
    let mut left_out = vec![dump.unknown.clone()];
    if entries.is_empty() && stats.is_empty() {
        let why = "its steps and statistics have no times, so none is on an axis; the text of `peerproof inspect` lists them";
        left_out.push(why.to_owned());
    }
    let head = Head {
        format: session::FORMAT,
        tool: crate::TOOL.to_owned(),
        title: dump.name.clone(),
        origin_us,
        axis_us: [0, last.max(1)],
        file: File {
            name: dump.name.clone(),
            format: dump.origin.clone(),
            size,
            application: dump.browser.clone(),
            interfaces: Vec::new(),
            frames: 0,
            secrets: 0,
            defects: Vec::new(),
        },
        peers: sides.map(|name| PeerHead { name, version: version.clone(), role: String::new() }).collect(),
        seed: None,
        case: None,
        requirements: None,
        diagnosis: &diagnosis,
        besides: &[],
        words: args::words(),
        left_out,
    };
    let texts: &[(String, SessionDescription)] = &described;
    let body = Body {
        trace: &trace,
        ladders: Vec::new(),
        steps: Vec::new(),
        states,
        entries,
        acts: Vec::new(),
        descriptions: descriptions::given(texts),
        snapshot: None,
        candidates: candidates::given(texts),
        streams: Vec::new(),
        stats,
        messages: Vec::new(),
    };
    let unwritable = |error| InspectError::Write(io::Error::other(error));
    let most = ALLOWANCE + size.unwrap_or(0) / 4;
    let mut page = Page { head, body, packets: Packets::default() };
    fit::views(&mut page, most).map_err(unwritable)?;
    fit::html(page, most).map_err(unwritable)
}
