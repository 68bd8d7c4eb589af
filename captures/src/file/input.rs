//! The bytes of a file: decompressed if need be, in a buffer that holds as much as one record needs.

use flate2::read::MultiGzDecoder;
use std::io::{self, Chain, Cursor, Read};

/// Bytes asked of the reader at once.
const CHUNK: usize = 256 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A buffered source of bytes.
pub(super) struct Input<'a> {
    source: Source<'a>,
    buffer: Vec<u8>,
    /// What is consumed of `buffer`.
    start: usize,
    /// What is valid of `buffer`.
    end: usize,
    /// Bytes consumed altogether.
    offset: u64,
    /// Why no more will come.
    ended: Option<Option<io::Error>>,
}

/// Where bytes come from. It is asked for a chunk at a time, so that the indirection costs nothing, and all that reads captures is compiled
/// once, here.
type Reader<'a> = Box<dyn Read + 'a>;

enum Source<'a> {
    Unknown(Option<Reader<'a>>),
    Plain(Chain<Cursor<Vec<u8>>, Reader<'a>>),
    Gzip(Box<MultiGzDecoder<Chain<Cursor<Vec<u8>>, Reader<'a>>>>),
}

impl<'a> Input<'a> {
    pub(super) fn new(reader: Reader<'a>) -> Self {
        let source = Source::Unknown(Some(reader));
        Self { source, buffer: Vec::new(), start: 0, end: 0, offset: 0, ended: None }
    }

    /// Whether the file is compressed, once something was read.
    pub(super) fn is_compressed(&self) -> bool {
        matches!(self.source, Source::Gzip(_))
    }

    /// Bytes consumed so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes in the buffer.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Sees to it that `length` bytes are in the buffer, and says whether they are.
    pub(super) fn fill(&mut self, length: usize) -> bool {
        while self.end - self.start < length && self.ended.is_none() {
            self.read_more(length);
        }
        self.end - self.start >= length
    }

    /// Passes over `length` bytes; false if the file ends before.
    pub(super) fn skip(&mut self, mut length: u64) -> bool {
        while length > 0 {
            if !self.fill(1) {
                return false;
            }
            let step = length.min((self.end - self.start) as u64) as usize;
            self.consume(step);
            length -= step as u64;
        }
        true
    }

    /// Done with `length` bytes of the buffer. They stay in it until the next call that fills.
    pub(super) fn consume(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.offset += length as u64;
    }

    /// Bytes consumed last, which are still in the buffer.
    pub(super) fn consumed(&self, length: usize) -> &[u8] {
        self.buffer.get(self.start.saturating_sub(length)..self.start).unwrap_or_default()
    }

    /// Why the source ended, if it was an error; only once.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.ended.as_mut().and_then(Option::take)
    }

    fn read_more(&mut self, length: usize) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let wanted = length.max(CHUNK) + CHUNK;
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.source.read(room) {
            Ok(0) => self.ended = Some(None),
            Ok(read) => self.end += read.min(room.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.ended = Some(Some(error)),
        }
    }
}

impl Source<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(room),
            Self::Gzip(reader) => reader.read(room),
            Self::Unknown(reader) => {
                let Some(mut reader) = reader.take() else { return Ok(0) };
                let mut magic = Vec::new();
                (&mut reader).take(2).read_to_end(&mut magic)?;
                let compressed = magic == GZIP_MAGIC;
                let whole = Cursor::new(magic).chain(reader);
                *self = if compressed {
                    Self::Gzip(Box::new(MultiGzDecoder::new(whole)))
                } else {
                    Self::Plain(whole)
                };
                self.read(room)
            }
        }
    }
}
