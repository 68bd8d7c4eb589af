//! Keys and certificates for TURN over TLS.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate authority (RFC 5280) that vouches for servers, for clients that trust no certificate without one.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// A new key, with its self-signed certificate.
    ///
    /// # Errors
    /// The cryptography library cannot.
    pub fn new() -> Result<Self, TlsError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Peerproof test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Its certificate as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        self.0.pem()
    }

    /// A new key for a server of these names and addresses, with a certificate from this authority.
    ///
    /// # Errors
    /// The cryptography library cannot.
    pub fn issue(&self, names: &[String]) -> Result<Tls, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let made = params.signed_by(&key, &self.0)?;
        Ok(Tls {
            certificate: made.der().clone(),
            pem: (made.pem(), key.serialize_pem()),
            key: Arc::new(key.serialize_der()),
        })
    }
}

/// A key with its certificate, made anew for each server.
#[derive(Clone)]
pub struct Tls {
    certificate: CertificateDer<'static>,
    key: Arc<Vec<u8>>,
    pem: (String, String),
}

/// Why there is no key or certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// They could not be made.
    #[error("failed to make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
    /// They cannot be used.
    #[error("failed to use a certificate: {0}")]
    Use(#[from] tokio_rustls::rustls::Error),
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// The certificate as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.pem.0
    }

    /// The private key as PEM.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.pem.1
    }

    /// What accepts TLS 1.2 and 1.3 connections.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.as_ref().clone()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
