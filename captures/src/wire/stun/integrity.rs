//! MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT: RFC 8489 §14.5 to §14.7.
//!
//! Each is computed over the message up to the attribute itself, with the header's length set as if the message ended with that
//! attribute. Keys: RFC 8489 §9.1.1 (the password) and §18.5.1 (long-term).

use super::attribute::{Attribute, AttributeType};
use super::message::{HEADER, Message};
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What the CRC-32 of a FINGERPRINT is XORed with.
const FINGERPRINT_XOR: u32 = 0x5354_554e;

/// The long-term key with MD5: of `username:realm:password`. The caller has prepared the strings (RFC 8265).
pub fn long_term_key_md5(username: &str, realm: &str, password: &str) -> [u8; 16] {
    Md5::digest(format!("{username}:{realm}:{password}")).into()
}

/// The long-term key with SHA-256.
pub fn long_term_key_sha256(username: &str, realm: &str, password: &str) -> [u8; 32] {
    Sha256::digest(format!("{username}:{realm}:{password}")).into()
}

impl<'a> Message<'a> {
    /// Whether the first MESSAGE-INTEGRITY is right for `key`; `None` when there is none.
    pub fn integrity_matches(&self, key: &[u8]) -> Option<bool> {
        self.verify(&self.attribute(AttributeType::MessageIntegrity)?, Some(key))
    }

    /// Whether the first MESSAGE-INTEGRITY-SHA256 is right for `key`; `None` when there is none.
    pub fn integrity_sha256_matches(&self, key: &[u8]) -> Option<bool> {
        self.verify(&self.attribute(AttributeType::MessageIntegritySha256)?, Some(key))
    }

    /// Whether the first GOOG-MESSAGE-INTEGRITY-32 is right for `key`; `None` when there is none.
    pub fn integrity_32_matches(&self, key: &[u8]) -> Option<bool> {
        self.verify(&self.attribute(AttributeType::GoogMessageIntegrity32)?, Some(key))
    }

    /// Whether the first FINGERPRINT is right; `None` when there is none.
    pub fn fingerprint_matches(&self) -> Option<bool> {
        self.verify(&self.attribute(AttributeType::Fingerprint)?, None)
    }

    /// Whether `attribute` of this message holds the right value; `None` if it is no integrity or the key is not known.
    pub fn verify(&self, attribute: &Attribute<'a>, key: Option<&[u8]>) -> Option<bool> {
        let value = attribute.value.value;
        match attribute.kind.value {
            AttributeType::MessageIntegrity => {
                Some(value.len() == 20 && self.hmac_matches::<Hmac<Sha1>>(attribute, key?))
            }
            AttributeType::GoogMessageIntegrity32 => {
                Some(value.len() == 4 && self.hmac_matches::<Hmac<Sha1>>(attribute, key?))
            }
            AttributeType::MessageIntegritySha256 => {
                let allowed = (16..=32).contains(&value.len()) && value.len().is_multiple_of(4);
                Some(allowed && self.hmac_matches::<Hmac<Sha256>>(attribute, key?))
            }
            AttributeType::Fingerprint => {
                let (before, length, after) = self.covered(attribute)?;
                let mut crc = crc32fast::Hasher::new();
                crc.update(before);
                crc.update(&length);
                crc.update(after);
                Some(value == (crc.finalize() ^ FINGERPRINT_XOR).to_be_bytes())
            }
            _ => None,
        }
    }

    /// What an integrity attribute covers, in three parts: the type, the adjusted length, all from there to the attribute.
    fn covered(&self, attribute: &Attribute<'a>) -> Option<(&'a [u8], [u8; 2], &'a [u8])> {
        let end = (attribute.kind.range.start as usize).checked_sub(self.start())?;
        let length = (end + 4 + attribute.value.value.len()).checked_sub(HEADER)?;
        let length = u16::try_from(length).ok()?.to_be_bytes();
        Some((self.bytes.get(..2)?, length, self.bytes.get(4..end)?))
    }

    fn hmac_matches<M: Mac + KeyInit>(&self, attribute: &Attribute<'a>, key: &[u8]) -> bool {
        let (Some((before, length, after)), Ok(mut mac)) =
            (self.covered(attribute), <M as KeyInit>::new_from_slice(key))
        else {
            return false;
        };
        mac.update(before);
        mac.update(&length);
        mac.update(after);
        mac.verify_truncated_left(attribute.value.value).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::stun::{samples, view};

    #[test]
    fn the_samples_of_rfc_5769_match_their_password_and_no_other() {
        for sample in [samples::request(), samples::response_v4(), samples::response_v6()] {
            let message = view(&sample).unwrap();
            assert_eq!(message.integrity_matches(samples::PASSWORD.as_bytes()), Some(true));
            assert_eq!(message.integrity_matches(b"VOkJxbRl1RmTxUk/WvJxBT"), Some(false));
            assert_eq!(message.integrity_sha256_matches(b"any"), None);
            assert_eq!(message.fingerprint_matches(), Some(true));
        }
    }

    #[test]
    fn any_flipped_bit_before_an_attribute_makes_it_wrong() {
        let sample = samples::request();
        // The length is left alone (it is replaced), and so is all after the value of MESSAGE-INTEGRITY.
        for at in (0..2).chain(4..72) {
            let mut broken = sample.clone();
            broken[at] ^= 1;
            let Ok(message) = view(&broken) else { continue };
            assert_ne!(message.integrity_matches(samples::PASSWORD.as_bytes()), Some(true), "byte {at}");
            assert_ne!(message.fingerprint_matches(), Some(true), "byte {at}");
        }
    }

    #[test]
    fn long_term_keys_match_the_samples_of_rfc_5769_and_rfc_8489() {
        let key = long_term_key_md5(samples::USERNAME, samples::REALM, samples::LONG_TERM_PASSWORD);
        let sample = samples::long_term_request();
        assert_eq!(view(&sample).unwrap().integrity_matches(&key), Some(true));
        let key = long_term_key_sha256(samples::USERNAME, samples::REALM, samples::LONG_TERM_PASSWORD);
        let sample = samples::sha256_request();
        assert_eq!(view(&sample).unwrap().integrity_sha256_matches(&key), Some(true));
        assert_eq!(view(&sample).unwrap().integrity_sha256_matches(b"other"), Some(false));
    }
}
