//! A call told packet by packet, as a capture. Time stands until it is moved on.

use super::rtp::{self, Header};
use super::stun::{self, Message};
use super::{dtls, sctp};
use peerproof_captures::recording::{
    About, Content, Direction, InterfaceId, Observes, PacketRecord, Recorder,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Milliseconds in nanoseconds.
const MS: u64 = 1_000_000;
/// The passwords by which checks to each are made.
const PASSWORDS: [&[u8]; 2] = [b"password-of-alice-1234", b"password-of-bob-123456"];

const fn address(ip: [u8; 4], port: u16) -> SocketAddr {
    let [a, b, c, d] = ip;
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port)
}

/// Alice, the controlling one.
pub(super) const ALICE: SocketAddr = address([192, 0, 2, 1], 5000);
/// Bob.
pub(super) const BOB: SocketAddr = address([198, 51, 100, 2], 6000);
/// A STUN and TURN server.
pub(super) const SERVER: SocketAddr = address([203, 0, 113, 9], 3478);

/// A capture in the making.
pub(super) struct Story {
    recorder: Recorder<Vec<u8>>,
    wire: InterfaceId,
    clear: InterfaceId,
    ns: u64,
    ids: u32,
    /// Numbers of the plaintext records of each side.
    records: [u64; 2],
}

/// A check or its response.
#[derive(Clone, Copy)]
pub(super) struct Check {
    from: SocketAddr,
    to: SocketAddr,
    id: u32,
}

impl Story {
    /// A capture of which this is said.
    #[expect(clippy::expect_used, reason = "a chore; nothing fails that is written to memory")]
    pub(super) fn new(about: &str) -> Self {
        let about = About { application: "cargo xtask golden", comment: about };
        let mut recorder = Recorder::new(Vec::new(), about).expect("memory");
        let wire = recorder.interface("wire", "", Observes::Wire).expect("memory");
        let clear = recorder.interface("wire in clear", "", Observes::Plaintext).expect("memory");
        Self { recorder, wire, clear, ns: 1_700_000_000_000_000_000, ids: 0, records: [0; 2] }
    }

    pub(super) fn file(self) -> Vec<u8> {
        self.recorder.into_inner()
    }

    pub(super) fn wait(&mut self, ms: u64) -> &mut Self {
        self.ns += ms * MS;
        self
    }

    /// Secrets in the format of key logs.
    #[expect(clippy::expect_used, reason = "a chore; nothing fails that is written to memory")]
    pub(super) fn secrets(&mut self, key_log: &str) -> &mut Self {
        self.recorder.secrets(key_log).expect("memory");
        self
    }

    #[expect(clippy::expect_used, reason = "a chore; packets here fit")]
    pub(super) fn put(&mut self, from: SocketAddr, to: SocketAddr, content: Content<'_>) -> &mut Self {
        let outbound = from == ALICE || to != ALICE;
        let (direction, local, remote) =
            if outbound { (Direction::Outbound, from, to) } else { (Direction::Inbound, to, from) };
        let interface = match content.observes() {
            Observes::Wire | Observes::Copied => self.wire,
            Observes::Plaintext => self.clear,
        };
        let packet = PacketRecord {
            interface,
            time_ns: self.ns,
            direction,
            local,
            remote,
            content,
            carried_by: None,
            comment: None,
        };
        self.recorder.packet(&packet).expect("a packet that fits");
        self
    }

    pub(super) fn udp(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> &mut Self {
        self.put(from, to, Content::Udp(payload))
    }

    pub(super) fn id(&mut self) -> u32 {
        self.ids += 1;
        self.ids
    }

    /// A check from one side to the other, by the controlling side if that is Alice.
    pub(super) fn check(&mut self, from: SocketAddr, to: SocketAddr, nominate: bool) -> Check {
        self.check_as(from, to, nominate, from == ALICE)
    }

    pub(super) fn check_as(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        nominate: bool,
        controlling: bool,
    ) -> Check {
        self.check_with(from, to, (nominate, controlling), PASSWORDS[usize::from(from == ALICE)])
    }

    pub(super) fn check_with(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        (nominate, controlling): (bool, bool),
        password: &[u8],
    ) -> Check {
        let check = Check { from, to, id: self.id() };
        let name: &[u8] = if from == ALICE { b"bbbb:aaaa" } else { b"aaaa:bbbb" };
        let role = if controlling { stun::ICE_CONTROLLING } else { stun::ICE_CONTROLLED };
        let mut message = Message::new(stun::BINDING_REQUEST, check.id)
            .with(stun::USERNAME, name)
            .with(stun::PRIORITY, &0x6e00_1eff_u32.to_be_bytes())
            .with(role, &[if from == ALICE { 7 } else { 8 }; 8]);
        if nominate {
            message = message.with(stun::USE_CANDIDATE, &[]);
        }
        self.udp(from, to, &message.signed(password));
        check
    }

    pub(super) fn success(&mut self, check: Check) {
        self.success_from(check, check.to);
    }

    pub(super) fn success_from(&mut self, check: Check, from: SocketAddr) {
        self.wait(10);
        let message = Message::new(stun::BINDING_SUCCESS, check.id)
            .with_address(stun::XOR_MAPPED_ADDRESS, check.from)
            .signed(PASSWORDS[usize::from(check.from == ALICE)]);
        self.udp(from, check.from, &message);
    }

    pub(super) fn error(&mut self, check: Check, code: u16, reason: &str) {
        self.wait(10);
        let message = Message::new(stun::BINDING_ERROR, check.id).with_error(code, reason).with_fingerprint();
        self.udp(check.to, check.from, &message);
    }

    /// Checks both ways, then a nomination by Alice.
    pub(super) fn connect(&mut self) -> &mut Self {
        for (from, to, nominate) in [(ALICE, BOB, false), (BOB, ALICE, false), (ALICE, BOB, true)] {
            let check = self.check(from, to, nominate);
            self.success(check);
        }
        self
    }

    /// Keeps the connection alive by answered checks, a second apart.
    pub(super) fn keep_alive(&mut self, seconds: usize) -> &mut Self {
        for _ in 0..seconds {
            self.wait(980);
            for (from, to) in [(ALICE, BOB), (BOB, ALICE)] {
                let check = self.check(from, to, false);
                self.success(check);
            }
        }
        self
    }

    /// A plaintext record.
    pub(super) fn record(&mut self, from: SocketAddr, to: SocketAddr, kind: u8, body: &[u8]) -> &mut Self {
        let number = &mut self.records[usize::from(from == ALICE)];
        let record = dtls::record(kind, 0, *number, body);
        *number += 1;
        self.udp(from, to, &record)
    }

    /// A record of epoch 1, which nobody can read.
    pub(super) fn sealed(&mut self, from: SocketAddr, to: SocketAddr, kind: u8, sequence: u64) -> &mut Self {
        self.udp(from, to, &dtls::record(kind, 1, sequence, &noise(sequence + u64::from(kind), 40)))
    }

    pub(super) fn client_hello(&mut self, from: SocketAddr, to: SocketAddr) -> &mut Self {
        let random = if from == ALICE { 0xa1 } else { 0xb0 };
        let extensions: [&[u8]; 4] =
            [&dtls::EXTENDED_MASTER_SECRET, &dtls::GROUPS, &dtls::SIGNATURE_ALGORITHMS, &dtls::USE_SRTP];
        let hello = dtls::client_hello(random, &[], &extensions);
        self.record(from, to, dtls::HANDSHAKE, &dtls::message(1, 0, &hello))
    }

    /// Hello, certificate and the end of the server's flight, with `use_srtp` or without.
    pub(super) fn server_flight(&mut self, from: SocketAddr, to: SocketAddr, srtp: bool) -> &mut Self {
        let srtp: &[u8] = if srtp { &dtls::USE_SRTP } else { &[] };
        let hello = dtls::server_hello(0x5e, &[&dtls::EXTENDED_MASTER_SECRET, srtp]);
        let certificate = dtls::certificate(dtls::CERTIFICATE);
        for (kind, sequence, body) in [(2, 0, hello.as_slice()), (11, 1, &certificate), (14, 2, &[])] {
            self.record(from, to, dtls::HANDSHAKE, &dtls::message(kind, sequence, body));
        }
        self
    }

    /// Everything from the ClientHello of Bob's to both Finished.
    pub(super) fn secure_with(&mut self, srtp: bool) -> &mut Self {
        self.client_hello(BOB, ALICE).wait(10).server_flight(ALICE, BOB, srtp).wait(10);
        let key_exchange = [&[65, 4][..], &noise(1, 64)].concat();
        self.record(BOB, ALICE, dtls::HANDSHAKE, &dtls::message(16, 1, &key_exchange));
        self.record(BOB, ALICE, dtls::CHANGE_CIPHER_SPEC, &[1])
            .sealed(BOB, ALICE, dtls::HANDSHAKE, 0)
            .wait(10);
        self.record(ALICE, BOB, dtls::CHANGE_CIPHER_SPEC, &[1]).sealed(ALICE, BOB, dtls::HANDSHAKE, 0)
    }

    pub(super) fn secure(&mut self) -> &mut Self {
        self.secure_with(true)
    }

    /// An SRTP packet, at 90 kHz.
    pub(super) fn srtp(&mut self, from: SocketAddr, to: SocketAddr, ssrc: u32, sequence: u16) -> &mut Self {
        let packet = rtp::packet(self.header(ssrc, sequence), &[], &[], &noise(u64::from(sequence), 60));
        self.udp(from, to, &packet)
    }

    /// A header that fits the time.
    pub(super) fn header(&self, ssrc: u32, sequence: u16) -> Header {
        let timestamp = (self.ns / 1_000 * 90 / 1_000) as u32;
        Header { payload_type: 96, marker: false, sequence, timestamp, ssrc }
    }

    /// SCTP in the clear.
    pub(super) fn sctp(&mut self, from: SocketAddr, to: SocketAddr, chunks: &[&[u8]]) -> &mut Self {
        let first = chunks.first().and_then(|chunk| chunk.first()).copied();
        let tag = if first == Some(1) {
            0
        } else if from == ALICE {
            0xb0b
        } else {
            0xa11
        };
        self.put(from, to, Content::Sctp(&sctp::packet(tag, chunks)))
    }

    /// INIT to COOKIE-ACK.
    pub(super) fn associate(&mut self) -> &mut Self {
        self.sctp(ALICE, BOB, &[&sctp::init(1, 0xa11, 1)])
            .wait(5)
            .sctp(BOB, ALICE, &[&sctp::init(2, 0xb0b, 1)])
            .wait(5);
        self.sctp(ALICE, BOB, &[&sctp::chunk(10, 0, b"cookie!!")]).wait(5).sctp(
            BOB,
            ALICE,
            &[&sctp::chunk(11, 0, &[])],
        )
    }
}

/// Bytes without meaning, the same for the same seed.
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    let step = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(step).take(length).collect()
}
