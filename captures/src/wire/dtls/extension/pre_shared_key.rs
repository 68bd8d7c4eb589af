//! pre_shared_key: RFC 8446 §4.2.11.
//!
//! ```text
//! struct {
//!     opaque identity<1..2^16-1>;
//!     uint32 obfuscated_ticket_age;
//! } PskIdentity;
//! opaque PskBinderEntry<32..255>;
//! struct {
//!     PskIdentity identities<7..2^16-1>;
//!     PskBinderEntry binders<33..2^16-1>;
//! } OfferedPsks;
//! ```

use super::super::vector;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;

/// A key by its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PskIdentity<'a> {
    /// The identity, as a ticket.
    pub identity: Field<&'a [u8]>,
    /// Its age in milliseconds plus the ticket's `ticket_age_add`.
    pub obfuscated_ticket_age: Field<u32>,
}

impl<'a> PskIdentity<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Ok(Self {
            identity: vector::opaque16(r, "identity length", "identity")?,
            obfuscated_ticket_age: r.u32("obfuscated_ticket_age")?,
        })
    }
}

/// The keys that a client offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreSharedKeys<'a> {
    identities: Field<&'a [u8]>,
    binders: Field<&'a [u8]>,
}

impl<'a> PreSharedKeys<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let identities = vector::nested16(r, "identities length", |r| {
            vector::each(r, "PskIdentity", |r| PskIdentity::read(r).map(drop))
        })?;
        let binders = vector::nested16(r, "binders length", |r| {
            vector::each(r, "PskBinderEntry", |r| binder(r).map(drop))
        })?;
        Ok(Self { identities, binders })
    }

    /// The identities.
    pub fn identities(self) -> impl Iterator<Item = PskIdentity<'a>> + Clone {
        vector::items(self.identities, PskIdentity::read)
    }

    /// The binders, one for each identity.
    pub fn binders(self) -> impl Iterator<Item = Field<&'a [u8]>> + Clone {
        vector::items(self.binders, |r| binder(r))
    }
}

fn binder<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<Field<&'a [u8]>> {
    vector::opaque8(r, "binder length", "binder")
}
