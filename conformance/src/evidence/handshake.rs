//! The DTLS handshake, message by message: in clear, or decrypted where it was encrypted and the secrets are there.

use super::{Evidence, Kind, Packet, Peer, Wire};
use peerproof_captures::wire::Field;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::{self, Body, Fragments, HandshakeType, Pushed, Reassembly};
use peerproof_captures::wire::dtls::record::{ContentType, PlainRecord, Record};
use peerproof_captures::wire::field::Span;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::collections::BTreeMap;

/// A whole handshake message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeMessage {
    /// Who sent it.
    pub sender: Peer,
    /// The frame with which it was whole.
    pub frame: u64,
    /// When that was, in microseconds since the case began.
    pub t_us: u64,
    /// The message with its header, as one fragment.
    pub bytes: Vec<u8>,
}

/// A handshake between the peers, without retransmissions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handshake {
    /// Its messages in the order in which they were whole.
    pub messages: Vec<HandshakeMessage>,
    /// The version that the server chose, once it did.
    pub version: Option<Version>,
    /// The first encrypted handshake record of each peer in DTLS 1.2, its Finished: frame and time.
    pub encrypted: BTreeMap<Peer, (u64, u64)>,
    /// The frame of the first piece of the ClientHello with which it begins; zero for the first handshake.
    pub begins: u64,
}

impl HandshakeMessage {
    /// Its type.
    #[must_use]
    pub fn kind(&self) -> HandshakeType {
        HandshakeType::from(self.bytes.first().copied().unwrap_or_default())
    }

    /// Its number in its direction, `message_seq` (RFC 6347 §4.2.2).
    #[must_use]
    pub fn seq(&self) -> Option<u16> {
        self.bytes.get(4..)?.first_chunk().map(|seq| u16::from_be_bytes(*seq))
    }

    /// What it says, read as messages of that version are.
    #[must_use]
    pub fn body(&self, version: Version) -> Option<Body<'_>> {
        handshake::view(&self.bytes, version).ok().map(|message| message.body)
    }
}

impl Handshake {
    /// Most handshakes of a connection that are distinguished.
    const MOST: usize = 64;

    /// The messages with what they say.
    pub fn bodies(&self) -> impl Iterator<Item = (&HandshakeMessage, Body<'_>)> {
        let version = self.version.unwrap_or(Version::Dtls12);
        self.messages.iter().filter_map(move |message| Some((message, message.body(version)?)))
    }

    /// The Finished of a peer: its frame and time. In DTLS 1.3 it has to be decrypted.
    #[must_use]
    pub fn finished(&self, peer: Peer) -> Option<(u64, u64)> {
        let decrypted =
            self.messages.iter().find(|it| it.sender == peer && it.kind() == HandshakeType::Finished);
        decrypted.map(|it| (it.frame, it.t_us)).or_else(|| self.encrypted.get(&peer).copied())
    }

    /// Who began it: the client.
    #[must_use]
    pub fn client(&self) -> Option<Peer> {
        self.bodies()
            .find(|(_, body)| matches!(body, Body::ClientHello(_)))
            .map(|(message, _)| message.sender)
    }

    /// The client's last hello before the server's, and the server's.
    #[must_use]
    pub fn hellos(&self) -> Option<[(&HandshakeMessage, Body<'_>); 2]> {
        let is_server_hello =
            |body: &Body<'_>| matches!(body, Body::ServerHello(hello) if !hello.is_hello_retry_request());
        let at = self.bodies().position(|(_, body)| is_server_hello(&body))?;
        let server = self.bodies().nth(at)?;
        let client =
            self.bodies().take(at).filter(|(_, body)| matches!(body, Body::ClientHello(_))).last()?;
        Some([client, server])
    }
}

impl Evidence {
    /// The first DTLS handshake as seen nearest to `peer`. A session may have several, one after the other (RFC 8842 §3.1): what holds for each is
    /// asked of [`Self::handshakes`].
    #[must_use]
    pub fn first_handshake(&self, peer: Peer) -> Handshake {
        self.wire.as_ref().map(|wire| Handshake::on(wire, peer)).unwrap_or_default()
    }

    /// The Finished of `sender` in the first handshake that has one, as seen nearest to `peer`: frame and time.
    #[must_use]
    pub fn first_finished(&self, peer: Peer, sender: Peer) -> Option<(u64, u64)> {
        self.handshakes(peer).iter().find_map(|handshake| handshake.finished(sender))
    }

    /// All DTLS handshakes as seen nearest to `peer`, in the order in which they began: a client that begins anew has another random and
    /// message number zero. Those in which nothing was whole are left out.
    #[must_use]
    pub fn handshakes(&self, peer: Peer) -> Vec<Handshake> {
        self.wire.as_ref().map(|wire| Handshake::all_on(wire, peer)).unwrap_or_default()
    }
}

/// Whether a record of 1.2 holds a handshake message under protection. One with a connection ID hides its type, but the first of the
/// epoch is the Finished (RFC 5246 §7.4.9).
fn is_encrypted_handshake(record: &PlainRecord<'_>) -> bool {
    record.epoch.value > 0
        && match record.kind.value {
            ContentType::Handshake => true,
            ContentType::Tls12Cid => record.sequence.value == 0,
            _ => false,
        }
}

/// The digest of a certificate with the hash function of that name (RFC 8122 §5); nothing if it is not one that fingerprints may have.
#[must_use]
pub fn digest(hash: &str, certificate: &[u8]) -> Option<Vec<u8>> {
    Some(match hash.to_ascii_lowercase().as_str() {
        "sha-1" => Sha1::digest(certificate).to_vec(),
        "sha-224" => Sha224::digest(certificate).to_vec(),
        "sha-256" => Sha256::digest(certificate).to_vec(),
        "sha-384" => Sha384::digest(certificate).to_vec(),
        "sha-512" => Sha512::digest(certificate).to_vec(),
        _ => return None,
    })
}

impl Handshake {
    /// The first DTLS handshake as seen nearest to `peer`.
    #[must_use]
    pub fn on(wire: &Wire, peer: Peer) -> Self {
        let mut handshake = Self::default();
        let mut reassembly: BTreeMap<Peer, Reassembly> = BTreeMap::new();
        for packet in wire.at(peer).filter(|packet| packet.class() == Class::Dtls) {
            handshake.take(packet, reassembly.entry(packet.sender).or_default());
        }
        handshake
    }

    /// All of them, see [`Evidence::handshakes`].
    fn all_on(wire: &Wire, peer: Peer) -> Vec<Self> {
        let mut all = vec![Self::default()];
        let mut reassembly: BTreeMap<Peer, Reassembly> = BTreeMap::new();
        let mut client: Option<[u8; 32]> = None;
        for packet in wire.at(peer).filter(|packet| packet.class() == Class::Dtls) {
            let records = packet.records().map_while(Result::ok);
            let mut fragments =
                records.filter_map(|record| record.fragments()).flatten().map_while(Result::ok);
            let begins =
                fragments.find(|it| it.kind.value == HandshakeType::ClientHello && it.message_seq.value == 0);
            if let Some(random) = begins.and_then(|fragment| fragment.hello_random().copied()) {
                if client.is_some_and(|before| before != random) && all.len() < Self::MOST {
                    all.push(Self { begins: packet.frame, ..Self::default() });
                    reassembly.clear();
                }
                client = Some(random);
            }
            if let Some(handshake) = all.last_mut() {
                handshake.take(packet, reassembly.entry(packet.sender).or_default());
            }
        }
        all.retain(|handshake| !handshake.messages.is_empty());
        all
    }

    fn take(&mut self, packet: &Packet, reassembly: &mut Reassembly) {
        for record in packet.records().map_while(Result::ok) {
            match &record {
                Record::Plain(plain) if is_encrypted_handshake(plain) => {
                    self.encrypted.entry(packet.sender).or_insert((packet.frame, packet.t_us));
                }
                _ => {}
            }
            self.fragments(packet, record.fragments(), reassembly);
        }
        for clear in &packet.clear {
            if matches!(clear.kind, Kind::Record { content_type: 22, .. }) {
                let content = Field::new(Span::new(0, clear.bytes.len()), clear.bytes.as_slice());
                self.fragments(packet, Some(Fragments::new(content)), reassembly);
            }
        }
    }

    fn fragments(&mut self, packet: &Packet, fragments: Option<Fragments<'_>>, reassembly: &mut Reassembly) {
        for fragment in fragments.into_iter().flatten().map_while(Result::ok) {
            if let Pushed::Whole(message) = reassembly.push(&fragment) {
                let Packet { frame, t_us, .. } = *packet;
                let sender = packet.sender;
                let message = HandshakeMessage { sender, frame, t_us, bytes: message.to_bytes() };
                if let Some(Body::ServerHello(hello)) = message.body(Version::Dtls12) {
                    self.version = Some(hello.version().value);
                }
                self.messages.push(message);
            }
        }
    }
}
