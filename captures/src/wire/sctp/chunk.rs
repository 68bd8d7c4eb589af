//! The chunk: RFC 9260 §3.2.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Chunk Type  |  Chunk Flags  |         Chunk Length          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! \                          Chunk Value                          \
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::{
    Abort, AddressChange, Auth, CookieEcho, Data, Ecn, ForwardTsn, Heartbeat, IData, IForwardTsn, Init,
    OperationError, Pad, ReConfig, Sack, Shutdown,
};
use crate::wire::field::{Field, Span};
use crate::wire::list::Unit;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// Chunk types.
    pub enum ChunkType(u8) {
        Data = 0 => "DATA",
        Init = 1 => "INIT",
        InitAck = 2 => "INIT-ACK",
        Sack = 3 => "SACK",
        Heartbeat = 4 => "HEARTBEAT",
        HeartbeatAck = 5 => "HEARTBEAT-ACK",
        Abort = 6 => "ABORT",
        Shutdown = 7 => "SHUTDOWN",
        ShutdownAck = 8 => "SHUTDOWN-ACK",
        Error = 9 => "ERROR",
        CookieEcho = 10 => "COOKIE-ECHO",
        CookieAck = 11 => "COOKIE-ACK",
        Ecne = 12 => "ECNE",
        Cwr = 13 => "CWR",
        ShutdownComplete = 14 => "SHUTDOWN-COMPLETE",
        Auth = 15 => "AUTH",
        NrSack = 16 => "NR-SACK",
        IData = 64 => "I-DATA",
        AsconfAck = 128 => "ASCONF-ACK",
        PacketDrop = 129 => "PKTDROP",
        ReConfig = 130 => "RE-CONFIG",
        Pad = 132 => "PAD",
        ForwardTsn = 192 => "FORWARD-TSN",
        Asconf = 193 => "ASCONF",
        IForwardTsn = 194 => "I-FORWARD-TSN",
    }
}

/// What a receiver does with a chunk or parameter that it does not know, by the two high bits of the type (§3.2, §3.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Stop processing.
    Stop,
    /// Stop processing and report it.
    StopAndReport,
    /// Skip it.
    Skip,
    /// Skip it and report it.
    SkipAndReport,
}

impl Action {
    /// By the two bits.
    pub const fn of(high_bits: u8) -> Self {
        match high_bits & 3 {
            0 => Self::Stop,
            1 => Self::StopAndReport,
            2 => Self::Skip,
            _ => Self::SkipAndReport,
        }
    }
}

impl ChunkType {
    /// What a receiver does that does not know the type.
    pub const fn action_if_unknown(self) -> Action {
        Action::of(self.raw() >> 6)
    }
}

/// What a chunk says, by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// DATA.
    Data(Data<'a>),
    /// I-DATA.
    IData(IData<'a>),
    /// INIT.
    Init(Init<'a>),
    /// INIT-ACK.
    InitAck(Init<'a>),
    /// SACK.
    Sack(Sack<'a>),
    /// HEARTBEAT and HEARTBEAT-ACK.
    Heartbeat(Heartbeat<'a>),
    /// ABORT.
    Abort(Abort<'a>),
    /// SHUTDOWN.
    Shutdown(Shutdown),
    /// ERROR.
    Error(OperationError<'a>),
    /// COOKIE-ECHO.
    CookieEcho(CookieEcho<'a>),
    /// ECNE and CWR.
    Ecn(Ecn),
    /// AUTH.
    Auth(Auth<'a>),
    /// ASCONF and ASCONF-ACK.
    AddressChange(AddressChange<'a>),
    /// RE-CONFIG.
    ReConfig(ReConfig<'a>),
    /// PAD.
    Pad(Pad<'a>),
    /// FORWARD-TSN.
    ForwardTsn(ForwardTsn<'a>),
    /// I-FORWARD-TSN.
    IForwardTsn(IForwardTsn<'a>),
    /// COOKIE-ACK, SHUTDOWN-ACK and SHUTDOWN-COMPLETE, which say no more.
    Empty,
    /// A type not known here.
    Unknown(Field<&'a [u8]>),
}

impl<'a> Body<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>, kind: ChunkType, flags: u8) -> Read<Self> {
        Ok(match kind {
            ChunkType::Data => Self::Data(Data::read(r, flags)?),
            ChunkType::IData => Self::IData(IData::read(r, flags)?),
            ChunkType::Init => Self::Init(Init::read(r)?),
            ChunkType::InitAck => Self::InitAck(Init::read(r)?),
            ChunkType::Sack => Self::Sack(Sack::read(r)?),
            ChunkType::Heartbeat | ChunkType::HeartbeatAck => Self::Heartbeat(Heartbeat::read(r)),
            ChunkType::Abort => Self::Abort(Abort::read(r)),
            ChunkType::Shutdown => Self::Shutdown(Shutdown::read(r)?),
            ChunkType::Error => Self::Error(OperationError::read(r)),
            ChunkType::CookieEcho => Self::CookieEcho(CookieEcho::read(r)),
            ChunkType::Ecne | ChunkType::Cwr => Self::Ecn(Ecn::read(r)?),
            ChunkType::Auth => Self::Auth(Auth::read(r)?),
            ChunkType::Asconf | ChunkType::AsconfAck => Self::AddressChange(AddressChange::read(r)?),
            ChunkType::ReConfig => Self::ReConfig(ReConfig::read(r)),
            ChunkType::Pad => Self::Pad(Pad::read(r)),
            ChunkType::ForwardTsn => Self::ForwardTsn(ForwardTsn::read(r)?),
            ChunkType::IForwardTsn => Self::IForwardTsn(IForwardTsn::read(r)?),
            ChunkType::CookieAck | ChunkType::ShutdownAck | ChunkType::ShutdownComplete => Self::Empty,
            ChunkType::NrSack | ChunkType::PacketDrop | ChunkType::Unknown(_) => {
                Self::Unknown(r.rest("value"))
            }
        })
    }
}

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(body) => write!(f, " {body}"),
            Self::IData(body) => write!(f, " {body}"),
            Self::Init(body) | Self::InitAck(body) => write!(f, " {body}"),
            Self::Sack(body) => write!(f, " {body}"),
            Self::Heartbeat(body) => body.fmt(f),
            Self::Abort(body) => body.fmt(f),
            Self::Shutdown(body) => write!(f, " {body}"),
            Self::Error(body) => body.fmt(f),
            Self::CookieEcho(body) => write!(f, " {body}"),
            Self::Ecn(body) => write!(f, " {body}"),
            Self::Auth(body) => write!(f, " {body}"),
            Self::AddressChange(body) => write!(f, " {body}"),
            Self::ReConfig(body) => body.fmt(f),
            Self::Pad(body) => write!(f, " {body}"),
            Self::ForwardTsn(body) => write!(f, " {body}"),
            Self::IForwardTsn(body) => write!(f, " {body}"),
            Self::Empty => Ok(()),
            Self::Unknown(value) => write!(f, " length {}", value.value.len()),
        }
    }
}

/// A chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Its type.
    pub kind: Field<ChunkType>,
    /// Its flags.
    pub flags: Field<u8>,
    /// Its length, without padding.
    pub length: Field<u16>,
    /// What it says; `None` if that cannot be read.
    pub body: Option<Body<'a>>,
    /// All bytes after the chunk header.
    pub value: Field<&'a [u8]>,
    /// Bytes up to the next multiple of four, as far as they are there.
    pub padding: Field<&'a [u8]>,
}

/// Bytes of the chunk header, and of that of parameters and causes.
pub(super) const HEADER: usize = 4;

impl<'a> Unit<'a> for Chunk<'a> {
    const NAME: &'static str = "SCTP chunk";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let kind = r.code::<ChunkType>("chunk type")?;
        r.rename(|| kind.value.to_string().into());
        let flags = r.u8("chunk flags")?;
        name_flags(r, kind.value, flags.value);
        let length = r.u16("chunk length")?;
        let value_length = usize::from(length.value).checked_sub(HEADER);
        let value_length =
            value_length.ok_or_else(|| r.invalid("the length is below that of the chunk header"))?;
        let start = r.offset();
        let value = r.peek().get(..value_length).unwrap_or_default();
        let body = r.attempt(value_length, length.range, |r| Body::read(r, kind.value, flags.value))?;
        let padding = read_padding(r, value_length)?;
        let value = Field::new(Span::new(start, start + value_length), value);
        let chunk = Self { kind, flags, length, body, value, padding };
        r.summary(|| chunk.to_string());
        Ok(chunk)
    }
}

/// Reads the padding after `length` bytes, as far as it is there.
pub(super) fn read_padding<'a, S: Sink>(r: &mut Reader<'a, S>, length: usize) -> Read<Field<&'a [u8]>> {
    let wanted = length.next_multiple_of(4) - length;
    match wanted.min(r.remaining()) {
        0 => Ok(Field::new(Span::new(r.offset(), r.offset()), &[])),
        there => r.bytes("padding", there),
    }
}

fn name_flags<S: Sink>(r: &mut Reader<'_, S>, kind: ChunkType, flags: u8) {
    match kind {
        ChunkType::Data | ChunkType::IData => {
            r.part("immediate", 0x08, flags);
            r.part("unordered", 0x04, flags);
            r.part("beginning", 0x02, flags);
            r.part("ending", 0x01, flags);
        }
        ChunkType::Abort | ChunkType::ShutdownComplete => r.part("tag reflected", 0x01, flags),
        _ => {}
    }
}

impl fmt::Display for Chunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.value)?;
        match &self.body {
            Some(body) => body.fmt(f),
            None => f.write_str(" malformed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::{check, packet_of};
    use super::super::{tree, view};
    use super::*;

    #[test]
    fn the_high_bits_of_an_unknown_type_say_what_to_do() {
        let actions = [0x3f, 0x7f, 0xbf, 0xff].map(|raw| ChunkType::from(raw).action_if_unknown());
        assert_eq!(actions, [Action::Stop, Action::StopAndReport, Action::Skip, Action::SkipAndReport]);
        check("3f00 0006 aabb0000", "0x3f length 2");
        check("8100 0004", "PKTDROP length 0");
    }

    #[test]
    fn a_chunk_whose_value_cannot_be_read_does_not_hide_the_next() {
        check("07000006 00010000 0b000004", "SHUTDOWN malformed, COOKIE-ACK");
    }

    #[test]
    fn padding_that_is_missing_at_the_end_is_borne() {
        let bytes = packet_of("8400 0005 00");
        let chunk = view(&bytes).unwrap().chunks.iter().next().unwrap();
        assert!(chunk.padding.value.is_empty());
        assert_eq!(tree(&bytes).stop, None);
    }
}
