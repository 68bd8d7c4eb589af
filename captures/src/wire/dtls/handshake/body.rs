//! The body of a handshake message, by its kind.

use super::super::extension::{ExtensionHolder, Extensions};
use super::super::version::Version;
use super::certificate::{Certificate, CompressedCertificate};
use super::certificate_request::CertificateRequest;
use super::certificate_verify::CertificateVerify;
use super::client_hello::ClientHello;
use super::connection_ids::{NewConnectionId, RequestConnectionId};
use super::fragment::HandshakeType;
use super::key_exchange::{ClientKeyExchange, KeyUpdate, ServerKeyExchange};
use super::server_hello::{HelloVerifyRequest, ServerHello};
use super::ticket::NewSessionTicket;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// HelloRequest, ServerHelloDone, EndOfEarlyData: nothing.
    Empty,
    /// ClientHello.
    ClientHello(ClientHello<'a>),
    /// ServerHello, or HelloRetryRequest.
    ServerHello(ServerHello<'a>),
    /// HelloVerifyRequest.
    HelloVerifyRequest(HelloVerifyRequest<'a>),
    /// NewSessionTicket.
    NewSessionTicket(NewSessionTicket<'a>),
    /// EncryptedExtensions.
    EncryptedExtensions(Extensions<'a>),
    /// RequestConnectionId.
    RequestConnectionId(RequestConnectionId),
    /// NewConnectionId.
    NewConnectionId(NewConnectionId<'a>),
    /// Certificate.
    Certificate(Certificate<'a>),
    /// CompressedCertificate.
    CompressedCertificate(CompressedCertificate<'a>),
    /// ServerKeyExchange.
    ServerKeyExchange(ServerKeyExchange<'a>),
    /// CertificateRequest.
    CertificateRequest(CertificateRequest<'a>),
    /// CertificateVerify.
    CertificateVerify(CertificateVerify<'a>),
    /// ClientKeyExchange.
    ClientKeyExchange(ClientKeyExchange<'a>),
    /// Finished: verify_data.
    Finished(Field<&'a [u8]>),
    /// KeyUpdate.
    KeyUpdate(KeyUpdate),
    /// A message of any other kind.
    Other(Field<&'a [u8]>),
    /// Not the whole message.
    Fragment(Field<&'a [u8]>),
}

impl<'a> Body<'a> {
    /// Reads the body of a message of that kind; the reader must be limited to it.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>, kind: HandshakeType, version: Version) -> Read<Self> {
        use HandshakeType as T;
        Ok(match kind {
            T::HelloRequest | T::ServerHelloDone | T::EndOfEarlyData => Self::Empty,
            T::ClientHello => Self::ClientHello(ClientHello::read(r)?),
            T::ServerHello => Self::ServerHello(ServerHello::read(r)?),
            T::HelloVerifyRequest => Self::HelloVerifyRequest(HelloVerifyRequest::read(r)?),
            T::NewSessionTicket => Self::NewSessionTicket(NewSessionTicket::read(r, version)?),
            T::EncryptedExtensions => {
                Self::EncryptedExtensions(Extensions::read(r, ExtensionHolder::EncryptedExtensions)?)
            }
            T::RequestConnectionId => Self::RequestConnectionId(RequestConnectionId::read(r)?),
            T::NewConnectionId => Self::NewConnectionId(NewConnectionId::read(r)?),
            T::Certificate => Self::Certificate(Certificate::read(r, version)?),
            T::CompressedCertificate => Self::CompressedCertificate(CompressedCertificate::read(r)?),
            T::ServerKeyExchange => Self::ServerKeyExchange(ServerKeyExchange::read(r, version)?),
            T::CertificateRequest => Self::CertificateRequest(CertificateRequest::read(r, version)?),
            T::CertificateVerify => Self::CertificateVerify(CertificateVerify::read(r, version)?),
            T::ClientKeyExchange => Self::ClientKeyExchange(ClientKeyExchange::read(r)?),
            T::Finished => Self::Finished(r.rest("verify_data")),
            T::KeyUpdate => Self::KeyUpdate(KeyUpdate::read(r)?),
            _ => Self::Other(r.rest("body")),
        })
    }
}

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::ClientHello(hello) => write!(f, " {hello}"),
            Self::ServerHello(hello) => write!(f, " {hello}"),
            Self::HelloVerifyRequest(request) => write!(f, " {request}"),
            Self::NewSessionTicket(ticket) => write!(f, " {ticket}"),
            Self::EncryptedExtensions(extensions) => write!(f, " [{extensions}]"),
            Self::RequestConnectionId(request) => write!(f, " {request}"),
            Self::NewConnectionId(ids) => write!(f, " {ids}"),
            Self::Certificate(certificate) => write!(f, " {certificate}"),
            Self::CompressedCertificate(certificate) => write!(f, " {certificate}"),
            Self::ServerKeyExchange(exchange) => write!(f, " {exchange}"),
            Self::CertificateRequest(request) => write!(f, " {request}"),
            Self::CertificateVerify(verify) => write!(f, " {verify}"),
            Self::ClientKeyExchange(exchange) => write!(f, " {exchange}"),
            Self::KeyUpdate(update) => write!(f, " {update}"),
            Self::Finished(bytes) | Self::Other(bytes) | Self::Fragment(bytes) => {
                write!(f, " ({} bytes)", bytes.value.len())
            }
        }
    }
}
