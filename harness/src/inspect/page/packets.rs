//! The packets of a page: a row for each, and the trees and bytes of as many as there is room for.

use super::super::InspectError;
use super::super::arrivals::Arrivals;
use super::super::packets::{self, Line as Shown};
use super::super::source::Given;
use super::super::{Frames, PacketLayer, export, tree};
use super::messages::Messages;
use super::since;
use peerproof_captures::file::{Frame, Item};
use peerproof_captures::link::{self, Source, Transport};
use peerproof_captures::observe::{Follow, Observation, Opened, Sink};
use peerproof_reports::session::{Block, Detail, Line, PacketRow, Packets, Tree, pack};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// Most rows of a page.
const MOST_ROWS: usize = 50_000;
/// Most addresses of a page. One more stands for all others.
const MOST_ADDRESSES: usize = 4_096;
/// Frames of a block.
const BLOCK: usize = 128;
/// Bytes shown of a frame; fewer of media, whose payload says nothing to a reader.
const BYTES: (usize, usize) = (2_048, 96);
/// Longest text of a line.
const LONGEST: usize = 600;

/// What is wanted of the packets.
pub(super) struct Asked {
    pub(super) origin_us: u64,
    pub(super) frames: Option<Frames>,
    /// Frames whose details are there in any case.
    pub(super) deciding: BTreeSet<u64>,
    /// Bytes that rows and details may take.
    pub(super) budget: u64,
}

/// Reads them, with the messages on data channels.
pub(super) fn read(
    given: &Given,
    arrivals: &Arrivals,
    asked: Asked,
    left_out: &mut Vec<String>,
) -> Result<(Packets, Messages), InspectError> {
    let (_, _, key_log) = export::survey(given)?;
    let mut reader = given.reader()?;
    let mut rows = Rows {
        asked,
        packets: Packets::default(),
        addresses: BTreeMap::new(),
        open: Vec::new(),
        first_row: 0,
        spent: 0,
        without: 0,
        failed: None,
        messages: Messages::default(),
        is_opened: false,
    };
    let mut observer = given.observer(&mut rows);
    observer.key_log(&key_log, &mut rows);
    let mut beyond = 0_u64;
    while let Some(item) = reader.next_item() {
        match item {
            Item::Interface(index) => observer.at_place(index, 0),
            Item::Frame(frame) if rows.asked.frames.is_some_and(|frames| frame.number > frames.last()) => {
                break;
            }
            // What decides something is there in any case.
            Item::Frame(frame)
                if rows.packets.rows.len() >= MOST_ROWS && !rows.asked.deciding.contains(&frame.number) =>
            {
                beyond += 1;
            }
            Item::Frame(frame) => {
                rows.begin(&frame);
                observer.frame(&frame, &mut rows);
                rows.end(&frame, arrivals);
            }
            _ => {}
        }
    }
    rows.close();
    if let Some(error) = rows.failed {
        return Err(InspectError::Write(error.into()));
    }
    if beyond > 0 {
        let last = rows.packets.rows.get(MOST_ROWS - 1).map_or(0, |row| row.frame);
        left_out.push(format!(
            "packets after frame {last} ({beyond} frames); `--frames {}-` makes a page of others",
            last + 1
        ));
    }
    if rows.without > 0 {
        left_out.push(format!(
            "bytes and fields of {} frames, to keep the page small; `--frames` makes a page of some, `--frame N` shows one",
            rows.without
        ));
    }
    Ok((rows.packets, rows.messages))
}

/// A frame whose details are in the making.
struct Open {
    detail: Detail,
    /// Whether it is media.
    media: bool,
    /// Whether it shows what another frame holds already.
    copy: bool,
}

/// The rows in the making.
struct Rows {
    asked: Asked,
    packets: Packets,
    addresses: BTreeMap<SocketAddr, usize>,
    /// Details of the block in the making.
    open: Vec<Open>,
    /// Where the rows of the frame at hand begin.
    first_row: usize,
    /// Bytes taken.
    spent: u64,
    /// Frames without details.
    without: u64,
    failed: Option<serde_json::Error>,
    messages: Messages,
    /// Whether packets were decrypted: then an interface in the clear has the same.
    is_opened: bool,
}

impl Rows {
    /// Whether the frame is asked for.
    fn wants(&self, frame: u64) -> bool {
        self.asked.frames.is_none_or(|frames| frames.holds(frame))
    }

    fn begin(&mut self, frame: &Frame<'_>) {
        self.first_row = self.packets.rows.len();
        if !self.wants(frame.number) {
            return;
        }
        let tree = Tree(link::tree(frame.link, frame.data).node);
        let detail = Detail {
            frame: frame.number,
            bytes: String::new(),
            length: frame.data.len(),
            trees: vec![tree],
            inside: Vec::new(),
        };
        self.open.push(Open { detail, media: false, copy: false });
    }

    fn end(&mut self, frame: &Frame<'_>, arrivals: &Arrivals) {
        if !self.wants(frame.number) {
            return;
        }
        let rows = self.packets.rows.get_mut(self.first_row..).unwrap_or_default();
        for row in rows.iter_mut() {
            row.length = frame.original_length;
            row.arrival = arrivals.of(row.frame);
            if frame.is_cut()
                && let Some(Line(_, text)) = row.lines.first_mut()
            {
                let _ = write!(text, " [cut off: {} of {} bytes]", frame.data.len(), frame.original_length);
            }
        }
        let decides = self.asked.deciding.contains(&frame.number);
        let Some(open) = self.open.last_mut() else { return };
        // What is beyond the share of its kind is left out: media first, since there is most of it and least to see.
        let share = if open.media { self.asked.budget / 2 } else { self.asked.budget * 9 / 10 };
        let has_rows = !rows.is_empty();
        if !has_rows || open.copy || (self.spent > share && !decides) {
            self.without += u64::from(has_rows && !open.copy);
            self.open.pop();
        } else {
            let most = if open.media && !decides { BYTES.1 } else { BYTES.0 };
            open.detail.bytes = hex(frame.data, most);
        }
        if self.open.len() >= BLOCK {
            self.close();
        }
    }

    /// Writes the block.
    fn close(&mut self) {
        let details: Vec<Detail> = self.open.drain(..).map(|open| open.detail).collect();
        let (Some(first), Some(last)) = (details.first(), details.last()) else { return };
        let (first, last) = (first.frame, last.frame);
        match pack(&details) {
            Ok(details) => {
                self.spent += details.size();
                self.packets.blocks.push(Block { first, last, details });
            }
            Err(error) => self.failed = Some(error),
        }
    }

    fn address(&mut self, address: SocketAddr) -> usize {
        if let Some(index) = self.addresses.get(&address) {
            return *index;
        }
        if self.packets.addresses.len() == MOST_ADDRESSES {
            self.packets.addresses.push("another address".to_owned());
        }
        if self.packets.addresses.len() > MOST_ADDRESSES {
            return MOST_ADDRESSES;
        }
        self.packets.addresses.push(address.to_string());
        self.addresses.insert(address, self.packets.addresses.len() - 1);
        self.packets.addresses.len() - 1
    }
}

impl Sink for Rows {
    fn datagram(&mut self, seen: &Observation<'_>) -> Follow {
        if !self.wants(seen.frame) {
            return Follow::ByAddress;
        }
        let line = packets::line(seen);
        let ends = seen.outer.ends;
        let ends = [self.address(ends.from), self.address(ends.to)];
        // What rows take when they are packed.
        self.spent += 16 + line.text.len() as u64 / 8;
        let media = PacketLayer::of(line.protocol) == PacketLayer::Media;
        if seen.transport == Transport::ClearSctp && !self.is_opened {
            self.messages.packet(seen.frame, seen.time_ns, seen.inner.ends, seen.inner.bytes);
        }
        self.packets.rows.push(PacketRow {
            frame: seen.frame,
            t_us: since(seen.time_ns, self.asked.origin_us),
            interface: seen.interface,
            ends,
            length: 0,
            lines: vec![shown(line)],
            arrival: None,
            copy_of: seen.carried_by,
        });
        if let Some(open) = self.open.last_mut() {
            open.media |= media;
            open.copy |= seen.carried_by.is_some();
            let mut node = tree::dissect(seen);
            if let Source::Frame(at) = seen.source {
                node.shift(at as usize);
                open.detail.trees.push(Tree(node));
            } else {
                let bytes = seen.outer.bytes;
                let name = "put together from several frames".to_owned();
                open.detail.inside.push((name, hex(bytes, BYTES.0), bytes.len(), Tree(node)));
            }
        }
        Follow::ByAddress
    }

    fn opened(&mut self, opened: &Opened<'_>) {
        if opened.content.is_application_data() && packets::is_sctp(opened.bytes) {
            self.is_opened = true;
            self.messages.packet(opened.frame, opened.time_ns, opened.ends, opened.bytes);
        }
        // It is of this frame, or of one shortly before whose keys came later.
        let row = self.packets.rows.iter_mut().rev().take(4_096).find(|row| row.frame == opened.frame);
        let Some(row) = row else { return };
        let line = packets::decrypted(opened.content, opened.bytes);
        let most = if PacketLayer::of(line.protocol) == PacketLayer::Media { BYTES.1 } else { BYTES.0 };
        self.spent += line.text.len() as u64 / 8;
        row.lines.push(shown(line));
        if let Some(open) = self.open.iter_mut().rev().find(|open| open.detail.frame == opened.frame) {
            let node = Tree(tree::decrypted(opened.content, opened.bytes));
            let bytes = hex(opened.bytes, most);
            open.detail.inside.push(("decrypted".to_owned(), bytes, opened.bytes.len(), node));
        }
    }
}

fn shown(line: Shown) -> Line {
    let mut text = line.text;
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    Line(line.protocol.name(), text)
}

/// The first bytes in hexadecimal digits.
fn hex(bytes: &[u8], most: usize) -> String {
    let bytes = bytes.get(..most).unwrap_or(bytes);
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
