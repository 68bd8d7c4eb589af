//! Record protection of DTLS 1.2 (RFC 5246 §6.2.3, RFC 5288, RFC 6655, RFC 7366, RFC 7905, RFC 9146).

use super::association::{Opened, Side};
use super::v13::inner_content;
use crate::decrypt::cipher::{Aead, open_cbc, verify_mac};
use crate::decrypt::suite::{MacHash, Suite};
use crate::wire::dtls::{ContentType, PlainRecord};

/// Key expansion never needs more: two MAC keys of 48, two keys of 32 and two IVs of 12 bytes.
const LONGEST_KEY_BLOCK: usize = 2 * (48 + 32 + 12);

/// The keys of one side.
pub(super) enum Keys {
    Aead { aead: Aead, iv: [u8; 12], explicit: usize, tag: usize },
    Cbc { mac: MacHash, mac_key: Vec<u8>, key: Vec<u8>, encrypt_then_mac: bool },
}

impl Keys {
    /// The keys of both sides by the key expansion of RFC 5246 §6.3.
    pub(super) fn expand(
        suite: Suite,
        encrypt_then_mac: bool,
        master: &[u8],
        client_random: &[u8; 32],
        server_random: &[u8; 32],
    ) -> Option<[Self; 2]> {
        let mut block = [0; LONGEST_KEY_BLOCK];
        suite.hash.prf(master, b"key expansion", &[server_random, client_random], &mut block);
        let mut rest = block.as_slice();
        let mut next = |length| {
            let (taken, left) = rest.split_at_checked(length)?;
            rest = left;
            Some(taken)
        };
        let mac_length = suite.bulk.mac().map_or(0, MacHash::length);
        let macs = [next(mac_length)?, next(mac_length)?];
        let keys = [next(suite.bulk.key_length())?, next(suite.bulk.key_length())?];
        let ivs = [next(suite.bulk.fixed_iv_length())?, next(suite.bulk.fixed_iv_length())?];
        let side = |side: Side| -> Option<Self> {
            let key = *keys.get(side as usize)?;
            if let Some(mac) = suite.bulk.mac() {
                let mac_key = macs.get(side as usize)?.to_vec();
                return Some(Self::Cbc { mac, mac_key, key: key.to_vec(), encrypt_then_mac });
            }
            let mut iv = [0; 12];
            let fixed = *ivs.get(side as usize)?;
            iv.get_mut(..fixed.len())?.copy_from_slice(fixed);
            let explicit = iv.len() - fixed.len();
            Some(Self::Aead { aead: Aead::new(suite.bulk, key)?, iv, explicit, tag: suite.bulk.tag_length() })
        };
        Some([side(Side::Client)?, side(Side::Server)?])
    }

    /// Opens a record into `out`. Nothing if it does not authenticate.
    pub(super) fn open(&self, record: &PlainRecord<'_>, out: &mut Vec<u8>) -> Option<Opened> {
        let (epoch, sequence) = (record.epoch.value.into(), record.sequence.value);
        let body = record.fragment.value;
        let mut additional = Additional::of(record)?;
        out.clear();
        match self {
            Self::Aead { aead, iv, explicit, tag } => {
                let (explicit, sealed) = body.split_at_checked(*explicit)?;
                let (text, tag) = sealed.split_at_checked(sealed.len().checked_sub(*tag)?)?;
                let mut nonce = *iv;
                if explicit.is_empty() {
                    let number = number(record);
                    nonce.iter_mut().skip(4).zip(number).for_each(|(to, from)| *to ^= from);
                } else {
                    nonce.get_mut(4..)?.copy_from_slice(explicit);
                }
                out.extend_from_slice(text);
                aead.open(&nonce, additional.with_length(text.len())?, out, tag).then_some(())?;
            }
            Self::Cbc { mac, mac_key, key, encrypt_then_mac } => {
                let mut verify = |signed: &[u8], tag: &[u8]| {
                    let parts = [additional.with_length(signed.len())?, signed];
                    verify_mac(*mac, mac_key, &parts, tag).then_some(())
                };
                let mut sealed = body;
                if *encrypt_then_mac {
                    let (signed, tag) = sealed.split_at_checked(sealed.len().checked_sub(mac.length())?)?;
                    verify(signed, tag)?;
                    sealed = signed;
                }
                let (iv, text) = sealed.split_at_checked(16)?;
                out.extend_from_slice(text);
                open_cbc(key, iv, out).then_some(())?;
                let padding = usize::from(*out.last()?) + 1;
                let padded = out.len().checked_sub(padding)?;
                if out.get(padded..)?.iter().any(|byte| usize::from(*byte) + 1 != padding) {
                    return None;
                }
                out.truncate(padded);
                if !*encrypt_then_mac {
                    let end = padded.checked_sub(mac.length())?;
                    let (text, tag) = out.split_at_checked(end)?;
                    verify(text, tag)?;
                    out.truncate(end);
                }
            }
        }
        let content = match record.kind.value {
            ContentType::Tls12Cid => inner_content(out)?,
            content => content,
        };
        Some(Opened { content, epoch, sequence })
    }
}

/// Epoch and sequence number as they are authenticated.
fn number(record: &PlainRecord<'_>) -> [u8; 8] {
    (u64::from(record.epoch.value) << 48 | record.sequence.value).to_be_bytes()
}

/// What is authenticated beside the content: RFC 5246 §6.2.3.3, RFC 9146 §5 for records with a connection ID.
struct Additional {
    bytes: [u8; Self::LONGEST],
    /// Where the length stands, which comes last.
    length_at: usize,
}

impl Additional {
    const LONGEST: usize = 8 + 3 + 2 + 8 + 255 + 2;

    fn of(record: &PlainRecord<'_>) -> Option<Self> {
        let mut this = Self { bytes: [0; Self::LONGEST], length_at: 0 };
        let kind = record.kind.value.raw();
        let version = record.version.value.raw().to_be_bytes();
        match record.cid {
            Some(cid) if record.kind.value == ContentType::Tls12Cid => {
                let id = cid.value;
                let parts: [&[u8]; 5] =
                    [&[0xff; 8], &[kind, u8::try_from(id.len()).ok()?, kind], &version, &number(record), id];
                parts.into_iter().try_for_each(|part| this.push(part))?;
            }
            _ => {
                this.push(&number(record))?;
                this.push(&[kind])?;
                this.push(&version)?;
            }
        }
        Some(this)
    }

    fn push(&mut self, part: &[u8]) -> Option<()> {
        let end = self.length_at + part.len();
        self.bytes.get_mut(self.length_at..end)?.copy_from_slice(part);
        self.length_at = end;
        Some(())
    }

    fn with_length(&mut self, length: usize) -> Option<&[u8]> {
        let end = self.length_at + 2;
        let place = self.bytes.get_mut(self.length_at..end)?;
        place.copy_from_slice(&u16::try_from(length).ok()?.to_be_bytes());
        self.bytes.get(..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decrypt::suite::Bulk;
    use crate::wire::dtls::{Datagram, Record};
    use crate::wire::testing::hex;
    use aes::Aes128;
    use aes::cipher::block_padding::NoPadding;
    use aes::cipher::{BlockEncryptMut, KeyIvInit};
    use aes_gcm::aead::{AeadInPlace, Nonce};
    use aes_gcm::{Aes128Gcm, KeyInit};
    use hmac::{Hmac, Mac};
    use sha2::Sha256;

    const KEY: [u8; 16] = [7; 16];
    const MAC_KEY: [u8; 32] = [9; 32];
    /// DTLSInnerPlaintext (RFC 9146 §4): content, its real type, padding.
    const INNER: &[u8] = b"text\x17\0\0";

    /// A record of epoch 1, number 5 with the connection ID c1c2c3.
    fn record(body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16).to_be_bytes();
        [&hex("19 fefd 0001 000000000005 c1c2c3"), length.as_slice(), body].concat()
    }

    /// The additional data as RFC 9146 §5.3 lists it, which is the MAC's header in §5.1 and §5.2 too.
    fn additional(length: usize) -> Vec<u8> {
        let length = (length as u16).to_be_bytes();
        [hex("ffffffffffffffff 19 03 19 fefd 0001 000000000005 c1c2c3"), length.to_vec()].concat()
    }

    fn mac(signed: &[u8]) -> Vec<u8> {
        let mut mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new_from_slice(&MAC_KEY).unwrap();
        mac.update(&additional(signed.len()));
        mac.update(signed);
        mac.finalize().into_bytes().to_vec()
    }

    /// IV and ciphertext, padded as RFC 5246 §6.2.3.2 says.
    fn cbc(text: &[u8]) -> Vec<u8> {
        let iv = [3; 16];
        let padding = 15 - text.len() % 16;
        let mut padded = [text, &vec![padding as u8; padding + 1]].concat();
        let length = padded.len();
        let cipher = cbc::Encryptor::<Aes128>::new(&KEY.into(), &iv.into());
        cipher.encrypt_padded_mut::<NoPadding>(&mut padded, length).unwrap();
        [&iv[..], &padded].concat()
    }

    fn open(keys: &Keys, bytes: &[u8]) -> Option<(Opened, Vec<u8>)> {
        let Some(Ok(Record::Plain(record))) = Datagram::at(bytes, 0, 3).records().next() else {
            panic!("a record")
        };
        let mut out = Vec::new();
        keys.open(&record, &mut out).map(|opened| (opened, out))
    }

    #[test]
    fn records_with_connection_ids_are_opened_under_every_protection() {
        let mut sealed = INNER.to_vec();
        let (fixed, explicit) = ([1; 4], [2; 8]);
        let nonce = [&fixed[..], &explicit].concat();
        let aead = Aes128Gcm::new(&KEY.into());
        let nonce = Nonce::<Aes128Gcm>::from_slice(&nonce);
        aead.encrypt_in_place(nonce, &additional(INNER.len()), &mut sealed).unwrap();
        let gcm = [&explicit[..], &sealed].concat();
        let mut iv = [0; 12];
        iv[..4].copy_from_slice(&fixed);
        let aead = Keys::Aead { aead: Aead::new(Bulk::Aes128Gcm, &KEY).unwrap(), iv, explicit: 8, tag: 16 };

        let keys_of = |encrypt_then_mac| Keys::Cbc {
            mac: MacHash::Sha256,
            mac_key: MAC_KEY.to_vec(),
            key: KEY.to_vec(),
            encrypt_then_mac,
        };
        let mac_then_encrypt = cbc(&[INNER, &mac(INNER)].concat());
        let encrypted = cbc(INNER);
        let encrypt_then_mac = [&encrypted[..], &mac(&encrypted)].concat();

        for (keys, body) in
            [(aead, gcm), (keys_of(false), mac_then_encrypt), (keys_of(true), encrypt_then_mac)]
        {
            let bytes = record(&body);
            let opened = Opened { content: ContentType::ApplicationData, epoch: 1, sequence: 5 };
            assert_eq!(open(&keys, &bytes), Some((opened, b"text".to_vec())));
            for place in [5, 10, 12, bytes.len() - 1] {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                assert_eq!(open(&keys, &changed), None, "byte {place}");
            }
        }
    }
}
