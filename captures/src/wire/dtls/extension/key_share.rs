//! key_share: RFC 8446 §4.2.8.
//!
//! ```text
//! struct {
//!     NamedGroup group;
//!     opaque key_exchange<1..2^16-1>;
//! } KeyShareEntry;
//! struct { KeyShareEntry client_shares<0..2^16-1>; } KeyShareClientHello;
//! struct { NamedGroup selected_group; } KeyShareHelloRetryRequest;
//! struct { KeyShareEntry server_share; } KeyShareServerHello;
//! ```

use super::super::group::Group;
use super::super::vector;
use crate::wire::field::{Field, Span};
use crate::wire::reader::{Reader, Sink};
use crate::wire::show::Joined;
use crate::wire::stop::Read;
use std::fmt;

/// A public key and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyShare<'a> {
    /// The group.
    pub group: Field<Group>,
    /// The public key.
    pub key_exchange: Field<&'a [u8]>,
}

impl<'a> KeyShare<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let group = r.code::<Group>("group")?;
        let key_exchange = vector::opaque16(r, "key_exchange length", "key_exchange")?;
        r.summary(|| group.value.to_string());
        Ok(Self { group, key_exchange })
    }
}

/// The shares of a hello: any number of the client, one of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyShares<'a>(Field<&'a [u8]>);

impl<'a> KeyShares<'a> {
    pub(super) fn read_client<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let shares = vector::nested16(r, "client_shares length", |r| {
            vector::each(r, "KeyShareEntry", |r| KeyShare::read(r).map(drop))
        })?;
        Ok(Self(shares))
    }

    pub(super) fn read_server<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let (start, bytes) = (r.offset(), r.peek());
        r.node("KeyShareEntry", KeyShare::read)?;
        let length = r.offset() - start;
        Ok(Self(Field::new(Span::new(start, start + length), bytes.get(..length).unwrap_or(bytes))))
    }

    /// One by one.
    pub fn iter(self) -> impl Iterator<Item = KeyShare<'a>> + Clone {
        vector::items(self.0, KeyShare::read)
    }
}

impl fmt::Display for KeyShares<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Joined(self.iter().map(|share| share.group.value)).fmt(f)
    }
}
