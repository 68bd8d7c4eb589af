//! `--export`: the same capture with its secrets in front and, beside each interface, one that holds in the clear what was
//! protected. Wireshark decrypts DTLS by the secrets, but no SRTP.

use super::source::Given;
use super::{FileFacts, InspectError};
use peerproof_captures::decrypt::{self, Clear, Session};
use peerproof_captures::file::{Direction as Way, Item, LinkType, SECRETS_TLS_KEY_LOG};
use peerproof_captures::link::{Network, Transport};
use peerproof_captures::recording::{
    About, Content, Direction, InterfaceId, Observes, Packet, RecordError, Recorder,
};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Plaintext tells the frame that carried it if that is among the newest so many.
const REMEMBERED: usize = 1 << 16;

/// What was written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    frames: u64,
    sctp: u64,
    rtp: u64,
    rtcp: u64,
}

/// Writes the export and tells what is in it.
pub(super) fn write(given: &Given, to: &Path, out: &mut dyn Write) -> Result<(), InspectError> {
    if given.is(to) {
        let error = io::Error::other("that is the capture itself");
        return Err(InspectError::Export { path: to.to_owned(), error });
    }
    let parts = to.with_extension("part");
    let written = export(given, &parts, to);
    if written.is_err() {
        // Half a capture is of no use; the error is what counts.
        let _ = fs::remove_file(&parts);
    }
    let Written { frames, sctp, rtp, rtcp } = written?;
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

fn export(given: &Given, parts: &Path, to: &Path) -> Result<Written, InspectError> {
    let failed = |error: io::Error| InspectError::Export { path: to.to_owned(), error };
    let failed_record = |error: RecordError| failed(io::Error::other(error));
    let (names, has_plaintext, key_log) = survey(given)?;
    let file = BufWriter::new(File::create(parts).map_err(failed)?);
    let comment = format!("{}, with what was protected in the clear", given.name);
    let about = About { application: concat!("peerproof ", env!("CARGO_PKG_VERSION")), comment: &comment };
    let mut recorder = Recorder::new(file, about).map_err(failed_record)?;
    let mut written = Written::default();
    let mut reader = given.reader()?;
    let mut places: Vec<Place> = Vec::new();
    let mut last_ns = 0;
    // The interfaces stand before the first frame in every capture that matters; others are added when they come.
    let log = String::from_utf8_lossy(&key_log).into_owned();
    recorder.secrets(&log).map_err(failed_record)?;
    while let Some(item) = reader.next_item() {
        let Item::Frame(frame) = item else {
            for (index, interface) in reader.interfaces().iter().enumerate().skip(places.len()) {
                let name = names.get(index).cloned().unwrap_or_default();
                let wire = recorder.interface_like(&name, interface).map_err(failed_record)?;
                let clear = match has_plaintext || interface.link == LinkType::WIRESHARK_UPPER_PDU {
                    true => None,
                    false => {
                        let named = format!("{name} in clear");
                        let told = "what was protected on the wire";
                        Some(recorder.interface(&named, told, Observes::Plaintext).map_err(failed_record)?)
                    }
                };
                places.push(Place::new(wire, clear, given, &key_log));
            }
            continue;
        };
        let Some(place) = frame.interface.and_then(|index| places.get_mut(index)) else { continue };
        last_ns = frame.time_ns.unwrap_or(last_ns);
        let number = recorder.copy(place.wire, &frame, last_ns).map_err(failed_record)?;
        written.frames += 1;
        let Some(clear) = place.clear else { continue };
        let direction = match frame.direction {
            Some(Way::Inbound) => Direction::Inbound,
            _ => Direction::Outbound,
        };
        let Place { network, session, numbers, .. } = place;
        if numbers.len() >= REMEMBERED {
            numbers.pop_front();
        }
        numbers.push_back((frame.number, number));
        let mut trouble = Ok(());
        network.frame(&frame, &mut |packet| {
            if !matches!(packet.transport, Transport::Udp | Transport::Tcp) {
                return;
            }
            let (from, to, payload) = (packet.from, packet.to, packet.payload);
            let datagram = decrypt::Datagram { time_ns: last_ns, frame: frame.number, from, to, payload };
            session.datagram(&datagram, &mut |opened| {
                let recorded = record(&mut recorder, clear, direction, numbers, &opened, &mut written);
                if trouble.is_ok() {
                    trouble = recorded;
                }
            });
        });
        trouble.map_err(failed_record)?;
    }
    FileFacts::of(&given.name, &reader, 0)?;
    let mut file = recorder.into_inner();
    file.flush().map_err(failed)?;
    drop(file);
    fs::rename(parts, to).map_err(failed)?;
    Ok(written)
}

/// What is followed of an interface.
struct Place {
    wire: InterfaceId,
    clear: Option<InterfaceId>,
    network: Network,
    session: Session,
    /// Numbers of the newest frames: there, and in the export.
    numbers: VecDeque<(u64, u64)>,
}

impl Place {
    fn new(wire: InterfaceId, clear: Option<InterfaceId>, given: &Given, key_log: &[u8]) -> Self {
        let mut session = Session::new();
        session.key_log(key_log, &mut |_| {});
        for key in &given.srtp_keys {
            session.srtp_key(*key);
        }
        Self { wire, clear, network: Network::new(), session, numbers: VecDeque::new() }
    }
}

fn record<W: Write>(
    recorder: &mut Recorder<W>,
    interface: InterfaceId,
    direction: Direction,
    numbers: &VecDeque<(u64, u64)>,
    opened: &Clear<'_>,
    written: &mut Written,
) -> Result<(), RecordError> {
    let (content, count) = match opened.content {
        decrypt::Content::Rtp => (Content::Rtp(opened.bytes), &mut written.rtp),
        decrypt::Content::Rtcp => (Content::Rtcp(opened.bytes), &mut written.rtcp),
        dtls if dtls.is_application_data() => (Content::Sctp(opened.bytes), &mut written.sctp),
        // Wireshark opens handshake and alerts itself.
        decrypt::Content::Dtls { .. } => return Ok(()),
    };
    *count += 1;
    let carried_by = numbers.iter().rev().find(|(there, _)| *there == opened.frame).map(|(_, here)| *here);
    let (local, remote) = match direction {
        Direction::Outbound => (opened.from, opened.to),
        Direction::Inbound => (opened.to, opened.from),
    };
    let time_ns = opened.time_ns;
    let packet = Packet { interface, time_ns, direction, local, remote, content, carried_by, comment: None };
    recorder.packet(&packet).map(drop)
}

/// Names of the interfaces, whether one holds plaintext already, and all secrets.
fn survey(given: &Given) -> Result<(Vec<String>, bool, Vec<u8>), InspectError> {
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
