//! RequestConnectionId and NewConnectionId: RFC 9147 §9.
//!
//! ```text
//! struct { uint8 num_cids; } RequestConnectionId;
//! opaque ConnectionId<0..2^8-1>;
//! struct {
//!     ConnectionId cids<0..2^16-1>;
//!     ConnectionIdUsage usage;
//! } NewConnectionId;
//! ```

use super::super::vector;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::show::{Hex, Joined};
use crate::wire::stop::Read;
use std::fmt;

/// A RequestConnectionId.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestConnectionId {
    /// How many are wanted.
    pub num_cids: Field<u8>,
}

impl RequestConnectionId {
    pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Self> {
        Ok(Self { num_cids: r.u8("num_cids")? })
    }
}

impl fmt::Display for RequestConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.num_cids.fmt(f)
    }
}

code_points! {
    /// When a new connection ID is to be used.
    pub enum Usage(u8) {
        Immediate = 0 => "cid_immediate",
        Spare = 1 => "cid_spare",
    }
}

/// A NewConnectionId.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewConnectionId<'a> {
    cids: Field<&'a [u8]>,
    /// When they are to be used.
    pub usage: Field<Usage>,
}

impl<'a> NewConnectionId<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let cids = vector::nested16(r, "cids length", |r| {
            while !r.is_empty() {
                vector::opaque8(r, "cid length", "cid")?;
            }
            Ok(())
        })?;
        Ok(Self { cids, usage: r.code("usage")? })
    }

    /// The connection IDs.
    pub fn cids(self) -> impl Iterator<Item = Field<&'a [u8]>> + Clone {
        vector::items(self.cids, |r| vector::opaque8(r, "cid length", "cid"))
    }
}

impl fmt::Display for NewConnectionId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.usage, Joined(self.cids().map(|cid| Hex(cid.value).to_string())))
    }
}
