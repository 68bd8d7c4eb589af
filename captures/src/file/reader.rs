//! The reader: recognises the format and hands out items.

use super::input::Input;
use super::item::{Clock, Format, Frame, Interface, Item, LinkType, Section, Skipped, Stop, StopCause};
use super::options::{ByteOrder, Options};
use super::{pcap, pcapng};
use std::io::Read;

/// How much a reader keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest record or block; longer blocks are skipped, a longer pcap record ends the reading.
    pub block: usize,
    /// Most interfaces, and most sections.
    pub interfaces: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { block: 16 << 20, interfaces: 65_536 }
    }
}

/// Reads a capture. See the [module](super).
pub struct CaptureReader<'a> {
    input: Input<'a>,
    limits: Limits,
    state: ReaderState,
    format: Option<Format>,
    sections: Vec<Section>,
    interfaces: Vec<Interface>,
    /// Index of the first interface of the current section.
    first_interface: usize,
    frames: u64,
    stop: Option<Stop>,
}

#[derive(Clone, Copy)]
enum ReaderState {
    Begin,
    Pcap(pcap::Header),
    Pcapng(ByteOrder),
    End,
}

/// A whole record or block that was just consumed from the input.
#[derive(Clone, Copy)]
enum Taken {
    Record { header: pcap::Header, length: usize },
    Block { kind: u32, order: ByteOrder, length: usize },
    Begun,
    Skipped(Skipped),
}

impl<'a> CaptureReader<'a> {
    /// Reads from `reader` with the default limits.
    pub fn new(reader: impl Read + 'a) -> Self {
        Self::with_limits(reader, Limits::default())
    }

    /// Reads from `reader`.
    pub fn with_limits(reader: impl Read + 'a, limits: Limits) -> Self {
        Self {
            input: Input::new(Box::new(reader)),
            limits,
            state: ReaderState::Begin,
            format: None,
            sections: Vec::new(),
            interfaces: Vec::new(),
            first_interface: 0,
            frames: 0,
            stop: None,
        }
    }

    /// The format, once the first item was read.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    /// Whether the file is compressed, once the first item was read.
    pub fn is_compressed(&self) -> bool {
        self.input.is_compressed()
    }

    /// The sections met so far.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The interfaces met so far, of all sections.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Packets read so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes of the (decompressed) file read so far.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// Where and why reading ended, after [`next_item`](Self::next_item) gave nothing; nothing for a file that is whole.
    pub fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// The next thing in the file.
    pub fn next_item(&mut self) -> Option<Item<'_>> {
        let offset = self.input.offset();
        let taken = match self.state {
            ReaderState::End => None,
            ReaderState::Begin => self.begin(),
            ReaderState::Pcap(header) => self.take_record(header),
            ReaderState::Pcapng(order) => self.take_block(order),
        };
        match taken {
            None => {
                self.state = ReaderState::End;
                None
            }
            Some(Taken::Begun) => Some(Item::Interface(0)),
            Some(Taken::Skipped(reason)) => Some(Item::Skipped { offset, reason }),
            Some(Taken::Record { header, length }) => Some(self.record(header, length, offset)),
            Some(Taken::Block { kind, order, length }) => Some(self.block(kind, order, length, offset)),
        }
    }

    /// Recognises the format.
    fn begin(&mut self) -> Option<Taken> {
        if !self.input.fill(4) {
            let cause = if self.input.bytes().is_empty() { StopCause::Empty } else { StopCause::Foreign };
            return self.end(cause);
        }
        let magic = *self.input.bytes().first_chunk()?;
        if u32::from_be_bytes(magic) == pcapng::SECTION_HEADER {
            self.format = Some(Format::Pcapng);
            return self.take_block(ByteOrder::Little);
        }
        if pcap::Header::sniff(magic).is_none() {
            return self.end(StopCause::Foreign);
        }
        if !self.input.fill(pcap::HEADER) {
            return self.truncated(pcap::HEADER as u64);
        }
        let header = pcap::Header::read(self.input.bytes())?;
        self.input.consume(pcap::HEADER);
        self.format = Some(header.format());
        self.sections.push(Section::default());
        self.interfaces.push(header.interface());
        self.state = ReaderState::Pcap(header);
        Some(Taken::Begun)
    }

    fn take_record(&mut self, header: pcap::Header) -> Option<Taken> {
        if !self.input.fill(header.record_header) {
            return self.finish_or_truncated(header.record_header as u64);
        }
        let (_, captured, _) = header.record(self.input.bytes())?;
        if captured as usize > self.limits.block {
            return self.end(StopCause::Length(captured.into()));
        }
        let length = header.record_header + captured as usize;
        if !self.input.fill(length) {
            return self.truncated(length as u64);
        }
        self.input.consume(length);
        Some(Taken::Record { header, length })
    }

    fn record(&mut self, header: pcap::Header, length: usize, offset: u64) -> Item<'_> {
        self.frames += 1;
        let bytes = self.input.consumed(length);
        let (time, _, original_length) = header.record(bytes).unwrap_or_default();
        let data = bytes.get(header.record_header..).unwrap_or_default();
        Item::Frame(Frame {
            number: self.frames,
            offset,
            interface: Some(0),
            link: header.link,
            time_ns: Some(time),
            data: without_check_sequence(data, original_length, header.check_sequence),
            original_length,
            direction: None,
            options: Options::NONE,
            check_sequence: header.check_sequence,
        })
    }

    fn take_block(&mut self, order: ByteOrder) -> Option<Taken> {
        if !self.input.fill(8) {
            return self.finish_or_truncated(8);
        }
        let mut order = order;
        let section_kind = pcapng::SECTION_HEADER.to_be_bytes();
        if self.input.bytes().starts_with(&section_kind) {
            if !self.input.fill(12) {
                return self.truncated(12);
            }
            let magic = *self.input.bytes().get(8..)?.first_chunk()?;
            match pcapng::section_order(magic) {
                Some(named) => order = named,
                None => return self.end(StopCause::ByteOrder),
            }
            self.state = ReaderState::Pcapng(order);
        }
        let kind = order.u32(self.input.bytes(), 0)?;
        let stated = order.u32(self.input.bytes(), 4)?;
        // Some writers do not pad the length; the block is padded all the same.
        let length = u64::from(stated).next_multiple_of(4);
        if length < 12 {
            return self.end(StopCause::Length(stated.into()));
        }
        if length > self.limits.block as u64 {
            let begins = self.input.offset();
            if !self.input.skip(length) {
                return self.truncated_at(begins, length);
            }
            return Some(Taken::Skipped(Skipped::TooLong { length, limit: self.limits.block }));
        }
        let length = length as usize;
        if !self.input.fill(length) {
            return self.truncated(length as u64);
        }
        if order.u32(self.input.bytes(), length - 4) != Some(stated) {
            // Head and tail disagree: it is unknown where the next block begins.
            return self.end(StopCause::Length(stated.into()));
        }
        self.input.consume(length);
        Some(Taken::Block { kind, order, length })
    }

    fn block(&mut self, kind: u32, order: ByteOrder, length: usize, offset: u64) -> Item<'_> {
        let whole = self.input.consumed(length);
        let body = whole.get(8..length - 4).unwrap_or_default();
        let too_short = Item::Skipped { offset, reason: Skipped::TooShort { kind } };
        let too_many = Item::Skipped { offset, reason: Skipped::TooMany };
        match kind {
            pcapng::SECTION_HEADER => {
                let Some(section) = pcapng::section(body, order) else { return too_short };
                if self.sections.len() >= self.limits.interfaces {
                    return too_many;
                }
                self.sections.push(section);
                self.first_interface = self.interfaces.len();
                Item::Section(self.sections.len() - 1)
            }
            pcapng::INTERFACE_DESCRIPTION => {
                let section = self.sections.len().saturating_sub(1);
                let Some(interface) = pcapng::interface(body, order, section) else { return too_short };
                if self.interfaces.len() >= self.limits.interfaces {
                    return too_many;
                }
                self.interfaces.push(interface);
                Item::Interface(self.interfaces.len() - 1)
            }
            pcapng::ENHANCED_PACKET | pcapng::PACKET | pcapng::SIMPLE_PACKET => {
                let packet = if kind == pcapng::SIMPLE_PACKET {
                    let first = self.interfaces.get(self.first_interface);
                    pcapng::simple_packet(body, order, first.map_or(0, |interface| interface.snap_length))
                } else {
                    pcapng::packet(kind, body, order)
                };
                self.frames += 1;
                let Some(packet) = packet else { return too_short };
                let index = self.first_interface.saturating_add(packet.interface as usize);
                let interface = self.interfaces.get(index);
                let check_sequence = interface.map_or(0, |interface| interface.check_sequence);
                let clock = interface.map_or(Clock::MICROSECONDS, |interface| interface.clock);
                Item::Frame(Frame {
                    number: self.frames,
                    offset,
                    interface: interface.map(|_| index),
                    // A reserved number that nothing decodes: what an undescribed interface captured is not known.
                    link: interface.map_or(LinkType(u16::MAX), |interface| interface.link),
                    time_ns: packet.ticks.map(|ticks| clock.nanoseconds(ticks)),
                    data: without_check_sequence(packet.data, packet.original_length, check_sequence),
                    original_length: packet.original_length,
                    direction: packet.direction,
                    options: packet.options,
                    check_sequence,
                })
            }
            pcapng::DECRYPTION_SECRETS => match pcapng::secrets(body, order) {
                Some(secrets) => Item::Secrets(secrets),
                None => too_short,
            },
            pcapng::NAME_RESOLUTION => Item::Names(pcapng::names(body, order)),
            _ => Item::Other { kind, offset, body },
        }
    }

    /// The file ends here: as it should, or within something of `needed` bytes.
    fn finish_or_truncated(&mut self, needed: u64) -> Option<Taken> {
        if let Some(error) = self.input.take_error() {
            return self.end(StopCause::Read(error));
        }
        if self.input.bytes().is_empty() { None } else { self.truncated(needed) }
    }

    fn truncated(&mut self, needed: u64) -> Option<Taken> {
        let available = self.input.bytes().len() as u64;
        match self.input.take_error() {
            Some(error) => self.end(StopCause::Read(error)),
            None => self.end(StopCause::Truncated { needed, available }),
        }
    }

    fn truncated_at(&mut self, begins: u64, needed: u64) -> Option<Taken> {
        let available = self.input.offset() - begins;
        let cause = match self.input.take_error() {
            Some(error) => StopCause::Read(error),
            None => StopCause::Truncated { needed, available },
        };
        self.stop = Some(Stop { offset: begins, frames: self.frames, cause });
        None
    }

    fn end(&mut self, cause: StopCause) -> Option<Taken> {
        self.stop = Some(Stop { offset: self.input.offset(), frames: self.frames, cause });
        None
    }
}

/// The packet without its frame check sequence, of which a snap length may have left a part.
fn without_check_sequence(data: &[u8], original_length: u32, check_sequence: u8) -> &[u8] {
    let end = (original_length as usize).saturating_sub(check_sequence.into());
    if check_sequence == 0 { data } else { data.get(..end).unwrap_or(data) }
}
