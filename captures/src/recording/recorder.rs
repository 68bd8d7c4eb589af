//! The writer of a recording.

use super::exported;
use super::headers::{self, Streams, TooLong};
use super::packet::{Content, Direction, Observes, PacketRecord};
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::blocks::unknown::UnknownBlock;
use pcap_file::pcapng::{Block, PcapNgWriter};
use pcap_file::{DataLink, Endianness, PcapError};
use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

/// Decryption Secrets Block, draft-ietf-opsawg-pcapng §4.7.
pub(super) const DECRYPTION_SECRETS_BLOCK: u32 = 0x0000_000a;
/// Secrets type "TLS Key Log" (`TLSK`).
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// `if_tsresol`: nanoseconds.
const NANOSECONDS: u8 = 9;
/// Longest comment; an option's length has 16 bits.
const LONGEST_COMMENT: usize = 65_000;

/// The most bytes that are held.
const MOST_HELD: usize = 1 << 20;

/// What the file says about itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// The program and its version (`shb_userappl`).
    pub application: &'a str,
    /// What is recorded (`opt_comment`); empty for none.
    pub comment: &'a str,
}

/// An interface of the file that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceId(pub(super) u32);

/// Why something was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The writer failed. A block may be incomplete in it, so nothing more is written.
    #[error("the capture cannot be written: {0}")]
    Write(#[from] io::Error),
    /// An earlier write failed.
    #[error("the capture is closed since an earlier write failed")]
    Closed,
    /// The interface belongs to another recorder.
    #[error("interface {0} is not in this capture")]
    UnknownInterface(u32),
    /// Plaintext was given for a wire interface or the other way about.
    #[error("interface {interface} records {records:?}, not {given:?}")]
    WrongInterface {
        /// The interface.
        interface: u32,
        /// What it records.
        records: Observes,
        /// What it was given.
        given: Observes,
    },
    /// The payload fits no IP packet.
    #[error("a payload of {0} bytes fits no IP packet")]
    TooLong(usize),
}

/// Writes a capture block by block. See the [module](super).
pub struct Recorder<W: Write> {
    pub(super) writer: Shut<W>,
    pub(super) interfaces: Vec<Observes>,
    streams: Streams,
    pub(super) frames: u64,
    remarks: Vec<String>,
    scratch: Vec<u8>,
}

impl<W: Write> Recorder<W> {
    /// Begins a capture.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn new(writer: W, about: About<'_>) -> Result<Self, RecordError> {
        let mut options =
            vec![SectionHeaderOption::UserApplication(clip(about.application).to_owned().into())];
        if !about.comment.is_empty() {
            options.push(SectionHeaderOption::Comment(clip(about.comment).to_owned().into()));
        }
        let section =
            SectionHeaderBlock { endianness: Endianness::Little, options, ..SectionHeaderBlock::default() };
        let whole = Whole { buffer: Vec::with_capacity(2048), inner: writer };
        let mut writer = PcapNgWriter::with_section_header(whole, section).map_err(io_error)?;
        writer.get_mut().flush()?;
        Ok(Self {
            writer: Shut { writer, broken: false, hold: false },
            interfaces: Vec::new(),
            streams: Streams::default(),
            frames: 0,
            remarks: Vec::new(),
            scratch: Vec::with_capacity(2048),
        })
    }

    /// Adds a place of observation, for example `alice (chrome 156.0)`.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn interface(
        &mut self,
        name: &str,
        description: &str,
        observes: Observes,
    ) -> Result<InterfaceId, RecordError> {
        let linktype = match observes {
            Observes::Wire | Observes::Copied => DataLink::RAW,
            Observes::Plaintext => DataLink::WIRESHARK_UPPER_PDU,
        };
        self.describe(name, description, linktype, observes)
    }

    pub(super) fn describe(
        &mut self,
        name: &str,
        description: &str,
        linktype: DataLink,
        observes: Observes,
    ) -> Result<InterfaceId, RecordError> {
        let mut options = vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(clip(name))),
            InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        ];
        if !description.is_empty() {
            options.push(InterfaceDescriptionOption::IfDescription(Cow::Borrowed(clip(description))));
        }
        let block = InterfaceDescriptionBlock { linktype, snaplen: 0, options };
        self.writer.block(&Block::InterfaceDescription(block))?;
        let id = InterfaceId(self.interfaces.len() as u32);
        self.interfaces.push(observes);
        Ok(id)
    }

    /// Records a packet and returns its frame number, from one, as Wireshark counts.
    ///
    /// # Errors
    /// If it does not suit the interface, is too long, or the writer fails.
    pub fn packet(&mut self, packet: &PacketRecord<'_>) -> Result<u64, RecordError> {
        let InterfaceId(interface) = packet.interface;
        let given = packet.content.observes();
        match self.interfaces.get(interface as usize) {
            None => return Err(RecordError::UnknownInterface(interface)),
            Some(&records) if records != given => {
                return Err(RecordError::WrongInterface { interface, records, given });
            }
            Some(_) => {}
        }
        self.scratch.clear();
        let ends @ (from, to) = packet.ends();
        let out = &mut self.scratch;
        match packet.content {
            Content::Ip(bytes) if bytes.len() > usize::from(u16::MAX) => Err(TooLong),
            Content::Ip(bytes) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Content::Udp(bytes) => headers::udp(out, from, to, bytes),
            Content::Tcp(bytes) => self.streams.tcp(out, interface, from, to, &[bytes]),
            Content::Framed(bytes) => match u16::try_from(bytes.len()) {
                Ok(length) => self.streams.tcp(out, interface, from, to, &[&length.to_be_bytes(), bytes]),
                Err(_) => Err(TooLong),
            },
            Content::Rtp(_) | Content::Rtcp(_) | Content::Sctp(_) => {
                let dissector = match packet.content {
                    Content::Rtp(_) => "rtp",
                    Content::Rtcp(_) => "rtcp",
                    _ => "sctp",
                };
                exported::tags(out, dissector, ends, packet.direction, packet.carried_by);
                out.extend_from_slice(packet.content.bytes());
                Ok(())
            }
        }
        .map_err(|TooLong| RecordError::TooLong(packet.content.bytes().len()))?;

        // epb_flags bits 0-1: 1 inbound, 2 outbound.
        let direction = match packet.direction {
            Direction::Inbound => 1,
            Direction::Outbound => 2,
        };
        let mut options = vec![EnhancedPacketOption::Flags(direction)];
        let remarks = self.remarks.iter().map(String::as_str).chain(packet.comment);
        options.extend(remarks.map(|text| EnhancedPacketOption::Comment(Cow::Borrowed(clip(text)))));
        let block = EnhancedPacketBlock {
            interface_id: interface,
            timestamp: Duration::from_nanos(packet.time_ns),
            original_len: self.scratch.len() as u32,
            data: Cow::Borrowed(&self.scratch),
            options,
        };
        self.writer.block(&Block::EnhancedPacket(block))?;
        self.remarks.clear();
        self.frames += 1;
        Ok(self.frames)
    }

    /// Has something said in a comment of the next packet: a step began, a state changed.
    pub fn remark(&mut self, text: impl Into<String>) {
        /// A run in which no packet flows must not pile them up.
        const MOST: usize = 1_000;
        if self.remarks.len() < MOST {
            self.remarks.push(text.into());
        }
    }

    /// Writes lines of a key log (NSS format) in a Decryption Secrets Block.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn secrets(&mut self, key_log: &str) -> Result<(), RecordError> {
        if key_log.is_empty() {
            return Ok(());
        }
        let newline = if key_log.ends_with('\n') { "" } else { "\n" };
        let length = (key_log.len() + newline.len()) as u32;
        let mut body = Vec::with_capacity(key_log.len() + 12);
        body.extend_from_slice(&TLS_KEY_LOG.to_le_bytes());
        body.extend_from_slice(&length.to_le_bytes());
        body.extend_from_slice(key_log.as_bytes());
        body.extend_from_slice(newline.as_bytes());
        body.resize(body.len().next_multiple_of(4), 0);
        self.writer.block(&Block::Unknown(UnknownBlock::new(DECRYPTION_SECRETS_BLOCK, 0, &body)))
    }

    /// With `true`, blocks are kept until the next call, for a burst of packets; with `false` what was kept is written, and
    /// every block as it comes from then on.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn hold(&mut self, hold: bool) -> Result<(), RecordError> {
        self.writer.hold = hold;
        if hold { Ok(()) } else { self.writer.flush() }
    }

    /// Packets recorded so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Ends the recording and gives the writer back. Everything is written already.
    pub fn into_inner(mut self) -> W {
        // What cannot be written now could not have been written before.
        let _ = self.writer.flush();
        self.writer.writer.into_inner().inner
    }
}

impl<W: Write> std::fmt::Debug for Recorder<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("interfaces", &self.interfaces)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

/// A writer that is not used again once it has failed.
pub(super) struct Shut<W: Write> {
    writer: PcapNgWriter<Whole<W>>,
    broken: bool,
    /// Whether whole blocks wait for more before they are written.
    hold: bool,
}

impl<W: Write> Shut<W> {
    pub(super) fn block(&mut self, block: &Block<'_>) -> Result<(), RecordError> {
        if self.broken {
            return Err(RecordError::Closed);
        }
        let written = self.writer.write_block(block).map_err(io_error);
        self.broken = written.is_err();
        written?;
        let enough = self.writer.get_mut().buffer.len() >= MOST_HELD;
        if self.hold && !enough { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), RecordError> {
        if self.broken {
            return Err(RecordError::Closed);
        }
        let written = self.writer.get_mut().flush();
        self.broken = written.is_err();
        Ok(written?)
    }
}

/// Holds a block back until it is whole, so that it reaches the file in one write.
struct Whole<W: Write> {
    buffer: Vec<u8>,
    inner: W,
}

impl<W: Write> Write for Whole<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.inner.write_all(&self.buffer);
        self.buffer.clear();
        written.and_then(|()| self.inner.flush())
    }
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// The text as far as it fits an option.
pub(super) fn clip(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST_COMMENT)).unwrap_or(text)
}
