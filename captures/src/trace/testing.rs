//! Calls made packet by packet, to be traced: what tests are made of.

use super::at::At;
use super::{Builder, Trace};
use crate::link::{Source, Transport, TransportPacket};
use crate::wire::stun::{Class, MessageType, Method};
use std::net::SocketAddr;

/// Milliseconds in nanoseconds.
pub(crate) const MS: u64 = 1_000_000;

/// A call in the making. Time stands until it is moved on.
pub(crate) struct Story {
    pub(crate) builder: Builder,
    pub(crate) ns: u64,
    frame: u64,
    ids: u32,
    /// Alice, the first to send.
    pub(crate) alice: SocketAddr,
    pub(crate) bob: SocketAddr,
}

/// A check or its response.
#[derive(Clone, Copy)]
pub(crate) struct Check {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    id: u32,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            builder: Builder::new(),
            ns: 1_000_000_000_000,
            frame: 0,
            ids: 0,
            alice: "192.0.2.1:5000".parse().unwrap(),
            bob: "198.51.100.2:6000".parse().unwrap(),
        }
    }
}

impl Story {
    pub(crate) fn wait(&mut self, ms: u64) -> &mut Self {
        self.ns += ms * MS;
        self
    }

    fn put(
        &mut self,
        interface: Option<usize>,
        transport: Transport,
        from: SocketAddr,
        to: SocketAddr,
        (payload, cut): (&[u8], bool),
    ) {
        self.frame += 1;
        let at = At { frame: self.frame, ns: self.ns };
        let packet =
            TransportPacket { transport, from, to, payload, source: Source::Frame(0), cut, carried_by: None };
        self.builder.bare(at, interface, &packet);
    }

    /// A datagram.
    pub(crate) fn udp(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> &mut Self {
        self.put(None, Transport::Udp, from, to, (payload, false));
        self
    }

    /// A datagram of which a snap length left the beginning.
    pub(crate) fn udp_cut(&mut self, from: SocketAddr, to: SocketAddr, beginning: &[u8]) -> &mut Self {
        self.put(None, Transport::Udp, from, to, (beginning, true));
        self
    }

    /// What a plaintext interface shows.
    pub(crate) fn clear(
        &mut self,
        transport: Transport,
        from: SocketAddr,
        to: SocketAddr,
        payload: &[u8],
    ) -> &mut Self {
        self.put(None, transport, from, to, (payload, false));
        self
    }

    /// A STUN message with these attributes.
    pub(crate) fn stun(
        &mut self,
        (from, to): (SocketAddr, SocketAddr),
        (method, class): (Method, Class),
        id: u32,
        attributes: &[(u16, &[u8])],
    ) {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.extend(kind.to_be_bytes());
            body.extend((value.len() as u16).to_be_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut message = MessageType::of(method, class).0.to_be_bytes().to_vec();
        message.extend((body.len() as u16).to_be_bytes());
        message.extend([0x21, 0x12, 0xa4, 0x42]);
        message.extend([0; 8]);
        message.extend(id.to_be_bytes());
        message.extend(body);
        self.udp(from, to, &message);
    }

    pub(crate) fn id(&mut self) -> u32 {
        self.ids += 1;
        self.ids
    }

    /// A check from one side to the other; alice is controlling unless stated otherwise.
    pub(crate) fn check(&mut self, from: SocketAddr, to: SocketAddr, nominate: bool) -> Check {
        let controlling = from == self.alice;
        self.check_as(from, to, nominate, controlling)
    }

    pub(crate) fn check_as(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        nominate: bool,
        controlling: bool,
    ) -> Check {
        let id = self.id();
        let check = Check { from, to, id };
        self.send_check(check, nominate, controlling);
        check
    }

    pub(crate) fn send_check(&mut self, check: Check, nominate: bool, controlling: bool) {
        let name: &[u8] = if check.from == self.alice { b"bbbb:aaaa" } else { b"aaaa:bbbb" };
        let role = if controlling { 0x802a } else { 0x8029 };
        let mut attributes: Vec<(u16, &[u8])> = vec![(0x0006, name), (role, &[7; 8])];
        if nominate {
            attributes.push((0x0025, &[]));
        }
        self.stun((check.from, check.to), (Method::Binding, Class::Request), check.id, &attributes);
    }

    pub(crate) fn success(&mut self, check: Check) {
        self.wait(10);
        self.stun((check.to, check.from), (Method::Binding, Class::Success), check.id, &[]);
    }

    pub(crate) fn error(&mut self, check: Check, code: u16) {
        self.wait(10);
        let value = [0, 0, (code / 100) as u8, (code % 100) as u8];
        self.stun((check.to, check.from), (Method::Binding, Class::Error), check.id, &[(0x0009, &value)]);
    }

    /// Checks both ways, then a nomination by alice.
    pub(crate) fn connect(&mut self) -> &mut Self {
        let (alice, bob) = (self.alice, self.bob);
        for (from, to, nominate) in [(alice, bob, false), (bob, alice, false), (alice, bob, true)] {
            let check = self.check(from, to, nominate);
            self.success(check);
        }
        self
    }

    /// A handshake message in a record of its own, in the clear.
    pub(crate) fn handshake(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        kind: u8,
        seq: u16,
        body: &[u8],
    ) -> &mut Self {
        let [_, length @ ..] = (body.len() as u32).to_be_bytes();
        let mut message = vec![kind];
        message.extend(length);
        message.extend(seq.to_be_bytes());
        message.extend([0, 0, 0]);
        message.extend(length);
        message.extend(body);
        self.record(from, to, 22, 0, u64::from(seq), &message)
    }

    pub(crate) fn record(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        kind: u8,
        epoch: u16,
        sequence: u64,
        body: &[u8],
    ) -> &mut Self {
        let mut record = vec![kind, 0xfe, 0xfd];
        record.extend(epoch.to_be_bytes());
        record.extend(&sequence.to_be_bytes()[2..]);
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        self.udp(from, to, &record)
    }

    pub(crate) fn client_hello(&mut self, from: SocketAddr, to: SocketAddr) -> &mut Self {
        let mut body = vec![0xfe, 0xfd];
        body.extend([from.port() as u8; 32]);
        body.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
        // use_srtp: SRTP_AES128_CM_HMAC_SHA1_80
        body.extend([0, 9, 0, 14, 0, 5, 0, 2, 0, 1, 0]);
        self.handshake(from, to, 1, 0, &body)
    }

    pub(crate) fn server_flight(&mut self, from: SocketAddr, to: SocketAddr) -> &mut Self {
        let mut hello = vec![0xfe, 0xfd];
        hello.extend([9; 32]);
        hello.extend([0, 0xc0, 0x2b, 0, 0, 9, 0, 14, 0, 5, 0, 2, 0, 1, 0]);
        self.handshake(from, to, 2, 0, &hello);
        self.handshake(from, to, 11, 1, &[0, 0, 6, 0, 0, 3, 1, 2, 3]);
        self.handshake(from, to, 14, 2, &[])
    }

    /// A whole handshake of DTLS 1.2 with bob as client.
    pub(crate) fn secure(&mut self) -> &mut Self {
        let (alice, bob) = (self.alice, self.bob);
        self.client_hello(bob, alice).wait(10).server_flight(alice, bob).wait(10);
        self.handshake(bob, alice, 16, 1, &[1, 4]);
        self.record(bob, alice, 20, 0, 9, &[1]).record(bob, alice, 22, 1, 0, &[5; 40]).wait(10);
        self.record(alice, bob, 20, 0, 9, &[1]).record(alice, bob, 22, 1, 0, &[5; 40]);
        self
    }

    /// An RTP packet of `length` bytes of payload; ten milliseconds are 900 ticks.
    pub(crate) fn rtp(&mut self, from: SocketAddr, to: SocketAddr, ssrc: u32, sequence: u16) -> &mut Self {
        let packet = self.rtp_bytes(ssrc, sequence, &[0x5a; 100]);
        self.udp(from, to, &packet)
    }

    pub(crate) fn rtp_bytes(&self, ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, 96];
        packet.extend(sequence.to_be_bytes());
        packet.extend(((self.ns / 1_000 * 90 / 1_000) as u32).to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend(payload);
        packet
    }

    /// A number of packets of a stream, ten milliseconds apart.
    pub(crate) fn stream(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        ssrc: u32,
        sequences: std::ops::Range<u16>,
    ) -> &mut Self {
        for sequence in sequences {
            self.rtp(from, to, ssrc, sequence).wait(10);
        }
        self
    }

    /// SCTP chunks in the clear.
    pub(crate) fn sctp(&mut self, from: SocketAddr, to: SocketAddr, chunks: &[&[u8]]) -> &mut Self {
        let mut packet = vec![0x13, 0x88, 0x13, 0x88, 0, 0, 0, 1, 0, 0, 0, 0];
        for chunk in chunks {
            packet.extend(*chunk);
            packet.resize(packet.len().next_multiple_of(4), 0);
        }
        self.clear(Transport::ClearSctp, from, to, &packet)
    }

    /// INIT to COOKIE-ACK.
    pub(crate) fn associate(&mut self) -> &mut Self {
        let (alice, bob) = (self.alice, self.bob);
        self.sctp(alice, bob, &[&init(1)]).sctp(bob, alice, &[&init(2)]);
        self.sctp(alice, bob, &[&[10, 0, 0, 4]]).sctp(bob, alice, &[&[11, 0, 0, 4]])
    }

    pub(crate) fn trace(self) -> Trace {
        self.builder.finish()
    }
}

pub(crate) fn init(kind: u8) -> Vec<u8> {
    vec![kind, 0, 0, 20, 0, 0, 0, 1, 0, 2, 0, 0, 4, 0, 4, 0, 0, 0, 0, 1]
}

/// A DATA chunk with a whole message.
pub(crate) fn data(tsn: u32, stream: u16, ppid: u32, message: &[u8]) -> Vec<u8> {
    let mut chunk = vec![0, 3];
    chunk.extend((16 + message.len() as u16).to_be_bytes());
    chunk.extend(tsn.to_be_bytes());
    chunk.extend(stream.to_be_bytes());
    chunk.extend([0, 0]);
    chunk.extend(ppid.to_be_bytes());
    chunk.extend(message);
    chunk
}

/// DATA_CHANNEL_OPEN of a reliable channel.
pub(crate) fn open(label: &str) -> Vec<u8> {
    let mut message = vec![3, 0, 0, 0, 0, 0, 0, 0];
    message.extend((label.len() as u16).to_be_bytes());
    message.extend([0, 0]);
    message.extend(label.as_bytes());
    message
}
