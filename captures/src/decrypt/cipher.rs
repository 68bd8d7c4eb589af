//! Opening what is protected: AEADs and CBC with a MAC, in place.

use super::suite::{Bulk, MacHash};
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockDecryptMut, KeyIvInit};
use aes::{Aes128, Aes256};
use aes_gcm::aead::generic_array::typenum::Unsigned;
use aes_gcm::aead::{AeadCore, AeadInPlace, KeyInit, Nonce, Tag};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ccm::Ccm;
use ccm::consts::{U8, U12, U16};
use chacha20poly1305::ChaCha20Poly1305;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384};

/// An AEAD with its key.
pub(super) enum Aead {
    Aes128Gcm(Box<Aes128Gcm>),
    Aes256Gcm(Box<Aes256Gcm>),
    ChaCha20Poly1305(Box<ChaCha20Poly1305>),
    Aes128Ccm(Box<Ccm<Aes128, U16, U12>>),
    Aes256Ccm(Box<Ccm<Aes256, U16, U12>>),
    Aes128Ccm8(Box<Ccm<Aes128, U8, U12>>),
    Aes256Ccm8(Box<Ccm<Aes256, U8, U12>>),
}

impl Aead {
    /// Nothing for CBC or a key of the wrong length.
    pub(super) fn new(bulk: Bulk, key: &[u8]) -> Option<Self> {
        fn keyed<A: KeyInit>(key: &[u8]) -> Option<Box<A>> {
            A::new_from_slice(key).ok().map(Box::new)
        }
        Some(match bulk {
            Bulk::Aes128Gcm => Self::Aes128Gcm(keyed(key)?),
            Bulk::Aes256Gcm => Self::Aes256Gcm(keyed(key)?),
            Bulk::ChaCha20Poly1305 => Self::ChaCha20Poly1305(keyed(key)?),
            Bulk::Aes128Ccm => Self::Aes128Ccm(keyed(key)?),
            Bulk::Aes256Ccm => Self::Aes256Ccm(keyed(key)?),
            Bulk::Aes128Ccm8 => Self::Aes128Ccm8(keyed(key)?),
            Bulk::Aes256Ccm8 => Self::Aes256Ccm8(keyed(key)?),
            Bulk::Aes128Cbc(_) | Bulk::Aes256Cbc(_) => return None,
        })
    }

    /// Decrypts `text` in place if the tag is right; leaves it undefined otherwise.
    pub(super) fn open(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
        fn open<A: AeadInPlace>(aead: &A, nonce: &[u8; 12], aad: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
            // `from_slice` wants the exact lengths.
            <A as AeadCore>::NonceSize::USIZE == nonce.len()
                && <A as AeadCore>::TagSize::USIZE == tag.len()
                && aead
                    .decrypt_in_place_detached(
                        Nonce::<A>::from_slice(nonce),
                        aad,
                        text,
                        Tag::<A>::from_slice(tag),
                    )
                    .is_ok()
        }
        match self {
            Self::Aes128Gcm(aead) => open(aead.as_ref(), nonce, aad, text, tag),
            Self::Aes256Gcm(aead) => open(aead.as_ref(), nonce, aad, text, tag),
            Self::ChaCha20Poly1305(aead) => open(aead.as_ref(), nonce, aad, text, tag),
            Self::Aes128Ccm(aead) => open(aead.as_ref(), nonce, aad, text, tag),
            Self::Aes256Ccm(aead) => open(aead.as_ref(), nonce, aad, text, tag),
            Self::Aes128Ccm8(aead) => open(aead.as_ref(), nonce, aad, text, tag),
            Self::Aes256Ccm8(aead) => open(aead.as_ref(), nonce, aad, text, tag),
        }
    }
}

/// AES-CBC without taking off the padding. False if the key, the IV or the text has a wrong length.
pub(super) fn open_cbc(key: &[u8], iv: &[u8], text: &mut [u8]) -> bool {
    fn open<C: BlockDecryptMut + KeyIvInit>(key: &[u8], iv: &[u8], text: &mut [u8]) -> bool {
        C::new_from_slices(key, iv).is_ok_and(|cipher| cipher.decrypt_padded_mut::<NoPadding>(text).is_ok())
    }
    match key.len() {
        16 => open::<cbc::Decryptor<Aes128>>(key, iv, text),
        _ => open::<cbc::Decryptor<Aes256>>(key, iv, text),
    }
}

/// Whether `tag` is the HMAC over the parts, as far as it goes.
pub(super) fn verify_mac(hash: MacHash, key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    fn verify<M: Mac + hmac::digest::KeyInit>(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
        <M as hmac::digest::KeyInit>::new_from_slice(key).is_ok_and(|mut mac| {
            parts.iter().for_each(|part| mac.update(part));
            mac.verify_truncated_left(tag).is_ok()
        })
    }
    match hash {
        MacHash::Sha1 => verify::<Hmac<Sha1>>(key, parts, tag),
        MacHash::Sha256 => verify::<Hmac<Sha256>>(key, parts, tag),
        MacHash::Sha384 => verify::<Hmac<Sha384>>(key, parts, tag),
    }
}
