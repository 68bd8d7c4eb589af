//! Protecting packets, which the tool itself never does: SRTP and SRTCP by RFC 3711 and RFC 7714, records by RFC 9147.

use aes::Aes128;
use aes::cipher::{BlockEncrypt, KeyInit, KeyIvInit, StreamCipher};
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{AeadInPlace, Nonce};
use anyhow::{Context, Result, bail, ensure};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::Sha256;

/// Bytes of a profile's salt; all keys are of 16 bytes here.
fn salt_length(profile: u16) -> Result<usize> {
    match profile {
        1 => Ok(14),
        7 => Ok(12),
        other => bail!("a call with SRTP profile {other}"),
    }
}

/// Bytes of keying material (RFC 5764 §4.2) of a profile.
pub(super) fn keying_material(profile: u16) -> Result<usize> {
    Ok(2 * (16 + salt_length(profile)?))
}

/// Bytes of a tag of HMAC-SHA1.
const SHORT_TAG: usize = 10;

/// What one side sends under.
pub(super) struct Sender {
    rtp: Protection,
    rtcp: Protection,
    records: Aes128Gcm,
    record_iv: [u8; 12],
    numbers: Aes128,
}

/// Protection of SRTP or SRTCP.
enum Protection {
    Gcm { aead: Box<Aes128Gcm>, salt: [u8; 12] },
    CounterMode { key: [u8; 16], salt: [u8; 16], mac: Hmac<Sha1> },
}

impl Protection {
    /// By the profile's code point; `label` is that of the cipher key in RFC 3711 §4.3.2.
    fn new(profile: u16, side: usize, material: &[u8], label: u8) -> Result<Self> {
        let salt_length = salt_length(profile)?;
        let part = |at: usize, length: usize| material.get(at..at + length).context("keying material");
        let master = part(16 * side, 16)?;
        let mut salt = [0; 14];
        salt.iter_mut().zip(part(32 + salt_length * side, salt_length)?).for_each(|(to, from)| *to = *from);
        let mut key = [0; 16];
        derive(master, salt, label, &mut key)?;
        if profile == 7 {
            let mut session_salt = [0; 12];
            derive(master, salt, label + 2, &mut session_salt)?;
            return Ok(Self::Gcm { aead: Box::new(Aes128Gcm::new(&key.into())), salt: session_salt });
        }
        let (mut mac_key, mut session_salt) = ([0; 20], [0; 16]);
        derive(master, salt, label + 1, &mut mac_key)?;
        derive(master, salt, label + 2, session_salt.get_mut(..14).context("a salt")?)?;
        let mac = <Hmac<Sha1> as hmac::digest::KeyInit>::new_from_slice(&mac_key)?;
        Ok(Self::CounterMode { key, salt: session_salt, mac })
    }
}

impl Sender {
    /// `side` is 0 for the DTLS client and 1 for the server, `traffic` its traffic secret of epoch 3.
    pub(super) fn new(profile: u16, side: usize, material: &[u8], traffic: &[u8]) -> Result<Self> {
        let expand = |label: &str, out: &mut [u8]| expand_label(traffic, label, out);
        let (mut key, mut record_iv) = ([0; 16], [0; 12]);
        expand("key", &mut key)?;
        let records = Aes128Gcm::new(&key.into());
        expand("iv", &mut record_iv)?;
        expand("sn", &mut key)?;
        let numbers = Aes128::new(&key.into());
        let rtp = Protection::new(profile, side, material, 0)?;
        let rtcp = Protection::new(profile, side, material, 3)?;
        Ok(Self { rtp, rtcp, records, record_iv, numbers })
    }

    /// Protects an RTP packet whose header has that length; `index` is roll-over counter and sequence number.
    pub(super) fn rtp(&self, packet: &[u8], header: usize, index: u64, out: &mut Vec<u8>) -> Result<()> {
        let (head, payload) = packet.split_at_checked(header).context("an RTP header")?;
        let ssrc = head.get(8..12).context("an RTP header")?;
        out.clear();
        out.extend_from_slice(payload);
        match &self.rtp {
            Protection::Gcm { aead, salt } => {
                seal(aead, xored(*salt, 2, ssrc, index), head, out)?;
                out.splice(0..0, head.iter().copied());
            }
            Protection::CounterMode { key, salt, mac } => {
                counter_mode(key, xored(*salt, 4, ssrc, index), out);
                out.splice(0..0, head.iter().copied());
                let tag = tag(mac, &[out, &((index >> 16) as u32).to_be_bytes()]);
                out.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Protects a compound RTCP packet.
    pub(super) fn rtcp(&self, packet: &[u8], index: u32, out: &mut Vec<u8>) -> Result<()> {
        let (head, rest) = packet.split_at_checked(8).context("an RTCP header")?;
        let word = (0x8000_0000 | index).to_be_bytes();
        let ssrc = head.get(4..8).context("an RTCP header")?;
        out.clear();
        out.extend_from_slice(rest);
        match &self.rtcp {
            Protection::Gcm { aead, salt } => {
                seal(aead, xored(*salt, 2, ssrc, index.into()), &[head, &word].concat(), out)?;
                out.splice(0..0, head.iter().copied());
                out.extend_from_slice(&word);
            }
            Protection::CounterMode { key, salt, mac } => {
                counter_mode(key, xored(*salt, 4, ssrc, index.into()), out);
                out.splice(0..0, head.iter().copied());
                out.extend_from_slice(&word);
                let tag = tag(mac, &[out]);
                out.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Protects application data in a record of epoch 3, with a number of 16 bits and a length.
    pub(super) fn record(&self, data: &[u8], sequence: u64, out: &mut Vec<u8>) -> Result<()> {
        const APPLICATION_DATA: u8 = 23;
        const TAG: usize = 16;
        let [.., high, low] = sequence.to_be_bytes();
        let length = u16::try_from(data.len() + 1 + TAG)?.to_be_bytes();
        let clear = [0x2f, high, low, length[0], length[1]];
        out.clear();
        out.extend_from_slice(data);
        out.push(APPLICATION_DATA);
        let mut nonce = self.record_iv;
        nonce.iter_mut().skip(4).zip(sequence.to_be_bytes()).for_each(|(to, from)| *to ^= from);
        seal(&self.records, nonce, &clear, out)?;
        let mut mask = *out.first_chunk::<16>().context("a record")?;
        self.numbers.encrypt_block((&mut mask).into());
        out.splice(0..0, [0x2f, high ^ mask[0], low ^ mask[1], length[0], length[1]]);
        Ok(())
    }
}

fn seal(aead: &Aes128Gcm, nonce: [u8; 12], aad: &[u8], text: &mut Vec<u8>) -> Result<()> {
    let sealed = aead.encrypt_in_place(Nonce::<Aes128Gcm>::from_slice(&nonce), aad, text);
    ensure!(sealed.is_ok(), "a packet is too long to be protected");
    Ok(())
}

/// Salt with SSRC and 48 bits of index over it, the SSRC at byte `at`: RFC 3711 §4.1.1, RFC 7714 §8.1.
fn xored<const N: usize>(mut salt: [u8; N], at: usize, ssrc: &[u8], index: u64) -> [u8; N] {
    let [_, _, index @ ..] = index.to_be_bytes();
    salt.iter_mut().skip(at).zip(ssrc.iter().chain(&index)).for_each(|(to, from)| *to ^= from);
    salt
}

fn counter_mode(key: &[u8; 16], iv: [u8; 16], text: &mut [u8]) {
    ctr::Ctr128BE::<Aes128>::new(key.into(), &iv.into()).apply_keystream(text);
}

fn tag(mac: &Hmac<Sha1>, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = mac.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into_iter().take(SHORT_TAG).collect()
}

/// The key derivation of RFC 3711 §4.3.3.
fn derive(master: &[u8], salt: [u8; 14], label: u8, out: &mut [u8]) -> Result<()> {
    let mut iv = [0; 16];
    iv.iter_mut().zip(salt).for_each(|(to, from)| *to = from);
    iv[7] ^= label;
    out.fill(0);
    counter_mode(master.first_chunk().context("a master key")?, iv, out);
    Ok(())
}

/// `HKDF-Expand-Label` with the prefix of DTLS 1.3 and no context.
fn expand_label(secret: &[u8], label: &str, out: &mut [u8]) -> Result<()> {
    let name = format!("dtls13{label}");
    let mut info = u16::try_from(out.len())?.to_be_bytes().to_vec();
    info.push(u8::try_from(name.len())?);
    info.extend_from_slice(name.as_bytes());
    info.push(0);
    let hkdf = Hkdf::<Sha256>::from_prk(secret).ok().context("a traffic secret of SHA-256")?;
    hkdf.expand(&info, out).ok().context("a key is too long")
}
