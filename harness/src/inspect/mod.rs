//! `peerproof inspect`: explains a capture to someone whose call fails, whoever recorded it.
//!
//! [`Report`] is the result, as data; [`text`] prints it, `--json` serialises it. `--packets` and `--frame` show the packets
//! themselves.

mod args;
mod arrivals;
pub(crate) mod beside;
mod chosen;
mod dump;
mod dumped;
mod error;
mod events;
mod export;
mod frames;
mod json;
mod judged;
mod ladder;
mod logs;
mod media;
mod packets;
mod page;
mod source;
pub mod text;
mod tree;

pub use args::{Beside, InspectArgs, PacketLayer, Protocol, SrtpKeys};
pub use dump::DumpReport;
pub use dumped::{DumpBeside, DumpedSide};
pub use error::InspectError;
pub use events::ApiEvent;
pub use frames::Frames;
pub use json::{FileFacts, InterfaceFacts, Report};
pub use judged::Judged;
pub(crate) use judged::{Once, also_seen, each_evidence};
pub use media::StreamName;

use crate::terminal::Style;
use events::Recording;
pub(crate) use page::page;
use peerproof_captures::ends::BothEnds;
use peerproof_captures::file::Item;
use peerproof_captures::trace::{Builder, Trace};
use peerproof_conformance::explain::{Session, explain};
pub(crate) use source::Given;
use std::io::Write;

/// Reads the capture and writes what is asked for.
///
/// # Errors
/// If the capture or another file cannot be read, or nothing can be written.
pub fn main(args: &InspectArgs, out: &mut dyn Write) -> Result<(), InspectError> {
    if let Some((name, dump)) = dump::read(&args.capture)? {
        let written = [&args.export, &args.png, &args.wav];
        if args.packets || args.ladder || args.frame.is_some() || written.iter().any(|to| to.is_some()) {
            let reason =
                "a dump has no packets; --html shows its states and statistics, --dump places it beside a capture of the call"
                    .to_owned();
            return Err(InspectError::Foreign { name, reason });
        }
        if let Some(to) = &args.html {
            return page::write_dump(&args.capture, dump, to, args.force, out);
        }
        let report = dump::report(name, &dump);
        if args.json {
            serde_json::to_writer_pretty(&mut *out, &report)
                .map_err(|error| InspectError::Write(error.into()))?;
            writeln!(out)?;
        } else {
            dump::write(&report, &Style::of_stdout(), out)?;
        }
        return Ok(());
    }
    let mut given = Given::read(&args.capture, &args.beside)?;
    dumped::read(&args.dump, &mut given)?;
    if args.packets {
        return packets::write(args, &given, out);
    }
    if let Some(frame) = args.frame {
        return tree::write(&given, frame, out);
    }
    if let Some(to) = &args.export {
        return export::write(&given.spooled()?, to, args.connection, args.force, out);
    }
    if let Some(folder) = &args.png {
        return media::png(args, &given.spooled()?, folder, out);
    }
    if let Some(to) = &args.wav {
        return media::wav(args, &given.spooled()?, to, out);
    }
    if let Some(to) = &args.html {
        return page::write(&given.spooled()?, args.frames, to, args.force, out);
    }
    if args.ladder {
        let given = given.spooled()?;
        return ladder::write(&report(&given)?, &given, args.frames, out);
    }
    let report = judged_report(&given)?;
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &report)
            .map_err(|error| InspectError::Write(error.into()))?;
        writeln!(out)?;
    } else {
        text::write(&report, &Style::of_stdout(), out)?;
    }
    Ok(())
}

/// The report, with the requirements that a capture violates.
fn judged_report(given: &Given) -> Result<Report, InspectError> {
    let mut report = report(given)?;
    if given.folder.is_none() {
        report.judged = Judged::of_capture(given, &report.trace);
    }
    Ok(report)
}

/// Traces and explains the whole capture. How the requirements stand is only in it for a recording.
fn report(given: &Given) -> Result<Report, InspectError> {
    let (file, trace) = trace(given)?;
    let recording = Recording::read(given);
    let reported = recording.as_ref().and_then(Recording::reported);
    let session = Session::of_packets(&trace);
    let mut diagnosis = match &reported {
        Some(reported) => explain(&session.with_reported(reported)),
        None => explain(&session),
    };
    let beside = beside::found(given, &trace)?;
    let mut events = recording.as_ref().map(Recording::events).unwrap_or_default();
    let entries = recording.as_ref().map_or(0, |recording| recording.timeline().len() as u64);
    let dumps = dumped::place(given, &trace, entries, &mut events, &mut diagnosis);
    let judged = recording.as_ref().map(Judged::of_recording).unwrap_or_default();
    let besides = judged.besides(&mut diagnosis);
    Ok(Report {
        judged,
        file,
        beside: given.notices.iter().cloned().chain(beside).collect(),
        trace,
        events,
        diagnosis,
        besides,
        dumps,
    })
}

/// Traces the whole capture. Where two interfaces saw both ends of a connection, it is read once more with what that says of the interfaces.
pub(crate) fn trace(given: &Given) -> Result<(FileFacts, Trace), InspectError> {
    let (file, trace) = trace_with(given, None)?;
    match trace.both_ends().filter(|_| given.is_kept()) {
        Some(ends) => trace_with(given, Some(ends)),
        None => Ok((file, trace)),
    }
}

fn trace_with(given: &Given, ends: Option<BothEnds>) -> Result<(FileFacts, Trace), InspectError> {
    let mut builder = Builder::new();
    if let Some(ends) = ends {
        builder.at_both_ends(ends);
    }
    builder.key_log(&given.key_log);
    for key in &given.srtp_keys {
        builder.srtp_key(*key);
    }
    for (name, description) in &given.descriptions {
        builder.description(name, description);
    }
    let mut reader = given.reader()?;
    let mut foreign_secrets = 0;
    loop {
        match reader.next_item() {
            None => break,
            Some(Item::Interface(index)) => {
                let name = reader.interfaces().get(index).and_then(|interface| interface.name.clone());
                builder.interface(index, &name.unwrap_or_default());
            }
            Some(Item::Secrets(secrets)) => foreign_secrets += u64::from(!builder.secrets(&secrets)),
            Some(Item::Frame(frame)) => builder.frame(&frame),
            Some(_) => {}
        }
    }
    let file = FileFacts::of(&given.name, &reader, foreign_secrets)?;
    Ok((file, builder.finish_at(reader.stop())))
}
