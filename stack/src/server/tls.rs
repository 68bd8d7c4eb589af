//! Key and certificate for TURN over TLS.

use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A key with its self-signed certificate, made anew for each server.
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
    /// Makes a key and a certificate for these names and addresses.
    ///
    /// # Errors
    /// The cryptography library cannot.
    pub fn self_signed(names: &[String]) -> Result<Self, TlsError> {
        let made = rcgen::generate_simple_self_signed(names)?;
        let pem = (made.cert.pem(), made.signing_key.serialize_pem());
        Ok(Self {
            certificate: made.cert.der().clone(),
            key: Arc::new(made.signing_key.serialize_der()),
            pem,
        })
    }

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
