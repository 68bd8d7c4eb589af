//! The cipher suites that can be decrypted (TLS Cipher Suites registry).

use super::kdf::Hash;

/// How records are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bulk {
    /// AES-128 in GCM (RFC 5288).
    Aes128Gcm,
    /// AES-256 in GCM (RFC 5288).
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 7905).
    ChaCha20Poly1305,
    /// AES-128 in CCM (RFC 6655, RFC 7251).
    Aes128Ccm,
    /// AES-256 in CCM.
    Aes256Ccm,
    /// AES-128 in CCM with a tag of 8 bytes.
    Aes128Ccm8,
    /// AES-256 in CCM with a tag of 8 bytes.
    Aes256Ccm8,
    /// AES-128 in CBC with a MAC (RFC 5246 §6.2.3.2, RFC 7366).
    Aes128Cbc(MacHash),
    /// AES-256 in CBC with a MAC.
    Aes256Cbc(MacHash),
}

/// The hash of a CBC suite's HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MacHash {
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
}

impl MacHash {
    /// Length of key and tag in bytes.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

impl Bulk {
    /// Length of the key in bytes.
    pub const fn key_length(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Ccm | Self::Aes128Ccm8 | Self::Aes128Cbc(_) => 16,
            Self::Aes256Gcm | Self::Aes256Ccm | Self::Aes256Ccm8 | Self::Aes256Cbc(_) => 32,
            Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Length of an AEAD's tag in bytes, zero for CBC.
    pub const fn tag_length(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm | Self::ChaCha20Poly1305 => 16,
            Self::Aes128Ccm | Self::Aes256Ccm => 16,
            Self::Aes128Ccm8 | Self::Aes256Ccm8 => 8,
            Self::Aes128Cbc(_) | Self::Aes256Cbc(_) => 0,
        }
    }

    /// Length of the implicit part of an AEAD's nonce in (D)TLS 1.2, and of nothing for CBC in versions above 1.0.
    pub const fn fixed_iv_length(self) -> usize {
        match self {
            Self::ChaCha20Poly1305 => 12,
            Self::Aes128Cbc(_) | Self::Aes256Cbc(_) => 0,
            _ => 4,
        }
    }

    /// The MAC of a CBC suite.
    pub const fn mac(self) -> Option<MacHash> {
        match self {
            Self::Aes128Cbc(mac) | Self::Aes256Cbc(mac) => Some(mac),
            _ => None,
        }
    }
}

/// A cipher suite as far as decryption goes: how the key was exchanged does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Suite {
    /// Its code point.
    pub id: u16,
    /// How records are protected.
    pub bulk: Bulk,
    /// The hash of its key derivation.
    pub hash: Hash,
}

impl Suite {
    /// The suite of this code point, if it can be decrypted.
    pub const fn of(id: u16) -> Option<Self> {
        use Bulk as B;
        use Hash::{Sha256, Sha384};
        let (bulk, hash) = match id {
            0x1301 => (B::Aes128Gcm, Sha256),
            0x1302 => (B::Aes256Gcm, Sha384),
            0x1303 => (B::ChaCha20Poly1305, Sha256),
            0x1304 => (B::Aes128Ccm, Sha256),
            0x1305 => (B::Aes128Ccm8, Sha256),
            // RSA, DHE_RSA, PSK, DHE_PSK, ECDHE_ECDSA, ECDHE_RSA
            0x009c | 0x009e | 0x00a8 | 0x00aa | 0xc02b | 0xc02f => (B::Aes128Gcm, Sha256),
            0x009d | 0x009f | 0x00a9 | 0x00ab | 0xc02c | 0xc030 => (B::Aes256Gcm, Sha384),
            0xcca8..=0xccad => (B::ChaCha20Poly1305, Sha256),
            0xc09c | 0xc09e | 0xc0a4 | 0xc0a6 | 0xc0ac => (B::Aes128Ccm, Sha256),
            0xc09d | 0xc09f | 0xc0a5 | 0xc0a7 | 0xc0ad => (B::Aes256Ccm, Sha256),
            0xc0a0 | 0xc0a2 | 0xc0a8 | 0xc0aa | 0xc0ae => (B::Aes128Ccm8, Sha256),
            0xc0a1 | 0xc0a3 | 0xc0a9 | 0xc0ab | 0xc0af => (B::Aes256Ccm8, Sha256),
            0x002f | 0x0033 | 0xc009 | 0xc013 => (B::Aes128Cbc(MacHash::Sha1), Sha256),
            0x0035 | 0x0039 | 0xc00a | 0xc014 => (B::Aes256Cbc(MacHash::Sha1), Sha256),
            0x003c | 0x0067 | 0xc023 | 0xc027 => (B::Aes128Cbc(MacHash::Sha256), Sha256),
            0x003d | 0x006b => (B::Aes256Cbc(MacHash::Sha256), Sha256),
            0xc024 | 0xc028 => (B::Aes256Cbc(MacHash::Sha384), Sha384),
            _ => return None,
        };
        Some(Self { id, bulk, hash })
    }
}
