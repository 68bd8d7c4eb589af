//! `--export`: the same capture with its secrets in front and, beside each interface, one that holds in the clear what was
//! protected. Wireshark decrypts DTLS by the secrets, but no SRTP.

use super::chosen::Chosen;
use super::source::Given;
use super::{FileFacts, InspectError};
use peerproof_captures::decrypt;
use peerproof_captures::file::{Direction as Way, Item, LinkType, SECRETS_TLS_KEY_LOG};
use peerproof_captures::observe::{Follow, Observation, Opened, Sink};
use peerproof_captures::recording::{
    About, Content, Direction, InterfaceId, Observes, PacketRecord, RecordError, Recorder,
};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Plaintext names the frame that carried it if that is among the newest ones, this number of them.
const REMEMBERED: usize = 1 << 16;

/// What was written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    frames: u64,
    sctp: u64,
    rtp: u64,
    rtcp: u64,
    /// The capture itself has interfaces in the clear, which are copied.
    had_plaintext: bool,
}

/// Refuses to write over the capture, and, without `force`, over any other file.
pub(super) fn refuse(given: &Given, to: &Path, force: bool) -> Result<(), InspectError> {
    refuse_file(given.is(to), to, force)
}

/// The same, where it is known whether the output is what is read.
pub(super) fn refuse_file(is_input: bool, to: &Path, force: bool) -> Result<(), InspectError> {
    let reason = if is_input {
        "the output is the capture itself"
    } else if to.is_dir() {
        "this is a folder; name a file"
    } else if !force && to.symlink_metadata().is_ok_and(|there| there.is_file() || there.is_dir()) {
        "the file exists; --force replaces it"
    } else {
        return Ok(());
    };
    Err(InspectError::Export { path: to.to_owned(), error: io::Error::other(reason) })
}

/// Writes the export and says what is in it: all of the capture, or the connection of that number, counted from one. `force` replaces a file that
/// is there.
pub(super) fn write(
    given: &Given,
    to: &Path,
    connection: Option<usize>,
    force: bool,
    out: &mut dyn Write,
) -> Result<(), InspectError> {
    refuse(given, to, force)?;
    let chosen = connection.map(|number| Chosen::read(given, number)).transpose()?;
    let parts = to.with_extension("part");
    let written = export(given, chosen.as_ref(), &parts, to);
    if written.is_err() {
        // Half a capture is of no use; the error is what counts.
        let _ = fs::remove_file(&parts);
    }
    let Written { frames, sctp, rtp, rtcp, had_plaintext } = written?;
    if had_plaintext {
        let to = to.display();
        writeln!(out, "{to}: {frames} frames, among them those that the capture itself has in the clear")?;
        return Ok(());
    }
    writeln!(
        out,
        "{}: {frames} frames, and in the clear {sctp} SCTP, {rtp} RTP and {rtcp} RTCP packets",
        to.display()
    )?;
    if sctp + rtp + rtcp == 0 {
        writeln!(out, "nothing could be decrypted: are there secrets in the capture, or --keylog?")?;
    }
    Ok(())
}

fn export(given: &Given, chosen: Option<&Chosen>, parts: &Path, to: &Path) -> Result<Written, InspectError> {
    let failed = |error: io::Error| InspectError::Export { path: to.to_owned(), error };
    let failed_record = |error: RecordError| failed(io::Error::other(error));
    let (names, has_plaintext, key_log) = survey(given)?;
    let file = BufWriter::new(File::create(parts).map_err(failed)?);
    let comment = format!("{}, with encrypted packets in the clear", given.name);
    let about = About { application: crate::TOOL, comment: &comment };
    let mut recorder = Recorder::new(file, about).map_err(failed_record)?;
    let mut reader = given.reader()?;
    let log = String::from_utf8_lossy(&key_log).into_owned();
    let log = chosen.map_or_else(|| log.clone(), |chosen| chosen.secrets(&log));
    recorder.secrets(&log).map_err(failed_record)?;
    let mut copy = Copy {
        chosen,
        recorder,
        places: Vec::new(),
        interface: None,
        direction: Direction::Outbound,
        written: Written { had_plaintext: has_plaintext, ..Written::default() },
        trouble: Ok(()),
    };
    let mut observer = given.observer(&mut copy);
    observer.key_log(&key_log, &mut copy);
    let mut last_ns = 0;
    while let Some(item) = reader.next_item() {
        let Item::Frame(frame) = item else {
            // The interfaces stand before the first frame in every capture that matters; others are added when they come.
            for (index, interface) in reader.interfaces().iter().enumerate().skip(copy.places.len()) {
                let name = names.get(index).cloned().unwrap_or_default();
                let wire = copy.recorder.interface_like(&name, interface).map_err(failed_record)?;
                let clear = match has_plaintext || interface.link == LinkType::WIRESHARK_UPPER_PDU {
                    true => None,
                    false => {
                        let named = format!("{name} in clear");
                        let description = "what was protected on the wire";
                        let made = copy.recorder.interface(&named, description, Observes::Plaintext);
                        Some(made.map_err(failed_record)?)
                    }
                };
                observer.at_place(index, index);
                copy.places.push(CopiedInterface { wire, clear, numbers: VecDeque::new() });
            }
            continue;
        };
        let Some(place) = frame.interface.and_then(|index| copy.places.get_mut(index)) else { continue };
        last_ns = frame.time_ns.unwrap_or(last_ns);
        if chosen.is_none_or(|chosen| chosen.holds(&frame)) {
            let number = copy.recorder.copy(place.wire, &frame, last_ns).map_err(failed_record)?;
            copy.written.frames += 1;
            if place.numbers.len() >= REMEMBERED {
                place.numbers.pop_front();
            }
            place.numbers.push_back((frame.number, number));
        }
        if place.clear.is_none() {
            continue;
        }
        copy.interface = frame.interface;
        copy.direction = match frame.direction {
            Some(Way::Inbound) => Direction::Inbound,
            _ => Direction::Outbound,
        };
        observer.frame(&frame, &mut copy);
        std::mem::replace(&mut copy.trouble, Ok(())).map_err(failed_record)?;
    }
    let Copy { recorder, written, .. } = copy;
    FileFacts::of(&given.name, &reader, 0)?;
    let mut file = recorder.into_inner();
    file.flush().map_err(failed)?;
    drop(file);
    fs::rename(parts, to).map_err(failed)?;
    Ok(written)
}

/// An interface of the capture in its copy.
struct CopiedInterface {
    wire: InterfaceId,
    clear: Option<InterfaceId>,
    /// Numbers of the newest frames: there, and in the export.
    numbers: VecDeque<(u64, u64)>,
}

/// The copy as it is written.
struct Copy<'a, W: Write> {
    chosen: Option<&'a Chosen>,
    recorder: Recorder<W>,
    places: Vec<CopiedInterface>,
    /// That of the frame at hand, and the direction of the frame.
    interface: Option<usize>,
    direction: Direction,
    written: Written,
    trouble: Result<(), RecordError>,
}

impl<W: Write> Sink for Copy<'_, W> {
    fn datagram(&mut self, seen: &Observation<'_>) -> Follow {
        if seen.is_plaintext() { Follow::No } else { Follow::ByAddress }
    }

    fn opened(&mut self, opened: &Opened<'_>) {
        if self.chosen.is_some_and(|chosen| !chosen.has(opened.frame)) {
            return;
        }
        let recorded = self.record(opened);
        if self.trouble.is_ok() {
            self.trouble = recorded;
        }
    }
}

impl<W: Write> Copy<'_, W> {
    fn record(&mut self, opened: &Opened<'_>) -> Result<(), RecordError> {
        let place = self.interface.and_then(|index| self.places.get(index));
        let Some(CopiedInterface { clear: Some(interface), numbers, .. }) = place else { return Ok(()) };
        let written = &mut self.written;
        let (content, count) = match opened.content {
            decrypt::Content::Rtp => (Content::Rtp(opened.bytes), &mut written.rtp),
            decrypt::Content::Rtcp => (Content::Rtcp(opened.bytes), &mut written.rtcp),
            dtls if dtls.is_application_data() => (Content::Sctp(opened.bytes), &mut written.sctp),
            // Wireshark opens handshake and alerts itself.
            decrypt::Content::Dtls { .. } => return Ok(()),
        };
        *count += 1;
        let carried_by =
            numbers.iter().rev().find(|(there, _)| *there == opened.frame).map(|(_, here)| *here);
        let (from, to) = opened.outer;
        let (local, remote) = match self.direction {
            Direction::Outbound => (from, to),
            Direction::Inbound => (to, from),
        };
        let (interface, direction, time_ns) = (*interface, self.direction, opened.time_ns);
        let packet =
            PacketRecord { interface, time_ns, direction, local, remote, content, carried_by, comment: None };
        self.recorder.packet(&packet).map(drop)
    }
}

/// Names of the interfaces, whether one holds plaintext already, and all secrets.
pub(super) fn survey(given: &Given) -> Result<(Vec<String>, bool, Vec<u8>), InspectError> {
    let mut reader = given.reader()?;
    let mut key_log = given.key_log.clone();
    while let Some(item) = reader.next_item() {
        if let Item::Secrets(secrets) = item
            && secrets.kind == SECRETS_TLS_KEY_LOG
        {
            key_log.extend_from_slice(secrets.data);
            if !key_log.ends_with(b"\n") {
                key_log.push(b'\n');
            }
        }
    }
    FileFacts::of(&given.name, &reader, 0)?;
    let interfaces = reader.interfaces();
    let has_plaintext = interfaces.iter().any(|it| it.link == LinkType::WIRESHARK_UPPER_PDU);
    let names = interfaces.iter().enumerate();
    let names = names.map(|(n, it)| it.name.clone().unwrap_or_else(|| format!("interface {n}")));
    Ok((names.collect(), has_plaintext, key_log))
}
