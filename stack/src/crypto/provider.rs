//! The provider that wraps the crate's own.

use super::prf::{Secrets, WatchedMac};
use super::records::WatchedAead;
use crate::dcep::Announced;
use crate::dtls::Watch;
use crate::tap::SecretSink;
use rtc::crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CbcAlgorithm, CbcCipher,
    CryptoAlgorithm, CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac, PublicKey,
    RTCCrypto, RTCCryptoProvider, RTCRandom, SignatureScheme, SigningKey, StreamCipher,
    StreamCipherAlgorithm, default_provider,
};
use std::sync::Arc;

/// The crate's default provider, with its secrets reported to a sink.
pub(crate) struct Watched {
    inner: Arc<dyn RTCCryptoProvider>,
    secrets: Arc<Secrets>,
    watch: Arc<Watch>,
    sink: Arc<dyn SecretSink>,
    announced: Arc<Announced>,
}

impl Watched {
    /// Wraps the default provider.
    ///
    /// # Errors
    /// If the crate was built without one.
    pub(crate) fn new(
        sink: Arc<dyn SecretSink>,
        watch: Arc<Watch>,
        announced: Arc<Announced>,
    ) -> Result<Self, CryptoError> {
        Ok(Self {
            inner: default_provider()?,
            secrets: Arc::new(Secrets::new(sink.clone(), watch.clone())),
            watch,
            sink,
            announced,
        })
    }
}

impl RTCCryptoProvider for Watched {
    fn name(&self) -> &'static str {
        "peerproof"
    }
    fn crypto(&self) -> &dyn RTCCrypto {
        self
    }
    fn random(&self) -> &dyn RTCRandom {
        self.inner.random()
    }
}

impl RTCCrypto for Watched {
    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        let inner = self.inner.crypto().new_hmac(algorithm, key)?;
        Ok(WatchedMac::wrap(inner, algorithm, key, &self.inner, &self.secrets))
    }

    fn new_aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn AeadCipher>, CryptoError> {
        let inner = self.inner.crypto().new_aead(algorithm, key)?;
        Ok(Box::new(WatchedAead {
            inner,
            watch: self.watch.clone(),
            sink: self.sink.clone(),
            announced: self.announced.clone(),
        }))
    }

    // All others are the inner provider's own.

    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        self.inner.crypto().supports(algorithm)
    }
    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.crypto().hash(algorithm, data)
    }
    fn block_encrypt(
        &self,
        algorithm: BlockCipherAlgorithm,
        key: &[u8],
        block: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.inner.crypto().block_encrypt(algorithm, key, block)
    }
    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        self.inner.crypto().new_stream_cipher(algorithm, key)
    }
    fn new_cbc(&self, algorithm: CbcAlgorithm, key: &[u8]) -> Result<Box<dyn CbcCipher>, CryptoError> {
        self.inner.crypto().new_cbc(algorithm, key)
    }
    fn start_key_exchange(
        &self,
        algorithm: KeyExchangeAlgorithm,
    ) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        self.inner.crypto().start_key_exchange(algorithm)
    }
    fn generate_signing_key(&self, scheme: SignatureScheme) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.inner.crypto().generate_signing_key(scheme)
    }
    fn import_signing_key(
        &self,
        scheme: SignatureScheme,
        pkcs8: &[u8],
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.inner.crypto().import_signing_key(scheme, pkcs8)
    }
    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        public_key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.inner.crypto().verify_signature(scheme, public_key, message, signature)
    }
}
