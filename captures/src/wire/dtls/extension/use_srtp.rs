//! use_srtp: RFC 5764 §4.1.1.
//!
//! ```text
//! struct {
//!     SRTPProtectionProfiles SRTPProtectionProfiles;
//!     opaque srtp_mki<0..255>;
//! } UseSRTPData;
//! SRTPProtectionProfile SRTPProtectionProfiles<2..2^16-1>;
//! ```

use super::super::vector;
use crate::wire::codes::Codes;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// Protection profiles: the IANA registry "DTLS-SRTP Protection Profiles" (RFC 5764 §4.1.2, RFC 7714 §14.2, RFC 8723).
    pub enum SrtpProfile(u16) {
        Aes128CmSha1_80 = 0x0001 => "SRTP_AES128_CM_HMAC_SHA1_80",
        Aes128CmSha1_32 = 0x0002 => "SRTP_AES128_CM_HMAC_SHA1_32",
        NullSha1_80 = 0x0005 => "SRTP_NULL_HMAC_SHA1_80",
        NullSha1_32 = 0x0006 => "SRTP_NULL_HMAC_SHA1_32",
        AeadAes128Gcm = 0x0007 => "SRTP_AEAD_AES_128_GCM",
        AeadAes256Gcm = 0x0008 => "SRTP_AEAD_AES_256_GCM",
        DoubleAeadAes128Gcm = 0x0009 => "DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM",
        DoubleAeadAes256Gcm = 0x000a => "DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM",
    }
}

/// The profiles offered, or the one chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UseSrtp<'a> {
    /// In order of preference; one alone in an answer.
    pub profiles: Codes<'a, SrtpProfile>,
    /// The master key identifier, empty when none is used.
    pub mki: Field<&'a [u8]>,
}

impl<'a> UseSrtp<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let profiles = vector::codes16(r, "SRTPProtectionProfiles length", "SRTPProtectionProfile")?;
        Ok(Self { profiles, mki: vector::opaque8(r, "srtp_mki length", "srtp_mki")? })
    }
}

impl fmt::Display for UseSrtp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.profiles.fmt(f)
    }
}
