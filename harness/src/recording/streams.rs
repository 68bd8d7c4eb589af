//! Which streams of a simulcast (RFC 8853) peers have sent so far, for steps that wait until they do.

use indexmap::IndexMap;
use peerproof_captures::wire::rtp;
use std::collections::{BTreeMap, BTreeSet};

/// Most different values that are remembered of a peer. A call with simulcast has a few; counters in extensions fill the rest.
const MOST: usize = 4096;
/// Longest identifier that is remembered, in bytes.
const LONGEST: usize = 32;

/// Values of header extensions by the number of the extension, and the sources that carried them.
type Values = BTreeMap<(u8, Vec<u8>), BTreeSet<u32>>;

/// The header extensions that may name a stream.
#[derive(Debug, Default)]
pub(super) struct Streams {
    seen: IndexMap<String, Values>,
}

impl Streams {
    /// A packet of SRTP left. Its header, extensions included, is in the clear (RFC 3711 §3.1).
    pub(super) fn note(&mut self, from: &str, datagram: &[u8]) {
        let Ok(packet) = rtp::view(datagram) else { return };
        let ssrc = packet.header.ssrc.value;
        if !self.seen.contains_key(from) {
            self.seen.insert(from.to_owned(), Values::new());
        }
        let Some(seen) = self.seen.get_mut(from) else { return };
        for element in packet.header.elements() {
            let value = element.value.value;
            let named =
                !value.is_empty() && value.len() <= LONGEST && value.iter().all(u8::is_ascii_alphanumeric);
            if !named {
                continue;
            }
            let key = (element.id, value.to_vec());
            if let Some(sources) = seen.get_mut(&key) {
                if sources.len() < MOST {
                    sources.insert(ssrc);
                }
            } else if seen.len() < MOST {
                seen.insert(key, BTreeSet::from([ssrc]));
            }
        }
    }

    /// Whether a peer has sent all these streams: sources of their own carry the identifiers in one and the same extension, that of this number
    /// if it is known. What was sent is judged by the descriptions afterwards.
    pub(super) fn sends(&self, from: &str, rids: &[String], extension: Option<u8>) -> bool {
        let Some(seen) = self.seen.get(from) else { return false };
        let ids: BTreeSet<u8> = seen.keys().map(|(id, _)| *id).collect();
        ids.into_iter().filter(|id| extension.is_none_or(|wanted| wanted == *id)).any(|id| {
            let of = |rid: &String| seen.get(&(id, rid.as_bytes().to_vec()));
            let sources: Vec<&BTreeSet<u32>> = rids.iter().filter_map(of).collect();
            let all: BTreeSet<u32> = sources.iter().flat_map(|sources| sources.iter().copied()).collect();
            sources.len() == rids.len() && all.len() >= rids.len()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet with one element of the one-byte form.
    fn packet(ssrc: u8, id: u8, value: &[u8]) -> Vec<u8> {
        let mut data = vec![id << 4 | (value.len() as u8 - 1)];
        data.extend_from_slice(value);
        data.resize(data.len().next_multiple_of(4), 0);
        let words = (data.len() / 4) as u8;
        let mut bytes = vec![0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, ssrc, 0xbe, 0xde, 0, words];
        bytes.extend(data);
        bytes.extend([0; 20]);
        bytes
    }

    #[test]
    fn streams_are_sent_once_sources_of_their_own_bear_their_identifiers() {
        let rids = ["h", "l"].map(str::to_owned);
        let mut streams = Streams::default();
        streams.note("alice", &packet(1, 10, b"h"));
        streams.note("alice", &packet(1, 11, b"l"));
        assert!(!streams.sends("alice", &rids, None), "that is another extension");
        streams.note("alice", &packet(1, 10, b"l"));
        assert!(!streams.sends("alice", &rids, None), "that is the same source");
        streams.note("alice", &packet(2, 10, b"l"));
        assert!(streams.sends("alice", &rids, None) && streams.sends("alice", &rids, Some(10)));
        assert!(!streams.sends("alice", &rids, Some(11)), "that extension names what retransmissions repair");
        assert!(!streams.sends("bob", &rids, None));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut streams = Streams::default();
        for n in 0..2 * MOST {
            streams.note("alice", &packet(1, 10, format!("{n:x}").as_bytes()));
        }
        assert_eq!(streams.seen["alice"].len(), MOST);
        streams.note("alice", &[0x90, 96]);
    }
}
