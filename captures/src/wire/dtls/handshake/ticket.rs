//! NewSessionTicket: RFC 5077 §3.3 and RFC 8446 §4.6.1.
//!
//! ```text
//! struct {
//!     uint32 ticket_lifetime_hint;
//!     opaque ticket<0..2^16-1>;
//! } NewSessionTicket;                       // 1.2
//! struct {
//!     uint32 ticket_lifetime;
//!     uint32 ticket_age_add;
//!     opaque ticket_nonce<0..255>;
//!     opaque ticket<1..2^16-1>;
//!     Extension extensions<0..2^16-2>;
//! } NewSessionTicket;                       // 1.3
//! ```

use super::super::extension::{ExtensionHolder, Extensions};
use super::super::vector;
use super::super::version::Version;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// What a ticket of 1.3 has besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumption<'a> {
    /// What is added to the ticket's age to hide it.
    pub age_add: Field<u32>,
    /// What makes the key unique.
    pub nonce: Field<&'a [u8]>,
    /// The extensions.
    pub extensions: Extensions<'a>,
}

/// A ticket to resume a session with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSessionTicket<'a> {
    /// Seconds for which it may be used.
    pub lifetime: Field<u32>,
    /// The ticket.
    pub ticket: Field<&'a [u8]>,
    /// The rest, in 1.3.
    pub resumption: Option<Resumption<'a>>,
}

impl<'a> NewSessionTicket<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, version: Version) -> Read<Self> {
        let lifetime = r.u32("ticket_lifetime")?;
        if !version.is_13() {
            let ticket = vector::opaque16(r, "ticket length", "ticket")?;
            return Ok(Self { lifetime, ticket, resumption: None });
        }
        let age_add = r.u32("ticket_age_add")?;
        let nonce = vector::opaque8(r, "ticket_nonce length", "ticket_nonce")?;
        let ticket = vector::opaque16(r, "ticket length", "ticket")?;
        let extensions = Extensions::read(r, ExtensionHolder::NewSessionTicket)?;
        Ok(Self { lifetime, ticket, resumption: Some(Resumption { age_add, nonce, extensions }) })
    }
}

impl fmt::Display for NewSessionTicket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes for {} s", self.ticket.value.len(), self.lifetime)
    }
}
