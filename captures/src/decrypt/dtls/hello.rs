//! What the hello messages say about keys (RFC 5246 §7.4.1, RFC 9147 §5.3, RFC 5764 §4.1, RFC 9146 §3), kept beyond their bytes.

use crate::wire::dtls::Version;
use crate::wire::dtls::extension::{Content, ExtensionType, Extensions};
use crate::wire::dtls::handshake;

/// A connection ID that a side wants in what is sent to it. Empty if it wants none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::decrypt) struct ConnectionId {
    /// Its length in bytes.
    pub(in crate::decrypt) length: usize,
    /// Its first bytes, which distinguish it from others.
    prefix: [u8; Self::PREFIX],
}

impl ConnectionId {
    const PREFIX: usize = 8;

    fn of(id: &[u8]) -> Self {
        let mut prefix = [0; Self::PREFIX];
        prefix.iter_mut().zip(id).for_each(|(to, from)| *to = *from);
        Self { length: id.len(), prefix }
    }

    fn announced(extensions: Option<Extensions<'_>>) -> Option<Self> {
        match extensions?.content(ExtensionType::ConnectionId)? {
            Content::Id(id) => Some(Self::of(id.value)),
            _ => None,
        }
    }

    /// Whether `bytes` begin with it, by its first bytes.
    pub(in crate::decrypt) fn begins(&self, bytes: &[u8]) -> bool {
        let prefix = self.prefix.get(..self.length).unwrap_or(&self.prefix);
        self.length > 0 && bytes.len() >= self.length && bytes.starts_with(prefix)
    }
}

/// Of a ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decrypt) struct ClientHello {
    pub(in crate::decrypt) random: [u8; 32],
    /// What it wants in records sent to it.
    pub(in crate::decrypt) connection_id: ConnectionId,
}

impl ClientHello {
    pub(in crate::decrypt) fn of(hello: &handshake::ClientHello<'_>) -> Self {
        let connection_id = ConnectionId::announced(hello.extensions).unwrap_or_default();
        Self { random: hello.random.value, connection_id }
    }
}

/// Of a ServerHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decrypt) struct ServerHello {
    pub(in crate::decrypt) random: [u8; 32],
    pub(in crate::decrypt) version: Version,
    pub(in crate::decrypt) suite: u16,
    pub(in crate::decrypt) encrypt_then_mac: bool,
    /// The profile of `use_srtp`; 1.3 has it in EncryptedExtensions instead.
    pub(in crate::decrypt) srtp: Option<u16>,
    /// What it wants in records sent to it, if it takes part.
    pub(in crate::decrypt) connection_id: Option<ConnectionId>,
}

impl ServerHello {
    /// Nothing for a HelloRetryRequest.
    pub(in crate::decrypt) fn of(hello: &handshake::ServerHello<'_>) -> Option<Self> {
        let extensions = hello.extensions;
        let has = |kind| extensions.is_some_and(|extensions| extensions.find(kind).is_some());
        (!hello.is_hello_retry_request()).then(|| Self {
            random: hello.random.value,
            version: hello.version().value,
            suite: hello.cipher_suite.value.raw(),
            encrypt_then_mac: has(ExtensionType::EncryptThenMac),
            srtp: extensions.and_then(srtp_profile),
            connection_id: ConnectionId::announced(extensions),
        })
    }
}

/// The profile that a server chose by these extensions.
pub(in crate::decrypt) fn srtp_profile(extensions: Extensions<'_>) -> Option<u16> {
    match extensions.content(ExtensionType::UseSrtp)? {
        Content::UseSrtp(chosen) => chosen.profiles.iter().next().map(|profile| profile.raw()),
        _ => None,
    }
}
