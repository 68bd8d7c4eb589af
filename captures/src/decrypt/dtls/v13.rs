//! Record protection of DTLS 1.3 (RFC 9147 §4): traffic keys by epoch, encrypted sequence numbers, key updates.

use super::association::Opened;
use crate::decrypt::cipher::Aead;
use crate::decrypt::kdf::LONGEST_HASH;
use crate::decrypt::suite::{Bulk, Suite};
use crate::wire::dtls::{ContentType, UnifiedRecord};
use aes::cipher::{BlockEncrypt, KeyInit, KeyIvInit, StreamCipher, StreamCipherSeek};
use aes::{Aes128Enc, Aes256Enc};
use chacha20::ChaCha20;

/// The epoch of the handshake after the ServerHello.
pub(super) const HANDSHAKE: u64 = 2;
/// The first epoch of application data.
pub(super) const APPLICATION: u64 = 3;
/// Epochs kept: the handshake and the newest ones of application data.
const MOST_EPOCHS: usize = 4;

/// The keys of one side.
#[derive(Default)]
pub(super) struct Keys {
    epochs: Vec<Epoch>,
}

struct Epoch {
    number: u64,
    suite: Suite,
    secret: [u8; LONGEST_HASH],
    aead: Aead,
    iv: [u8; 12],
    mask: Mask,
    /// Next sequence number expected.
    next: u64,
}

/// What encrypts sequence numbers, RFC 9147 §4.2.3.
enum Mask {
    Aes128(Box<Aes128Enc>),
    Aes256(Box<Aes256Enc>),
    ChaCha20([u8; 32]),
}

impl Keys {
    /// Whether there are keys for this epoch.
    pub(super) fn has(&self, epoch: u64) -> bool {
        self.epochs.iter().any(|known| known.number == epoch)
    }

    /// Takes in the traffic secret of an epoch.
    pub(super) fn add(&mut self, suite: Suite, epoch: u64, secret: &[u8]) {
        if !self.has(epoch) {
            self.epochs.extend(Epoch::new(suite, epoch, secret));
            self.epochs.sort_by_key(|epoch| epoch.number);
        }
    }

    /// Opens a record into `out`. Nothing if no epoch's keys do.
    pub(super) fn open(&mut self, record: &UnifiedRecord<'_>, out: &mut Vec<u8>) -> Option<Opened> {
        let bits = record.epoch_bits();
        for epoch in self.epochs.iter_mut().rev() {
            if epoch.number & 3 == u64::from(bits)
                && let Some(opened) = epoch.open(record, out)
            {
                return Some(opened);
            }
        }
        // A key update: the next epoch's secret follows from the newest one's.
        let newest = self.epochs.last().filter(|newest| newest.number >= APPLICATION)?;
        if newest.number.wrapping_add(1) & 3 != u64::from(bits) {
            return None;
        }
        let mut next = newest.next_epoch()?;
        let opened = next.open(record, out)?;
        if self.epochs.len() >= MOST_EPOCHS {
            self.epochs.remove(1);
        }
        self.epochs.push(next);
        Some(opened)
    }
}

impl Epoch {
    fn new(suite: Suite, number: u64, secret: &[u8]) -> Option<Self> {
        let mut kept = [0; LONGEST_HASH];
        kept.get_mut(..secret.len())?.copy_from_slice(secret);
        let expand =
            |label: &[u8], out: &mut [u8]| suite.hash.expand_label(secret, label, &[], out).then_some(());
        let mut key = [0; 32];
        let key = key.get_mut(..suite.bulk.key_length())?;
        let mut iv = [0; 12];
        expand(b"key", key)?;
        expand(b"iv", &mut iv)?;
        let aead = Aead::new(suite.bulk, key)?;
        expand(b"sn", key)?;
        let mask = match (suite.bulk, key.len()) {
            (Bulk::ChaCha20Poly1305, _) => Mask::ChaCha20(*key.first_chunk()?),
            (_, 16) => Mask::Aes128(Box::new(Aes128Enc::new_from_slice(key).ok()?)),
            _ => Mask::Aes256(Box::new(Aes256Enc::new_from_slice(key).ok()?)),
        };
        Some(Self { number, suite, secret: kept, aead, iv, mask, next: 0 })
    }

    /// RFC 9147 §6.1 and RFC 8446 §7.2.
    fn next_epoch(&self) -> Option<Self> {
        let mut next = [0; LONGEST_HASH];
        let length = self.suite.hash.length();
        let next = next.get_mut(..length)?;
        let secret = self.secret.get(..length)?;
        self.suite.hash.expand_label(secret, b"traffic upd", &[], next).then_some(())?;
        Self::new(self.suite, self.number.checked_add(1)?, next)
    }

    fn open(&mut self, record: &UnifiedRecord<'_>, out: &mut Vec<u8>) -> Option<Opened> {
        let (bytes, body) = (record.header.value, record.fragment.value);
        let (at, width) = record.sequence_in_header();
        // The additional data is the header with its sequence number in the clear.
        const LONGEST_HEADER: usize = 1 + 255 + 2 + 2;
        let mut header = [0; LONGEST_HEADER];
        let header = header.get_mut(..bytes.len())?;
        header.copy_from_slice(bytes);
        let mask = self.mask.of(body.first_chunk()?);
        let number = header.get_mut(at..at + width)?;
        number.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        let low = number.iter().fold(0, |low, byte| low << 8 | u64::from(*byte));
        let sequence = nearest(self.next, low, 8 * width as u32);

        let mut nonce = self.iv;
        nonce.iter_mut().skip(4).zip(sequence.to_be_bytes()).for_each(|(to, from)| *to ^= from);
        let tag = self.suite.bulk.tag_length();
        let (text, tag) = body.split_at_checked(body.len().checked_sub(tag)?)?;
        out.clear();
        out.extend_from_slice(text);
        self.aead.open(&nonce, header, out, tag).then_some(())?;
        let content = inner_content(out)?;
        self.next = self.next.max(sequence.saturating_add(1));
        Some(Opened { content, epoch: self.number, sequence })
    }
}

impl Mask {
    fn of(&self, sample: &[u8; 16]) -> [u8; 2] {
        let mut block = *sample;
        match self {
            Self::Aes128(cipher) => cipher.encrypt_block((&mut block).into()),
            Self::Aes256(cipher) => cipher.encrypt_block((&mut block).into()),
            Self::ChaCha20(key) => {
                let [c0, c1, c2, c3, nonce @ ..] = *sample;
                block = [0; 16];
                let mut cipher = ChaCha20::new(key.into(), (&nonce).into());
                // Positions are in bytes; a block has 64.
                let position = u64::from(u32::from_le_bytes([c0, c1, c2, c3])) * 64;
                if cipher.try_seek(position).is_ok() {
                    // Fails at the counter's end only, where the record then does not authenticate.
                    let _ = cipher.try_apply_keystream(&mut block[..2]);
                }
            }
        }
        [block[0], block[1]]
    }
}

/// The sequence number with these low bits that is nearest to the one expected, RFC 9147 §4.2.2.
fn nearest(expected: u64, low: u64, bits: u32) -> u64 {
    let window = 1_u64 << bits;
    let candidate = expected & !(window - 1) | low;
    if candidate > expected && candidate - expected > window / 2 && candidate >= window {
        candidate - window
    } else if candidate < expected && expected - candidate > window / 2 {
        candidate.saturating_add(window)
    } else {
        candidate
    }
}

/// Takes the zeros and the content type off the end of an inner plaintext.
pub(super) fn inner_content(out: &mut Vec<u8>) -> Option<ContentType> {
    let end = out.iter().rposition(|byte| *byte != 0)?;
    let content = *out.get(end)?;
    out.truncate(end);
    Some(ContentType::from(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dtls::{Datagram, Record};
    use crate::wire::testing::hex;
    use aes_gcm::aead::{AeadInPlace, Nonce};
    use aes_gcm::{Aes128Gcm, Aes256Gcm};
    use chacha20poly1305::ChaCha20Poly1305;

    #[test]
    fn sequence_numbers_are_taken_nearest_to_the_expected_one() {
        assert_eq!(nearest(0, 0xff, 8), 0xff);
        assert_eq!(nearest(0x100, 0xff, 8), 0xff);
        assert_eq!(nearest(0xff, 0x01, 8), 0x101);
        assert_eq!(nearest(0x1_0000, 0xfff0, 16), 0xfff0);
        assert_eq!(nearest(0x1_8000, 0x8001, 16), 0x1_8001);
    }

    /// RFC 9001 A.5 prints a mask of ChaCha20; QUIC masks its header as DTLS masks its record numbers.
    #[test]
    fn the_mask_of_chacha20_is_the_published_one() {
        let key = hex("25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4");
        let mask = Mask::ChaCha20(*key.first_chunk().unwrap());
        let sample = hex("5e5cd55c41f69080575d7999c25a5bfb");
        assert_eq!(mask.of(sample.first_chunk().unwrap()), [0xae, 0xfe]);
    }

    /// RFC 9001 A.2 prints one of AES-128.
    #[test]
    fn the_mask_of_aes_is_the_published_one() {
        let key = hex("9f50449e04a0e810283a1e9933adedd2");
        let mask = Mask::Aes128(Box::new(<Aes128Enc as KeyInit>::new_from_slice(&key).unwrap()));
        let sample = hex("d1b1c98dd7689fb8ec11d242b123dc9b");
        assert_eq!(mask.of(sample.first_chunk().unwrap()), [0x43, 0x7b]);
    }

    /// Protects a record, which only tests need.
    fn seal(epoch: &Epoch, header: &[u8], width: usize, sequence: u64, inner: &[u8]) -> Vec<u8> {
        fn seal<A: AeadInPlace + KeyInit>(key: &[u8], nonce: &[u8], aad: &[u8], text: &mut Vec<u8>) {
            let aead = <A as KeyInit>::new_from_slice(key).unwrap();
            aead.encrypt_in_place(Nonce::<A>::from_slice(nonce), aad, text).unwrap();
        }
        let suite = epoch.suite;
        let mut key = vec![0; suite.bulk.key_length()];
        let secret = &epoch.secret[..suite.hash.length()];
        assert!(suite.hash.expand_label(secret, b"key", &[], &mut key));
        let mut nonce = epoch.iv;
        nonce.iter_mut().skip(4).zip(sequence.to_be_bytes()).for_each(|(to, from)| *to ^= from);
        let mut clear = header.to_vec();
        let at = clear.len();
        clear.extend(&sequence.to_be_bytes()[8 - width..]);
        if header[0] & 0x04 != 0 {
            clear.extend((inner.len() as u16 + 16).to_be_bytes());
        }
        let mut text = inner.to_vec();
        match suite.bulk {
            Bulk::Aes128Gcm => seal::<Aes128Gcm>(&key, &nonce, &clear, &mut text),
            Bulk::Aes256Gcm => seal::<Aes256Gcm>(&key, &nonce, &clear, &mut text),
            _ => seal::<ChaCha20Poly1305>(&key, &nonce, &clear, &mut text),
        }
        let mask = epoch.mask.of(text.first_chunk().unwrap());
        clear[at..at + width].iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        clear.extend(text);
        clear
    }

    #[test]
    fn records_of_all_three_suites_are_opened_through_key_updates_and_reordering() {
        for id in [0x1301, 0x1302, 0x1303] {
            let suite = Suite::of(id).unwrap();
            let secret = vec![7; suite.hash.length()];
            let mut keys = Keys::default();
            keys.add(suite, APPLICATION, &secret);
            let mut sender = Epoch::new(suite, APPLICATION, &secret).unwrap();
            let mut out = Vec::new();
            let mut open = |keys: &mut Keys, bytes: &[u8]| {
                let Some(Ok(Record::Unified(record))) = Datagram::at(bytes, 0, 2).records().next() else {
                    panic!("a record")
                };
                keys.open(&record, &mut out).map(|opened| (opened.epoch, opened.sequence, out.clone()))
            };
            for number in APPLICATION..APPLICATION + 9 {
                let bits = (number & 3) as u8;
                for sequence in [0, 2, 1, 300, 255, 0x7000, 0xe000, 0x1_0003, 0xffff] {
                    // Connection id, sequence number of 16 bits and length; and a bare header with one of 16 bits.
                    for header in [&[0x3c | bits, 9, 9][..], &[0x28 | bits]] {
                        let sealed = seal(&sender, header, 2, sequence, b"text\x17\0\0");
                        assert_eq!(open(&mut keys, &sealed), Some((number, sequence, b"text".to_vec())));
                        let mut changed = sealed.clone();
                        changed[1] ^= 1;
                        assert_eq!(open(&mut keys, &changed), None);
                    }
                }
                // What was sent before the update may come after it.
                let next = sender.next_epoch().unwrap();
                let first = seal(&next, &[0x20 | (next.number & 3) as u8], 1, 0, b"new\x17");
                assert_eq!(open(&mut keys, &first), Some((next.number, 0, b"new".to_vec())));
                let late = seal(&sender, &[0x28 | bits], 2, 0x1_0004, b"late\x17");
                assert_eq!(open(&mut keys, &late), Some((number, 0x1_0004, b"late".to_vec())));
                sender = next;
            }
            assert!(keys.epochs.len() <= MOST_EPOCHS);
        }
    }
}
