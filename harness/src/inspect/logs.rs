//! Text logs of browsers with packets in them, made into a capture, so that everything that reads captures reads them.

use peerproof_captures::dump::{self, Kind, Logged};
use peerproof_captures::recording::{
    About, Content, Direction, InterfaceId, Observes, PacketRecord, RecordError, Recorder,
};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::net::{Ipv4Addr, SocketAddr};

/// Longest line that is read: a packet of 64 KiB, three characters a byte, and what stands before it. The rest of a longer one is none.
const LONGEST_LINE: u64 = 1 << 18;
/// Most connections that are kept apart.
const MOST_CONNECTIONS: usize = 256;
/// A clock that goes back by more than this has passed midnight, in nanoseconds.
const HALF_A_DAY: u64 = 12 * 3600 * 1_000_000_000;
const DAY: u64 = 2 * HALF_A_DAY;

/// What stands for the browser, and for the other side: addresses for documentation (RFC 5737), since the log has none.
const ENDS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];

/// What is said of such a capture.
const NOTE: &str = "made of a browser's text log: addresses, ports, ICE, DTLS and protection are not in it; 192.0.2.1 stands for the \
                    browser, 192.0.2.2 for the other side";

/// Whether these first bytes of a file are those of a text, and not of a capture or of something compressed.
pub(super) fn is_text(first: &[u8]) -> bool {
    !first.is_empty()
        && first.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t' | 0x1b))
}

/// A capture of the packets in a log; nothing if there are none.
pub(super) fn capture(log: impl io::Read) -> io::Result<Option<File>> {
    let mut reader = BufReader::new(log);
    let mut made: Option<Made> = None;
    let mut line = Vec::new();
    // The header of the message at hand: time, process.
    let mut message: Option<(u64, String)> = None;
    loop {
        line.clear();
        let read = io::Read::take(&mut reader, LONGEST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        if let Some((time_ns, process)) = dump::header(&text) {
            message = Some((time_ns, format!("process {process}")));
        } else if let Some(mut packet) = dump::line(text.trim_end()) {
            if let Some((time_ns, process)) = &message {
                packet.time_ns = *time_ns;
                packet.connection = packet.connection.or(Some(process));
            }
            let made = match &mut made {
                Some(made) => made,
                none => none.insert(Made::begin()?),
            };
            made.packet(&packet)?;
        }
        if !line.ends_with(b"\n") {
            skip_line(&mut reader)?;
        }
    }
    made.map(Made::end).transpose()
}

/// Skips to the beginning of the next line.
fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                reader.consume(end + 1);
                return Ok(());
            }
            None => {
                let all = buffer.len();
                reader.consume(all);
            }
        }
    }
}

/// The capture in the making.
struct Made {
    recorder: Recorder<BufWriter<File>>,
    /// By the name of the connection: its interface, and the port that stands for it.
    connections: BTreeMap<String, (InterfaceId, u16)>,
    /// Days that the clock of the log has passed, and its last time.
    days: u64,
    last_ns: u64,
}

fn failed(error: RecordError) -> io::Error {
    io::Error::other(error)
}

impl Made {
    fn begin() -> io::Result<Self> {
        let file = BufWriter::new(tempfile::tempfile()?);
        let about = About { application: "a browser's text log", comment: NOTE };
        let recorder = Recorder::new(file, about).map_err(failed)?;
        Ok(Self { recorder, connections: BTreeMap::new(), days: 0, last_ns: 0 })
    }

    fn packet(&mut self, packet: &Logged<'_>) -> io::Result<()> {
        let name = packet.connection.unwrap_or("all connections").to_owned();
        let many = self.connections.len();
        let (interface, port) = match self.connections.get(&name) {
            Some(known) => *known,
            None if many >= MOST_CONNECTIONS => return Ok(()),
            None => {
                let interface = self.recorder.interface(&name, NOTE, Observes::Plaintext).map_err(failed)?;
                let new = (interface, u16::try_from(many + 1).unwrap_or(u16::MAX));
                self.connections.insert(name, new);
                new
            }
        };
        if packet.time_ns + HALF_A_DAY < self.last_ns {
            self.days += 1;
        }
        self.last_ns = packet.time_ns;
        let time_ns = packet.day.unwrap_or(self.days).saturating_mul(DAY).saturating_add(packet.time_ns);
        let [local, remote] = ENDS.map(|end| SocketAddr::from((end, port)));
        let content = match packet.kind {
            Kind::Rtp => Content::Rtp(&packet.bytes),
            Kind::Rtcp => Content::Rtcp(&packet.bytes),
            Kind::Sctp => Content::Sctp(&packet.bytes),
        };
        let direction = if packet.out { Direction::Outbound } else { Direction::Inbound };
        let packet = PacketRecord {
            interface,
            time_ns,
            direction,
            local,
            remote,
            content,
            carried_by: None,
            comment: None,
        };
        self.recorder.packet(&packet).map(drop).map_err(failed)
    }

    fn end(self) -> io::Result<File> {
        let mut file = self.recorder.into_inner();
        file.flush()?;
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(file)
    }
}
