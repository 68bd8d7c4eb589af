//! What a capture file holds, as plain data.

use super::options::{ByteOrder, Options};
use super::pcapng::{Names, Secrets};
use std::fmt;
use std::io;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The format of libpcap.
    Pcap {
        /// Byte order of its headers.
        order: ByteOrder,
        /// Whether times are in nanoseconds, not microseconds.
        nanoseconds: bool,
    },
    /// The "next generation" format, draft-ietf-opsawg-pcapng.
    Pcapng,
}

/// A link-layer header type of the tcpdump registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

macro_rules! link_types {
    ($($(#[$meta:meta])* $name:ident = $number:literal, $text:literal;)+) => {
        impl LinkType {
            $($(#[$meta])* pub const $name: Self = Self($number);)+
            /// Its name in the registry, if it is one that is read here.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 { $($number => Some($text),)+ _ => None }
            }
        }
    };
}

link_types! {
    /// BSD loopback: the protocol family in the byte order of the capturing machine.
    NULL = 0, "BSD loopback";
    /// Ethernet II and IEEE 802.3.
    ETHERNET = 1, "Ethernet";
    /// Raw IP as some systems number it.
    RAW_BSD = 12, "raw IP";
    /// Raw IP as OpenBSD numbers it.
    RAW_OPENBSD = 14, "raw IP";
    /// Raw IP, version 4 or 6 by its first four bits.
    RAW = 101, "raw IP";
    /// OpenBSD loopback: the protocol family in network byte order.
    LOOP = 108, "OpenBSD loopback";
    /// Linux "cooked" capture.
    LINUX_SLL = 113, "Linux cooked";
    /// Raw IPv4.
    IPV4 = 228, "raw IPv4";
    /// Raw IPv6.
    IPV6 = 229, "raw IPv6";
    /// SCTP packets without a network layer.
    SCTP = 248, "SCTP";
    /// Wireshark's exported PDU.
    WIRESHARK_UPPER_PDU = 252, "exported PDU";
    /// Linux "cooked" capture, version 2.
    LINUX_SLL2 = 276, "Linux cooked v2";
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "link type {}", self.0),
        }
    }
}

/// A section of a pcapng file. A pcap file counts as one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// The hardware (`shb_hardware`).
    pub hardware: Option<String>,
    /// The operating system (`shb_os`).
    pub os: Option<String>,
    /// The program that wrote it (`shb_userappl`).
    pub application: Option<String>,
    /// Comments.
    pub comments: Vec<String>,
}

/// Where packets were captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The section that it belongs to, from zero.
    pub section: usize,
    /// The kind of its packets.
    pub link: LinkType,
    /// Most bytes kept of a packet; zero for no limit.
    pub snap_length: u32,
    /// Name (`if_name`).
    pub name: Option<String>,
    /// Description (`if_description`).
    pub description: Option<String>,
    /// Comments.
    pub comments: Vec<String>,
    /// Length of the frame check sequence at the end of each packet, in bytes.
    pub check_sequence: u8,
    /// Resolution and offset of its clock.
    pub(super) clock: Clock,
}

/// How an interface counts time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// `if_tsresol`: a negative power of ten, or of two with the highest bit set.
    pub(super) resolution: u8,
    /// `if_tsoffset` in seconds.
    pub(super) offset: i64,
}

impl Clock {
    pub(super) const MICROSECONDS: Self = Self { resolution: 6, offset: 0 };
    pub(super) const NANOSECONDS: Self = Self { resolution: 9, offset: 0 };

    /// Nanoseconds since 1970, saturated to what 64 bits hold.
    pub(super) fn nanoseconds(self, ticks: u64) -> u64 {
        let exponent = u32::from(self.resolution & 0x7f);
        let ticks_wide = u128::from(ticks) * 1_000_000_000;
        let nanoseconds = if self.resolution == 9 {
            u128::from(ticks)
        } else if self.resolution & 0x80 != 0 {
            ticks_wide.checked_shr(exponent).unwrap_or(0)
        } else {
            10_u128.checked_pow(exponent).map_or(0, |per_second| ticks_wide / per_second)
        };
        let offset = i128::from(self.offset) * 1_000_000_000;
        let sum = i128::try_from(nanoseconds).unwrap_or(i128::MAX).saturating_add(offset);
        u64::try_from(sum.max(0)).unwrap_or(u64::MAX)
    }
}

/// Which way a packet went at its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It came in.
    Inbound,
    /// It went out.
    Outbound,
}

/// A packet as captured.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Its number in the file, from one, as Wireshark counts.
    pub number: u64,
    /// Where its record or block begins in the (decompressed) file.
    pub offset: u64,
    /// Index into [`CaptureReader::interfaces`](super::CaptureReader::interfaces), if that interface was described.
    pub interface: Option<usize>,
    /// Kind of its outermost header.
    pub link: LinkType,
    /// Nanoseconds since 1970-01-01 00:00 UTC; a simple packet block has no time.
    pub time_ns: Option<u64>,
    /// The bytes captured, without a frame check sequence.
    pub data: &'a [u8],
    /// Its length on the wire, frame check sequence included.
    pub original_length: u32,
    /// Which way it went.
    pub direction: Option<Direction>,
    /// All options (comments, flags, …).
    pub options: Options<'a>,
    /// Length of the frame check sequence that `data` lacks.
    pub(super) check_sequence: u8,
}

impl<'a> Frame<'a> {
    /// Whether a snap length cut bytes off its end.
    pub fn is_cut(&self) -> bool {
        self.data.len() as u64 + u64::from(self.check_sequence) < u64::from(self.original_length)
    }

    /// What is said about it.
    pub fn comments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.options.with_code(super::options::COMMENT)
    }
}

/// One thing in a file.
#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    /// A section began: the index of the newest of [`CaptureReader::sections`](super::CaptureReader::sections).
    Section(usize),
    /// An interface was described: an index into [`CaptureReader::interfaces`](super::CaptureReader::interfaces).
    Interface(usize),
    /// A packet.
    Frame(Frame<'a>),
    /// Secrets for decryption.
    Secrets(Secrets<'a>),
    /// Names of addresses.
    Names(Names<'a>),
    /// Something that is not read: interface statistics, journal entries, custom and unknown blocks.
    Other {
        /// The block's type.
        kind: u32,
        /// Where it begins.
        offset: u64,
        /// Its body.
        body: &'a [u8],
    },
    /// Something that could not be read although the file goes on behind it.
    Skipped {
        /// Where it begins.
        offset: u64,
        /// Why.
        reason: Skipped,
    },
}

/// Why a part of a file was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// It is longer than the reader's limit.
    #[error("a block of {length} bytes is longer than the limit of {limit}")]
    TooLong {
        /// Its length.
        length: u64,
        /// The limit.
        limit: usize,
    },
    /// It is shorter than its fixed fields.
    #[error("a block of type {kind:#010x} is too short for its fields")]
    TooShort {
        /// Its type.
        kind: u32,
    },
    /// More interfaces or sections than the reader keeps.
    #[error("too many interfaces or sections")]
    TooMany,
}

/// Where and why reading ended before the end of what was promised.
#[derive(Debug)]
pub struct Stop {
    /// Where the unreadable part begins in the (decompressed) file.
    pub offset: u64,
    /// Packets read before.
    pub frames: u64,
    /// Why.
    pub cause: StopCause,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reading stops at byte {} after {} packets: {}", self.offset, self.frames, self.cause)
    }
}

/// Why reading ended.
#[derive(Debug, thiserror::Error)]
pub enum StopCause {
    /// It is neither pcap nor pcapng.
    #[error("neither pcap nor pcapng")]
    Foreign,
    /// There is nothing in it.
    #[error("empty")]
    Empty,
    /// The file ends within a record or block.
    #[error("cut off, {available} of {needed} bytes are there")]
    Truncated {
        /// Bytes of the record or block.
        needed: u64,
        /// How many are there.
        available: u64,
    },
    /// A length that cannot be, so that what follows cannot be found.
    #[error("a length of {0} cannot be")]
    Length(u64),
    /// A section header names no known byte order.
    #[error("a section of unknown byte order")]
    ByteOrder,
    /// The reader given failed, or the compressed data is damaged.
    #[error("{0}")]
    Read(#[from] io::Error),
}
