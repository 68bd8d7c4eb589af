//! Whole conversations of DTLS 1.3, protected under secrets that are in the file (RFC 9147 §4.2, RFC 8446 §5.2 and §7.3): every
//! suite, connection IDs, ACKs, a key update, messages after the handshake, data and media. The secrets are made up, so that the
//! Finished messages and the signature are noise.

use super::rtp::{self, Header, control};
use super::srtp::{Profile, senders};
use super::story::{ALICE, BOB, Story, noise};
use super::{File, dtls, hex, sctp};
use aes::cipher::{BlockEncrypt, KeyInit, KeyIvInit, StreamCipher, StreamCipherSeek};
use aes_gcm::aead::{Aead, Payload};
use hkdf::Hkdf;
use sha2::{Digest, Sha256, Sha384};

/// A cipher suite by its code point.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Suite {
    Aes128Gcm = 1,
    Aes256Gcm = 2,
    ChaCha20 = 3,
}

pub(super) fn files() -> Vec<File> {
    let file = |name: &str, bytes: Vec<u8>| File { path: format!("dtls13/{name}.pcapng"), bytes };
    vec![
        file("aes128-gcm-sha256", conversation(Suite::Aes128Gcm)),
        file("aes256-gcm-sha384", conversation(Suite::Aes256Gcm)),
        file("chacha20-poly1305-sha256", conversation(Suite::ChaCha20)),
    ]
}

impl Suite {
    const fn hash_length(self) -> usize {
        if matches!(self, Self::Aes256Gcm) { 48 } else { 32 }
    }

    const fn key_length(self) -> usize {
        if matches!(self, Self::Aes128Gcm) { 16 } else { 32 }
    }

    /// HKDF-Expand-Label with the prefix of DTLS 1.3 (RFC 9147 §5.9).
    #[expect(
        clippy::expect_used,
        reason = "secrets are as long as the hash, and what is made of them is short"
    )]
    fn expand(self, secret: &[u8], label: &str, context: &[u8], length: usize) -> Vec<u8> {
        let label = format!("dtls13{label}");
        let info = [
            &(length as u16).to_be_bytes()[..],
            &[label.len() as u8],
            label.as_bytes(),
            &[context.len() as u8],
            context,
        ];
        let mut out = vec![0; length];
        match self {
            Self::Aes256Gcm => {
                Hkdf::<Sha384>::from_prk(secret).expect("a secret").expand_multi_info(&info, &mut out)
            }
            _ => Hkdf::<Sha256>::from_prk(secret).expect("a secret").expand_multi_info(&info, &mut out),
        }
        .expect("a short output");
        out
    }

    /// The exporter without context (RFC 8446 §7.5).
    fn export(self, secret: &[u8], label: &str, length: usize) -> Vec<u8> {
        let empty = match self {
            Self::Aes256Gcm => Sha384::digest([]).to_vec(),
            _ => Sha256::digest([]).to_vec(),
        };
        let derived = self.expand(secret, label, &empty, self.hash_length());
        self.expand(&derived, "exporter", &empty, length)
    }
}

/// What one side protects with in one epoch.
struct Epoch {
    suite: Suite,
    number: u8,
    secret: Vec<u8>,
    sequence: u64,
}

/// Content types.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;
const ACK: u8 = 26;

impl Epoch {
    const fn new(suite: Suite, number: u8, secret: Vec<u8>) -> Self {
        Self { suite, number, secret, sequence: 0 }
    }

    /// The one after a KeyUpdate (RFC 8446 §7.2).
    fn next(&self) -> Self {
        let secret = self.suite.expand(&self.secret, "traffic upd", &[], self.suite.hash_length());
        Self::new(self.suite, self.number + 1, secret)
    }

    /// A record with a header of full size, with this connection ID.
    fn seal(&mut self, cid: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
        let flags = 0x2c | (self.number & 3) | if cid.is_empty() { 0 } else { 0x10 };
        let sequence = self.sequence;
        self.sequence += 1;
        // Two zeros hide how long the content is.
        let inner = [content, &[kind, 0, 0]].concat();
        let start = 1 + cid.len();
        let length = (inner.len() as u16 + 16).to_be_bytes();
        let mut header = [&[flags], cid, &(sequence as u16).to_be_bytes(), &length].concat();
        let ciphertext = self.protect(sequence, &header, &inner);
        let mask = self.mask(&ciphertext);
        header.iter_mut().skip(start).take(2).zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        [header, ciphertext].concat()
    }

    #[expect(clippy::expect_used, reason = "keys and nonces have the lengths that are needed")]
    fn protect(&self, sequence: u64, aad: &[u8], msg: &[u8]) -> Vec<u8> {
        let key = self.suite.expand(&self.secret, "key", &[], self.suite.key_length());
        let mut nonce = self.suite.expand(&self.secret, "iv", &[], 12);
        nonce.iter_mut().skip(4).zip(sequence.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        let (nonce, payload) = (nonce.as_slice().into(), Payload { msg, aad });
        match self.suite {
            Suite::Aes128Gcm => {
                aes_gcm::Aes128Gcm::new_from_slice(&key).expect("a key").encrypt(nonce, payload)
            }
            Suite::Aes256Gcm => {
                aes_gcm::Aes256Gcm::new_from_slice(&key).expect("a key").encrypt(nonce, payload)
            }
            Suite::ChaCha20 => chacha20poly1305::ChaCha20Poly1305::new_from_slice(&key)
                .expect("a key")
                .encrypt(nonce, payload),
        }
        .expect("a short message")
    }

    /// What hides the sequence number (RFC 9147 §4.2.3).
    #[expect(clippy::expect_used, reason = "keys and nonces have the lengths that are needed")]
    fn mask(&self, ciphertext: &[u8]) -> Vec<u8> {
        let key = self.suite.expand(&self.secret, "sn", &[], self.suite.key_length());
        let sample: [u8; 16] = *ciphertext.first_chunk().expect("a tag at least");
        let mut block = sample.into();
        match self.suite {
            Suite::Aes128Gcm => aes::Aes128::new_from_slice(&key).expect("a key").encrypt_block(&mut block),
            Suite::Aes256Gcm => aes::Aes256::new_from_slice(&key).expect("a key").encrypt_block(&mut block),
            Suite::ChaCha20 => {
                let (counter, nonce) = sample.split_at(4);
                let counter = u32::from_le_bytes(*counter.first_chunk().expect("four bytes"));
                let mut cipher = chacha20::ChaCha20::new_from_slices(&key, nonce).expect("a key");
                cipher.seek(u64::from(counter) * 64);
                let mut stream = vec![0; 16];
                cipher.apply_keystream(&mut stream);
                return stream;
            }
        }
        block.to_vec()
    }
}

/// A list of extensions with its length.
fn extensions(all: &[&[u8]]) -> Vec<u8> {
    let all = all.concat();
    [&(all.len() as u16).to_be_bytes()[..], &all].concat()
}

fn conversation(suite: Suite) -> Vec<u8> {
    let mut story = Story::new("DTLS 1.3, its secrets in the file");
    let secret = |seed: u64| noise(seed, suite.hash_length());
    let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let random = "b0".repeat(32);
    for (label, seed) in [
        ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", 1),
        ("SERVER_HANDSHAKE_TRAFFIC_SECRET", 2),
        ("CLIENT_TRAFFIC_SECRET_0", 3),
        ("SERVER_TRAFFIC_SECRET_0", 4),
        ("EXPORTER_SECRET", 5),
    ] {
        story.secrets(&format!("{label} {random} {}\n", digits(&secret(seed))));
    }

    // Bob is the client and wants to be sent no connection ID, Alice wants two bytes.
    let (versions, chosen) = (hex("002b 0003 02 fefc"), hex("002b 0002 fefc"));
    let share = |seed: u64| [&hex("001d 0020")[..], &noise(seed, 32)].concat();
    let client_share = [&hex("0033 0026 0024")[..], &share(6)].concat();
    let server_share = [&hex("0033 0024")[..], &share(7)].concat();
    let (any_id, id) = (hex("0036 0001 00"), hex("0036 0003 02 a1a1"));
    let offered =
        [&versions[..], &dtls::GROUPS, &dtls::SIGNATURE_ALGORITHMS, &dtls::USE_SRTP, &client_share, &any_id];
    let hello =
        [&hex("fefd")[..], &[0xb0; 32], &hex("00 00 0006 1301 1302 1303 01 00"), &extensions(&offered)]
            .concat();
    story.record(BOB, ALICE, dtls::HANDSHAKE, &dtls::message(1, 0, &hello)).wait(5);
    let hello = [
        &hex("fefd")[..],
        &[0x5e; 32],
        &[0, 0x13, suite as u8, 0],
        &extensions(&[&chosen, &server_share, &id]),
    ]
    .concat();
    story.record(ALICE, BOB, dtls::HANDSHAKE, &dtls::message(2, 0, &hello));

    // The server's flight, several records in a datagram.
    let certificate = {
        let three = |number: usize| (number as u32).to_be_bytes().get(1..).unwrap_or_default().to_vec();
        let der = dtls::CERTIFICATE;
        [&[0][..], &three(der.len() + 5), &three(der.len()), der, &[0, 0]].concat()
    };
    let verify = [&hex("0403 0047")[..], &noise(8, 71)].concat();
    let finished = |seed: u64| noise(seed, suite.hash_length());
    let request = [&[0][..], &extensions(&[&dtls::SIGNATURE_ALGORITHMS])].concat();
    let mut alice = Epoch::new(suite, 2, secret(2));
    let mut seal = |kind: u8, sequence: u16, body: &[u8]| {
        alice.seal(&[], HANDSHAKE, &dtls::message(kind, sequence, body))
    };
    let first =
        [seal(8, 1, &extensions(&[&dtls::USE_SRTP])), seal(13, 2, &request), seal(11, 3, &certificate)];
    let second = [seal(15, 4, &verify), seal(20, 5, &finished(9))];
    story.udp(ALICE, BOB, &first.concat()).udp(ALICE, BOB, &second.concat()).wait(5);

    // The client acknowledges the first datagram, then answers; what it sends bears Alice's connection ID.
    let to_alice = [0xa1, 0xa1];
    let mut bob = Epoch::new(suite, 2, secret(1));
    let number = |epoch: u64, sequence: u64| [epoch.to_be_bytes(), sequence.to_be_bytes()].concat();
    let acknowledges = |records: &[Vec<u8>]| {
        let records = records.concat();
        [&(records.len() as u16).to_be_bytes()[..], &records].concat()
    };
    let ack = acknowledges(&[number(2, 0), number(2, 1), number(2, 2)]);
    story.udp(BOB, ALICE, &bob.seal(&to_alice, ACK, &ack)).wait(5);
    let mut seal = |kind: u8, sequence: u16, body: &[u8]| {
        bob.seal(&to_alice, HANDSHAKE, &dtls::message(kind, sequence, body))
    };
    let answer = [seal(11, 1, &certificate), seal(15, 2, &verify), seal(20, 3, &finished(10))];
    story.udp(BOB, ALICE, &answer.concat()).wait(5);
    let (mut alice, mut bob) = (Epoch::new(suite, 3, secret(4)), Epoch::new(suite, 3, secret(3)));
    story.udp(ALICE, BOB, &alice.seal(&[], ACK, &acknowledges(&[number(2, 3)]))).wait(5);

    // A ticket, more connection IDs, data both ways, new keys, data again.
    let ticket = hex("00000e10 01020304 02 0001 0004 74696b74 0000");
    let more = [
        alice.seal(&[], HANDSHAKE, &dtls::message(4, 6, &ticket)),
        alice.seal(&[], HANDSHAKE, &dtls::message(10, 7, &hex("0003 02 a2a2 01"))),
    ];
    story.udp(ALICE, BOB, &more.concat()).wait(5);
    story.udp(BOB, ALICE, &bob.seal(&to_alice, HANDSHAKE, &dtls::message(9, 4, &[2]))).wait(5);
    let init = sctp::packet(0, &[&sctp::init(1, 0xb0b, 1)]);
    story.udp(BOB, ALICE, &bob.seal(&to_alice, DATA, &init)).wait(5);
    let answer = sctp::packet(0xb0b, &[&sctp::init(2, 0xa11, 1)]);
    story.udp(ALICE, BOB, &alice.seal(&[], DATA, &answer)).wait(5);
    story.udp(BOB, ALICE, &bob.seal(&to_alice, HANDSHAKE, &dtls::message(24, 5, &[1]))).wait(5);
    story.udp(ALICE, BOB, &alice.seal(&[], ACK, &acknowledges(&[number(3, 2)]))).wait(5);
    let mut bob = bob.next();
    let open = sctp::data(1, 0, 0, sctp::DCEP, &sctp::open(0, 0, "chat", ""));
    let data = sctp::packet(0xa11, &[&sctp::chunk(10, 0, b"cookie!!"), &open]);
    story.udp(BOB, ALICE, &bob.seal(&to_alice, DATA, &data)).wait(5);
    let answer = sctp::packet(0xb0b, &[&sctp::chunk(11, 0, &[]), &sctp::data(1, 0, 0, sctp::DCEP, &[2])]);
    story.udp(ALICE, BOB, &alice.seal(&[], DATA, &answer)).wait(5);

    // Media under keys from the exporter.
    let profile = Profile(1);
    let (bob_media, alice_media) =
        senders(profile, &suite.export(&secret(5), "EXTRACTOR-dtls_srtp", profile.material()));
    let header = Header { payload_type: 96, marker: false, sequence: 1, timestamp: 90, ssrc: 0xa };
    story
        .udp(ALICE, BOB, &alice_media.rtp(&rtp::packet(header, &[], &[], b"from the server"), 12, 0))
        .wait(5);
    let header = Header { ssrc: 0xb, ..header };
    story.udp(BOB, ALICE, &bob_media.rtp(&rtp::packet(header, &[], &[], b"from the client"), 12, 0)).wait(5);
    story.udp(BOB, ALICE, &bob_media.rtcp(&control(201, 0, &[0xb]), 1)).wait(5);
    story.udp(ALICE, BOB, &alice.seal(&[], ALERT, &[1, 0]));
    story.file()
}
