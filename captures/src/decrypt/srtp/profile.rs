//! SRTP protection profiles (RFC 5764 §4.1.2, RFC 7714 §14.2) and master keys.

use crate::decrypt::secrets::Secret;

/// A protection profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Profile {
    /// `SRTP_AES128_CM_HMAC_SHA1_80`.
    Aes128CmSha1With80,
    /// `SRTP_AES128_CM_HMAC_SHA1_32`: the short tag on SRTP only.
    Aes128CmSha1With32,
    /// `SRTP_AEAD_AES_128_GCM`.
    AeadAes128Gcm,
    /// `SRTP_AEAD_AES_256_GCM`.
    AeadAes256Gcm,
}

impl Profile {
    /// All of them, the ones that browsers like best first.
    pub const ALL: [Self; 4] =
        [Self::AeadAes128Gcm, Self::Aes128CmSha1With80, Self::AeadAes256Gcm, Self::Aes128CmSha1With32];

    /// The profile of this code point in `use_srtp`, if it can be decrypted.
    pub const fn of(code: u16) -> Option<Self> {
        match code {
            1 => Some(Self::Aes128CmSha1With80),
            2 => Some(Self::Aes128CmSha1With32),
            7 => Some(Self::AeadAes128Gcm),
            8 => Some(Self::AeadAes256Gcm),
            _ => None,
        }
    }

    /// Length of the master key in bytes.
    pub const fn key_length(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            _ => 16,
        }
    }

    /// Length of the master salt in bytes.
    pub const fn salt_length(self) -> usize {
        match self {
            Self::Aes128CmSha1With80 | Self::Aes128CmSha1With32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// Length of the keying material of RFC 5764 §4.2 in bytes: both keys and both salts.
    pub const fn keying_material_length(self) -> usize {
        2 * (self.key_length() + self.salt_length())
    }
}

/// A master key and salt for one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MasterKey {
    /// What it is for.
    pub profile: Profile,
    /// The key; its length must suit the profile.
    pub key: Secret,
    /// The salt; its length must suit the profile.
    pub salt: Secret,
}

impl MasterKey {
    /// A key whose lengths suit the profile.
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Option<Self> {
        let suits = key.len() == profile.key_length() && salt.len() == profile.salt_length();
        suits.then_some(Self { profile, key: Secret::new(key)?, salt: Secret::new(salt)? })
    }

    /// Cuts the keying material of RFC 5764 §4.2 into the client's and the server's write key.
    pub fn pair(profile: Profile, material: &[u8]) -> Option<(Self, Self)> {
        let (client_key, rest) = material.split_at_checked(profile.key_length())?;
        let (server_key, rest) = rest.split_at_checked(profile.key_length())?;
        let (client_salt, server_salt) = rest.split_at_checked(profile.salt_length())?;
        let server_salt = server_salt.get(..profile.salt_length())?;
        Some((Self::new(profile, client_key, client_salt)?, Self::new(profile, server_key, server_salt)?))
    }
}
