//! One direction's cryptographic context (RFC 3711 §3.2).

use super::keys::{self, For, GCM_TAG, Protection};
use super::profile::{MasterKey, Profile};
use crate::hash::Ordered;

/// Most streams whose roll-over counters are kept.
const MOST_STREAMS: usize = 4_096;
/// Roll-over counters tried for a stream that is new, since a capture may begin in its middle.
const NEW_STREAM_TRIES: u32 = 64;
/// Failures after which only a roll-over counter of zero is tried for streams that are new.
const MOST_FAILURES: u32 = 4_096;

/// Why a packet was not decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    /// Too short for its header and tag.
    #[error("too short for a header and a tag")]
    TooShort,
    /// The tag does not fit: other keys, a changed packet, or an unknown roll-over counter.
    #[error("authentication failed")]
    Authentication,
}

/// Decrypts what one side sends. Packets may come in any order, and again: replays are not refused.
pub struct Context {
    profile: Profile,
    rtp: Protection,
    rtcp: Protection,
    streams: Ordered<u32, Stream>,
    failures: u32,
}

/// What is known of the packet indices of an SSRC.
#[derive(Debug, Clone, Copy)]
struct Stream {
    roll_over: u32,
    highest: u16,
}

impl Stream {
    /// The roll-over counter to which `sequence` most likely belongs, RFC 3711 §3.3.1.
    fn guess(self, sequence: u16) -> u32 {
        let (highest, sequence) = (i32::from(self.highest), i32::from(sequence));
        if self.highest < 0x8000 && sequence - highest > 0x8000 {
            self.roll_over.wrapping_sub(1)
        } else if self.highest >= 0x8000 && highest - 0x8000 > sequence {
            self.roll_over.wrapping_add(1)
        } else {
            self.roll_over
        }
    }

    fn update(&mut self, roll_over: u32, sequence: u16) {
        let newer = roll_over.wrapping_sub(self.roll_over).cast_signed();
        if newer > 0 || newer == 0 && sequence > self.highest {
            *self = Self { roll_over, highest: sequence };
        }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("profile", &self.profile)
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// The context under a master key.
    pub fn new(master: &MasterKey) -> Option<Self> {
        Some(Self {
            profile: master.profile,
            rtp: Protection::new(master, For::Srtp)?,
            rtcp: Protection::new(master, For::Srtcp)?,
            streams: Ordered::default(),
            failures: 0,
        })
    }

    /// Its profile.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Decrypts an SRTP packet into `out`, which is cleared first. Its content is undefined after an error.
    ///
    /// # Errors
    /// If the packet is too short or its tag is wrong.
    pub fn rtp(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<(), SrtpError> {
        let (header, rest) = header_length(packet)
            .and_then(|length| packet.split_at_checked(length))
            .ok_or(SrtpError::TooShort)?;
        let Some(&[_, _, high, low, _, _, _, _, s0, s1, s2, s3]) = header.first_chunk() else {
            return Err(SrtpError::TooShort);
        };
        let (sequence, ssrc) = (u16::from_be_bytes([high, low]), [s0, s1, s2, s3]);
        let id = u32::from_be_bytes(ssrc);
        let known = self.streams.get(&id).copied();
        let (first, tries) = match known {
            Some(stream) => (stream.guess(sequence), 3),
            None if self.failures < MOST_FAILURES => (0, NEW_STREAM_TRIES),
            None => (0, 1),
        };
        let nth = |n: u32| match known {
            Some(_) if n == 2 => first.wrapping_sub(1),
            _ => first.wrapping_add(n),
        };
        let opens = (0..tries).map(nth).find_map(|roll_over| {
            match open_rtp(&self.rtp, header, rest, ssrc, roll_over, sequence, out) {
                Ok(true) => Some(Ok(roll_over)),
                Ok(false) => None,
                Err(error) => Some(Err(error)),
            }
        });
        match opens {
            None => {
                self.failures = self.failures.saturating_add(1);
                Err(SrtpError::Authentication)
            }
            Some(Err(error)) => Err(error),
            Some(Ok(roll_over)) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.update(roll_over, sequence);
                } else if self.streams.len() < MOST_STREAMS {
                    self.streams.insert(id, Stream { roll_over, highest: sequence });
                }
                Ok(())
            }
        }
    }

    /// Decrypts an SRTCP packet into `out`, which is cleared first. Its content is undefined after an error.
    ///
    /// # Errors
    /// If the packet is too short or its tag is wrong.
    pub fn rtcp(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<(), SrtpError> {
        let right = open_rtcp(&self.rtcp, packet, out).ok_or(SrtpError::TooShort)?;
        if right { Ok(()) } else { Err(SrtpError::Authentication) }
    }
}

/// Length of an RTP header with contributing sources and extension.
fn header_length(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let fixed = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 == 0 {
        return Some(fixed);
    }
    let words = packet.get(fixed + 2..)?.first_chunk().copied().map(u16::from_be_bytes)?;
    Some(fixed + 4 + 4 * usize::from(words))
}

/// Tries one roll-over counter. Whether the tag is right.
fn open_rtp(
    protection: &Protection,
    header: &[u8],
    rest: &[u8],
    ssrc: [u8; 4],
    roll_over: u32,
    sequence: u16,
    out: &mut Vec<u8>,
) -> Result<bool, SrtpError> {
    let index = u64::from(roll_over) << 16 | u64::from(sequence);
    let split = |tag: usize| rest.len().checked_sub(tag).and_then(|end| rest.split_at_checked(end));
    let mut begin = |payload: &[u8]| {
        out.clear();
        out.extend_from_slice(header);
        out.extend_from_slice(payload);
    };
    match protection {
        Protection::CounterMode { cipher, salt, mac, tag } => {
            let (payload, tag) = split(*tag).ok_or(SrtpError::TooShort)?;
            if !keys::tag_is_right(mac, [header, payload, &roll_over.to_be_bytes()], tag) {
                return Ok(false);
            }
            begin(payload);
            let text = out.get_mut(header.len()..).unwrap_or_default();
            keys::counter_mode(cipher.as_ref(), &keys::counter_iv(salt, ssrc, index), text);
            Ok(true)
        }
        Protection::Gcm { aead, salt } => {
            let (payload, tag) = split(GCM_TAG).ok_or(SrtpError::TooShort)?;
            begin(payload);
            let text = out.get_mut(header.len()..).unwrap_or_default();
            Ok(aead.open(&keys::gcm_nonce(salt, ssrc, index), header, text, tag))
        }
    }
}

/// Whether the tag is right; nothing if the packet is too short.
fn open_rtcp(protection: &Protection, packet: &[u8], out: &mut Vec<u8>) -> Option<bool> {
    const HEADER: usize = 8;
    const ENCRYPTED: u32 = 1 << 31;
    let split = |bytes: &'_ [u8], end: usize| -> Option<usize> { bytes.len().checked_sub(end) };
    out.clear();
    match protection {
        Protection::CounterMode { cipher, salt, mac, tag } => {
            let (signed, tag) = packet.split_at_checked(split(packet, *tag)?)?;
            let (text, word) = signed.split_at_checked(split(signed, 4)?)?;
            let ssrc = *text.get(4..)?.first_chunk()?;
            let word = u32::from_be_bytes(*word.first_chunk()?);
            if !keys::tag_is_right(mac, [signed, &[], &[]], tag) {
                return Some(false);
            }
            out.extend_from_slice(text);
            if word & ENCRYPTED != 0 {
                let iv = keys::counter_iv(salt, ssrc, u64::from(word & !ENCRYPTED));
                keys::counter_mode(cipher.as_ref(), &iv, out.get_mut(HEADER..)?);
            }
            Some(true)
        }
        Protection::Gcm { aead, salt } => {
            let (sealed, trailer) = packet.split_at_checked(split(packet, 4)?)?;
            let (text, tag) = sealed.split_at_checked(split(sealed, GCM_TAG)?)?;
            let (header, encrypted) = text.split_at_checked(HEADER)?;
            let ssrc = *header.get(4..)?.first_chunk()?;
            let word = u32::from_be_bytes(*trailer.first_chunk()?);
            let nonce = keys::gcm_nonce(salt, ssrc, u64::from(word & !ENCRYPTED));
            out.extend_from_slice(header);
            if word & ENCRYPTED != 0 {
                let mut aad = [0; HEADER + 4];
                aad.iter_mut().zip(header.iter().chain(trailer)).for_each(|(to, from)| *to = *from);
                out.extend_from_slice(encrypted);
                Some(aead.open(&nonce, &aad, out.get_mut(HEADER..)?, tag))
            } else {
                // Everything is associated data: the whole packet and the trailer behind it.
                let aad = [text, trailer].concat();
                out.extend_from_slice(encrypted);
                Some(aead.open(&nonce, &aad, &mut [], tag))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decrypt::cipher::Aead;
    use crate::decrypt::suite::Bulk;
    use crate::wire::testing::hex;

    const RTP: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e20706172746573207472\
                       6573";
    const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeef\
                        deadbeef";

    /// The protection under the session key and salt of RFC 7714 §16.
    fn gcm(bulk: Bulk) -> Protection {
        let key: Vec<u8> = (0..bulk.key_length() as u8).collect();
        Protection::Gcm { aead: Aead::new(bulk, &key).unwrap(), salt: *b"Quid pro quo" }
    }

    /// RFC 7714 §16.1.2 and §16.2.2.
    #[test]
    fn gcm_srtp_is_decrypted_as_the_rfc_prints_it() {
        for (bulk, packet) in [
            (
                Bulk::Aes128Gcm,
                "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf\
                 8833899d7f27beb16a9152cf765ee4390cce",
            ),
            (
                Bulk::Aes256Gcm,
                "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799\
                 b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
            ),
        ] {
            let packet = hex(packet);
            let (header, rest) = packet.split_at(12);
            let mut out = Vec::new();
            let ssrc = *header[8..].first_chunk().unwrap();
            assert_eq!(open_rtp(&gcm(bulk), header, rest, ssrc, 0, 0xf17b, &mut out), Ok(true));
            assert_eq!(out, hex(RTP));
            assert_eq!(open_rtp(&gcm(bulk), header, rest, ssrc, 1, 0xf17b, &mut out), Ok(false));
        }
    }

    /// RFC 7714 §17.1 to §17.3; the last is authenticated only.
    #[test]
    fn gcm_srtcp_is_decrypted_as_the_rfc_prints_it() {
        for (bulk, packet) in [
            (
                Bulk::Aes128Gcm,
                "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded\
                 0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
            ),
            (
                Bulk::Aes256Gcm,
                "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de047\
                 6f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
            ),
            (
                Bulk::Aes128Gcm,
                "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeef\
                 deadbeef841dd9683dd78ec92ae58790125f62b3000005d4",
            ),
        ] {
            let mut packet = hex(packet);
            let mut out = Vec::new();
            assert_eq!(open_rtcp(&gcm(bulk), &packet, &mut out), Some(true));
            assert_eq!(out, hex(RTCP));
            for length in 0..packet.len() {
                assert_ne!(open_rtcp(&gcm(bulk), &packet[..length], &mut out), Some(true));
            }
            packet[20] ^= 1;
            assert_eq!(open_rtcp(&gcm(bulk), &packet, &mut out), Some(false));
        }
    }

    fn master() -> MasterKey {
        let key = hex("e1f97a0d3e018be0d64fa32c06de4139");
        MasterKey::new(Profile::Aes128CmSha1With80, &key, &hex("0ec675ad498afeebb6960b3aabe6")).unwrap()
    }

    /// The vector of libsrtp under the master key of RFC 3711 B.3.
    const CM_PACKET: &str = "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb";

    #[test]
    fn counter_mode_srtp_is_decrypted_and_every_changed_bit_is_noticed() {
        let mut context = Context::new(&master()).unwrap();
        let packet = hex(CM_PACKET);
        let mut out = Vec::new();
        context.rtp(&packet, &mut out).unwrap();
        assert_eq!(out, hex("800f1234decafbadcafebabeabababababababababababababababab"));
        assert_eq!(context.rtp(&packet, &mut out), Ok(()), "a replay is decrypted again");
        for place in 0..packet.len() {
            let mut changed = packet.clone();
            changed[place] ^= 1;
            assert!(context.rtp(&changed, &mut out).is_err(), "byte {place}");
            assert!(context.rtp(&packet[..place], &mut out).is_err(), "{place} bytes");
        }
    }

    /// Protects a packet, which only tests need.
    fn protect(master: &MasterKey, ssrc: u32, index: u64) -> Vec<u8> {
        use hmac::Mac;
        let Some(Protection::CounterMode { cipher, salt, mac, tag }) = Protection::new(master, For::Srtp)
        else {
            panic!("not a counter mode profile")
        };
        let mut packet = vec![0x80, 96];
        packet.extend((index as u16).to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(ssrc.to_be_bytes());
        packet.extend(b"payload");
        keys::counter_mode(
            cipher.as_ref(),
            &keys::counter_iv(&salt, ssrc.to_be_bytes(), index),
            &mut packet[12..],
        );
        let mut mac = (*mac).clone();
        mac.update(&packet);
        mac.update(&((index >> 16) as u32).to_be_bytes());
        packet.extend(&mac.finalize().into_bytes()[..tag]);
        packet
    }

    #[test]
    fn the_roll_over_counter_is_followed_through_reordering_and_found_in_the_middle_of_a_stream() {
        for master in [master(), MasterKey { profile: Profile::Aes128CmSha1With32, ..master() }] {
            let mut context = Context::new(&master).unwrap();
            let mut out = Vec::new();
            for index in [0xfffe_u64, 0x1_0001, 0xffff, 0x1_0000, 0x1_8000, 0x2_0000, 0x1_fff0, 0x2_0001] {
                context.rtp(&protect(&master, 7, index), &mut out).unwrap();
                assert_eq!(&out[12..], b"payload", "{index:#x}");
            }
            context.rtp(&protect(&master, 8, 0x21_0005), &mut out).unwrap();
            assert_eq!(&out[12..], b"payload");
            assert_eq!(
                context.rtp(&protect(&master, 9, 0x41_0005), &mut out),
                Err(SrtpError::Authentication)
            );
        }
    }
}
