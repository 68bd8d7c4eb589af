//! SRTP and SRTCP as they are on the wire: what is in the clear and where the rest lies (RFC 3711 §3, RFC 7714 §8 and §9).
//!
//! ```text
//! SRTP           header in clear | ciphertext                | MKI | tag     (AES-CM, RFC 3711 §3.1)
//!                header in clear | ciphertext          | tag | MKI           (AEAD, RFC 7714 §8.2)
//! SRTCP          header, SSRC    | ciphertext  | E and index | MKI | tag     (AES-CM, RFC 3711 §3.4)
//!                header, SSRC    | ciphertext | tag | E and index | MKI      (AEAD, RFC 7714 §9.2)
//! ```
//!
//! WebRTC uses no MKI (RFC 5764 §4.1.3 leaves it empty).

use super::field::Field;
use super::node::{self, Dissected, Value};
use super::reader::{Reader, Sink};
use super::rtcp;
use super::rtp::{self, ExtensionMap};
use super::stop::Read;
use std::fmt;

pub use super::dtls::extension::SrtpProfile as Profile;

impl Profile {
    /// Bytes of the tag of an SRTP packet.
    pub const fn rtp_tag_length(self) -> usize {
        match self {
            Self::Aes128CmSha1_32 | Self::NullSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            // RFC 8723 §5: the tags of both transforms.
            Self::DoubleAeadAes128Gcm | Self::DoubleAeadAes256Gcm => 32,
            Self::Aes128CmSha1_80 | Self::NullSha1_80 | Self::Unknown(_) => 10,
        }
    }

    /// Bytes of the tag of an SRTCP packet.
    pub const fn rtcp_tag_length(self) -> usize {
        if self.is_aead() { 16 } else { 10 }
    }

    /// Whether encryption and authentication are one.
    pub const fn is_aead(self) -> bool {
        matches!(
            self,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm | Self::DoubleAeadAes128Gcm | Self::DoubleAeadAes256Gcm
        )
    }

    /// Bytes of the master key and of the master salt, RFC 5764 §4.1.2, RFC 7714 §12 and RFC 8723 §10.
    pub const fn key_lengths(self) -> (usize, usize) {
        match self {
            Self::AeadAes128Gcm => (16, 12),
            Self::AeadAes256Gcm => (32, 12),
            Self::DoubleAeadAes128Gcm => (32, 24),
            Self::DoubleAeadAes256Gcm => (64, 24),
            _ => (16, 14),
        }
    }
}

/// An SRTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Srtp<'a> {
    /// The header, which is in the clear.
    pub header: rtp::Header<'a>,
    /// Payload and padding, encrypted.
    pub ciphertext: Field<&'a [u8]>,
    /// The authentication tag.
    pub tag: Field<&'a [u8]>,
}

impl<'a> Srtp<'a> {
    /// Reads a packet, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>, profile: Profile, map: &ExtensionMap) -> Read<Self> {
        let header = rtp::Header::read(r, map)?;
        let tag_length = profile.rtp_tag_length();
        let length = r.remaining().checked_sub(tag_length).ok_or_else(|| r.short(tag_length))?;
        let ciphertext = r.bytes("encrypted portion", length)?;
        let tag = r.bytes("authentication tag", tag_length)?;
        let packet = Self { header, ciphertext, tag };
        r.summary(|| packet.to_string());
        Ok(packet)
    }
}

impl fmt::Display for Srtp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SRTP {} encrypted {}", self.header, self.ciphertext.value.len())
    }
}

/// An SRTCP packet: a compound of which only the first header and sender are in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Srtcp<'a> {
    /// The header of the first packet of the compound.
    pub header: rtcp::Header,
    /// Its sender.
    pub ssrc: Field<u32>,
    /// The rest of the compound, encrypted if the E flag says so.
    pub ciphertext: Field<&'a [u8]>,
    /// E flag and index.
    pub index_word: Field<u32>,
    /// The authentication tag.
    pub tag: Field<&'a [u8]>,
}

impl<'a> Srtcp<'a> {
    /// Reads a packet, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>, profile: Profile) -> Read<Self> {
        let header = rtcp::Header::read(r)?;
        let ssrc = r.u32("SSRC of sender")?;
        r.meaning(|| Value::Hex(ssrc.value.into(), 4));
        let tag_length = profile.rtcp_tag_length();
        let trailer = tag_length + 4;
        let length = r.remaining().checked_sub(trailer).ok_or_else(|| r.short(trailer))?;
        let ciphertext = r.bytes("encrypted portion", length)?;
        let read_index = |r: &mut Reader<'a, S>| {
            let word = r.u32("E, SRTCP index")?;
            r.part("encrypted", 0x8000_0000, word.value);
            r.part("index", 0x7fff_ffff, word.value);
            Ok(word)
        };
        let (index_word, tag) = if profile.is_aead() {
            let tag = r.bytes("authentication tag", tag_length)?;
            (read_index(r)?, tag)
        } else {
            let word = read_index(r)?;
            (word, r.bytes("authentication tag", tag_length)?)
        };
        let packet = Self { header, ssrc, ciphertext, index_word, tag };
        r.summary(|| packet.to_string());
        Ok(packet)
    }

    /// Whether the packet is encrypted.
    pub const fn is_encrypted(&self) -> bool {
        self.index_word.value & 0x8000_0000 != 0
    }

    /// The index, 31 bits.
    pub const fn index(&self) -> u32 {
        self.index_word.value & 0x7fff_ffff
    }
}

impl fmt::Display for Srtcp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.is_encrypted() { "encrypted" } else { "in clear" };
        let (kind, length) = (self.header.kind.value, self.ciphertext.value.len());
        write!(f, "SRTCP {kind} ssrc {:#010x} index {} {how} {length}", self.ssrc.value, self.index())
    }
}

/// Reads an SRTP packet.
pub fn view(bytes: &[u8], profile: Profile) -> Read<Srtp<'_>> {
    Srtp::read(&mut Reader::new("SRTP", bytes), profile, &ExtensionMap::EMPTY)
}

/// The tree of an SRTP packet.
pub fn tree<'a>(bytes: &'a [u8], profile: Profile, map: &ExtensionMap) -> Dissected<Srtp<'a>> {
    node::record("SRTP", bytes, |r| Srtp::read(r, profile, map))
}

/// Reads an SRTCP packet.
pub fn rtcp_view(bytes: &[u8], profile: Profile) -> Read<Srtcp<'_>> {
    Srtcp::read(&mut Reader::new("SRTCP", bytes), profile)
}

/// The tree of an SRTCP packet.
pub fn rtcp_tree(bytes: &[u8], profile: Profile) -> Dissected<Srtcp<'_>> {
    node::record("SRTCP", bytes, |r| Srtcp::read(r, profile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{check_all, hex};

    /// RFC 7714 §16.1.1: the AEAD_AES_128_GCM packet of the test vectors.
    const GCM: &str = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
        0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce";
    /// RFC 7714 §17.1: the SRTCP packet of the test vectors.
    const GCM_RTCP: &str = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
        c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";

    #[test]
    fn the_vectors_of_rfc_7714_are_taken_apart() {
        let bytes = hex(GCM);
        let packet = view(&bytes, Profile::AeadAes128Gcm).unwrap();
        assert_eq!(packet.header.ssrc.value, 0x5501_a0b2);
        assert_eq!((packet.ciphertext.value.len(), packet.tag.value.len()), (38, 16));
        assert_eq!(packet.tag.value, &hex("899d7f27beb16a9152cf765ee4390cce"));
        check_all(&bytes[..], |b| tree(b, Profile::AeadAes128Gcm, &ExtensionMap::default()).outcome());

        let bytes = hex(GCM_RTCP);
        let packet = rtcp_view(&bytes, Profile::AeadAes128Gcm).unwrap();
        assert!(packet.is_encrypted());
        assert_eq!((packet.index(), packet.ssrc.value), (0x5d4, 0x4d61_7273));
        assert_eq!(packet.to_string(), "SRTCP SR ssrc 0x4d617273 index 1492 encrypted 44");
        check_all(&bytes, |b| rtcp_tree(b, Profile::AeadAes128Gcm).outcome());
    }

    #[test]
    fn the_tag_is_last_with_aes_cm_and_its_length_depends_on_the_profile() {
        let bytes = hex("8060000100000002000000030102030405060708090a0b0c");
        let long = view(&bytes, Profile::Aes128CmSha1_80).unwrap();
        assert_eq!((long.ciphertext.value.len(), long.tag.value.len()), (2, 10));
        let short = view(&bytes, Profile::Aes128CmSha1_32).unwrap();
        assert_eq!((short.ciphertext.value.len(), short.tag.value.len()), (8, 4));
        assert!(view(&bytes, Profile::AeadAes256Gcm).is_err());

        let bytes = hex("80c90001 00000001 8000002a 00010203040506070809");
        let packet = rtcp_view(&bytes, Profile::Aes128CmSha1_32).unwrap();
        assert_eq!((packet.index(), packet.ciphertext.value.len(), packet.tag.value[9]), (42, 0, 9));
        check_all(&bytes, |b| rtcp_tree(b, Profile::Aes128CmSha1_80).outcome());
    }
}
