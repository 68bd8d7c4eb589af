//! Protecting SRTP and SRTCP (RFC 3711 §4, RFC 7714 §8 and §9) with keys that follow from a DTLS 1.2 master secret (RFC 5764 §4.2).
//! Written apart from `peerproof_captures::decrypt`, which has to open what is made here.

use aes::cipher::{BlockEncrypt, KeyInit, KeyIvInit, StreamCipher};
use aes_gcm::aead::{Aead, Payload};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::Sha256;

/// A protection profile by its code point in `use_srtp`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Profile(pub(super) u8);

impl Profile {
    const fn is_aead(self) -> bool {
        self.0 >= 7
    }

    const fn key_length(self) -> usize {
        if self.0 == 8 { 32 } else { 16 }
    }

    const fn salt_length(self) -> usize {
        if self.is_aead() { 12 } else { 14 }
    }

    /// Length of the keying material of both sides.
    pub(super) const fn material(self) -> usize {
        2 * (self.key_length() + self.salt_length())
    }
}

/// The keys of one sender.
pub(super) struct Sender {
    profile: Profile,
    rtp: Keys,
    rtcp: Keys,
}

struct Keys {
    cipher: Vec<u8>,
    authentication: Vec<u8>,
    salt: Vec<u8>,
}

/// Client's and server's keys of a handshake of 1.2 with SHA-256 as PRF.
pub(super) fn senders_12(profile: Profile, master: &[u8], client: &[u8], server: &[u8]) -> (Sender, Sender) {
    let seed = [b"EXTRACTOR-dtls_srtp", client, server].concat();
    senders(profile, &p_sha256(master, &seed, profile.material()))
}

/// Client's and server's keys from the keying material of RFC 5764 §4.2.
pub(super) fn senders(profile: Profile, material: &[u8]) -> (Sender, Sender) {
    let (key, salt) = (profile.key_length(), profile.salt_length());
    let part = |from: usize, length: usize| material.get(from..from + length).unwrap_or_default();
    let sender =
        |index: usize| Sender::new(profile, part(index * key, key), part(2 * key + index * salt, salt));
    (sender(0), sender(1))
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("a key");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// P_hash of RFC 5246 §5.
fn p_sha256(secret: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let (mut out, mut a) = (Vec::new(), seed.to_vec());
    while out.len() < length {
        a = hmac_sha256(secret, &[&a]);
        out.extend(hmac_sha256(secret, &[&a, seed]));
    }
    out.truncate(length);
    out
}

#[expect(clippy::expect_used, reason = "keys of 16 and 32 bytes are made above")]
fn block(key: &[u8], counter: [u8; 16]) -> [u8; 16] {
    let mut block = counter.into();
    match key.len() {
        16 => aes::Aes128::new_from_slice(key).expect("a key").encrypt_block(&mut block),
        _ => aes::Aes256::new_from_slice(key).expect("a key").encrypt_block(&mut block),
    }
    block.into()
}

/// The key derivation of RFC 3711 §4.3 with a rate of zero.
fn derive(key: &[u8], salt: &[u8], label: u8, length: usize) -> Vec<u8> {
    let mut x = [0; 16];
    x.iter_mut().zip(salt).for_each(|(byte, salt)| *byte = *salt);
    x[7] ^= label;
    let blocks = (0..=u16::MAX).map(|counter| {
        [x[14], x[15]] = counter.to_be_bytes();
        block(key, x)
    });
    blocks.flatten().take(length).collect()
}

impl Sender {
    fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Self {
        let keys = |label: u8| Keys {
            cipher: derive(key, salt, label, profile.key_length()),
            authentication: derive(key, salt, label + 1, 20),
            salt: derive(key, salt, label + 2, profile.salt_length()),
        };
        Self { profile, rtp: keys(0), rtcp: keys(3) }
    }

    /// Protects a packet whose header has this many bytes.
    pub(super) fn rtp(&self, packet: &[u8], header: usize, roll_over: u32) -> Vec<u8> {
        let (header, payload) = packet.split_at(header);
        let (sequence, ssrc) = (header.get(2..4).unwrap_or_default(), header.get(8..12).unwrap_or_default());
        let index = [&roll_over.to_be_bytes()[..], sequence].concat();
        if self.profile.is_aead() {
            let iv = xor(&[&[0, 0], ssrc, &index].concat(), &self.rtp.salt);
            return [header, &seal(&self.rtp.cipher, &iv, header, payload)].concat();
        }
        let ciphertext = counter_mode(&self.rtp, ssrc, &index, payload);
        let tag = hmac_sha1(&self.rtp.authentication, &[header, &ciphertext, &roll_over.to_be_bytes()]);
        let length = if self.profile.0 == 2 { 4 } else { 10 };
        [header, &ciphertext, tag.get(..length).unwrap_or_default()].concat()
    }

    /// Protects a compound.
    pub(super) fn rtcp(&self, compound: &[u8], index: u32) -> Vec<u8> {
        let (header, rest) = compound.split_at(8);
        let ssrc = header.get(4..8).unwrap_or_default();
        let word = (index | 0x8000_0000).to_be_bytes();
        if self.profile.is_aead() {
            let iv = xor(&[&[0, 0], ssrc, &[0, 0], &index.to_be_bytes()].concat(), &self.rtcp.salt);
            let sealed = seal(&self.rtcp.cipher, &iv, &[header, &word].concat(), rest);
            return [header, &sealed, &word].concat();
        }
        let ciphertext = counter_mode(&self.rtcp, ssrc, &[&[0, 0], &index.to_be_bytes()[..]].concat(), rest);
        let tag = hmac_sha1(&self.rtcp.authentication, &[header, &ciphertext, &word]);
        [header, &ciphertext, &word, tag.get(..10).unwrap_or_default()].concat()
    }
}

fn xor(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(left, right)| left ^ right).collect()
}

/// AES in counter mode as RFC 3711 §4.1.1 has it; the index has six bytes.
#[expect(clippy::expect_used, reason = "the key has 16 bytes")]
fn counter_mode(keys: &Keys, ssrc: &[u8], index: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let iv = xor(&[&[0; 4], ssrc, index, &[0; 2]].concat(), &[&keys.salt[..], &[0; 2]].concat());
    let mut out = plaintext.to_vec();
    let mut cipher = ctr::Ctr128BE::<aes::Aes128>::new_from_slices(&keys.cipher, &iv).expect("a key");
    cipher.apply_keystream(&mut out);
    out
}

#[expect(clippy::expect_used, reason = "keys and nonces have the lengths that are needed")]
fn seal(key: &[u8], iv: &[u8], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    let payload = Payload { msg, aad };
    match key.len() {
        16 => aes_gcm::Aes128Gcm::new_from_slice(key).expect("a key").encrypt(iv.into(), payload),
        _ => aes_gcm::Aes256Gcm::new_from_slice(key).expect("a key").encrypt(iv.into(), payload),
    }
    .expect("a short message")
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(key).expect("a key");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}
