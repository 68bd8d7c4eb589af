//! Record protection of DTLS 1.2 (RFC 5246 §6.2.3, RFC 5288, RFC 6655, RFC 7366, RFC 7905, RFC 9146).

use super::association::{Opened, Side};
use super::record::{Header, Record, content};
use crate::decrypt::cipher::{Aead, open_cbc, verify_mac};
use crate::decrypt::suite::{MacHash, Suite};

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
    pub(super) fn open(&self, record: &Record<'_>, out: &mut Vec<u8>) -> Option<Opened> {
        let Header::Plain { content, version, epoch, sequence, connection_id } = record.header else {
            return None;
        };
        let number = (u64::from(epoch) << 48 | sequence).to_be_bytes();
        out.clear();
        match self {
            Self::Aead { aead, iv, explicit, tag } => {
                let (explicit, sealed) = record.body.split_at_checked(*explicit)?;
                let (text, tag) = sealed.split_at_checked(sealed.len().checked_sub(*tag)?)?;
                let mut nonce = *iv;
                if explicit.is_empty() {
                    nonce.iter_mut().skip(4).zip(number).for_each(|(to, from)| *to ^= from);
                } else {
                    nonce.get_mut(4..)?.copy_from_slice(explicit);
                }
                let length = u16::try_from(text.len()).ok()?.to_be_bytes();
                out.extend_from_slice(text);
                let right = if content == content::WITH_CONNECTION_ID {
                    let id_length = [u8::try_from(connection_id.len()).ok()?];
                    let parts: [&[u8]; 8] = [
                        &[0xff; 8],
                        &[content],
                        &id_length,
                        &[content],
                        &version,
                        &number,
                        connection_id,
                        &length,
                    ];
                    aead.open(&nonce, &parts.concat(), out, tag)
                } else {
                    let mut aad = [0; 13];
                    let parts = number.into_iter().chain([content]).chain(version).chain(length);
                    aad.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
                    aead.open(&nonce, &aad, out, tag)
                };
                right.then_some(())?;
            }
            Self::Cbc { mac, mac_key, key, encrypt_then_mac } => {
                let verify = |parts: [&[u8]; 2], tag: &[u8]| {
                    let length = u16::try_from(parts.iter().map(|part| part.len()).sum::<usize>()).ok()?;
                    let [a, b] = parts;
                    let parts: [&[u8]; 6] = [&number, &[content], &version, &length.to_be_bytes(), a, b];
                    verify_mac(*mac, mac_key, &parts, tag).then_some(())
                };
                let mut sealed = record.body;
                if *encrypt_then_mac {
                    let (signed, tag) = sealed.split_at_checked(sealed.len().checked_sub(mac.length())?)?;
                    verify([signed, &[]], tag)?;
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
                    verify([text, &[]], tag)?;
                    out.truncate(end);
                }
            }
        }
        let mut opened = Opened { content, epoch: epoch.into(), sequence };
        if content == content::WITH_CONNECTION_ID {
            opened.content = super::v13::inner_content(out)?;
        }
        Some(opened)
    }
}
