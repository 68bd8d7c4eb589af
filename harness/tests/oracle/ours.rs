//! What our dissectors say.

use crate::clear::{Clear, Kind};
use crate::facts::{APPLICATION_DATA, Facts, MOVED, RTCP, UNOPENED};
use peerproof_captures::decrypt::{Content, Datagram, Session};
use peerproof_captures::file::{CaptureReader, Item};
use peerproof_captures::link::{Network, Transport, TransportPacket};
use peerproof_captures::wire::demux::{self, Class};
use peerproof_captures::wire::dtls::extension::{self, ExtensionType};
use peerproof_captures::wire::dtls::handshake::{self, Body};
use peerproof_captures::wire::dtls::record::ContentType;
use peerproof_captures::wire::dtls::{self, Record, Version};
use peerproof_captures::wire::rtp::{ExtensionMap, Header};
use peerproof_captures::wire::sctp::{self, Body as Chunk};
use peerproof_captures::wire::{Reader, dcep, mdns, rtcp, rtp, stun, turn};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// DCEP's payload protocol identifier (RFC 8832 §8.1).
const DCEP: u32 = 50;

/// What a capture says, and what of it was decrypted.
pub(crate) fn read(capture: &[u8]) -> (Facts, Vec<Clear>) {
    let mut reading = Reading::default();
    let mut reader = CaptureReader::new(capture);
    let mut network = Network::new();
    let mut sessions: BTreeMap<Option<usize>, Session> = BTreeMap::new();
    let mut key_log = Vec::new();
    while let Some(item) = reader.next_item() {
        let frame = match item {
            Item::Secrets(secrets) => {
                key_log.extend_from_slice(secrets.data);
                key_log.push(b'\n');
                for session in sessions.values_mut() {
                    session.key_log(secrets.data, &mut |clear| reading.decrypted(&clear));
                }
                continue;
            }
            Item::Frame(frame) => frame,
            _ => continue,
        };
        reading.facts.frames = frame.number;
        let session = sessions.entry(frame.interface).or_insert_with(|| {
            let mut session = Session::new();
            session.key_log(&key_log, &mut |_| {});
            session
        });
        network.frame(&frame, &mut |packet| {
            reading.packet(frame.number, packet);
            if matches!(packet.transport, Transport::Udp | Transport::Tcp) {
                let (from, to, payload) = (packet.from, packet.to, packet.payload);
                let time_ns = frame.time_ns.unwrap_or(0);
                let datagram = Datagram { time_ns, frame: frame.number, from, to, payload };
                session.datagram(&datagram, &mut |clear| reading.decrypted(&clear));
            }
        });
    }
    reading.facts.stopped = reader.stop().is_some();
    (reading.facts, reading.clears)
}

/// What the clear parts say, one a frame.
pub(crate) fn read_clear(clears: &[Clear]) -> Facts {
    let mut facts = Facts::default();
    for (clear, frame) in clears.iter().zip(1..) {
        facts.frames = frame;
        match clear.kind {
            Kind::Rtp => clear_rtp(&mut facts, frame, &clear.bytes),
            Kind::Rtcp => clear_rtcp(&mut facts, frame, &clear.bytes),
            Kind::Sctp => clear_sctp(&mut facts, frame, &clear.bytes),
        }
    }
    facts
}

#[derive(Default)]
struct Reading {
    facts: Facts,
    clears: Vec<Clear>,
    /// Length of the connection IDs in what is sent to an address, as that address asked for it.
    connection_ids: BTreeMap<SocketAddr, usize>,
    /// Hello messages seen between two addresses: by the client, by the server.
    hellos: BTreeMap<(SocketAddr, SocketAddr), (bool, bool)>,
    /// Between which addresses a STUN message was seen.
    opened: BTreeSet<(SocketAddr, SocketAddr)>,
    /// Whether DTLS came up: from then on RTCP is SRTCP.
    protected: bool,
}

impl Reading {
    fn packet(&mut self, frame: u64, packet: &TransportPacket<'_>) {
        let bytes = packet.payload;
        match packet.transport {
            Transport::ClearRtp => clear_rtp(&mut self.facts, frame, bytes),
            Transport::ClearRtcp => clear_rtcp(&mut self.facts, frame, bytes),
            Transport::ClearSctp => clear_sctp(&mut self.facts, frame, bytes),
            Transport::Udp | Transport::Tcp if packet.from.port() == 5353 || packet.to.port() == 5353 => {
                if let Ok(message) = mdns::view(bytes) {
                    self.facts.protocol(frame, "mdns");
                    self.facts.add(frame, "dns.id", message.id.value);
                }
            }
            Transport::Udp | Transport::Tcp => {
                let path = path(packet.from, packet.to);
                match demux::class(bytes) {
                    Class::Stun => {
                        self.opened.insert(path);
                    }
                    Class::TurnChannel if !self.opened.contains(&path) => self.facts.add(frame, UNOPENED, 1),
                    _ => {}
                }
                self.datagram(frame, packet, bytes);
            }
        }
    }

    fn datagram(&mut self, frame: u64, packet: &TransportPacket<'_>, bytes: &[u8]) {
        match demux::class(bytes) {
            Class::Stun if stun::looks_like_stun(bytes) => self.stun(frame, packet, bytes),
            Class::TurnChannel => {
                let Ok(message) = turn::view(bytes) else { return };
                // Wireshark counts ChannelData as STUN.
                self.facts.protocol(frame, "stun");
                self.facts.add(frame, "stun.channel", message.channel.value);
                self.datagram(frame, packet, message.data.value);
            }
            Class::Dtls => self.dtls(frame, packet, bytes),
            Class::Rtp => {
                let Ok(header) = Header::read(&mut Reader::new("RTP", bytes), &ExtensionMap::EMPTY) else {
                    return;
                };
                rtp_header(&mut self.facts, frame, &header);
            }
            Class::Rtcp if self.protected => {
                // What follows the first header is ciphertext.
                let Ok(header) = rtcp::Header::read(&mut Reader::new("RTCP", bytes)) else { return };
                self.facts.protocol(frame, "rtcp");
                self.facts.add(frame, RTCP, header.kind.value.raw());
                self.facts.first_only.insert((frame, RTCP));
            }
            Class::Rtcp => clear_rtcp(&mut self.facts, frame, bytes),
            _ => {}
        }
    }

    fn stun(&mut self, frame: u64, packet: &TransportPacket<'_>, bytes: &[u8]) {
        let Ok(message) = stun::view(bytes) else { return };
        self.facts.protocol(frame, "stun");
        self.facts.add(frame, "stun.type", message.kind.value.0);
        self.facts.add(frame, "stun.id", hex(&message.transaction.value.0));
        let relayed = turn::relayed_by(&message);
        for attribute in message.attributes().map_while(Result::ok) {
            self.facts.add(frame, "stun.att.type", attribute.kind.value.raw());
            if attribute.kind.value == stun::AttributeType::Data
                && let Some(relayed) = relayed
            {
                self.datagram(frame, packet, relayed.data.value);
            }
        }
    }

    fn dtls(&mut self, frame: u64, packet: &TransportPacket<'_>, bytes: &[u8]) {
        let cid = self.connection_ids.get(&packet.to).copied().unwrap_or(0);
        for record in dtls::Datagram::at(bytes, 0, cid).records().map_while(Result::ok) {
            match &record {
                Record::Plain(plain) => {
                    self.facts.protocol(frame, "dtls");
                    self.protected = true;
                    self.facts.add(frame, "dtls.record.content_type", plain.kind.value.raw());
                    self.facts.add(frame, "dtls.record.epoch", plain.epoch.value);
                    self.facts.add(frame, "dtls.record.sequence_number", plain.sequence.value);
                }
                // Without a handshake before it this may be anything.
                Record::Unified(_) if self.protected => self.facts.protocol(frame, "dtls"),
                Record::Unified(_) => return,
            }
            for fragment in record.fragments().into_iter().flatten().map_while(Result::ok) {
                self.facts.add(frame, "dtls.handshake.type", fragment.kind.value.raw());
                if let Ok(body) = fragment.body(Version::Dtls12) {
                    self.hello(packet, &body);
                }
            }
            if let Some(content) = record.plaintext(ContentType::Alert)
                && let Ok(alert) = dtls::alert::view(content.value)
            {
                self.facts.add(frame, "dtls.alert_message.desc", alert.description.value.raw());
            }
        }
    }

    fn hello(&mut self, packet: &TransportPacket<'_>, body: &Body<'_>) {
        let seen = self.hellos.entry(path(packet.from, packet.to)).or_default();
        let content = match body {
            Body::ClientHello(hello) => {
                seen.0 = true;
                hello.extension(ExtensionType::ConnectionId)
            }
            Body::ServerHello(hello) => {
                seen.1 = true;
                hello.extension(ExtensionType::ConnectionId)
            }
            _ => None,
        };
        if let Some(extension::Content::Id(id)) = content {
            self.connection_ids.insert(packet.from, id.value.len());
        }
    }

    fn decrypted(&mut self, clear: &peerproof_captures::decrypt::Clear<'_>) {
        let (frame, bytes) = (clear.frame, clear.bytes);
        if self.hellos.get(&path(clear.from, clear.to)) != Some(&(true, true)) {
            self.facts.add(frame, MOVED, 1);
        }
        let kind = match clear.content {
            Content::Rtp => Kind::Rtp,
            Content::Rtcp => Kind::Rtcp,
            Content::Dtls { content_type: 23, .. } => {
                self.facts.add(frame, APPLICATION_DATA, hex(bytes));
                Kind::Sctp
            }
            Content::Dtls { content_type: 22, .. } => {
                let content = peerproof_captures::wire::Field::new(Default::default(), bytes);
                for fragment in handshake::Fragments::new(content).map_while(Result::ok) {
                    self.facts.add(frame, "dtls.handshake.type", fragment.kind.value.raw());
                }
                return;
            }
            Content::Dtls { content_type: 21, .. } => {
                if let Ok(alert) = dtls::alert::view(bytes) {
                    self.facts.add(frame, "dtls.alert_message.desc", alert.description.value.raw());
                }
                return;
            }
            Content::Dtls { .. } => return,
        };
        // What is no SCTP, as in handshakes tried out with OpenSSL, has no reader but the one for its bytes above.
        if kind != Kind::Sctp || sctp::view(bytes).is_ok_and(|packet| packet.chunks.stop().is_none()) {
            self.clears.push(Clear { frame, kind, bytes: bytes.to_vec() });
        }
    }
}

/// Two addresses, whichever sends.
fn path(one: SocketAddr, other: SocketAddr) -> (SocketAddr, SocketAddr) {
    (one.min(other), one.max(other))
}

fn rtp_header(facts: &mut Facts, frame: u64, header: &Header<'_>) {
    facts.protocol(frame, "rtp");
    facts.add(frame, "rtp.padding", u8::from(header.has_padding()));
    facts.add(frame, "rtp.p_type", header.payload_type());
    facts.add(frame, "rtp.marker", u8::from(header.marker()));
    facts.add(frame, "rtp.seq", header.sequence.value);
    facts.add(frame, "rtp.timestamp", header.timestamp.value);
    facts.add(frame, "rtp.ssrc", header.ssrc.value);
}

fn clear_rtp(facts: &mut Facts, frame: u64, bytes: &[u8]) {
    if let Ok(packet) = rtp::view(bytes) {
        rtp_header(facts, frame, &packet.header);
    }
}

fn clear_rtcp(facts: &mut Facts, frame: u64, bytes: &[u8]) {
    facts.protocol(frame, "rtcp");
    for packet in rtcp::view(bytes).packets.iter() {
        facts.add(frame, RTCP, packet.header.kind.value.raw());
    }
}

fn clear_sctp(facts: &mut Facts, frame: u64, bytes: &[u8]) {
    let Ok(packet) = sctp::view(bytes) else { return };
    facts.protocol(frame, "sctp");
    facts.add(frame, "sctp.verification_tag", packet.verification_tag.value);
    for chunk in packet.chunks.iter() {
        facts.add(frame, "sctp.chunk_type", chunk.kind.value.raw());
        let (protocol, data) = match &chunk.body {
            Some(Chunk::Data(data)) => {
                facts.add(frame, "sctp.data_tsn_raw", data.tsn.value);
                let first = data.is_beginning();
                (first.then_some(data.protocol.value.raw()), data.data.value)
            }
            Some(Chunk::IData(data)) => {
                facts.add(frame, "sctp.data_tsn_raw", data.tsn.value);
                (data.protocol().map(|protocol| protocol.raw()), data.data.value)
            }
            Some(Chunk::Sack(sack)) => {
                facts.add(frame, "sctp.sack_cumulative_tsn_ack_raw", sack.cumulative_tsn.value);
                continue;
            }
            _ => continue,
        };
        if protocol == Some(DCEP)
            && let Ok(message) = dcep::view(data)
        {
            facts.protocol(frame, "rtcdc");
            let kind = match message {
                dcep::Message::Open(_) => dcep::MessageType::Open,
                dcep::Message::Ack => dcep::MessageType::Ack,
                dcep::Message::Unknown(kind, _) => kind.value,
            };
            facts.add(frame, "rtcdc.message_type", kind.raw());
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
