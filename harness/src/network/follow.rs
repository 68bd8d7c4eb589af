//! What is within the packets of a connection, decrypted with the keys of its peers.
//!
//! A packet is looked at where it leaves, before it is decided about. What its sender protects is known if either peer has
//! reported its keys by then. In a lab data of DTLS 1.2 waits for those of a peer that reports them late
//! ([`Watch::waits_for_keys`](super::lab::Watch::waits_for_keys)); any other packet that goes out before the first of them cannot be read.

use super::chunk::{Chunk, Dcep, Sctp};
use super::class::{self, Class, Content, Seen};
use indexmap::IndexMap;
use peerproof_captures::decrypt::{self, Datagram, Failure, Limits, Outcome, Session};
use peerproof_captures::wire::dcep;
use peerproof_captures::wire::field::{Field, Span};
use peerproof_captures::wire::sctp::{self, Body, PayloadProtocol};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The most channels whose labels are remembered.
const MOST_CHANNELS: usize = 1024;
/// Longest label that is remembered, in bytes.
const LONGEST_LABEL: usize = 1024;
/// The most chunks of one packet that are looked at; an MTU of the smallest ones has fewer.
const MOST_CHUNKS: usize = 512;
/// How much a session keeps for one connection between two peers, which has one path.
const LIMITS: Limits = Limits { associations: 64, paths: 4, waiting: 0, waiting_bytes: 0 };

/// Follows one connection from its first packet.
#[derive(Debug)]
pub struct Follower {
    session: Session,
    /// Labels of channels by stream.
    labels: IndexMap<u16, String>,
    /// Whether the offerer sent the last ClientHello; nothing before there was one.
    client_is_offerer: Option<bool>,
}

impl Default for Follower {
    fn default() -> Self {
        Self { session: Session::with_limits(LIMITS), labels: IndexMap::new(), client_is_offerer: None }
    }
}

impl Follower {
    /// Takes in lines of a key log.
    pub fn key_log(&mut self, lines: &str) {
        // Nothing waits, so nothing comes out.
        self.session.key_log(lines.as_bytes(), &mut |_| {});
    }

    /// Looks at a datagram that the offerer (`from_offerer`) or the answerer sends. `more_keys` is asked once if one is missing:
    /// whether there were any, taken in by the closure.
    pub fn look(
        &mut self,
        from_offerer: bool,
        bytes: &[u8],
        more_keys: impl FnOnce() -> Option<String>,
    ) -> Seen {
        let mut seen = self.look_inside(from_offerer, bytes, more_keys);
        if seen.handshakes.contains(&class::Handshake::ClientHello) {
            self.client_is_offerer = Some(from_offerer);
        }
        seen.from_client = self.client_is_offerer.map(|offerer| offerer == from_offerer);
        seen
    }

    fn look_inside(
        &mut self,
        from_offerer: bool,
        bytes: &[u8],
        more_keys: impl FnOnce() -> Option<String>,
    ) -> Seen {
        let (from, to) = ends(from_offerer);
        let mut seen = class::look(bytes, self.session.connection_id_length(from, to, bytes));
        // TURN carries any of the others. SRTP has in clear what rules look at.
        if !matches!(seen.class, Some(Class::Dtls | Class::TurnChannel | Class::Stun)) {
            return seen;
        }
        let outer = seen.clone();
        let mut outcome = self.within(from_offerer, bytes, &mut seen);
        if matches!(outcome, Outcome::Failed(Failure::NoSecret))
            && let Some(lines) = more_keys()
        {
            self.key_log(&lines);
            seen = outer;
            outcome = self.within(from_offerer, bytes, &mut seen);
        }
        seen.unread = matches!(outcome, Outcome::Failed(_) | Outcome::Waiting);
        seen
    }

    fn within(&mut self, from_offerer: bool, payload: &[u8], seen: &mut Seen) -> Outcome {
        let (from, to) = ends(from_offerer);
        let labels = &mut self.labels;
        let datagram = Datagram { time_ns: 0, frame: 0, from, to, payload };
        self.session.datagram(&datagram, &mut |clear| {
            let decrypt::Content::Dtls { content_type, .. } = clear.content else { return };
            let content = Content::of(content_type.into());
            // What has its type in clear was noted already.
            seen.contents.extend(content.filter(|content| !seen.contents.contains(content)));
            match content {
                Some(Content::Handshake) => {
                    let plaintext = Field::new(Span::new(0, clear.bytes.len()), clear.bytes);
                    class::look_at_handshakes(plaintext, seen);
                }
                Some(Content::ApplicationData) => look_at_chunks(clear.bytes, labels, seen),
                _ => {}
            }
        })
    }
}

/// One connection is one path, whatever pairs ICE selects.
fn ends(from_offerer: bool) -> (SocketAddr, SocketAddr) {
    let [offerer, answerer] = [1, 2].map(|n| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(0, 0, 0, n)), 1));
    if from_offerer { (offerer, answerer) } else { (answerer, offerer) }
}

fn look_at_chunks(packet: &[u8], labels: &mut IndexMap<u16, String>, seen: &mut Seen) {
    let Ok(packet) = sctp::view(packet) else { return };
    for chunk in packet.chunks.iter().take(MOST_CHUNKS) {
        let Some(kind) = Sctp::of(chunk.kind.value) else { continue };
        let (stream, protocol, data) = match &chunk.body {
            Some(Body::Data(data)) if data.is_beginning() => {
                (Some(data.stream.value), Some(data.protocol.value), data.data.value)
            }
            Some(Body::Data(data)) => (Some(data.stream.value), None, data.data.value),
            Some(Body::IData(data)) => (Some(data.stream.value), data.protocol(), data.data.value),
            _ => (None, None, &[][..]),
        };
        let message = (protocol == Some(PayloadProtocol::Dcep)).then(|| dcep::view(data).ok()).flatten();
        if let (Some(dcep::Message::Open(open)), Some(stream)) = (&message, stream)
            && open.label.value.len() <= LONGEST_LABEL
            && (labels.len() < MOST_CHANNELS || labels.contains_key(&stream))
        {
            labels.insert(stream, String::from_utf8_lossy(open.label.value).into_owned());
        }
        let dcep = message.and_then(|message| match message {
            dcep::Message::Open(_) => Some(Dcep::Open),
            dcep::Message::Ack => Some(Dcep::Ack),
            dcep::Message::Unknown(..) => None,
        });
        let channel = stream.and_then(|stream| labels.get(&stream)).cloned();
        seen.chunks.push(Chunk { kind, stream, dcep, channel });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use peerproof_captures::file::{CaptureReader, Direction, Item};
    use peerproof_captures::link::{Network, Transport};

    /// What left the first peer (`true`) and the other in the recording of a data channel, and the secrets.
    pub(crate) fn recorded() -> (Vec<(bool, Vec<u8>)>, String) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/recordings/data/capture.pcapng");
        let mut reader = CaptureReader::new(std::fs::File::open(path).unwrap());
        let mut network = Network::new();
        let (mut sent, mut secrets) = (Vec::new(), String::new());
        while let Some(item) = reader.next_item() {
            match item {
                Item::Secrets(new) => secrets.push_str(&String::from_utf8_lossy(new.data)),
                // The sockets of the stack: what it sends and what it gets.
                Item::Frame(frame) if frame.interface == Some(0) => {
                    let first = frame.direction == Some(Direction::Outbound);
                    network.frame(&frame, &mut |packet| {
                        if packet.transport == Transport::Udp {
                            sent.push((first, packet.payload.to_vec()));
                        }
                    });
                }
                _ => {}
            }
        }
        (sent, secrets)
    }

    fn chunks(seen: &[Seen]) -> Vec<Sctp> {
        seen.iter().flat_map(|seen| seen.chunks.iter().map(|chunk| chunk.kind)).collect()
    }

    #[test]
    fn with_the_keys_chunks_and_messages_are_known() {
        let (sent, secrets) = recorded();
        let mut follower = Follower::default();
        let mut asked = 0;
        let seen: Vec<Seen> = sent
            .iter()
            .map(|(first, bytes)| {
                follower.look(*first, bytes, || {
                    asked += 1;
                    Some(secrets.clone())
                })
            })
            .collect();
        assert_eq!(asked, 1, "keys are asked for when the first is missing");
        let chunks = chunks(&seen);
        let first = |kind| chunks.iter().position(|chunk| *chunk == kind).unwrap();
        let order = [Sctp::Init, Sctp::InitAck, Sctp::CookieEcho, Sctp::CookieAck, Sctp::Data].map(first);
        assert!(order.is_sorted(), "{chunks:?}");
        let mut all = seen.iter().flat_map(|seen| &seen.chunks);
        let open = all.find(|chunk| chunk.dcep == Some(Dcep::Open)).unwrap();
        let ack = all.find(|chunk| chunk.dcep == Some(Dcep::Ack)).unwrap();
        assert_eq!((open.stream, &open.channel), (ack.stream, &ack.channel));
        assert!(open.channel.is_some());
        assert!(seen.iter().all(|seen| !seen.unread));
    }

    #[test]
    fn the_sides_of_dtls_are_known_by_the_client_hello() {
        let (sent, _) = recorded();
        let mut follower = Follower::default();
        let mut client = None;
        for (first, bytes) in &sent {
            let seen = follower.look(*first, bytes, || None);
            if seen.handshakes.contains(&class::Handshake::ClientHello) {
                client = Some(*first);
            }
            assert_eq!(seen.from_client, client.map(|client| client == *first));
        }
        assert!(client.is_some());
    }

    #[test]
    fn without_keys_nothing_is_known_and_that_is_said() {
        let (sent, _) = recorded();
        let mut follower = Follower::default();
        let seen: Vec<Seen> =
            sent.iter().map(|(first, bytes)| follower.look(*first, bytes, || None)).collect();
        assert_eq!(chunks(&seen), []);
        assert!(seen.iter().any(|seen| seen.unread));
    }

    #[test]
    fn packets_that_are_cut_or_changed_are_survived() {
        let (sent, secrets) = recorded();
        let mut follower = Follower::default();
        follower.key_log(&secrets);
        for (first, bytes) in &sent {
            follower.look(*first, bytes, || None);
            for length in 0..bytes.len() {
                follower.look(*first, bytes.get(..length).unwrap_or_default(), || None);
                let mut changed = bytes.clone();
                if let Some(byte) = changed.get_mut(length) {
                    *byte ^= 0x55;
                }
                follower.look(*first, &changed, || None);
            }
        }
        let mut labels = IndexMap::new();
        for n in 0..=u8::MAX {
            look_at_chunks(&[n; 200], &mut labels, &mut Seen::default());
        }
    }
}
