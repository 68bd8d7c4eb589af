//! SCTP: RFC 9260, with user message interleaving (RFC 8260), partial reliability (RFC 3758), stream reconfiguration (RFC 6525),
//! authentication (RFC 4895), address reconfiguration (RFC 5061), padding (RFC 4820) and zero checksums (RFC 9653).
//!
//! One chunk type is one file; [`Chunk`] holds what they share, [`Parameter`] and [`Cause`] the two kinds of values inside.

mod abort;
mod address_change;
mod auth;
mod cause;
mod chunk;
mod cookie;
mod data;
mod ecn;
mod forward_tsn;
mod heartbeat;
mod idata;
mod init;
mod packet;
mod pad;
mod parameter;
mod ppid;
mod reconfig;
mod sack;
mod shutdown;

pub use abort::{Abort, OperationError};
pub use address_change::AddressChange;
pub use auth::Auth;
pub use cause::{Cause, CauseCode, CauseContent};
pub use chunk::{Action, Body, Chunk, ChunkType};
pub use cookie::CookieEcho;
pub use data::Data;
pub use ecn::Ecn;
pub use forward_tsn::{ForwardTsn, IForwardTsn, SkippedMessage, SkippedStream};
pub use heartbeat::Heartbeat;
pub use idata::IData;
pub use init::Init;
pub use packet::{Checksum, Packet, checksum, looks_like_sctp, tree, view};
pub use pad::Pad;
pub use parameter::{Parameter, ParameterContent, ParameterType};
pub use ppid::PayloadProtocol;
pub use reconfig::{ReConfig, ReConfigResult, ResetRequest, ResetResponse};
pub use sack::{GapBlock, Sack};
pub use shutdown::Shutdown;

use super::field::Field;
use super::list::Unit;
use super::reader::{Reader, Sink};
use super::stop::Read;

/// A stream identifier, an address type or another number of two bytes in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number16(pub Field<u16>);

impl<'a> Unit<'a> for Number16 {
    const NAME: &'static str = "number";
    const IS_NODE: bool = false;

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        r.u16("number").map(Self)
    }
}

/// A TSN in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tsn(pub Field<u32>);

impl<'a> Unit<'a> for Tsn {
    const NAME: &'static str = "TSN";
    const IS_NODE: bool = false;

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        r.u32("TSN").map(Self)
    }
}
