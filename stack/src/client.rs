//! The messages of a STUN and TURN client (RFC 8489, RFC 8656), one by one, for programs that check a server. It neither sends them nor
//! reads responses.

use crate::server::message::{add_address, channel_data as framed, finish};
use rtc::crypto::{RTCCryptoProvider, default_provider};
use rtc::stun::attributes::{
    ATTR_DATA, ATTR_NONCE, ATTR_REALM, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, AttrType,
};
use rtc::stun::message::{
    CLASS_INDICATION, CLASS_REQUEST, METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND,
    METHOD_CREATE_PERMISSION, METHOD_REFRESH, METHOD_SEND, Message, MessageClass, MessageType,
};
use std::net::SocketAddr;
use std::sync::Arc;

pub use crate::server::Method;

/// An attribute of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// Type and value, as they are; the padding is added.
    Bytes(u16, Vec<u8>),
    /// XOR-PEER-ADDRESS (RFC 8656 §18.3).
    Peer(SocketAddr),
}

/// The long-term credentials of a request (RFC 8489 §9.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// USERNAME.
    pub username: String,
    /// REALM, as the server said it.
    pub realm: String,
    /// NONCE, as the server said it.
    pub nonce: String,
    /// The key of MESSAGE-INTEGRITY (RFC 8489 §18.5.1).
    pub key: Vec<u8>,
}

/// Makes messages.
#[derive(Clone)]
pub struct Client(Arc<dyn RTCCryptoProvider>);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// No message can be made: there is no cryptography or no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no cryptography provider for STUN")]
pub struct Unable;

impl Client {
    /// With the cryptography of the stack.
    ///
    /// # Errors
    /// There is none.
    pub fn new() -> Result<Self, Unable> {
        default_provider().map(Self).map_err(|_| Unable)
    }

    /// A request with a transaction ID of its own, with FINGERPRINT, and with MESSAGE-INTEGRITY if there are credentials.
    ///
    /// # Errors
    /// There is no randomness for the transaction ID.
    pub fn request(
        &self,
        method: Method,
        attributes: &[Attribute],
        login: Option<&Login>,
    ) -> Result<Vec<u8>, Unable> {
        let method = match method {
            Method::Binding => METHOD_BINDING,
            Method::Allocate => METHOD_ALLOCATE,
            Method::Refresh => METHOD_REFRESH,
            Method::CreatePermission => METHOD_CREATE_PERMISSION,
            Method::ChannelBind => METHOD_CHANNEL_BIND,
        };
        let mut message = begin(MessageType::new(method, CLASS_REQUEST))?;
        for attribute in attributes {
            match attribute {
                Attribute::Bytes(kind, value) => message.add(AttrType(*kind), value),
                Attribute::Peer(peer) => add_address(&mut message, ATTR_XOR_PEER_ADDRESS, *peer),
            }
        }
        if let Some(login) = login {
            message.add(ATTR_USERNAME, login.username.as_bytes());
            message.add(ATTR_REALM, login.realm.as_bytes());
            message.add(ATTR_NONCE, login.nonce.as_bytes());
        }
        self.end(message, login.map(|login| login.key.as_slice()))
    }

    /// A Binding indication (RFC 8489 §6.1), which nobody answers.
    ///
    /// # Errors
    /// There is no randomness for the transaction ID.
    pub fn binding_indication(&self) -> Result<Vec<u8>, Unable> {
        self.indication(METHOD_BINDING, CLASS_INDICATION, None)
    }

    /// A Send indication (RFC 8656 §11.1).
    ///
    /// # Errors
    /// There is no randomness for the transaction ID.
    pub fn send_indication(&self, peer: SocketAddr, data: &[u8]) -> Result<Vec<u8>, Unable> {
        self.indication(METHOD_SEND, CLASS_INDICATION, Some((peer, data)))
    }

    fn indication(
        &self,
        method: rtc::stun::message::Method,
        class: MessageClass,
        relayed: Option<(SocketAddr, &[u8])>,
    ) -> Result<Vec<u8>, Unable> {
        let mut message = begin(MessageType::new(method, class))?;
        if let Some((peer, data)) = relayed {
            add_address(&mut message, ATTR_XOR_PEER_ADDRESS, peer);
            message.add(ATTR_DATA, data);
        }
        self.end(message, None)
    }

    fn end(&self, message: Message, key: Option<&[u8]>) -> Result<Vec<u8>, Unable> {
        finish(message, key, self.0.crypto()).ok_or(Unable)
    }
}

fn begin(kind: MessageType) -> Result<Message, Unable> {
    let mut message = Message::new();
    message.new_transaction_id().map_err(|_| Unable)?;
    message.set_type(kind);
    message.write_header();
    Ok(message)
}

/// ChannelData (RFC 8656 §12.4), padded to four bytes as streams want it (§12.5), or not.
#[must_use]
pub fn channel_data(channel: u16, data: &[u8], padded: bool) -> Vec<u8> {
    framed(channel, data, padded)
}
