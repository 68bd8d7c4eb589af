//! Putting IP fragments together (RFC 791 §3.2, RFC 8200 §4.5).

use super::frame::{Fragment, Ip};
use crate::intervals::IntervalSet;
use indexmap::IndexMap;
use std::net::IpAddr;

/// Longest payload of an IP packet.
const LONGEST: usize = 65_535;
/// Most separate pieces of a packet that is not whole.
const MOST_PIECES: usize = 256;

/// Packets in the making, oldest first.
#[derive(Debug)]
pub(super) struct Fragments {
    partial: IndexMap<Key, Partial>,
    most: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    interface: Option<usize>,
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u32,
}

#[derive(Debug)]
struct Partial {
    bytes: Vec<u8>,
    /// The bytes that have come.
    pieces: IntervalSet<usize>,
    /// Known from the last fragment.
    length: Option<usize>,
}

impl Fragments {
    /// Keeps at most `most` packets in the making.
    pub(super) fn new(most: usize) -> Self {
        Self { partial: IndexMap::new(), most: most.max(1) }
    }

    /// Takes in a fragment; the packet's payload if it is whole now.
    pub(super) fn add(
        &mut self,
        interface: Option<usize>,
        ip: &Ip,
        fragment: Fragment,
        payload: &[u8],
    ) -> Option<Vec<u8>> {
        let end = fragment.offset.checked_add(payload.len()).filter(|end| *end <= LONGEST)?;
        let key = Key {
            interface,
            source: ip.source,
            destination: ip.destination,
            protocol: ip.protocol,
            identification: fragment.identification,
        };
        if self.partial.len() >= self.most && !self.partial.contains_key(&key) {
            self.partial.shift_remove_index(0);
        }
        let partial = self.partial.entry(key).or_insert_with(Partial::new);
        if partial.bytes.len() < end {
            partial.bytes.resize(end, 0);
        }
        partial.bytes.get_mut(fragment.offset..end)?.copy_from_slice(payload);
        partial.pieces.insert(fragment.offset..end);
        if !fragment.more {
            partial.length = Some(end);
        }
        let length = partial.length?;
        if !partial.pieces.covers(&(0..length)) {
            return None;
        }
        let mut whole = self.partial.shift_remove(&key)?.bytes;
        whole.truncate(length);
        Some(whole)
    }
}

impl Partial {
    const fn new() -> Self {
        Self { bytes: Vec::new(), pieces: IntervalSet::with_limit(MOST_PIECES), length: None }
    }
}
