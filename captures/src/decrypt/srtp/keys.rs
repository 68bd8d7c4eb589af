//! Session keys (RFC 3711 §4.3) and the ciphers under them.

use super::profile::{MasterKey, Profile};
use crate::decrypt::cipher::Aead;
use crate::decrypt::suite::Bulk;
use aes::cipher::{BlockCipher, BlockEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipher};
use aes::cipher::{StreamCipherCoreWrapper, consts::U16};
use aes::{Aes128Enc, Aes256Enc};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// Length of the authentication tag of SRTCP in the AES-CM profiles.
const LONG_TAG: usize = 10;
const SHORT_TAG: usize = 4;
/// Length of a GCM tag.
pub(super) const GCM_TAG: usize = 16;

/// What protects SRTP or SRTCP under one master key.
pub(super) enum Protection {
    /// AES in counter mode with HMAC-SHA1 cut to `tag` bytes.
    CounterMode { cipher: Box<Aes128Enc>, salt: [u8; 16], mac: Box<Hmac<Sha1>>, tag: usize },
    /// AES in GCM.
    Gcm { aead: Aead, salt: [u8; 12] },
}

/// Which of the two protocols, by the label of its cipher key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Srtp = 0,
    Srtcp = 3,
}

impl Protection {
    pub(super) fn new(master: &MasterKey, what: For) -> Option<Self> {
        let label = what as u8;
        // Salts of 96 bits are padded with zeros on the right, RFC 7714 §11.
        let mut salt = [0; 16];
        salt.get_mut(..master.salt.bytes().len())?.copy_from_slice(master.salt.bytes());
        let mut key = [0; 32];
        let key = key.get_mut(..master.profile.key_length())?;
        let mut session_salt = [0; 16];
        let session_salt_part = session_salt.get_mut(..master.profile.salt_length())?;
        derive(master.key.bytes(), salt, label, key)?;
        derive(master.key.bytes(), salt, label + 2, session_salt_part)?;
        let bulk = match master.profile {
            Profile::AeadAes128Gcm => Bulk::Aes128Gcm,
            Profile::AeadAes256Gcm => Bulk::Aes256Gcm,
            Profile::Aes128CmSha1With80 | Profile::Aes128CmSha1With32 => {
                let mut mac_key = [0; 20];
                derive(master.key.bytes(), salt, label + 1, &mut mac_key)?;
                let short = master.profile == Profile::Aes128CmSha1With32 && what == For::Srtp;
                return Self::counter_mode(
                    key,
                    session_salt,
                    &mac_key,
                    if short { SHORT_TAG } else { LONG_TAG },
                );
            }
        };
        Some(Self::Gcm { aead: Aead::new(bulk, key)?, salt: *session_salt.first_chunk()? })
    }

    fn counter_mode(key: &[u8], salt: [u8; 16], mac_key: &[u8], tag: usize) -> Option<Self> {
        let cipher = Box::new(Aes128Enc::new_from_slice(key).ok()?);
        let mac = Box::new(<Hmac<Sha1> as hmac::digest::KeyInit>::new_from_slice(mac_key).ok()?);
        Some(Self::CounterMode { cipher, salt, mac, tag })
    }
}

/// `PRF_n(master key, label || salt)` of RFC 3711 §4.3.3 with a key derivation rate of zero.
fn derive(master: &[u8], mut salt: [u8; 16], label: u8, out: &mut [u8]) -> Option<()> {
    salt[7] ^= label;
    match master.len() {
        16 => counter_mode(&Aes128Enc::new_from_slice(master).ok()?, &salt, out),
        _ => counter_mode(&Aes256Enc::new_from_slice(master).ok()?, &salt, out),
    }
    Some(())
}

/// Adds the key stream that begins at counter `iv`.
pub(super) fn counter_mode<C>(cipher: &C, iv: &[u8; 16], data: &mut [u8])
where
    C: BlockEncrypt + BlockCipher + BlockSizeUser<BlockSize = U16>,
{
    let core = CtrCore::<&C, Ctr128BE>::inner_iv_init(cipher, iv.into());
    // Fails only beyond 2^128 blocks.
    let _ = StreamCipherCoreWrapper::from_core(core).try_apply_keystream(data);
}

/// The AES-CM initial counter, RFC 3711 §4.1.1: salt and SSRC, then the 48-bit index.
pub(super) fn counter_iv(salt: &[u8; 16], ssrc: [u8; 4], index: u64) -> [u8; 16] {
    let mut iv = *salt;
    let [_, _, index @ ..] = index.to_be_bytes();
    xor(&mut iv, 4, &ssrc);
    xor(&mut iv, 8, &index);
    iv
}

/// The GCM nonce, RFC 7714 §8.1 and §9.1: salt, SSRC, and the 48-bit index (for SRTCP, 31 bits of it).
pub(super) fn gcm_nonce(salt: &[u8; 12], ssrc: [u8; 4], index: u64) -> [u8; 12] {
    let mut nonce = *salt;
    let [_, _, index @ ..] = index.to_be_bytes();
    xor(&mut nonce, 2, &ssrc);
    xor(&mut nonce, 6, &index);
    nonce
}

fn xor(to: &mut [u8], at: usize, with: &[u8]) {
    to.iter_mut().skip(at).zip(with).for_each(|(to, with)| *to ^= with);
}

/// Whether `tag` is the beginning of the HMAC over the parts.
pub(super) fn tag_is_right(mac: &Hmac<Sha1>, parts: [&[u8]; 3], tag: &[u8]) -> bool {
    let mut mac = mac.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_truncated_left(tag).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::hex;

    /// RFC 3711 B.2.
    #[test]
    fn the_counter_mode_key_stream_is_that_of_the_rfc() {
        let cipher = Aes128Enc::new_from_slice(&hex("2b7e151628aed2a6abf7158809cf4f3c")).unwrap();
        let iv = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000");
        let mut stream = [0; 48];
        counter_mode(&cipher, iv.first_chunk().unwrap(), &mut stream);
        let expected = "e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab 41e95b3bb0a2e8dd477901e4fca894c0";
        assert_eq!(stream.as_slice(), hex(expected));
        // Where the counter needs its second byte.
        let iv = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        let mut stream = [0; 48];
        counter_mode(&cipher, iv.first_chunk().unwrap(), &mut stream);
        let expected = "ec8cdf7398607cb0f2d21675ea9ea1e4 362b7c3c6773516318a077d7fc5073ae 6a2cc3787889374fbeb4c81b17ba6c44";
        assert_eq!(stream.as_slice(), hex(expected));
    }

    /// RFC 6188 §7.1 and §7.2: the same with keys of 256 bits, by which the keys of AEAD_AES_256_GCM are derived too.
    #[test]
    fn key_streams_and_session_keys_of_256_bits_are_those_of_the_rfc() {
        let key = hex("57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98");
        let cipher = Aes256Enc::new_from_slice(&key).unwrap();
        let iv = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000");
        let mut stream = [0; 48];
        counter_mode(&cipher, iv.first_chunk().unwrap(), &mut stream);
        let expected = "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31";
        assert_eq!(stream.as_slice(), hex(expected));

        let master = hex("f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6");
        let mut salt = [0; 16];
        salt[..14].copy_from_slice(&hex("3b04803de51ee7c96423ab5b78d2"));
        for (label, expected) in [
            (0, "5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4"),
            (2, "fa31791685ca444a9e07c6c64e93"),
            (1, "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"),
        ] {
            let expected = hex(expected);
            let mut out = vec![0; expected.len()];
            derive(&master, salt, label, &mut out).unwrap();
            assert_eq!(out, expected, "label {label}");
        }
    }

    /// RFC 3711 B.3.
    #[test]
    fn session_keys_are_those_of_the_rfc() {
        let master = hex("e1f97a0d3e018be0d64fa32c06de4139");
        let mut salt = [0; 16];
        salt[..14].copy_from_slice(&hex("0ec675ad498afeebb6960b3aabe6"));
        for (label, expected) in [
            (0, "c61e7a93744f39ee10734afe3ff7a087"),
            (2, "30cbbc08863d8c85d49db34a9ae1"),
            (
                1,
                "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c43d9327ad175578ef7227098\
                 6371c10c9a369ac2f94a8c5fbcdddc256d6e919a48b610ef17c2041e474035766b68642c59bbfc2f34db60dbdfb2dc68",
            ),
        ] {
            let expected = hex(expected);
            let mut out = vec![0; expected.len()];
            derive(&master, salt, label, &mut out).unwrap();
            assert_eq!(out, expected, "label {label}");
        }
    }
}
