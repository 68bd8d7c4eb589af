//! The messages on data channels, put together from the SCTP packets of a capture that could be opened.

use super::note;
use peerproof_captures::observe::Ends;
use peerproof_captures::trace::{Side, Trace};
use peerproof_captures::wire::sctp::{self, Body, PayloadProtocol};
use peerproof_reports::session::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Most messages of a page, and most bytes of each.
const MOST: usize = 1_000;
const LONGEST: usize = 200;
/// Most directions between two addresses, most fragments that wait for others in each, and most numbers of chunks that are remembered.
const DIRECTIONS: usize = 256;
const WAITING: usize = 1_024;
const REMEMBERED: usize = 8_192;

/// A fragment of a message (RFC 9260 §3.3.1, RFC 8260 §2.1).
struct Fragment {
    stream: u16,
    /// What the message is, where the fragment says it.
    protocol: Option<PayloadProtocol>,
    begins: bool,
    ends: bool,
    length: usize,
    /// The first bytes.
    data: Vec<u8>,
}

/// What went one way between two addresses.
#[derive(Default)]
struct Direction {
    /// Fragments of messages that are not whole, by their TSN.
    waiting: BTreeMap<u32, Fragment>,
    /// Numbers of chunks that were seen: a chunk may be retransmitted.
    seen: BTreeSet<u32>,
}

/// A message that is whole.
struct Whole {
    frame: u64,
    time_ns: u64,
    ends: Ends,
    stream: u16,
    is_text: bool,
    size: usize,
    data: Vec<u8>,
}

/// The messages in the making.
#[derive(Default)]
pub(super) struct Messages {
    directions: BTreeMap<(SocketAddr, SocketAddr), Direction>,
    whole: Vec<Whole>,
    beyond: usize,
}

impl Messages {
    /// Takes an SCTP packet in the clear.
    pub(super) fn packet(&mut self, frame: u64, time_ns: u64, ends: Ends, bytes: &[u8]) {
        let key = (ends.from, ends.to);
        if self.directions.len() >= DIRECTIONS && !self.directions.contains_key(&key) {
            return;
        }
        let Ok(packet) = sctp::view(bytes) else { return };
        for chunk in packet.chunks.iter() {
            let (tsn, fragment) = match &chunk.body {
                Some(Body::Data(data)) => {
                    let protocol = Some(data.protocol.value);
                    (data.tsn.value, fragment(data.flags, data.stream.value, protocol, data.data.value))
                }
                Some(Body::IData(data)) => {
                    let begins = data.flags & 2 != 0;
                    let protocol = begins.then(|| PayloadProtocol::from(data.protocol_or_fragment.value));
                    (data.tsn.value, fragment(data.flags, data.stream.value, protocol, data.data.value))
                }
                _ => continue,
            };
            let whole = self.directions.entry(key).or_default().take(tsn, fragment);
            let Some((stream, protocol, size, data)) = whole else { continue };
            // What opens a channel is no message.
            let Some(is_text) = protocol.is_text() else { continue };
            if self.whole.len() >= MOST {
                self.beyond += 1;
                continue;
            }
            let (size, data) = if protocol.is_empty() { (0, Vec::new()) } else { (size, data) };
            self.whole.push(Whole { frame, time_ns, ends, stream, is_text, size, data });
        }
    }

    /// Those of a page whose axis begins there, in microseconds since 1970.
    pub(super) fn of_page(self, trace: &Trace, origin_us: u64, left_out: &mut Vec<String>) -> Vec<Message> {
        note(left_out, self.beyond, "last messages of data channels");
        let mut receivers: BTreeMap<(SocketAddr, SocketAddr), (usize, Side)> = BTreeMap::new();
        for flow in &trace.flows {
            let Some(connection) = flow.connection else { continue };
            receivers.insert((flow.initiator, flow.responder), (connection, flow.initiator_is.other()));
            receivers.insert((flow.responder, flow.initiator), (connection, flow.initiator_is));
        }
        let message = |it: Whole| {
            let receiver = receivers.get(&(it.ends.from, it.ends.to));
            let found = receiver.and_then(|(index, side)| Some((trace.connections.get(*index)?, *side)));
            let channels = found.iter().flat_map(|(connection, _)| &connection.associations);
            let label = channels.filter_map(|it_| it_.channels.get(&it.stream)?.label.clone()).next();
            let text = || {
                let text = String::from_utf8_lossy(&it.data).into_owned();
                if it.size > it.data.len() {
                    format!("{}…", text.trim_end_matches('\u{fffd}'))
                } else {
                    text
                }
            };
            Message {
                t_us: super::since(it.time_ns, origin_us),
                peer: found
                    .map_or_else(|| it.ends.to.to_string(), |(connection, side)| connection.name(side)),
                channel: label.unwrap_or_else(|| format!("stream {}", it.stream)),
                size: it.size as u64,
                is_text: it.is_text,
                value: it.is_text.then(text),
                entry: None,
                frame: Some(it.frame),
            }
        };
        self.whole.into_iter().map(message).collect()
    }
}

fn fragment(flags: u8, stream: u16, protocol: Option<PayloadProtocol>, data: &[u8]) -> Fragment {
    Fragment {
        stream,
        protocol,
        begins: flags & 2 != 0,
        ends: flags & 1 != 0,
        length: data.len(),
        data: data.get(..LONGEST).unwrap_or(data).to_vec(),
    }
}

impl Direction {
    /// Takes a fragment. Returns stream, kind, size and first bytes of the message that it makes whole.
    fn take(&mut self, tsn: u32, fragment: Fragment) -> Option<(u16, PayloadProtocol, usize, Vec<u8>)> {
        if !self.seen.insert(tsn) {
            return None;
        }
        if self.seen.len() > REMEMBERED {
            self.seen.pop_first();
        }
        if self.waiting.len() >= WAITING {
            self.waiting.pop_first();
        }
        self.waiting.insert(tsn, fragment);
        // Fragments of a message have consecutive numbers (RFC 9260 §6.9).
        let mut first = tsn;
        while !self.waiting.get(&first)?.begins {
            first = first.wrapping_sub(1);
        }
        let mut last = tsn;
        while !self.waiting.get(&last)?.ends {
            last = last.wrapping_add(1);
        }
        let (mut size, mut all) = (0, Vec::new());
        let (mut at, mut kind) = (first, None);
        loop {
            let part = self.waiting.remove(&at)?;
            kind = kind.or(part.protocol.map(|protocol| (part.stream, protocol)));
            size += part.length;
            let room = LONGEST.saturating_sub(all.len());
            all.extend(part.data.into_iter().take(room));
            if at == last {
                break;
            }
            at = at.wrapping_add(1);
        }
        kind.map(|(stream, protocol)| (stream, protocol, size, all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(flags: u8, data: &[u8]) -> Fragment {
        fragment(flags, 3, Some(PayloadProtocol::String), data)
    }

    #[test]
    fn a_message_is_whole_in_any_order_and_once() {
        let mut direction = Direction::default();
        assert!(direction.take(u32::MAX, part(2, b"ab")).is_none());
        assert!(direction.take(1, part(1, b"ef")).is_none());
        assert!(direction.take(1, part(1, b"ef")).is_none(), "a retransmission");
        let whole = direction.take(0, part(0, b"cd"));
        assert_eq!(whole, Some((3, PayloadProtocol::String, 6, b"abcdef".to_vec())));
        assert!(direction.take(0, part(0, b"cd")).is_none());
        assert!(direction.waiting.is_empty());
        let long = direction.take(2, part(3, &[b'x'; 5_000])).unwrap();
        assert_eq!((long.2, long.3.len()), (5_000, LONGEST));
    }

    #[test]
    fn fragments_without_an_end_take_no_memory_without_end() {
        let mut direction = Direction::default();
        for tsn in 0..20_000 {
            assert!(direction.take(tsn * 2, part(2, b"ab")).is_none());
        }
        assert!(direction.waiting.len() <= WAITING && direction.seen.len() <= REMEMBERED);
    }
}
